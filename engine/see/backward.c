/* backward.c - which operators have a gradient, and by which rule. */
#include "engine/see/backward.h"

static const struct {
	backward_rule rule;
	enum backward_kind kind; /* as long as a single operand varies */
	bool any_type;           /* elements are only handed on, or stand for real numbers */
} table[OP_COUNT] = {
	[OP_RESHAPE] = {backward_view, BACKWARD_AFFINE, true},
	[OP_FLATTEN] = {backward_view, BACKWARD_AFFINE, true},
	[OP_SQUEEZE] = {backward_view, BACKWARD_AFFINE, true},
	[OP_UNSQUEEZE] = {backward_view, BACKWARD_AFFINE, true},
	[OP_IDENTITY] = {backward_view, BACKWARD_AFFINE, true},
	[OP_DROPOUT] = {backward_view, BACKWARD_AFFINE, true},
	[OP_LAYOUT] = {backward_view, BACKWARD_AFFINE, true},
	[OP_QUANTIZE_LINEAR] = {backward_view, BACKWARD_AFFINE, true},
	[OP_DEQUANTIZE_LINEAR] = {backward_view, BACKWARD_AFFINE, true},
	[OP_CAST] = {backward_view, BACKWARD_AFFINE, false},
	[OP_TRANSPOSE] = {backward_transpose, BACKWARD_AFFINE, true},
	[OP_CONCAT] = {backward_concat, BACKWARD_AFFINE, true},
	[OP_SLICE] = {backward_slice, BACKWARD_AFFINE, true},

	[OP_GEMM] = {backward_gemm, BACKWARD_AFFINE, false},
	[OP_MATMUL] = {backward_matmul, BACKWARD_AFFINE, false},
	[OP_CONV] = {backward_conv, BACKWARD_AFFINE, false},
	[OP_BATCH_NORM] = {backward_batch_norm, BACKWARD_AFFINE, false},
	[OP_AVERAGE_POOL] = {backward_average_pool, BACKWARD_AFFINE, false},
	[OP_GLOBAL_AVERAGE_POOL] = {backward_global_pool, BACKWARD_AFFINE, false},
	[OP_QLINEAR_MATMUL] = {backward_qlinear_matmul, BACKWARD_AFFINE, true},
	[OP_QGEMM] = {backward_qgemm, BACKWARD_AFFINE, true},
	[OP_QLINEAR_CONV] = {backward_qlinear_conv, BACKWARD_AFFINE, true},
	[OP_QLINEAR_ADD] = {backward_qlinear_add, BACKWARD_AFFINE, true},
	[OP_QLINEAR_GLOBAL_AVERAGE_POOL] = {backward_global_pool, BACKWARD_AFFINE, true},
	[OP_REDUCE_MEAN] = {backward_reduce, BACKWARD_AFFINE, false},
	[OP_REDUCE_SUM] = {backward_reduce, BACKWARD_AFFINE, false},
	[OP_MAX_POOL] = {backward_max_pool, BACKWARD_CURVED, false},
	[OP_GLOBAL_MAX_POOL] = {backward_global_pool, BACKWARD_CURVED, false},

	[OP_ADD] = {backward_sum, BACKWARD_AFFINE, false},
	[OP_SUB] = {backward_sum, BACKWARD_AFFINE, false},
	[OP_SUM] = {backward_sum, BACKWARD_AFFINE, false},
	[OP_MEAN] = {backward_sum, BACKWARD_AFFINE, false},
	[OP_MUL] = {backward_mul, BACKWARD_AFFINE, false},
	[OP_DIV] = {backward_div, BACKWARD_AFFINE, false},
	[OP_POW] = {backward_pow, BACKWARD_CURVED, false},
	[OP_PRELU] = {backward_prelu, BACKWARD_CURVED, false},

	[OP_NEG] = {backward_unary, BACKWARD_AFFINE, false},
	[OP_RELU] = {backward_unary, BACKWARD_CURVED, false},
	[OP_CLIP] = {backward_unary, BACKWARD_CURVED, false},
	[OP_LEAKY_RELU] = {backward_unary, BACKWARD_CURVED, false},
	[OP_ELU] = {backward_unary, BACKWARD_CURVED, false},
	[OP_SELU] = {backward_unary, BACKWARD_CURVED, false},
	[OP_CELU] = {backward_unary, BACKWARD_CURVED, false},
	[OP_SIGMOID] = {backward_unary, BACKWARD_CURVED, false},
	[OP_HARD_SIGMOID] = {backward_unary, BACKWARD_CURVED, false},
	[OP_HARD_SWISH] = {backward_unary, BACKWARD_CURVED, false},
	[OP_TANH] = {backward_unary, BACKWARD_CURVED, false},
	[OP_SOFTPLUS] = {backward_unary, BACKWARD_CURVED, false},
	[OP_SOFTSIGN] = {backward_unary, BACKWARD_CURVED, false},
	[OP_MISH] = {backward_unary, BACKWARD_CURVED, false},
	[OP_GELU] = {backward_unary, BACKWARD_CURVED, false},
	[OP_ERF] = {backward_unary, BACKWARD_CURVED, false},
	[OP_EXP] = {backward_unary, BACKWARD_CURVED, false},
	[OP_LOG] = {backward_unary, BACKWARD_CURVED, false},
	[OP_SQRT] = {backward_unary, BACKWARD_CURVED, false},
	[OP_RECIPROCAL] = {backward_unary, BACKWARD_CURVED, false},
	[OP_ABS] = {backward_unary, BACKWARD_CURVED, false},
};

