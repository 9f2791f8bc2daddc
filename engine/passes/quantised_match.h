/* quantised_match.h - what find_quantised.c asks of the graph. */
#ifndef ENGINE_PASSES_QUANTISED_MATCH_H
#define ENGINE_PASSES_QUANTISED_MATCH_H
#include "engine/passes/rewrite.h"

struct quantised_pass {
	struct graph *g;
	struct pass_log *log;
	struct uses uses;
	node_id *source;   /* [values]: the DequantizeLinear that makes it, or NO_NODE */
	node_id *absorber; /* [nodes]: what a dequantisation has become a part of */
	value_id *now;     /* [values]: what stands in a value's place; mostly itself */
	size_t n_value, n_node;
};

enum cnn_status quantised_begin(struct graph *g, struct pass_log *log, struct quantised_pass *out,
                                struct cnn_error *err);
/* Drops what nothing needs any more, and frees. */
void quantised_end(struct quantised_pass *p);

/* The DequantizeLinear behind input i, or NULL. Those of weights are dead: inference has computed their
 * results, but the nodes still know what from. */
struct node *quantised_source(const struct quantised_pass *p, const struct node *n, uint32_t i);
/* When nothing needs the dequantisation any more, it has become a part of `into`. */
void quantised_absorb(struct quantised_pass *p, const struct node *dq, const struct node *into);

/* QuantizeLinear, DequantizeLinear: one constant scale and zero point. */
bool quantised_per_tensor(const struct graph *g, const struct node *n);
/* Two that are so have the same numbers. */
bool quantised_same(const struct graph *g, const struct node *dq, const struct node *q);
/* A Relu or Clip before the quantisation changes nothing: all that it cuts off, the stored type does too. */
bool quantised_clamps(const struct graph *g, const struct node *q, const struct node *clamp);

#endif
