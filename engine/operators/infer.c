/* infer.c - one walk over the graph: shapes, and constants out of constants. */
#include "engine/operators/infer.h"
#include "engine/operators/eval.h"
#include "engine/operators/shapes.h"

/* Evaluating constants may read and write this many bytes, and a multiple of the bytes of the
 * constants in the file: a small file cannot ask for much memory or time. */
#define EVAL_BYTES    ((int64_t)64 << 20)
#define EVAL_PER_BYTE 32

struct evaluation {
	int64_t bytes_left;
};

static int64_t bytes_of(const struct value *v)
{
	return v ? (int64_t)graph_value_bytes(v) : 0;
}

static enum cnn_status spend(const struct node *n, struct evaluation *e, int64_t bytes,
                             struct cnn_error *err)
{
	e->bytes_left -= bytes;
	if (e->bytes_left < 0)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': computing this model's constants takes too much memory",
		                n->name);
	return CNN_OK;
}

/* What an evaluation reads and writes. */
static int64_t evaluation_bytes(const struct graph *g, const struct node *n)
{
	int64_t bytes = 0;
	for (uint32_t i = 0; i < n->n_in && n->op != OP_SHAPE; i++)
		bytes += bytes_of(graph_in(g, n, i));
	for (uint32_t k = 0; k < n->n_out; k++)
		bytes += bytes_of(&g->value[n->out[k]]);
	return bytes + eval_work(g, n);
}

/* What a shape rule may read or convert: indices, exponents. Many nodes may share a large one. */
static int64_t rule_bytes(const struct graph *g, const struct node *n)
{
	int64_t bytes = 0;
	for (uint32_t i = 0; i < n->n_in; i++) {
		const struct value *v = graph_in(g, n, i);
		if (v && v->data && v->dtype != CNN_F32)
			bytes += bytes_of(v);
	}
	return bytes;
}

static enum cnn_status evaluate(struct graph *g, struct node *n, struct evaluation *e,
                                struct cnn_error *err)
{
	if (eval_is_view(n->op)) {
		graph_out(g, n)->data = graph_in(g, n, 0)->data;
	} else {
		void **data = arena_alloc(g->arena, n->n_out, sizeof *data);
		if (!data)
			return cnn_fail_memory(err, n->name, n->n_out * sizeof *data);
		enum cnn_status s = spend(n, e, evaluation_bytes(g, n), err);
		for (uint32_t k = 0; k < n->n_out && !s; k++) {
			const struct value *v = &g->value[n->out[k]];
			data[k] = arena_alloc(g->arena, (size_t)graph_elements(v),
			                      cnn_dtype_size(v->dtype));
			if (!data[k])
				s = cnn_fail_memory(err, v->name, graph_value_bytes(v));
		}
		if (!s)
			s = eval_table[n->op](g, n, data, err);
		if (s)
			return s;
		for (uint32_t k = 0; k < n->n_out; k++)
			g->value[n->out[k]].data = data[k];
	}
	for (uint32_t k = 0; k < n->n_out; k++)
		g->value[n->out[k]].producer = NO_NODE;
	n->dead = true;
	return CNN_OK;
}

static enum cnn_status infer_node(struct graph *g, struct node *n, struct evaluation *e,
                                  struct cnn_error *err)
{
	for (uint32_t i = 0; i < n->n_in; i++) {
		const struct value *v = graph_in(g, n, i);
		if (v && !v->shaped)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': the shape of its input '%s' is not known",
			                n->name, v->name);
	}
	if (!shape_table[n->op])
		return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': operator %s has no shape rule",
		                n->name, op_table[n->op].onnx_name);
	enum cnn_status s = spend(n, e, rule_bytes(g, n), err);
	if (!s)
		s = shape_table[n->op](g, n, err);
	if (s)
		return s;
	if (n->op != OP_SHAPE && !shape_inputs_constant(g, n))
		return CNN_OK;
	/* What takes long is left for the run, where kernels are. */
	if (eval_work(g, n) && evaluation_bytes(g, n) > e->bytes_left)
		return CNN_OK;
	if (eval_table[n->op] || eval_is_view(n->op))
		return evaluate(g, n, e, err);
	const struct value *out = graph_out(g, n);
	if (out->dtype != CNN_F32)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': %s of %s constants is not supported", n->name,
		                op_table[n->op].onnx_name, cnn_dtype_name(out->dtype));
	return CNN_OK;
}

enum cnn_status graph_infer(struct graph *g, struct cnn_error *err)
{
	struct evaluation e = {EVAL_BYTES};
	for (size_t i = 0; i < g->n_value; i++)
		if (g->value[i].data)
			e.bytes_left += EVAL_PER_BYTE * bytes_of(&g->value[i]);
	for (size_t i = 0; i < g->n_input; i++) {
		const struct value *v = &g->value[g->input[i]];
		if (!v->shaped || !graph_dims_valid(v->rank, v->dim))
			return cnn_fail(err, CNN_BAD_ARG, "the shape of input '%s' is not %s",
			                v->name, v->shaped ? "within the limits" : "set");
	}
	for (size_t i = 0; i < g->n_node; i++) {
		if (g->node[i].dead)
			continue;
		enum cnn_status s = infer_node(g, &g->node[i], &e, err);
		if (s)
			return s;
	}
	return CNN_OK;
}