static bool operand_varies(const struct node *n, uint32_t i, const bool *varies)
{
	return i < n->n_in && n->in[i] != NO_VALUE && varies[n->in[i]];
}

static uint32_t count_others(const struct node *n, const bool *varies)
{
	uint32_t others = 0;
	for (uint32_t i = 1; i < n->n_in; i++)
		others += operand_varies(n, i, varies);
	return others;
}

/* Operands that do not vary have been computed, and all that are not only handed on are floats. */
static bool readable(const struct graph *g, const struct node *n, const bool *varies)
{
	for (uint32_t i = 0; i < n->n_in; i++) {
		const struct value *v = graph_in(g, n, i);
		if (!v)
			continue;
		if (!varies[n->in[i]] && !v->data)
			return false;
		bool numbers =
			varies[n->in[i]] || (n->op != OP_REDUCE_MEAN && n->op != OP_REDUCE_SUM);
		if (numbers && !table[n->op].any_type && v->dtype != CNN_F32)
			return false;
	}
	return table[n->op].any_type || graph_out(g, n)->dtype == CNN_F32;
}

enum backward_kind backward_kind(const struct graph *g, const struct node *n, const bool *varies)
{
	enum backward_kind kind = table[n->op].kind;
	bool first = operand_varies(n, 0, varies);
	uint32_t others = count_others(n, varies);
	if (kind == BACKWARD_NONE || !readable(g, n, varies))
		return BACKWARD_NONE;
	switch (n->op) {
	case OP_ADD:
	case OP_SUB:
	case OP_SUM:
	case OP_MEAN:
	case OP_CONCAT:
	case OP_QLINEAR_ADD:
		return kind;
	case OP_MUL:
		return first && others ? BACKWARD_CURVED : kind;
	case OP_DIV:
		return others ? BACKWARD_CURVED : kind;
	case OP_MATMUL:
		return first && !others && graph_in(g, n, 1)->rank == 2 ? kind : BACKWARD_NONE;
	case OP_QLINEAR_MATMUL:
		return first && !others && graph_in(g, n, 3)->rank == 2 ? kind : BACKWARD_NONE;
	case OP_QGEMM:
		return first && !others && !n->attr.quant.trans_a ? kind : BACKWARD_NONE;
	case OP_CONV:
	case OP_QLINEAR_CONV:
		return first && !others && graph_in(g, n, 0)->rank == 4 ? kind : BACKWARD_NONE;
	case OP_QLINEAR_GLOBAL_AVERAGE_POOL:
		return first && !others && !n->attr.quant.channels_last ? kind : BACKWARD_NONE;
	case OP_AVERAGE_POOL:
	case OP_MAX_POOL:
		return graph_in(g, n, 0)->rank == 4 ? kind : BACKWARD_NONE;
	default:
		return others ? BACKWARD_NONE : kind;
	}
}

enum cnn_status backward_node(const struct graph *g, const struct node *n, float *const *gradient,
                              struct cnn_error *err)
{
	return table[n->op].rule(g, n, gradient, err);
}
