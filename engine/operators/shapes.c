/* shapes.c - the table of shape rules, and what the rules share. */
#include "engine/operators/shapes.h"

#include <stdio.h>

const shape_rule shape_table[OP_COUNT] = {
	[OP_CONV] = shape_conv,
	[OP_MAX_POOL] = shape_pool,
	[OP_AVERAGE_POOL] = shape_pool,
	[OP_GLOBAL_MAX_POOL] = shape_global_pool,
	[OP_GLOBAL_AVERAGE_POOL] = shape_global_pool,
	[OP_BATCH_NORM] = shape_batch_norm,
	[OP_LRN] = shape_lrn,
	[OP_GEMM] = shape_gemm,
	[OP_MATMUL] = shape_matmul,
	[OP_CONV_TRANSPOSE] = shape_conv_transpose,
	[OP_LP_POOL] = shape_pool,
	[OP_GLOBAL_LP_POOL] = shape_global_pool,
	[OP_INSTANCE_NORM] = shape_instance_norm,
	[OP_LAYER_NORM] = shape_layer_norm,
	[OP_GROUP_NORM] = shape_group_norm,
	[OP_MEAN_VARIANCE_NORM] = shape_mean_variance_norm,
	[OP_LP_NORM] = shape_lp_norm,
	[OP_EINSUM] = shape_einsum,

	[OP_RELU] = shape_unary,
	[OP_CLIP] = shape_clip,
	[OP_LEAKY_RELU] = shape_unary,
	[OP_PRELU] = shape_prelu,
	[OP_ELU] = shape_unary,
	[OP_SELU] = shape_unary,
	[OP_SIGMOID] = shape_unary,
	[OP_HARD_SIGMOID] = shape_unary,
	[OP_HARD_SWISH] = shape_unary,
	[OP_TANH] = shape_unary,
	[OP_SOFTPLUS] = shape_unary,
	[OP_ERF] = shape_unary,
	[OP_EXP] = shape_unary,
	[OP_LOG] = shape_unary,
	[OP_SQRT] = shape_unary,
	[OP_ABS] = shape_unary,
	[OP_NEG] = shape_unary,
	[OP_FLOOR] = shape_unary,
	[OP_CEIL] = shape_unary,
	[OP_RECIPROCAL] = shape_unary,
	[OP_CELU] = shape_unary,
	[OP_MISH] = shape_unary,
	[OP_SOFTSIGN] = shape_unary,
	[OP_GELU] = shape_unary,
	[OP_THRESHOLDED_RELU] = shape_unary,
	[OP_SHRINK] = shape_unary,
	[OP_ROUND] = shape_unary,
	[OP_SIGN] = shape_unary,
	[OP_SIN] = shape_unary,
	[OP_COS] = shape_unary,
	[OP_TAN] = shape_unary,
	[OP_ASIN] = shape_unary,
	[OP_ACOS] = shape_unary,
	[OP_ATAN] = shape_unary,
	[OP_SINH] = shape_unary,
	[OP_COSH] = shape_unary,
	[OP_ASINH] = shape_unary,
	[OP_ACOSH] = shape_unary,
	[OP_ATANH] = shape_unary,
	[OP_NOT] = shape_unary,
	[OP_IS_NAN] = shape_to_bool,
	[OP_IS_INF] = shape_to_bool,
	[OP_SOFTMAX] = shape_softmax,
	[OP_LOG_SOFTMAX] = shape_softmax,
	[OP_HARDMAX] = shape_softmax,

	[OP_ADD] = shape_broadcast,
	[OP_SUB] = shape_broadcast,
	[OP_MUL] = shape_broadcast,
	[OP_DIV] = shape_broadcast,
	[OP_POW] = shape_pow,
	[OP_MIN] = shape_broadcast,
	[OP_MAX] = shape_broadcast,
	[OP_SUM] = shape_broadcast,
	[OP_MEAN] = shape_broadcast,
	[OP_BIT_SHIFT] = shape_broadcast,
	[OP_AND] = shape_broadcast,
	[OP_OR] = shape_broadcast,
	[OP_XOR] = shape_broadcast,
	[OP_MOD] = shape_mod,
	[OP_EQUAL] = shape_to_bool,
	[OP_GREATER] = shape_to_bool,
	[OP_GREATER_OR_EQUAL] = shape_to_bool,
	[OP_LESS] = shape_to_bool,
	[OP_LESS_OR_EQUAL] = shape_to_bool,
	[OP_WHERE] = shape_where,

	[OP_REDUCE_MEAN] = shape_reduce,
	[OP_REDUCE_SUM] = shape_reduce,
	[OP_REDUCE_MAX] = shape_reduce,
	[OP_REDUCE_MIN] = shape_reduce,
	[OP_REDUCE_PROD] = shape_reduce,
	[OP_REDUCE_L1] = shape_reduce,
	[OP_REDUCE_L2] = shape_reduce,
	[OP_REDUCE_LOG_SUM] = shape_reduce,
	[OP_REDUCE_LOG_SUM_EXP] = shape_reduce,
	[OP_REDUCE_SUM_SQUARE] = shape_reduce,
	[OP_ARG_MAX] = shape_arg,
	[OP_ARG_MIN] = shape_arg,
	[OP_TOP_K] = shape_top_k,
	[OP_CUM_SUM] = shape_cum_sum,

	[OP_CONCAT] = shape_concat,
	[OP_SPLIT] = shape_split,
	[OP_SLICE] = shape_slice,
	[OP_PAD] = shape_pad,
	[OP_RESHAPE] = shape_reshape,
	[OP_FLATTEN] = shape_flatten,
	[OP_TRANSPOSE] = shape_transpose,
	[OP_SQUEEZE] = shape_squeeze,
	[OP_UNSQUEEZE] = shape_unsqueeze,
	[OP_GATHER] = shape_gather,
	[OP_GATHER_ELEMENTS] = shape_gather_elements,
	[OP_GATHER_ND] = shape_gather_nd,
	[OP_SCATTER_ELEMENTS] = shape_scatter_elements,
	[OP_SCATTER_ND] = shape_scatter_nd,
	[OP_ONE_HOT] = shape_one_hot,
	[OP_TRILU] = shape_trilu,
	[OP_EYE_LIKE] = shape_eye_like,
	[OP_EXPAND] = shape_expand,
	[OP_TILE] = shape_tile,
	[OP_RESIZE] = shape_resize,
	[OP_UPSAMPLE] = shape_resize,
	[OP_DEPTH_TO_SPACE] = shape_depth_to_space,
	[OP_SPACE_TO_DEPTH] = shape_space_to_depth,
	[OP_SIZE] = shape_size,
	[OP_SHAPE] = shape_shape,
	[OP_CAST] = shape_cast,
	[OP_CAST_LIKE] = shape_cast_like,
	[OP_CONSTANT_OF_SHAPE] = shape_constant_of_shape,
	[OP_RANGE] = shape_range,
	[OP_IDENTITY] = shape_copy,
	[OP_DROPOUT] = shape_dropout,
	[OP_LAYOUT] = shape_copy,
	[OP_SILU] = shape_unary,

	[OP_QUANTIZE_LINEAR] = shape_quantize,
	[OP_DEQUANTIZE_LINEAR] = shape_quantize,
	[OP_DYNAMIC_QUANTIZE_LINEAR] = shape_dynamic_quantize,
	[OP_QLINEAR_CONV] = shape_qlinear_conv,
	[OP_QLINEAR_MATMUL] = shape_qlinear_matmul,
	[OP_CONV_INTEGER] = shape_conv_integer,
	[OP_MATMUL_INTEGER] = shape_matmul_integer,
	[OP_QLINEAR_ADD] = shape_qlinear_binary,
	[OP_QLINEAR_MUL] = shape_qlinear_binary,
	[OP_QLINEAR_CONCAT] = shape_qlinear_concat,
	[OP_QLINEAR_AVERAGE_POOL] = shape_qlinear_pool,
	[OP_QLINEAR_GLOBAL_AVERAGE_POOL] = shape_qlinear_pool,
	[OP_QLINEAR_SIGMOID] = shape_qlinear_unary,
	[OP_QLINEAR_LEAKY_RELU] = shape_qlinear_unary,
	[OP_QLINEAR_SOFTMAX] = shape_qlinear_unary,
	[OP_QGEMM] = shape_qgemm,
};

