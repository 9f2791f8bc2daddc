/* attributes.c - the attributes of each operator, in all opsets that are read.
 *
 * What later opsets moved from attributes to inputs becomes a constant input here. */
#include "engine/onnx/attributes.h"

#include "engine/onnx/names.h"
#include "engine/onnx/tensors.h"

static enum cnn_status read_none(struct draft *d, struct cnn_error *err)
{
	(void)d;
	(void)err;
	return CNN_OK;
}

static enum cnn_status read_matmul(struct draft *d, struct cnn_error *err)
{
	return d->n_in > 2 ? cnn_fail(err, CNN_BAD_MODEL, "node '%s': MatMul with %u inputs",
	                              d->name, d->n_in)
	                   : CNN_OK;
}

/* A list that was an attribute before `until`, now input `slot`. */
static enum cnn_status read_list_input(struct draft *d, const char *name, int64_t until,
                                       uint32_t slot, bool required, struct cnn_error *err)
{
	const int64_t *list = NULL;
	size_t n = 0;
	bool found = false;
	if (d->opset >= until)
		return CNN_OK;
	enum cnn_status s = attribute_ints(d, name, &list, &n, &found, err);
	if (s)
		return s;
	if (found)
		return draft_add_ints(d, slot, name, list, n, err);
	if (required)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute %s is missing", d->name,
		                name);
	return CNN_OK;
}

static enum cnn_status read_float_input(struct draft *d, const char *name, int64_t until,
                                        uint32_t slot, struct cnn_error *err)
{
	float value = 0;
	bool found = false;
	if (d->opset >= until)
		return CNN_OK;
	enum cnn_status s = attribute_float(d, name, &value, &found, err);
	return !s && found ? draft_add_float(d, slot, name, value, err) : s;
}

static enum cnn_status read_batch_norm(struct draft *d, struct cnn_error *err)
{
	bool spatial = true, training = false;
	d->attr.norm.epsilon = 1e-5f;
	attribute_ignore(d, "momentum");
	enum cnn_status s = attribute_float(d, "epsilon", &d->attr.norm.epsilon, NULL, err);
	if (!s && d->opset < 9)
		s = attribute_bool(d, "spatial", &spatial, err);
	if (!s && d->opset >= 14)
		s = attribute_bool(d, "training_mode", &training, err);
	if (!s && (training || !spatial))
		s = cnn_fail(err, CNN_UNSUPPORTED,
		             "node '%s': BatchNormalization with %s is not supported", d->name,
		             training ? "training_mode 1" : "spatial 0");
	return s;
}

static enum cnn_status read_lrn(struct draft *d, struct cnn_error *err)
{
	struct norm_attr *a = &d->attr.norm;
	bool found = false;
	*a = (struct norm_attr){.alpha = 1e-4f, .beta = 0.75f, .bias = 1};
	enum cnn_status s = attribute_float(d, "alpha", &a->alpha, NULL, err);
	if (!s)
		s = attribute_float(d, "beta", &a->beta, NULL, err);
	if (!s)
		s = attribute_float(d, "bias", &a->bias, NULL, err);
	if (!s)
		s = attribute_int(d, "size", &a->size, &found, err);
	if (!s && !found)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute size is missing", d->name);
	return s;
}

static enum cnn_status read_gemm(struct draft *d, struct cnn_error *err)
{
	struct gemm_attr *a = &d->attr.gemm;
	*a = (struct gemm_attr){.alpha = 1, .beta = 1};
	enum cnn_status s = attribute_float(d, "alpha", &a->alpha, NULL, err);
	if (!s)
		s = attribute_float(d, "beta", &a->beta, NULL, err);
	if (!s)
		s = attribute_bool(d, "transA", &a->trans_a, err);
	if (!s)
		s = attribute_bool(d, "transB", &a->trans_b, err);
	return s;
}

