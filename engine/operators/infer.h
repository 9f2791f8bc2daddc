/* infer.h - types, shapes and constants of a whole graph. */
#ifndef ENGINE_OPERATORS_INFER_H
#define ENGINE_OPERATORS_INFER_H
#include "engine/graph/graph.h"

/* Walk the graph once in order: infer the type and shape of every output, and evaluate
 * each node whose inputs are all constant (and Shape of a shaped value) into a constant, marking the
 * node dead. Inputs must be shaped. Afterwards every live value is shaped, auto_pad is
 * resolved, and reductions to a negative or huge size have been refused, naming the node. */
enum cnn_status graph_infer(struct graph *g, struct cnn_error *err);

#endif
