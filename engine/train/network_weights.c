/* Weights between the order of the file and that of the network. */
#include "engine/train/build.h"

#include <string.h>

/* Where weight i of w (in the network's order) lies in the file's. */
static size_t place_in_file(const struct weights *w, size_t i)
{
	size_t k = i % w->n_out, c = i / w->n_out % w->c, t = i / (w->n_out * w->c) % w->taps;
	size_t g = i / (w->n_out * w->c * w->taps);
	if (w->spatial > 1) /* a flattened map: ours has the channels innermost */
		c = c % (w->c / w->spatial) * w->spatial + c / (w->c / w->spatial);
	if (w->transposed)
		return c * w->n_out + k;
	return ((g * w->n_out + k) * w->c + c) * w->taps + t;
}

/* Running statistics of a layer, in the graph. */
static const struct node *norm_of(const struct graph *g, const struct network *net,
                                  const struct block *b)
{
	for (size_t i = 0; b->has_norm && i < g->n_node; i++)
		for (size_t k = 0; g->node[i].op == OP_BATCH_NORM && k < net->n_weights; k++)
			if (net->weights[k].at == b->gamma_at &&
			    net->weights[k].value == g->node[i].in[1])
				return &g->node[i];
	return NULL;
}

/* Copy one layer's running mean and variance. */
static void move_stats(const struct network *net, const struct graph *g, const struct layer *l,
                       float *stats, bool to_graph)
{
	if (l->kind != &block_kind)
		return;
	const struct block *b = l->detail;
	const struct node *n = norm_of(g, net, b);
	size_t at[] = {b->mean_at, b->variance_at};
	for (uint32_t i = 0; n && i < 2; i++) {
		/* The graph's constants are in its arena, which the caller lets us write. */
		float *data = (float *)(uintptr_t)g->value[n->in[3 + i]].data;
		if (to_graph)
			memcpy(data, stats + at[i], b->channels * sizeof *data);
		else
			memcpy(stats + at[i], data, b->channels * sizeof *data);
	}
}

void network_from_graph(struct network *net, const struct graph *g)
{
	for (size_t k = 0; k < net->n_weights; k++) {
		const struct weights *w = &net->weights[k];
		const float *data = g->value[w->value].data;
		for (size_t i = 0; i < w->n; i++)
			net->w[w->at + i] = data[place_in_file(w, i)];
	}
	for (size_t i = 0; i < net->n_layer; i++)
		move_stats(net, g, &net->layer[i], net->stats, false);
}

void network_to_graph(const struct network *net, const float *from, const float *stats,
                      struct graph *g)
{
	for (size_t k = 0; k < net->n_weights; k++) {
		const struct weights *w = &net->weights[k];
		float *data = (float *)(uintptr_t)g->value[w->value].data;
		for (size_t i = 0; i < w->n; i++)
			data[place_in_file(w, i)] = from[w->at + i];
	}
	for (size_t i = 0; i < net->n_layer; i++)
		move_stats(net, g, &net->layer[i], (float *)(uintptr_t)stats, true);
}