static enum cnn_status read_clip(struct draft *d, struct cnn_error *err)
{
	enum cnn_status s = read_float_input(d, "min", 11, 1, err);
	return s ? s : read_float_input(d, "max", 11, 2, err);
}

/* The curves with an alpha, and the names and defaults of what they have beside it. */
static enum cnn_status read_curve(struct draft *d, struct cnn_error *err)
{
	struct unary_attr *a = &d->attr.unary;
	switch (d->op) {
	case OP_LEAKY_RELU:
		a->alpha = 0.01f;
		break;
	case OP_SELU:
		*a = (struct unary_attr){.alpha = 1.67326319217681884765625f,
		                         .beta = 1.05070102214813232421875f};
		break;
	case OP_HARD_SIGMOID:
		*a = (struct unary_attr){.alpha = 0.2f, .beta = 0.5f};
		break;
	default: /* Elu, Celu, ThresholdedRelu */
		a->alpha = 1;
	}
	enum cnn_status s = attribute_float(d, "alpha", &a->alpha, NULL, err);
	if (!s && d->op == OP_SELU)
		s = attribute_float(d, "gamma", &a->beta, NULL, err);
	if (!s && d->op == OP_HARD_SIGMOID)
		s = attribute_float(d, "beta", &a->beta, NULL, err);
	return s;
}

static enum cnn_status read_softmax(struct draft *d, struct cnn_error *err)
{
	d->attr.axes.coerced_2d = d->opset < 13;
	d->attr.axes.axis = d->opset < 13 ? 1 : -1;
	return attribute_int(d, "axis", &d->attr.axes.axis, NULL, err);
}

static enum cnn_status read_reduce(struct draft *d, struct cnn_error *err)
{
	int64_t until = d->op == OP_REDUCE_SUM ? 13 : 18;
	d->attr.axes.keep_dims = true;
	enum cnn_status s = attribute_bool(d, "keepdims", &d->attr.axes.keep_dims, err);
	if (!s && d->opset >= until)
		s = attribute_bool(d, "noop_with_empty_axes", &d->attr.axes.no_axes_is_noop, err);
	return s ? s : read_list_input(d, "axes", until, 1, false, err);
}

static enum cnn_status read_concat(struct draft *d, struct cnn_error *err)
{
	bool found = false;
	enum cnn_status s = attribute_int(d, "axis", &d->attr.axes.axis, &found, err);
	if (!s && !found)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute axis is missing", d->name);
	return s;
}

static enum cnn_status read_split(struct draft *d, struct cnn_error *err)
{
	int64_t parts = d->n_out;
	enum cnn_status s = attribute_int(d, "axis", &d->attr.axes.axis, NULL, err);
	d->attr.axes.uneven = d->opset >= 18;
	if (!s && d->opset >= 18)
		s = attribute_int(d, "num_outputs", &parts, NULL, err);
	if (!s && parts != (int64_t)d->n_out)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': num_outputs is %lld, it has %u",
		                d->name, (long long)parts, d->n_out);
	return s ? s : read_list_input(d, "split", 13, 1, false, err);
}

static enum cnn_status read_slice(struct draft *d, struct cnn_error *err)
{
	enum cnn_status s = read_list_input(d, "starts", 10, 1, true, err);
	if (!s)
		s = read_list_input(d, "ends", 10, 2, true, err);
	return s ? s : read_list_input(d, "axes", 10, 3, false, err);
}

static enum cnn_status read_pad(struct draft *d, struct cnn_error *err)
{
	static const char *const modes[] = {[PAD_CONSTANT] = "constant",
	                                    [PAD_REFLECT] = "reflect",
	                                    [PAD_EDGE] = "edge",
	                                    [PAD_WRAP] = "wrap"};
	int mode = PAD_CONSTANT;
	enum cnn_status s = attribute_choice(d, "mode", modes, d->opset < 19 ? 3 : 4, &mode, err);
	d->attr.pad_mode = (enum pad_mode)mode;
	if (!s)
		s = read_list_input(d, "pads", 11, 1, true, err);
	return s ? s : read_float_input(d, "value", 11, 2, err);
}

