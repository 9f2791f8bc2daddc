/* layer_formula.h - "(224 + 2·1 − 3)/2 + 1 = 112": a layer's output size worked out. */
#ifndef ENGINE_GRAPH_LAYER_FORMULA_H
#define ENGINE_GRAPH_LAYER_FORMULA_H
#include "engine/graph/graph.h"

/* In the graph's arena; "" where there is nothing to work out; NULL when memory runs out. */
const char *layer_formula(struct graph *g, const struct node *n);

#endif
