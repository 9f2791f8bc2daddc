#include "engine/passes/rewrite.h"

#include <stdlib.h>
#include <string.h>

enum cnn_status uses_count(const struct graph *g, struct uses *out, struct cnn_error *err)
{
	*out = (struct uses){.n = g->n_value};
	out->count = calloc(g->n_value + 1, sizeof *out->count);
	out->consumer = malloc((g->n_value + 1) * sizeof *out->consumer);
	if (!out->count || !out->consumer) {
		uses_free(out);
		return cnn_fail_memory(err, "the use counts", g->n_value * sizeof *out->consumer);
	}
	for (size_t v = 0; v < g->n_value; v++)
		out->consumer[v] = NO_NODE;
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		if (n->dead)
			continue;
		for (uint32_t k = 0; k <= n->n_in; k++) {
			value_id v = k < n->n_in ? n->in[k] : n->residual;
			if (v == NO_VALUE)
				continue;
			out->count[v]++;
			out->consumer[v] = (node_id)i;
		}
	}
	for (size_t i = 0; i < g->n_output; i++)
		out->count[g->output[i]]++;
	return CNN_OK;
}

void uses_free(struct uses *uses)
{
	free(uses->count);
	free(uses->consumer);
	*uses = (struct uses){0};
}

enum cnn_status rewrite_each(struct graph *g, struct pass_log *log, rewrite_fn *rewrite,
                             struct cnn_error *err)
{
	struct uses uses;
	enum cnn_status status = uses_count(g, &uses, err);
	if (status)
		return status;
	for (size_t i = 0; i < g->n_node; i++)
		if (!g->node[i].dead)
			rewrite(g, log, &uses, &g->node[i]);
	uses_free(&uses);
	return CNN_OK;
}

struct node *uses_only_consumer(const struct graph *g, const struct uses *uses, value_id v)
{
	if (v >= uses->n || uses->count[v] != 1 || uses->consumer[v] == NO_NODE)
		return NULL;
	struct node *n = &g->node[uses->consumer[v]];
	return n->dead ? NULL : n;
}

struct node *rewrite_producer(const struct graph *g, value_id v)
{
	if (v == NO_VALUE || g->value[v].producer == NO_NODE)
		return NULL;
	struct node *n = &g->node[g->value[v].producer];
	return n->dead ? NULL : n;
}

void rewrite_log(struct pass_log *log, const struct node *gone, const struct node *into)
{
	if (gone->layer < log->n_layers && into->layer < log->n_layers &&
	    gone->layer != into->layer)
		log->fused_into[gone->layer] = into->layer;
}

void rewrite_join(struct graph *g, struct pass_log *log, struct node *first, struct node *second)
{
	first->out[0] = second->out[0];
	g->value[first->out[0]].producer = (node_id)(first - g->node);
	second->dead = true;
	rewrite_log(log, second, first);
}

bool rewrite_scalar(const struct graph *g, value_id v, float *out)
{
	if (!graph_is_constant(g, v) || g->value[v].dtype != CNN_F32 ||
	    graph_elements(&g->value[v]) != 1)
		return false;
	*out = *(const float *)g->value[v].data;
	return true;
}

bool rewrite_axis_vector(const struct graph *g, value_id v, const struct value *like, int32_t axis,
                         double *out)
{
	if (!graph_is_constant(g, v))
		return false;
	const struct value *c = &g->value[v];
	if (c->dtype != CNN_F32 || c->rank > like->rank)
		return false;
	int64_t n = graph_elements(c);
	for (int32_t i = 0; i < c->rank; i++) {
		int32_t at = like->rank - c->rank + i;
		if (c->dim[i] != 1 && (at != axis || c->dim[i] != like->dim[axis]))
			return false;
	}
	const float *data = c->data;
	for (int64_t i = 0; i < like->dim[axis]; i++)
		out[i] = (double)data[n == 1 ? 0 : i];
	return true;
}

value_id rewrite_value_like(struct graph *g, const char *name, value_id like)
{
	value_id v = graph_add_value(g, name);
	if (v == NO_VALUE)
		return v;
	const char *own = g->value[v].name;
	g->value[v] = g->value[like];
	g->value[v].name = own;
	g->value[v].data = NULL;
	g->value[v].producer = NO_NODE;
	return v;
}

bool rewrite_same_shape(const struct value *a, const struct value *b)
{
	return a->rank == b->rank &&
	       memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]) == 0;
}