static enum cnn_status read_reshape(struct draft *d, struct cnn_error *err)
{
	return d->opset < 14 ? CNN_OK : attribute_bool(d, "allowzero", &d->attr.allow_zero, err);
}

static enum cnn_status read_axis_1(struct draft *d, struct cnn_error *err)
{
	d->attr.axes.axis = 1;
	return attribute_int(d, "axis", &d->attr.axes.axis, NULL, err);
}

static enum cnn_status read_axis_0(struct draft *d, struct cnn_error *err)
{
	return attribute_int(d, "axis", &d->attr.axes.axis, NULL, err);
}

static enum cnn_status read_transpose(struct draft *d, struct cnn_error *err)
{
	const int64_t *perm = NULL;
	size_t n = 0;
	enum cnn_status s = attribute_ints(d, "perm", &perm, &n, NULL, err);
	if (s)
		return s;
	for (size_t i = 0; i < n; i++) {
		if (n > CNN_MAX_RANK || perm[i] < 0 || perm[i] >= (int64_t)n)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': perm is not a permutation of at most %d axes",
			                d->name, CNN_MAX_RANK);
		d->attr.perm.perm[i] = (int32_t)perm[i];
	}
	d->attr.perm.n = (int32_t)n;
	return CNN_OK;
}

static enum cnn_status read_axes(struct draft *d, struct cnn_error *err)
{
	return read_list_input(d, "axes", 13, 1, d->op == OP_UNSQUEEZE, err);
}

static enum cnn_status read_shape(struct draft *d, struct cnn_error *err)
{
	bool has_start = false, has_end = false;
	d->shape_end = INT64_MAX;
	if (d->opset < 15)
		return CNN_OK;
	enum cnn_status s = attribute_int(d, "start", &d->shape_start, &has_start, err);
	if (!s)
		s = attribute_int(d, "end", &d->shape_end, &has_end, err);
	d->slice_shape = has_start || has_end;
	return s;
}

static enum cnn_status read_cast(struct draft *d, struct cnn_error *err)
{
	int64_t to = 0;
	bool found = false;
	/* About float8 only, which is not read. */
	attribute_ignore(d, "saturate");
	enum cnn_status s = attribute_int(d, "to", &to, &found, err);
	if (!s && (!found || to < 0 || to > INT32_MAX))
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute to is missing or broken",
		             d->name);
	return s ? s : tensor_dtype((int32_t)to, "node", d->name, &d->attr.cast_to, err);
}

static enum cnn_status read_constant_of_shape(struct draft *d, struct cnn_error *err)
{
	const Onnx__TensorProto *tensor = NULL;
	enum cnn_status s = attribute_tensor(d, "value", &tensor, err);
	if (s || !tensor)
		return s;
	value_id id = NO_VALUE;
	char *name = arena_printf(d->g->arena, "%s.value", d->name);
	s = name ? tensor_import(d->g, d->external, tensor, name, &id, err)
	         : cnn_fail_memory(err, d->name, 0);
	return s ? s : draft_add_value(d, 1, id, err);
}

static enum cnn_status read_dropout(struct draft *d, struct cnn_error *err)
{
	if (d->opset >= 12)
		attribute_ignore(d, "seed");
	return read_float_input(d, "ratio", 12, 1, err);
}

