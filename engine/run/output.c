/* Which of the graph's outputs is the answer, and what turns it into probabilities. */
#include "engine/run/model.h"

#include <stdio.h>
#include <string.h>

/* "'a', 'b'", as far as it fits. */
static void list_outputs(const struct graph *g, char *text, size_t size)
{
	size_t at = 0;
	*text = '\0';
	for (size_t i = 0; i < g->n_output; i++) {
		const char *name = g->value[g->output[i]].name;
		if (at + strlen(name) + sizeof ", '', ..." > size) {
			snprintf(text + at, size - at, "%s...", i ? ", " : "");
			return;
		}
		at += (size_t)snprintf(text + at, size - at, "%s'%s'", i ? ", " : "", name);
	}
}

enum cnn_status output_pick(struct graph *g, const struct description *d,
                            struct assumptions *assumed, struct cnn_error *err)
{
	char names[256];
	size_t i = 0;
	if (g->n_output == 0)
		return cnn_fail(err, CNN_BAD_MODEL, "%s: the graph has no output", g->name);
	while (d->output && i < g->n_output && strcmp(g->value[g->output[i]].name, d->output) != 0)
		i++;
	if (i == g->n_output) {
		list_outputs(g, names, sizeof names);
		return cnn_fail(
			err, CNN_BAD_MODEL,
			"%s: the graph has no output '%.64s', which \"output\" names; it has %s",
			d->json, d->output, names);
	}
	if (g->n_output == 1)
		return CNN_OK;
	if (!d->output)
		assume(assumed, "output: '%s', the first of %zu", g->value[g->output[0]].name,
		       g->n_output);
	g->output[0] = g->output[i];
	g->n_output = 1;
	graph_sweep(g);
	return CNN_OK;
}

enum cnn_output_activation activation_decide(const struct graph *g, const struct description *d,
                                             struct assumptions *assumed)
{
	if (d->has_activation)
		return d->activation;
	node_id id = g->value[g->output[0]].producer;
	while (id != NO_NODE) {
		const struct node *n = &g->node[id];
		if (n->op == OP_SOFTMAX) {
			assume(assumed,
			       "output: the graph ends in a softmax; probabilities as they are");
			return CNN_OUTPUT_NONE;
		}
		if (n->op != OP_IDENTITY && n->op != OP_DROPOUT && n->op != OP_RESHAPE &&
		    n->op != OP_FLATTEN && n->op != OP_SQUEEZE && n->op != OP_UNSQUEEZE)
			break;
		id = g->value[n->in[0]].producer;
	}
	assume(assumed, "output: a softmax turns it into probabilities");
	return CNN_OUTPUT_SOFTMAX;
}