struct shape_text shape_text(const struct value *v)
{
	struct shape_text t = {""};
	int at = 0;
	for (int32_t i = 0; i < v->rank; i++)
		at += snprintf(t.s + at, sizeof t.s - (size_t)at, "%s%lld", i ? " × " : "",
		               (long long)v->dim[i]);
	if (v->rank == 0)
		snprintf(t.s, sizeof t.s, "scalar");
	return t;
}

enum cnn_status shape_set(struct graph *g, const struct node *n, uint32_t output,
                          enum cnn_dtype dtype, int32_t rank, const int64_t *dim,
                          struct cnn_error *err)
{
	if (rank < 0 || rank > CNN_MAX_RANK)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': its output has %d dimensions, more than %d", n->name,
		                rank, CNN_MAX_RANK);
	for (int32_t i = 0; i < rank; i++)
		if (dim[i] < 0)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': its output would have a dimension of %lld",
			                n->name, (long long)dim[i]);
	if (!graph_dims_valid(rank, dim))
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': its output would have more than %lld elements", n->name,
		                (long long)GRAPH_MAX_ELEMENTS);
	struct value *v = &g->value[n->out[output]];
	v->dtype = dtype;
	v->rank = rank;
	for (int32_t i = 0; i < CNN_MAX_RANK; i++)
		v->dim[i] = i < rank ? dim[i] : 0;
	v->shaped = true;
	return CNN_OK;
}

bool shape_inputs_constant(const struct graph *g, const struct node *n)
{
	for (uint32_t i = 0; i < n->n_in; i++)
		if (n->in[i] != NO_VALUE && !graph_is_constant(g, n->in[i]))
			return false;
	return true;
}

enum cnn_status shape_same_types(const struct graph *g, const struct node *n, struct cnn_error *err)
{
	enum cnn_dtype dtype = graph_in(g, n, 0)->dtype;
	for (uint32_t i = 1; i < n->n_in; i++) {
		const struct value *v = graph_in(g, n, i);
		if (v && v->dtype != dtype)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': %s mixes the types %s and %s", n->name,
			                op_table[n->op].onnx_name, cnn_dtype_name(dtype),
			                cnn_dtype_name(v->dtype));
	}
	return CNN_OK;
}

enum cnn_status shape_require_f32(const struct graph *g, const struct node *n,
                                  struct cnn_error *err)
{
	enum cnn_status s = shape_same_types(g, n, err);
	enum cnn_dtype dtype = graph_in(g, n, 0)->dtype;
	if (!s && dtype != CNN_F32)
		s = cnn_fail(err, CNN_UNSUPPORTED, "node '%s': %s of %s is not supported", n->name,
		             op_table[n->op].onnx_name, cnn_dtype_name(dtype));
	return s;
}

enum cnn_status shape_require_constant(const struct graph *g, const struct node *n, uint32_t input,
                                       const char *what, struct cnn_error *err)
{
	const struct value *v = graph_in(g, n, input);
	if (v && !v->data)
		return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': its %s not constant", n->name,
		                what);
	return CNN_OK;
}
