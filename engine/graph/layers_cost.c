/* layers_cost.c - parameters, their bytes, multiply-accumulates. */
#include "engine/graph/layers_cost.h"

#include <stdlib.h>
#include <string.h>

static int64_t saturating_mul(int64_t a, int64_t b)
{
	int64_t product;
	return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

bool cost_is_windowed(enum op op)
{
	return op == OP_CONV || op == OP_CONV_TRANSPOSE || op == OP_MAX_POOL ||
	       op == OP_AVERAGE_POOL || op == OP_LP_POOL || op == OP_CONV_INTEGER ||
	       op == OP_QLINEAR_CONV || op == OP_QLINEAR_AVERAGE_POOL;
}

static bool is_global_pool(enum op op)
{
	return op == OP_GLOBAL_AVERAGE_POOL || op == OP_GLOBAL_MAX_POOL ||
	       op == OP_GLOBAL_LP_POOL || op == OP_QLINEAR_GLOBAL_AVERAGE_POOL;
}

static bool is_product(enum op op)
{
	return op == OP_GEMM || op == OP_MATMUL || op == OP_MATMUL_INTEGER ||
	       op == OP_QLINEAR_MATMUL || op == OP_QGEMM;
}

/* What a constant was before the file's own nodes turned it into numbers: a weight that is stored in bytes, say,
 * and is scaled to floats for each layer that uses it. */
static bool keeps_elements(enum op op)
{
	return op == OP_DEQUANTIZE_LINEAR || op == OP_IDENTITY || op == OP_CAST ||
	       op == OP_TRANSPOSE || op == OP_RESHAPE || op == OP_FLATTEN || op == OP_SQUEEZE ||
	       op == OP_UNSQUEEZE;
}

enum cnn_status cost_new(const struct graph *g, struct cost *c, struct cnn_error *err)
{
	c->g = g;
	c->counted = calloc(g->n_value + 1, sizeof *c->counted);
	c->origin = calloc(g->n_value + 1, sizeof *c->origin);
	if (!c->counted || !c->origin)
		return cnn_fail_memory(err, "the layer table", g->n_value * sizeof *c->origin);
	for (size_t i = 0; i < g->n_value; i++)
		c->origin[i] = (value_id)i;
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		if (n->dead && keeps_elements(n->op) && n->in[0] != NO_VALUE &&
		    n->out[0] != NO_VALUE && g->value[n->in[0]].data)
			c->origin[n->out[0]] = c->origin[n->in[0]];
	}
	return CNN_OK;
}

void cost_free(struct cost *c)
{
	free(c->counted);
	free(c->origin);
}

/* Whether input i holds learnable numbers. A running mean or variance is measured, not learned, and
 * a single number in arithmetic is a part of the formula. */
static bool is_parameter(const struct graph *g, const struct node *n, uint32_t i)
{
	const struct value *v = graph_in(g, n, i);
	if (!v || !v->data)
		return false;
	switch (n->op) {
	case OP_CONV:
	case OP_CONV_TRANSPOSE:
	case OP_GEMM:
	case OP_MATMUL:
	case OP_EINSUM:
		return v->dtype == CNN_F32;
	case OP_CONV_INTEGER:
	case OP_MATMUL_INTEGER:
		return i == 1;
	case OP_QLINEAR_CONV:
		return i == 3 || i == 8;
	case OP_QLINEAR_MATMUL:
		return i == 3;
	case OP_QGEMM:
		return i == 3 || i == 6;
	case OP_QLINEAR_ADD:
	case OP_QLINEAR_MUL:
		return (i == 0 || i == 3) && graph_elements(v) > 1;
	case OP_BATCH_NORM:
	case OP_INSTANCE_NORM:
	case OP_LAYER_NORM:
	case OP_GROUP_NORM:
		return i == 1 || i == 2;
	case OP_PRELU:
		return i == 1;
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
	case OP_DIV:
	case OP_POW:
	case OP_MIN:
	case OP_MAX:
	case OP_SUM:
	case OP_MEAN:
	case OP_CONCAT:
		return v->dtype == CNN_F32 && graph_elements(v) > 1;
	default:
		return false;
	}
}

