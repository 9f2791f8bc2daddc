/* eval.c - the table of evaluators, and strided walks. */
#include "engine/operators/eval.h"

const eval_rule eval_table[OP_COUNT] = {
	[OP_CONV] = eval_conv,
	[OP_MAX_POOL] = eval_max_pool,
	[OP_AVERAGE_POOL] = eval_average_pool,
	[OP_GLOBAL_MAX_POOL] = eval_global_pool,
	[OP_GLOBAL_AVERAGE_POOL] = eval_global_pool,
	[OP_BATCH_NORM] = eval_batch_norm,
	[OP_LRN] = eval_lrn,
	[OP_GEMM] = eval_gemm,
	[OP_MATMUL] = eval_matmul,
	[OP_CONV_TRANSPOSE] = eval_conv_transpose,
	[OP_LP_POOL] = eval_lp_pool,
	[OP_GLOBAL_LP_POOL] = eval_global_pool,
	[OP_INSTANCE_NORM] = eval_instance_norm,
	[OP_LAYER_NORM] = eval_layer_norm,
	[OP_GROUP_NORM] = eval_group_norm,
	[OP_MEAN_VARIANCE_NORM] = eval_mean_variance_norm,
	[OP_LP_NORM] = eval_lp_norm,
	[OP_EINSUM] = eval_einsum,

	[OP_RELU] = eval_unary,
	[OP_CLIP] = eval_clip,
	[OP_EXP] = eval_unary,
	[OP_LOG] = eval_unary,
	[OP_SQRT] = eval_unary,
	[OP_ABS] = eval_unary,
	[OP_NEG] = eval_unary,
	[OP_FLOOR] = eval_unary,
	[OP_CEIL] = eval_unary,
	[OP_RECIPROCAL] = eval_unary,
	[OP_LEAKY_RELU] = eval_unary,
	[OP_ELU] = eval_unary,
	[OP_SELU] = eval_unary,
	[OP_SIGMOID] = eval_unary,
	[OP_HARD_SIGMOID] = eval_unary,
	[OP_HARD_SWISH] = eval_unary,
	[OP_TANH] = eval_unary,
	[OP_SOFTPLUS] = eval_unary,
	[OP_ERF] = eval_unary,
	[OP_CELU] = eval_unary,
	[OP_MISH] = eval_unary,
	[OP_SOFTSIGN] = eval_unary,
	[OP_GELU] = eval_unary,
	[OP_THRESHOLDED_RELU] = eval_unary,
	[OP_SHRINK] = eval_unary,
	[OP_ROUND] = eval_unary,
	[OP_SIGN] = eval_unary,
	[OP_SIN] = eval_unary,
	[OP_COS] = eval_unary,
	[OP_TAN] = eval_unary,
	[OP_ASIN] = eval_unary,
	[OP_ACOS] = eval_unary,
	[OP_ATAN] = eval_unary,
	[OP_SINH] = eval_unary,
	[OP_COSH] = eval_unary,
	[OP_ASINH] = eval_unary,
	[OP_ACOSH] = eval_unary,
	[OP_ATANH] = eval_unary,
	[OP_NOT] = eval_unary,
	[OP_SILU] = eval_unary,
	[OP_IS_NAN] = eval_is_nan,
	[OP_IS_INF] = eval_is_nan,
	[OP_PRELU] = eval_fold,
	[OP_SOFTMAX] = eval_softmax,
	[OP_HARDMAX] = eval_softmax,
	[OP_LOG_SOFTMAX] = eval_softmax,

	[OP_ADD] = eval_fold,
	[OP_SUB] = eval_fold,
	[OP_MUL] = eval_fold,
	[OP_DIV] = eval_fold,
	[OP_POW] = eval_fold,
	[OP_MIN] = eval_fold,
	[OP_MAX] = eval_fold,
	[OP_SUM] = eval_fold,
	[OP_MEAN] = eval_fold,
	[OP_MOD] = eval_fold,
	[OP_BIT_SHIFT] = eval_fold,
	[OP_AND] = eval_fold,
	[OP_OR] = eval_fold,
	[OP_XOR] = eval_fold,
	[OP_EQUAL] = eval_compare,
	[OP_GREATER] = eval_compare,
	[OP_GREATER_OR_EQUAL] = eval_compare,
	[OP_LESS] = eval_compare,
	[OP_LESS_OR_EQUAL] = eval_compare,
	[OP_WHERE] = eval_where,

	[OP_REDUCE_MEAN] = eval_reduce,
	[OP_REDUCE_SUM] = eval_reduce,
	[OP_REDUCE_MAX] = eval_reduce,
	[OP_REDUCE_MIN] = eval_reduce,
	[OP_REDUCE_PROD] = eval_reduce,
	[OP_REDUCE_L1] = eval_reduce,
	[OP_REDUCE_L2] = eval_reduce,
	[OP_REDUCE_LOG_SUM] = eval_reduce,
	[OP_REDUCE_LOG_SUM_EXP] = eval_reduce,
	[OP_REDUCE_SUM_SQUARE] = eval_reduce,
	[OP_ARG_MAX] = eval_arg,
	[OP_ARG_MIN] = eval_arg,
	[OP_TOP_K] = eval_top_k,
	[OP_CUM_SUM] = eval_cum_sum,

	[OP_CONCAT] = eval_concat,
	[OP_SPLIT] = eval_split,
	[OP_SLICE] = eval_slice,
	[OP_PAD] = eval_pad,
	[OP_TRANSPOSE] = eval_transpose,
	[OP_GATHER] = eval_gather,
	[OP_GATHER_ELEMENTS] = eval_gather_elements,
	[OP_GATHER_ND] = eval_gather_nd,
	[OP_SCATTER_ELEMENTS] = eval_scatter_elements,
	[OP_SCATTER_ND] = eval_scatter_nd,
	[OP_ONE_HOT] = eval_one_hot,
	[OP_TRILU] = eval_trilu,
	[OP_EYE_LIKE] = eval_eye_like,
	[OP_EXPAND] = eval_expand,
	[OP_TILE] = eval_tile,
	[OP_RESIZE] = eval_resize,
	[OP_DEPTH_TO_SPACE] = eval_depth_to_space,
	[OP_SPACE_TO_DEPTH] = eval_space_to_depth,
	[OP_SIZE] = eval_size,
	[OP_SHAPE] = eval_shape,
	[OP_CAST] = eval_cast,
	[OP_CONSTANT_OF_SHAPE] = eval_constant_of_shape,
	[OP_RANGE] = eval_range,

	[OP_QUANTIZE_LINEAR] = eval_quantize,
	[OP_DEQUANTIZE_LINEAR] = eval_quantize,
	[OP_DYNAMIC_QUANTIZE_LINEAR] = eval_dynamic_quantize,
	[OP_QLINEAR_CONV] = eval_qlinear_conv,
	[OP_QLINEAR_MATMUL] = eval_qlinear_matmul,
	[OP_CONV_INTEGER] = eval_conv_integer,
	[OP_MATMUL_INTEGER] = eval_matmul_integer,
	[OP_QLINEAR_ADD] = eval_qlinear_add,
	[OP_QLINEAR_MUL] = eval_qlinear_mul,
	[OP_QLINEAR_CONCAT] = eval_qlinear_concat,
	[OP_QLINEAR_AVERAGE_POOL] = eval_qlinear_pool,
	[OP_QLINEAR_GLOBAL_AVERAGE_POOL] = eval_qlinear_pool,
	[OP_QLINEAR_SIGMOID] = eval_qlinear_curve,
	[OP_QLINEAR_LEAKY_RELU] = eval_qlinear_curve,
	[OP_QLINEAR_SOFTMAX] = eval_qlinear_softmax,
	[OP_QGEMM] = eval_qgemm,
};

