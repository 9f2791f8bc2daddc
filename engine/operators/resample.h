/* resample.h - where an element of Resize's output comes from, axis by axis: shared by its shape and evaluation
 * rules and by plan/.
 *
 * Positions are computed in float32, as other runtimes do: which of two neighbours is the nearest hangs on the last
 * bit. */
#ifndef ENGINE_OPERATORS_RESAMPLE_H
#define ENGINE_OPERATORS_RESAMPLE_H
#include "engine/graph/graph.h"

struct resize_axis {
	int64_t in, out;
	float scale, whole; /* whole: the output's length before it was rounded */
	float from, to;     /* of the region, as parts of the axis */
	bool same;          /* the output is the input along this axis */
};

/* All axes of the node's input. The region is read only when its data is there. */
enum cnn_status resolve_resize(const struct graph *g, const struct node *n,
                               struct resize_axis axis[CNN_MAX_RANK], struct cnn_error *err);

/* The input's position that index i of the output shows; false: outside, where the fill value is. */
bool resize_position(const struct resize_attr *a, const struct resize_axis *axis, int64_t i,
                     float *position);
int64_t resize_nearest(const struct resize_attr *a, const struct resize_axis *axis, float position);

/* Linear and cubic: weights for `count` indices from `first` on, which may lie outside: those mean the edge. */
struct resample_window {
	int64_t first, count;
	double position, scale, sum;
	bool inside_only;
};
struct resample_window resample_window(const struct resize_attr *a, const struct resize_axis *axis,
                                       float position);
double resize_weight(const struct resize_attr *a, const struct resize_axis *axis,
                     const struct resample_window *w, int64_t k);
static inline int64_t resize_index(const struct resize_axis *axis, const struct resample_window *w,
                                   int64_t k)
{
	int64_t i = w->first + k;
	return i < 0 ? 0 : i < axis->in ? i : axis->in - 1;
}

/* A float32 kernel takes the node's form: nearest, or others over the last two axes behind the channels. */
bool resize_has_kernel(const struct graph *g, const struct node *n);

#endif
