/* head_gradient.c - once through a head and back. */
#include "engine/operators/eval.h"
#include "engine/see/backward.h"
#include "engine/see/head.h"

#include <string.h>

/* A copy of the graph whose values on the way have data, and a gradient each. */
struct pass {
	struct graph g;
	struct arena *arena;
	float **gradient; /* [values]; NULL for what does not vary */
};

static enum cnn_status no_memory(const struct graph *g, struct cnn_error *err)
{
	return cnn_fail(err, CNN_NO_MEMORY, "%s: out of memory for the gradient", g->name);
}

static enum cnn_status begin(const struct graph *g, struct pass *p, size_t max_bytes,
                             struct cnn_error *err)
{
	p->arena = arena_new();
	if (!p->arena)
		return no_memory(g, err);
	arena_limit(p->arena, max_bytes);
	struct value *value = arena_alloc(p->arena, g->n_value, sizeof *value);
	p->gradient = arena_alloc(p->arena, g->n_value, sizeof *p->gradient);
	if (!value || !p->gradient)
		return no_memory(g, err);
	memcpy(value, g->value, g->n_value * sizeof *value);
	p->g = *g;
	p->g.value = value;
	return CNN_OK;
}

static bool add_gradient(struct pass *p, value_id v)
{
	p->gradient[v] = arena_alloc(p->arena, (size_t)graph_elements(&p->g.value[v]),
	                             sizeof *p->gradient[v]);
	return p->gradient[v] != NULL;
}

static enum cnn_status forward(struct pass *p, const struct node *n, struct cnn_error *err)
{
	void **out = arena_alloc(p->arena, n->n_out, sizeof *out);
	for (uint32_t k = 0; k < n->n_out; k++) {
		if (n->out[k] == NO_VALUE)
			continue;
		struct value *v = &p->g.value[n->out[k]];
		if (out && head_is_view(n->op)) {
			v->data = graph_in(&p->g, n, 0)->data;
			continue;
		}
		void *data =
			arena_alloc(p->arena, (size_t)graph_elements(v), cnn_dtype_size(v->dtype));
		if (!out || !data)
			return no_memory(&p->g, err);
		v->data = out[k] = data;
	}
	return head_is_view(n->op) ? CNN_OK : eval_table[n->op](&p->g, n, out, err);
}

static enum cnn_status add_gradients(struct pass *p, const struct head *head, struct cnn_error *err)
{
	bool good = add_gradient(p, head->maps);
	for (size_t i = 0; i < head->n_node && good; i++)
		good = add_gradient(p, p->g.node[head->node[i]].out[0]);
	return good ? CNN_OK : no_memory(&p->g, err);
}

enum cnn_status head_gradient(const struct graph *g, const struct head *head, const float *maps,
                              size_t cls, size_t max_bytes, float *gradient, float *scores,
                              struct cnn_error *err)
{
	struct pass p = {.arena = NULL};
	int64_t classes = graph_elements(&g->value[head->scores]);
	if (cls >= (size_t)classes)
		return cnn_fail(err, CNN_BAD_ARG, "%s: there is no class %zu of %lld", g->name, cls,
		                (long long)classes);
	enum cnn_status status = begin(g, &p, max_bytes, err);
	if (status)
		goto done;
	status = add_gradients(&p, head, err);
	p.g.value[head->maps].data = maps;
	bool run = scores || !head->affine;
	for (size_t i = 0; i < head->n_node && run && !status; i++)
		status = forward(&p, &g->node[head->node[i]], err);
	if (status)
		goto done;
	if (scores)
		memcpy(scores, p.g.value[head->scores].data, (size_t)classes * sizeof *scores);
	p.gradient[head->scores][cls] = 1;
	for (size_t i = head->n_node; i-- > 0 && !status;)
		status = backward_node(&p.g, &g->node[head->node[i]], p.gradient, err);
	if (!status)
		memcpy(gradient, p.gradient[head->maps],
		       (size_t)graph_elements(&g->value[head->maps]) * sizeof *gradient);
done:
	arena_free(p.arena);
	return status;
}
