/* einsum.h - an Einsum's equation for the shapes of its operands. */
#ifndef ENGINE_OPERATORS_EINSUM_H
#define ENGINE_OPERATORS_EINSUM_H
#include "engine/graph/graph.h"

#define EINSUM_MAX_INDICES  (2 * CNN_MAX_RANK)
#define EINSUM_MAX_OPERANDS 16

/* Indices are numbered with the output's first, in its order; those behind are summed over. */
struct einsum {
	int32_t n_index, n_out;
	uint32_t n_operand;
	int64_t size[EINSUM_MAX_INDICES];
	/* elements from one value of the index to the next; 0 where the operand does not have it, or has one
	 * element for all. An index that is there twice walks the diagonal. */
	int64_t stride[EINSUM_MAX_OPERANDS][EINSUM_MAX_INDICES];
	/* the index of each axis of an operand */
	int32_t index[EINSUM_MAX_OPERANDS][CNN_MAX_RANK];
};

/* Refuses equations that are none or do not fit the operands, naming the node. */
enum cnn_status einsum_resolve(const struct graph *g, const struct node *n, struct einsum *out,
                               struct cnn_error *err);

#endif
