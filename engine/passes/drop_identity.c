/* Nodes that only hand their input on. */
#include "engine/passes/rewrite.h"

#include <stdlib.h>

static bool hands_on(const struct graph *g, const struct node *n)
{
	switch (n->op) {
	case OP_IDENTITY:
	case OP_DROPOUT:
		return true;
	case OP_CONCAT:
	case OP_SUM:
	case OP_MEAN:
	case OP_MIN:
	case OP_MAX:
		return n->n_in == 1;
	case OP_CAST:
		return g->value[n->in[0]].dtype == graph_out(g, n)->dtype;
	default:
		return false;
	}
}

enum cnn_status pass_drop_identity(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	value_id *now = malloc((g->n_value + 1) * sizeof *now); /* what a value has become */
	if (!now)
		return cnn_fail_memory(err, "the identity pass", g->n_value * sizeof *now);
	for (size_t v = 0; v < g->n_value; v++)
		now[v] = (value_id)v;
	for (size_t i = 0; i < g->n_node; i++) {
		struct node *n = &g->node[i];
		if (n->dead)
			continue;
		for (uint32_t k = 0; k < n->n_in; k++)
			if (n->in[k] != NO_VALUE)
				n->in[k] = now[n->in[k]];
		if (!hands_on(g, n))
			continue;
		now[n->out[0]] = n->in[0];
		n->dead = true;
		const struct node *before = rewrite_producer(g, n->in[0]);
		if (before)
			rewrite_log(log, n, before);
	}
	for (size_t i = 0; i < g->n_output; i++)
		g->output[i] = now[g->output[i]];
	free(now);
	return CNN_OK;
}