bool eval_is_view(enum op op)
{
	return op == OP_RESHAPE || op == OP_FLATTEN || op == OP_SQUEEZE || op == OP_UNSQUEEZE ||
	       op == OP_IDENTITY || op == OP_DROPOUT;
}

bool eval_by_shape_alone(enum op op)
{
	return op == OP_SHAPE || op == OP_SIZE || op == OP_EYE_LIKE;
}

enum cnn_status eval_index(const struct node *n, const struct value *index, int64_t i, int64_t dim,
                           int64_t *at, struct cnn_error *err)
{
	*at = resolve_int(index, i);
	if (*at < -dim || *at >= dim)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': index %lld is outside 0 .. %lld",
		                n->name, (long long)*at, (long long)dim - 1);
	*at += *at < 0 ? dim : 0;
	return CNN_OK;
}

void stride_row_major(int32_t rank, const int64_t *dim, int64_t stride[CNN_MAX_RANK])
{
	int64_t s = 1;
	for (int32_t i = rank - 1; i >= 0; i--) {
		stride[i] = s;
		s *= dim[i];
	}
}

struct stride_walk stride_walk_broadcast(const struct value *v, const struct value *to)
{
	struct stride_walk w = {.rank = to->rank, .dim = to->dim};
	int64_t own[CNN_MAX_RANK];
	stride_row_major(v->rank, v->dim, own);
	for (int32_t i = 0; i < v->rank; i++)
		w.stride[i + to->rank - v->rank] = v->dim[i] == 1 ? 0 : own[i];
	return w;
}

void stride_walk_next(struct stride_walk *w)
{
	for (int32_t a = w->rank - 1; a >= 0; a--) {
		w->at += w->stride[a];
		if (++w->index[a] < w->dim[a])
			return;
		w->at -= w->stride[a] * w->dim[a];
		w->index[a] = 0;
	}
}
