/* layers_cost.h - what the layers of a graph cost. Private to graph/. */
#ifndef ENGINE_GRAPH_LAYERS_COST_H
#define ENGINE_GRAPH_LAYERS_COST_H
#include "engine/graph/graph.h"

struct cost {
	const struct graph *g;
	bool *counted;    /* by value_id: the constant's parameters have been counted */
	value_id *origin; /* by value_id: the constant of the file that a constant was made of */
};
enum cnn_status cost_new(const struct graph *g, struct cost *out, struct cnn_error *err);
void cost_free(struct cost *c);

/* Learnable numbers of a node, and their bytes as the file has them. Each constant counts once, at its first node. */
void cost_parameters(struct cost *c, const struct node *n, int64_t *count, int64_t *bytes);

int64_t cost_macs(const struct graph *g, const struct node *n);
/* Of a fully connected layer from x to y, where the node can be compared with one; else 0. */
int64_t cost_if_dense(const struct node *n, const struct value *x, const struct value *y);
/* Conv, its kin, and pools. */
bool cost_is_windowed(enum op op);

#endif