const attribute_rule attribute_table[OP_COUNT] = {
	[OP_CONV] = read_window,
	[OP_MAX_POOL] = read_window,
	[OP_AVERAGE_POOL] = read_window,
	[OP_GLOBAL_MAX_POOL] = read_none,
	[OP_GLOBAL_AVERAGE_POOL] = read_none,
	[OP_BATCH_NORM] = read_batch_norm,
	[OP_LRN] = read_lrn,
	[OP_GEMM] = read_gemm,
	[OP_MATMUL] = read_matmul,
	[OP_CONV_TRANSPOSE] = read_window,
	[OP_LP_POOL] = read_window,
	[OP_GLOBAL_LP_POOL] = read_global_lp_pool,
	[OP_INSTANCE_NORM] = read_instance_norm,
	[OP_LAYER_NORM] = read_layer_norm,
	[OP_GROUP_NORM] = read_group_norm,
	[OP_MEAN_VARIANCE_NORM] = read_mean_variance_norm,
	[OP_LP_NORM] = read_lp_norm,
	[OP_EINSUM] = read_einsum,

	[OP_RELU] = read_none,
	[OP_CLIP] = read_clip,
	[OP_LEAKY_RELU] = read_curve,
	[OP_PRELU] = read_none,
	[OP_ELU] = read_curve,
	[OP_SELU] = read_curve,
	[OP_SIGMOID] = read_none,
	[OP_HARD_SIGMOID] = read_curve,
	[OP_HARD_SWISH] = read_none,
	[OP_TANH] = read_none,
	[OP_SOFTPLUS] = read_none,
	[OP_ERF] = read_none,
	[OP_EXP] = read_none,
	[OP_LOG] = read_none,
	[OP_SQRT] = read_none,
	[OP_ABS] = read_none,
	[OP_NEG] = read_none,
	[OP_FLOOR] = read_none,
	[OP_CEIL] = read_none,
	[OP_RECIPROCAL] = read_none,
	[OP_MISH] = read_none,
	[OP_SOFTSIGN] = read_none,
	[OP_ROUND] = read_none,
	[OP_SIGN] = read_none,
	[OP_SIN] = read_none,
	[OP_COS] = read_none,
	[OP_TAN] = read_none,
	[OP_ASIN] = read_none,
	[OP_ACOS] = read_none,
	[OP_ATAN] = read_none,
	[OP_SINH] = read_none,
	[OP_COSH] = read_none,
	[OP_ASINH] = read_none,
	[OP_ACOSH] = read_none,
	[OP_ATANH] = read_none,
	[OP_IS_NAN] = read_none,
	[OP_NOT] = read_none,
	[OP_CELU] = read_curve,
	[OP_THRESHOLDED_RELU] = read_curve,
	[OP_GELU] = read_gelu,
	[OP_SHRINK] = read_shrink,
	[OP_IS_INF] = read_is_inf,
	[OP_SOFTMAX] = read_softmax,
	[OP_LOG_SOFTMAX] = read_softmax,
	[OP_HARDMAX] = read_softmax,

	[OP_ADD] = read_none,
	[OP_SUB] = read_none,
	[OP_MUL] = read_none,
	[OP_DIV] = read_none,
	[OP_POW] = read_none,
	[OP_MIN] = read_none,
	[OP_MAX] = read_none,
	[OP_SUM] = read_none,
	[OP_MEAN] = read_none,
	[OP_MOD] = read_mod,
	[OP_BIT_SHIFT] = read_bit_shift,
	[OP_EQUAL] = read_none,
	[OP_GREATER] = read_none,
	[OP_GREATER_OR_EQUAL] = read_none,
	[OP_LESS] = read_none,
	[OP_LESS_OR_EQUAL] = read_none,
	[OP_AND] = read_none,
	[OP_OR] = read_none,
	[OP_XOR] = read_none,
	[OP_WHERE] = read_none,

	[OP_REDUCE_MEAN] = read_reduce,
	[OP_REDUCE_SUM] = read_reduce,
	[OP_REDUCE_MAX] = read_reduce,
	[OP_REDUCE_MIN] = read_reduce,
	[OP_REDUCE_PROD] = read_reduce,
	[OP_REDUCE_L1] = read_reduce,
	[OP_REDUCE_L2] = read_reduce,
	[OP_REDUCE_LOG_SUM] = read_reduce,
	[OP_REDUCE_LOG_SUM_EXP] = read_reduce,
	[OP_REDUCE_SUM_SQUARE] = read_reduce,
	[OP_ARG_MAX] = read_arg,
	[OP_ARG_MIN] = read_arg,
	[OP_TOP_K] = read_top_k,
	[OP_CUM_SUM] = read_cum_sum,

	[OP_CONCAT] = read_concat,
	[OP_SPLIT] = read_split,
	[OP_SLICE] = read_slice,
	[OP_PAD] = read_pad,
	[OP_RESHAPE] = read_reshape,
	[OP_FLATTEN] = read_axis_1,
	[OP_TRANSPOSE] = read_transpose,
	[OP_SQUEEZE] = read_axes,
	[OP_UNSQUEEZE] = read_axes,
	[OP_GATHER] = read_axis_0,
	[OP_GATHER_ELEMENTS] = read_axis_0,
	[OP_GATHER_ND] = read_gather_nd,
	[OP_SCATTER_ELEMENTS] = read_scatter,
	[OP_SCATTER_ND] = read_scatter,
	[OP_ONE_HOT] = read_one_hot,
	[OP_TRILU] = read_trilu,
	[OP_EYE_LIKE] = read_eye_like,
	[OP_EXPAND] = read_none,
	[OP_TILE] = read_none,
	[OP_RESIZE] = read_resize,
	[OP_UPSAMPLE] = read_upsample,
	[OP_DEPTH_TO_SPACE] = read_blocks,
	[OP_SPACE_TO_DEPTH] = read_blocks,
	[OP_SIZE] = read_none,
	[OP_SHAPE] = read_shape,
	[OP_CAST] = read_cast,
	[OP_CAST_LIKE] = read_cast_like,
	[OP_CONSTANT_OF_SHAPE] = read_constant_of_shape,
	[OP_RANGE] = read_none,
	[OP_IDENTITY] = read_none,
	[OP_DROPOUT] = read_dropout,

	[OP_QUANTIZE_LINEAR] = read_quantize,
	[OP_DEQUANTIZE_LINEAR] = read_quantize,
	[OP_DYNAMIC_QUANTIZE_LINEAR] = read_none,
	[OP_QLINEAR_CONV] = read_quantised_conv,
	[OP_QLINEAR_MATMUL] = read_none,
	[OP_CONV_INTEGER] = read_quantised_conv,
	[OP_MATMUL_INTEGER] = read_none,
	[OP_QLINEAR_ADD] = read_none,
	[OP_QLINEAR_MUL] = read_none,
	[OP_QLINEAR_CONCAT] = read_quantised_concat,
	[OP_QLINEAR_AVERAGE_POOL] = read_quantised_pool,
	[OP_QLINEAR_GLOBAL_AVERAGE_POOL] = read_quantised_global_pool,
	[OP_QLINEAR_SIGMOID] = read_none,
	[OP_QLINEAR_LEAKY_RELU] = read_quantised_leaky,
	[OP_QLINEAR_SOFTMAX] = read_quantised_softmax,
	[OP_QGEMM] = read_quantised_gemm,
};

enum cnn_status attributes_read(struct draft *d, struct cnn_error *err)
{
	const Onnx__NodeProto *file = d->file;
	if (file->n_attribute > 64)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %zu attributes", d->name,
		                file->n_attribute);
	/* A memory hint of the first opsets that some exporters still write. */
	attribute_ignore(d, "consumed_inputs");
	enum cnn_status s = d->opset < 7 ? read_before_7(d, err) : CNN_OK;
	if (!s)
		s = attribute_table[d->op](d, err);
	for (size_t i = 0; i < file->n_attribute && !s; i++) {
		if (d->read >> i & 1)
			continue;
		char *name = names_short(d->g->arena, file->attribute[i]->name);
		if (!name)
			return cnn_fail_memory(err, d->name, 0);
		s = cnn_fail(err, CNN_UNSUPPORTED,
		             "node '%s': attribute %s of %s (opset %lld) is not supported", d->name,
		             name, op_table[d->op].onnx_name, (long long)d->opset);
	}
	return s;
}
