/* window.h - the windows of convolutions and pools, as if all had three spatial axes: depth, height, width.
 *
 * An axis that the tensor does not have is one element long, and its window is that element. */
#ifndef ENGINE_OPERATORS_WINDOW_H
#define ENGINE_OPERATORS_WINDOW_H
#include "engine/graph/graph.h"

#define WINDOW_AXES 3

/* Far above any real network; keeps all sums below far from overflow. */
#define WINDOW_MAX 65536

struct window_axis window_get(const struct window_attr *w, int axis);
void window_set(struct window_attr *w, int axis, struct window_axis value);

/* v's spatial dimensions, of a tensor of rank 3, 4 or 5. */
void window_dims(const struct value *v, int64_t dim[WINDOW_AXES]);

/* lo .. hi-1: the i of 0 .. count-1 for which i * step + offset is within 0 .. limit-1. step is at least 1. */
struct window_range {
	int64_t lo, hi;
};
struct window_range window_inside(int64_t count, int64_t step, int64_t offset, int64_t limit);

/* Checks a node's windows against its input and fills in the axes that it does not have; kernels must be known. */
enum cnn_status window_check(const struct node *n, const struct value *x, struct window_attr *w,
                             struct cnn_error *err);
/* The kernel of each axis from a convolution's weights, which come with as many axes as its input. */
enum cnn_status window_kernel(const struct node *n, const struct value *x,
                              const struct value *weights, struct window_attr *w,
                              struct cnn_error *err);
/* The output's shape for that many channels, of a node whose window has been checked; auto_pad becomes pads. */
enum cnn_status window_output(const struct node *n, const struct value *x, struct window_attr *w,
                              int64_t channels, int64_t dim[CNN_MAX_RANK], struct cnn_error *err);

#endif
