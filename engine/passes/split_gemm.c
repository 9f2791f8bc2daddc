/* Gemm's third input is a bias when it is constant and the same for every row. Anything else
 * (computed, or different by row) becomes an Add behind the product, times beta. */
#include "engine/operators/eval.h"
#include "engine/passes/rewrite.h"

static bool is_bias(const struct graph *g, const struct node *n)
{
	const struct value *c = graph_in(g, n, 2), *out = graph_out(g, n);
	if (!graph_is_constant(g, n->in[2]))
		return false;
	int64_t rows = c->rank == 2 ? c->dim[0] : 1, columns = c->rank ? c->dim[c->rank - 1] : 1;
	return rows == 1 && (columns == 1 || columns == out->dim[1]);
}

static enum cnn_status split(struct graph *g, node_id id, struct cnn_error *err)
{
	value_id c = g->node[id].in[2], out = g->node[id].out[0];
	const char *name = g->node[id].name;
	float beta = g->node[id].attr.gemm.beta;
	uint32_t layer = g->node[id].layer;

	value_id product = rewrite_value_like(g, name, out);
	if (product == NO_VALUE)
		goto no_memory;
	if (beta != 1) {
		float *number;
		value_id factor = graph_add_constant(g, name, CNN_F32, 0, NULL, (void **)&number);
		value_id scaled = rewrite_value_like(g, name, c);
		node_id mul = graph_add_node(g, OP_MUL, name, 2, 1);
		if (factor == NO_VALUE || scaled == NO_VALUE || mul == NO_NODE)
			goto no_memory;
		*number = beta;
		struct node *m = &g->node[mul];
		m->in[0] = c;
		m->in[1] = factor;
		m->out[0] = scaled;
		m->layer = layer;
		g->value[scaled].producer = mul;
		c = scaled;
	}
	node_id add = graph_add_node(g, OP_ADD, name, 2, 1);
	if (add == NO_NODE)
		goto no_memory;
	struct node *a = &g->node[add], *gemm = &g->node[id];
	a->in[0] = product;
	a->in[1] = c;
	a->out[0] = out;
	a->layer = layer;
	g->value[out].producer = add;
	gemm->out[0] = product;
	g->value[product].producer = id;
	gemm->n_in = 2;
	return CNN_OK;
no_memory:
	return cnn_fail_memory(err, "the split of a Gemm", sizeof(struct node));
}

enum cnn_status pass_split_gemm(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	(void)log;
	size_t n_node = g->n_node;
	for (size_t i = 0; i < n_node; i++) {
		const struct node *n = &g->node[i];
		if (n->dead || n->op != OP_GEMM || !graph_in(g, n, 2) || is_bias(g, n) ||
		    eval_at_run_time(g, n))
			continue;
		enum cnn_status status = split(g, (node_id)i, err);
		if (status)
			return status;
	}
	return n_node == g->n_node ? CNN_OK : graph_sort(g, err);
}
