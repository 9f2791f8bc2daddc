/* build.h - from a graph's nodes to layers; private to network*.c. */
#ifndef ENGINE_TRAIN_BUILD_H
#define ENGINE_TRAIN_BUILD_H
#include "engine/train/block.h"

/* Nodes that become one block; NO_NODE for what is missing, at least one is there. */
struct chain {
	node_id product, norm, add,
		act; /* Conv, Gemm or MatMul; BatchNormalization; Add; Relu or Clip */
	node_id last;
	value_id residual; /* the sum's other operand, or NO_VALUE */
};

struct building {
	const struct graph *g;
	struct network *net;
	uint32_t *feature_of; /* [values] */
	bool *claimed;        /* [nodes] by some chain */
	struct chain *chain;  /* [nodes], at its last node */
	size_t streams;       /* dropouts so far */
};

/* Group the nodes into chains. */
void build_chains(struct building *b);
/* The layer of chain b->chain[last]. */
enum cnn_status build_block(struct building *b, const struct chain *chain, struct cnn_error *err);

/* The feature of a value; NO_FEATURE when none was made. */
uint32_t build_feature_of(const struct building *b, value_id v);
/* A new feature for v; NO_FEATURE when memory runs out. By its shape, or like a feature of as many numbers: what was
 * flattened stays [h][w][c] here, until a dense layer reads it. */
uint32_t build_feature(struct building *b, value_id v, uint32_t like);
struct layer *build_layer(struct building *b, const struct node *n, const struct layer_kind *kind,
                          uint32_t in, uint32_t out, void *detail);
/* Room for a constant among the weights; SIZE_MAX when it is used twice or memory runs out. */
size_t build_weights(struct building *b, struct weights w);
enum cnn_status build_unsupported(const struct node *n, const char *why, struct cnn_error *err);
enum cnn_status build_no_memory(const struct node *n, struct cnn_error *err);

#endif
