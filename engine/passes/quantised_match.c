#include "engine/passes/quantised_match.h"

#include "engine/operators/quantised.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum cnn_status quantised_begin(struct graph *g, struct pass_log *log, struct quantised_pass *out,
                                struct cnn_error *err)
{
	*out = (struct quantised_pass){
		.g = g, .log = log, .n_value = g->n_value, .n_node = g->n_node};
	enum cnn_status status = uses_count(g, &out->uses, err);
	if (status)
		return status;
	out->source = malloc((g->n_value + 1) * sizeof *out->source);
	out->absorber = malloc((g->n_node + 1) * sizeof *out->absorber);
	out->now = malloc((g->n_value + 1) * sizeof *out->now);
	if (!out->source || !out->absorber || !out->now) {
		quantised_end(out);
		return cnn_fail_memory(err, "the quantisation pass",
		                       g->n_value * sizeof *out->source);
	}
	for (size_t v = 0; v < g->n_value; v++) {
		out->source[v] = NO_NODE;
		out->now[v] = (value_id)v;
	}
	for (size_t i = 0; i < g->n_node; i++) {
		out->absorber[i] = NO_NODE;
		if (g->node[i].op == OP_DEQUANTIZE_LINEAR)
			out->source[g->node[i].out[0]] = (node_id)i;
	}
	return CNN_OK;
}

void quantised_end(struct quantised_pass *p)
{
	struct graph *g = p->g;
	if (p->absorber && p->source && p->now) {
		graph_sweep(g);
		for (size_t i = 0; i < p->n_node; i++)
			if (g->node[i].dead && p->absorber[i] != NO_NODE)
				rewrite_log(p->log, &g->node[i], &g->node[p->absorber[i]]);
	}
	free(p->source);
	free(p->absorber);
	free(p->now);
	uses_free(&p->uses);
}

struct node *quantised_source(const struct quantised_pass *p, const struct node *n, uint32_t i)
{
	if (i >= n->n_in || n->in[i] == NO_VALUE || n->in[i] >= p->n_value ||
	    p->source[n->in[i]] == NO_NODE)
		return NULL;
	return &p->g->node[p->source[n->in[i]]];
}

void quantised_absorb(struct quantised_pass *p, const struct node *dq, const struct node *into)
{
	p->absorber[dq - p->g->node] = (node_id)(into - p->g->node);
}

bool quantised_per_tensor(const struct graph *g, const struct node *n)
{
	const struct value *scale = graph_in(g, n, 1), *zero = graph_in(g, n, 2);
	return scale->data && scale->rank <= 1 && graph_elements(scale) == 1 &&
	       (!zero || zero->data);
}

bool quantised_same(const struct graph *g, const struct node *dq, const struct node *q)
{
	return graph_in(g, dq, 0)->dtype == graph_out(g, q)->dtype &&
	       quantised_scale_of(g, dq, 1) == quantised_scale_of(g, q, 1) &&
	       quantised_zero_of(g, dq, 2) == quantised_zero_of(g, q, 2);
}

static bool limit(const struct graph *g, const struct node *clip, uint32_t i, float *out)
{
	return !graph_in(g, clip, i) || rewrite_scalar(g, clip->in[i], out);
}

bool quantised_clamps(const struct graph *g, const struct node *q, const struct node *clamp)
{
	struct quantised_range r =
		quantised_range(graph_out(g, q)->dtype, quantised_zero_of(g, q, 2));
	float scale = quantised_scale_of(g, q, 1);
	float lo = clamp->op == OP_RELU ? 0 : -FLT_MAX, hi = FLT_MAX;
	if (!(scale > 0) ||
	    (clamp->op == OP_CLIP && (!limit(g, clamp, 1, &lo) || !limit(g, clamp, 2, &hi))))
		return false;
	return rint((double)lo / (double)scale) <= (double)r.lo &&
	       rint((double)hi / (double)scale) >= (double)r.hi;
}