void cost_parameters(struct cost *c, const struct node *n, int64_t *count, int64_t *bytes)
{
	*count = *bytes = 0;
	for (uint32_t i = 0; i < n->n_in; i++) {
		if (!is_parameter(c->g, n, i) || c->counted[c->origin[n->in[i]]])
			continue;
		value_id id = c->origin[n->in[i]];
		c->counted[id] = true;
		*count += graph_elements(&c->g->value[id]);
		*bytes += (int64_t)graph_value_bytes(&c->g->value[id]);
	}
}

/* The length of an axis that an operand's term, which ends at `end`, calls `letter`; 0: it has none. */
static int64_t length_called(const char *term, const char *end, char letter, const struct value *v)
{
	const char *at = memchr(term, letter, (size_t)(end - term));
	const char *dots = memchr(term, '.', (size_t)(end - term));
	int32_t axis = 0;
	if (!at)
		return 0;
	/* Behind the dots axes are counted from the end. */
	bool behind = dots && at > dots;
	for (const char *c = behind ? at : term; c < (behind ? end : at); c++)
		axis += *c > ' ';
	axis = behind ? v->rank - axis : axis;
	return axis >= 0 && axis < v->rank ? v->dim[axis] : 0;
}

static int64_t length_in_operands(const struct graph *g, const struct node *n, char letter,
                                  int32_t *times)
{
	int64_t length = 0;
	const char *term = n->attr.equation;
	*times = 0;
	for (uint32_t i = 0; i < n->n_in; i++) {
		const char *end = term + strcspn(term, ",-");
		for (const char *c = term; c < end; c++)
			*times += *c == letter;
		int64_t here = length_called(term, end, letter, graph_in(g, n, i));
		length = here > length ? here : length;
		term = *end == ',' ? end + 1 : end;
	}
	return length;
}

/* A product for each output and each combination of the indices that are summed over. */
static int64_t einsum_macs(const struct graph *g, const struct node *n)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *result = strchr(n->attr.equation, '>');
	int64_t all = n->n_in > 1 ? graph_elements(graph_out(g, n)) : 0;
	for (const char *c = letters; *c; c++) {
		int32_t times;
		int64_t length = length_in_operands(g, n, *c, &times);
		bool summed = times > 0 && (result ? !strchr(result, *c) : times > 1);
		if (summed)
			all = saturating_mul(all, length);
	}
	return all;
}

int64_t cost_macs(const struct graph *g, const struct node *n)
{
	int64_t outputs = graph_elements(graph_out(g, n));
	const struct value *a = graph_in(g, n, 0), *w = graph_in(g, n, 1);
	switch (n->op) {
	case OP_QLINEAR_CONV:
		w = graph_in(g, n, 3);
		/* fallthrough */
	case OP_CONV:
	case OP_CONV_INTEGER:
		/* Elements of one filter, for each output. */
		return saturating_mul(outputs, graph_elements(w) / w->dim[0]);
	case OP_CONV_TRANSPOSE:
		/* The same turned round: elements that one input channel reaches, for each input. */
		return saturating_mul(graph_elements(a), graph_elements(w) / w->dim[0]);
	case OP_EINSUM:
		return einsum_macs(g, n);
	case OP_GEMM:
		return saturating_mul(outputs, a->dim[n->attr.gemm.trans_a ? 0 : 1]);
	case OP_QGEMM:
		return saturating_mul(outputs, a->dim[n->attr.quant.trans_a ? 0 : 1]);
	case OP_MATMUL:
	case OP_MATMUL_INTEGER:
	case OP_QLINEAR_MATMUL:
		return saturating_mul(outputs, a->dim[a->rank - 1]);
	default:
		return 0;
	}
}

int64_t cost_if_dense(const struct node *n, const struct value *x, const struct value *y)
{
	bool has_twin = cost_is_windowed(n->op) || is_global_pool(n->op) || is_product(n->op);
	return has_twin ? saturating_mul(graph_elements(x), graph_elements(y)) : 0;
}
