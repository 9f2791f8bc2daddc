/* head.h - the part of a network behind its last feature maps, and the gradient of a class's score by these maps. */
#ifndef ENGINE_SEE_HEAD_H
#define ENGINE_SEE_HEAD_H
#include "engine/graph/graph.h"

/* Everything that the scores are computed from goes through the maps. */
struct head {
	value_id maps; /* [1][channels][height][width], more than one place, float32 */
	value_id
		scores; /* the classes' scores: what a last softmax or sigmoid reads, else the graph's output */
	node_id *node; /* from maps to scores, in order */
	size_t n_node;
	/* Scores are weighted sums of the maps' elements: then the gradient is the same for all pictures. */
	bool affine;
};

/* Look for it in a graph none of whose layers are fused, inferred and swept, with one output. Arrays come from `arena`.
 * CNN_UNSUPPORTED says why there is none that gradients can be computed of: no maps that everything goes through, or an
 * operator behind them that backward.h has no rule for. */
enum cnn_status head_find(const struct graph *g, struct arena *arena, struct head *out,
                          struct cnn_error *err);

/* The output is the input's elements: everything here is in ONNX's order, whatever layout a run has. */
bool head_is_view(enum op op);

/* gradient[maps' elements] = d score[cls] / d maps, at these maps (an affine head's: at any, they may be NULL). scores
 * (may be NULL) are what the head makes of maps of float32. Memory, at most max_bytes, is for this call. */
enum cnn_status head_gradient(const struct graph *g, const struct head *head, const float *maps,
                              size_t cls, size_t max_bytes, float *gradient, float *scores,
                              struct cnn_error *err);

#endif
