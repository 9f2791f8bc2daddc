/* resolve.h - operands as numbers: what a node's constant inputs and attributes come to for the
 * shape of its input. Shape inference, constant evaluation and plan/ share these, so that they
 * cannot disagree. The node's inputs must be shaped. Failures name the node. */
#ifndef ENGINE_GRAPH_RESOLVE_H
#define ENGINE_GRAPH_RESOLVE_H
#include "engine/graph/graph.h"

/* Integers of a small constant input (Reshape's shape, axes, ...). `what` names the input in errors.
 * CNN_UNSUPPORTED when it is computed from the picture. */
enum cnn_status resolve_ints(const struct graph *g, const struct node *n, uint32_t input,
                             const char *what, int64_t *out, int32_t max, int32_t *count,
                             struct cnn_error *err);

/* axis in 0 .. limit-1 from one in -limit .. limit-1. */
enum cnn_status resolve_axis(const struct node *n, int64_t axis, int32_t limit, int32_t *out,
                             struct cnn_error *err);

/* Slice, per axis of its input: out[i] = in[start + i * step], i < count. */
struct slice_range {
	int64_t start, step, count;
};
enum cnn_status resolve_slice(const struct graph *g, const struct node *n,
                              struct slice_range range[CNN_MAX_RANK], struct cnn_error *err);

/* Pad, per axis: elements added before and after; negative ones are cut off. */
enum cnn_status resolve_pads(const struct graph *g, const struct node *n,
                             int64_t before[CNN_MAX_RANK], int64_t after[CNN_MAX_RANK],
                             struct cnn_error *err);

/* What a padded axis of `dim` elements shows at index i of the output; -1: the fill value. */
int64_t resolve_pad_source(enum pad_mode mode, int64_t i, int64_t before, int64_t after,
                           int64_t dim);

/* Reduce*: which axes of the input go. None with no_axes_is_noop and an empty list. */
enum cnn_status resolve_reduced(const struct graph *g, const struct node *n,
                                bool reduced[CNN_MAX_RANK], struct cnn_error *err);

/* Split: the axis and output k's size and start along it. */
enum cnn_status resolve_split(const struct graph *g, const struct node *n, uint32_t k,
                              int32_t *axis, int64_t *start, int64_t *size, struct cnn_error *err);

/* The common shape of two by ONNX's (numpy's) rules; false when they do not fit. */
bool resolve_broadcast(const struct value *a, const struct value *b, int32_t *rank,
                       int64_t dim[CNN_MAX_RANK]);

/* Element i of an integer or bool constant; floats are converted, saturating, NaN is 0. */
int64_t resolve_int(const struct value *v, int64_t i);

#endif
