/* export_attributes.c - each operator as opset 17 has it.
 *
 * The graph is opset 13's and newer: what opset 17 still keeps in attributes, or does not know yet, is put into its
 * form here. */
#include "engine/graph/resolve.h"
#include "engine/onnx/exporter.h"

static enum cnn_status write_none(struct sheet *s, struct cnn_error *err)
{
	(void)s;
	(void)err;
	return CNN_OK;
}

static enum cnn_status write_batch_norm(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_float(s->e, s->file, "epsilon", s->node->attr.norm.epsilon);
	return CNN_OK;
}

static enum cnn_status write_lrn(struct sheet *s, struct cnn_error *err)
{
	const struct norm_attr *a = &s->node->attr.norm;
	(void)err;
	put_float(s->e, s->file, "alpha", a->alpha);
	put_float(s->e, s->file, "beta", a->beta);
	put_float(s->e, s->file, "bias", a->bias);
	put_int(s->e, s->file, "size", a->size);
	return CNN_OK;
}

static enum cnn_status write_gemm(struct sheet *s, struct cnn_error *err)
{
	const struct gemm_attr *a = &s->node->attr.gemm;
	(void)err;
	put_float(s->e, s->file, "alpha", a->alpha);
	put_float(s->e, s->file, "beta", a->beta);
	put_int(s->e, s->file, "transA", a->trans_a);
	put_int(s->e, s->file, "transB", a->trans_b);
	return CNN_OK;
}

static enum cnn_status write_curve(struct sheet *s, struct cnn_error *err)
{
	const struct unary_attr *a = &s->node->attr.unary;
	(void)err;
	put_float(s->e, s->file, "alpha", a->alpha);
	if (s->node->op == OP_SELU)
		put_float(s->e, s->file, "gamma", a->beta);
	if (s->node->op == OP_HARD_SIGMOID)
		put_float(s->e, s->file, "beta", a->beta);
	return CNN_OK;
}

static enum cnn_status write_axis(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "axis", s->node->attr.axes.axis);
	return CNN_OK;
}

/* The node between a Flatten at that axis and a Reshape back. */
static void flatten_around(struct sheet *s, int32_t axis)
{
	struct exporter *e = s->e;
	const struct value *x = graph_in(e->g, s->node, 0);
	const char *name = s->node->name;
	char *flat = exporter_name(e, name), *result = exporter_name(e, name);
	int64_t dim[CNN_MAX_RANK];
	for (int32_t i = 0; i < x->rank; i++)
		dim[i] = i ? x->dim[i] : -1;
	char *shape = exporter_list(e, s->node, "shape", dim, (size_t)x->rank);
	char *before_name = arena_printf(e->arena, "%s.flatten", name);
	char *after_name = arena_printf(e->arena, "%s.reshape", name);
	e->no_memory |= !before_name || !after_name;
	Onnx__NodeProto *before = exporter_node(e, "Flatten", before_name, 1, 1);
	s->after = exporter_node(e, "Reshape", after_name, 2, 1);
	if (e->no_memory)
		return;
	put_int(e, before, "axis", axis);
	before->input[0] = exporter_use(e, s->node->in[0]);
	before->output[0] = s->file->input[0] = flat;
	exporter_append(e, before);
	s->file->output[0] = s->after->input[0] = result;
	s->after->input[1] = shape;
	s->after->output[0] = exporter_use(e, s->node->out[0]);
}

/* Before opset 13 the axes from `axis` on were one. */
static enum cnn_status write_softmax(struct sheet *s, struct cnn_error *err)
{
	const struct value *x = graph_in(s->e->g, s->node, 0);
	int32_t axis = x->rank, last, longer = 0;
	if (!s->node->attr.axes.coerced_2d)
		return write_axis(s, err);
	if (s->node->attr.axes.axis != x->rank) {
		enum cnn_status status =
			resolve_axis(s->node, s->node->attr.axes.axis, x->rank, &axis, err);
		if (status)
			return status;
	}
	/* One picture's batch adds nothing, and in a batch each picture is on its own. */
	if (axis == 0 && x->rank > 1 && x->dim[0] == 1)
		axis = 1;
	last = axis;
	for (int32_t i = axis; i < x->rank; i++) {
		last = x->dim[i] > 1 ? i : last;
		longer += x->dim[i] > 1;
	}
	/* Of no elements, any softmax is the same, and Reshape could not tell its open dimension. */
	if (graph_elements(x) == 0)
		last = longer = 0;
	if (longer < 2 && last < x->rank) {
		put_int(s->e, s->file, "axis", last);
		return CNN_OK;
	}
	put_int(s->e, s->file, "axis", 1);
	flatten_around(s, axis);
	return CNN_OK;
}

static enum cnn_status write_reduce_sum(struct sheet *s, struct cnn_error *err)
{
	const struct axis_attr *a = &s->node->attr.axes;
	(void)err;
	put_int(s->e, s->file, "keepdims", a->keep_dims);
	put_int(s->e, s->file, "noop_with_empty_axes", a->no_axes_is_noop);
	return CNN_OK;
}

/* Over no axes, what is done to an element beside the sum is left. */
static void write_unreduced(struct sheet *s)
{
	static const enum op instead[OP_COUNT] = {
		[OP_REDUCE_L1] = OP_ABS,
		[OP_REDUCE_L2] = OP_ABS,
		[OP_REDUCE_LOG_SUM] = OP_LOG,
		[OP_REDUCE_SUM_SQUARE] = OP_MUL,
	};
	enum op op = instead[s->node->op] ? instead[s->node->op] : OP_IDENTITY;
	s->file->op_type = borrow(op_table[op].onnx_name);
	if (op != OP_MUL)
		return;
	s->file->input[0] = s->file->input[1] = exporter_use(s->e, s->node->in[0]);
	s->file->n_input = 2;
}

/* Axes are an input since opset 18 only. */
static enum cnn_status write_reduce(struct sheet *s, struct cnn_error *err)
{
	const struct axis_attr *a = &s->node->attr.axes;
	int64_t axes[CNN_MAX_RANK];
	int32_t n = 0;
	if (graph_in(s->e->g, s->node, 1)) {
		enum cnn_status status =
			resolve_ints(s->e->g, s->node, 1, "axes", axes, CNN_MAX_RANK, &n, err);
		if (status)
			return status;
	}
	s->file->n_input = 1;
	if (n == 0 && a->no_axes_is_noop) {
		write_unreduced(s);
		return CNN_OK;
	}
	put_int(s->e, s->file, "keepdims", a->keep_dims);
	if (n)
		put_ints(s->e, s->file, "axes", axes, (size_t)n);
	return CNN_OK;
}

static enum cnn_status write_split(struct sheet *s, struct cnn_error *err)
{
	const struct node *n = s->node;
	int32_t axis = 0;
	int64_t start, *size = arena_alloc(s->e->arena, n->n_out, sizeof *size);
	bool even = true;
	s->e->no_memory |= !size;
	for (uint32_t k = 0; k < n->n_out && size; k++) {
		enum cnn_status status = resolve_split(s->e->g, n, k, &axis, &start, &size[k], err);
		if (status)
			return status;
		even &= size[k] == size[0];
	}
	put_int(s->e, s->file, "axis", n->attr.axes.axis);
	/* That a last part may be smaller is opset 18's. */
	if (size && !even && !graph_in(s->e->g, n, 1)) {
		s->file->n_input = 2;
		s->file->input[1] = exporter_list(s->e, n, "split", size, n->n_out);
	}
	return CNN_OK;
}

static enum cnn_status write_pad(struct sheet *s, struct cnn_error *err)
{
	static const char *const modes[] = {
		[PAD_CONSTANT] = "constant", [PAD_REFLECT] = "reflect", [PAD_EDGE] = "edge"};
	const struct value *x = graph_in(s->e->g, s->node, 0);
	if (s->node->attr.pad_mode == PAD_WRAP)
		return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': opset 17 has no Pad that wraps",
		                s->node->name);
	put_string(s->e, s->file, "mode", modes[s->node->attr.pad_mode]);
	if (!graph_in(s->e->g, s->node, 3))
		return CNN_OK;
	/* Axes are an input since opset 18 only. */
	int64_t before[CNN_MAX_RANK], after[CNN_MAX_RANK], pads[2 * CNN_MAX_RANK];
	enum cnn_status status = resolve_pads(s->e->g, s->node, before, after, err);
	if (status)
		return status;
	for (int32_t i = 0; i < x->rank; i++) {
		pads[i] = before[i];
		pads[i + x->rank] = after[i];
	}
	s->file->input[1] = exporter_list(s->e, s->node, "pads", pads, 2 * (size_t)x->rank);
	s->file->n_input = 3;
	return CNN_OK;
}

/* A shape that begins with one picture's batch: 0 copies whatever the batch is. */
static bool begins_with_batch(const struct sheet *s, const int64_t *dim, int32_t n)
{
	const struct value *x = graph_in(s->e->g, s->node, 0);
	if (!s->e->options->batch_name || n < 1 || dim[0] != 1 || x->rank < 1 || x->dim[0] != 1)
		return false;
	for (int32_t i = 1; i < n && s->node->attr.allow_zero; i++)
		if (dim[i] == 0)
			return false;
	return true;
}

static enum cnn_status write_reshape(struct sheet *s, struct cnn_error *err)
{
	int64_t dim[CNN_MAX_RANK];
	int32_t n = 0;
	bool allow_zero = s->node->attr.allow_zero;
	enum cnn_status status =
		resolve_ints(s->e->g, s->node, 1, "shape", dim, CNN_MAX_RANK, &n, err);
	if (status)
		return status;
	if (begins_with_batch(s, dim, n)) {
		dim[0] = 0;
		allow_zero = false;
		s->file->input[1] = exporter_list(s->e, s->node, "shape", dim, (size_t)n);
	}
	put_int(s->e, s->file, "allowzero", allow_zero);
	return CNN_OK;
}

static enum cnn_status write_transpose(struct sheet *s, struct cnn_error *err)
{
	const struct perm_attr *a = &s->node->attr.perm;
	int64_t perm[CNN_MAX_RANK];
	(void)err;
	for (int32_t i = 0; i < a->n; i++)
		perm[i] = a->perm[i];
	if (a->n)
		put_ints(s->e, s->file, "perm", perm, (size_t)a->n);
	return CNN_OK;
}

static enum cnn_status write_cast(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "to", exporter_dtype(s->node->attr.cast_to));
	return CNN_OK;
}

static enum cnn_status write_constant_of_shape(struct sheet *s, struct cnn_error *err)
{
	const struct value *fill = graph_in(s->e->g, s->node, 1);
	s->file->n_input = 1;
	if (!fill)
		return CNN_OK;
	if (!fill->data || graph_elements(fill) != 1)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its value is not one number",
		                s->node->name);
	struct value list = *fill;
	list.rank = 1;
	list.dim[0] = 1;
	put_tensor(s->e, s->file, "value", &list);
	return CNN_OK;
}

const export_rule export_table[OP_COUNT] = {
	[OP_CONV] = write_convolution,
	[OP_MAX_POOL] = write_max_pool,
	[OP_AVERAGE_POOL] = write_average_pool,
	[OP_GLOBAL_MAX_POOL] = write_none,
	[OP_GLOBAL_AVERAGE_POOL] = write_none,
	[OP_BATCH_NORM] = write_batch_norm,
	[OP_LRN] = write_lrn,
	[OP_GEMM] = write_gemm,
	[OP_MATMUL] = write_none,
	[OP_CONV_TRANSPOSE] = write_convolution,
	[OP_LP_POOL] = write_lp_pool,
	[OP_GLOBAL_LP_POOL] = write_global_lp_pool,
	[OP_INSTANCE_NORM] = write_instance_norm,
	[OP_LAYER_NORM] = write_layer_norm,
	[OP_GROUP_NORM] = write_group_norm,
	[OP_MEAN_VARIANCE_NORM] = write_mean_variance_norm,
	[OP_LP_NORM] = write_lp_norm,
	[OP_EINSUM] = write_einsum,

	[OP_RELU] = write_none,
	[OP_CLIP] = write_none,
	[OP_LEAKY_RELU] = write_curve,
	[OP_PRELU] = write_none,
	[OP_ELU] = write_curve,
	[OP_SELU] = write_curve,
	[OP_SIGMOID] = write_none,
	[OP_HARD_SIGMOID] = write_curve,
	[OP_HARD_SWISH] = write_none,
	[OP_TANH] = write_none,
	[OP_SOFTPLUS] = write_none,
	[OP_ERF] = write_none,
	[OP_EXP] = write_none,
	[OP_LOG] = write_none,
	[OP_SQRT] = write_none,
	[OP_ABS] = write_none,
	[OP_NEG] = write_none,
	[OP_FLOOR] = write_none,
	[OP_CEIL] = write_none,
	[OP_RECIPROCAL] = write_none,
	[OP_SOFTSIGN] = write_none,
	[OP_ROUND] = write_none,
	[OP_SIGN] = write_none,
	[OP_SIN] = write_none,
	[OP_COS] = write_none,
	[OP_TAN] = write_none,
	[OP_ASIN] = write_none,
	[OP_ACOS] = write_none,
	[OP_ATAN] = write_none,
	[OP_SINH] = write_none,
	[OP_COSH] = write_none,
	[OP_ASINH] = write_none,
	[OP_ACOSH] = write_none,
	[OP_ATANH] = write_none,
	[OP_IS_NAN] = write_none,
	[OP_NOT] = write_none,
	[OP_CELU] = write_curve,
	[OP_THRESHOLDED_RELU] = write_curve,
	[OP_MISH] = write_too_new,
	[OP_GELU] = write_too_new,
	[OP_SHRINK] = write_shrink,
	[OP_IS_INF] = write_is_inf,
	[OP_SOFTMAX] = write_softmax,
	[OP_LOG_SOFTMAX] = write_softmax,
	[OP_HARDMAX] = write_softmax,

	[OP_ADD] = write_none,
	[OP_SUB] = write_none,
	[OP_MUL] = write_none,
	[OP_DIV] = write_none,
	[OP_POW] = write_none,
	[OP_MIN] = write_none,
	[OP_MAX] = write_none,
	[OP_SUM] = write_none,
	[OP_MEAN] = write_none,
	[OP_MOD] = write_mod,
	[OP_BIT_SHIFT] = write_bit_shift,
	[OP_EQUAL] = write_none,
	[OP_GREATER] = write_none,
	[OP_GREATER_OR_EQUAL] = write_none,
	[OP_LESS] = write_none,
	[OP_LESS_OR_EQUAL] = write_none,
	[OP_AND] = write_none,
	[OP_OR] = write_none,
	[OP_XOR] = write_none,
	[OP_WHERE] = write_none,

	[OP_REDUCE_MEAN] = write_reduce,
	[OP_REDUCE_SUM] = write_reduce_sum,
	[OP_REDUCE_MAX] = write_reduce,
	[OP_REDUCE_MIN] = write_reduce,
	[OP_REDUCE_PROD] = write_reduce,
	[OP_REDUCE_L1] = write_reduce,
	[OP_REDUCE_L2] = write_reduce,
	[OP_REDUCE_LOG_SUM] = write_reduce,
	[OP_REDUCE_LOG_SUM_EXP] = write_reduce,
	[OP_REDUCE_SUM_SQUARE] = write_reduce,
	[OP_ARG_MAX] = write_arg,
	[OP_ARG_MIN] = write_arg,
	[OP_TOP_K] = write_top_k,
	[OP_CUM_SUM] = write_cum_sum,

	[OP_CONCAT] = write_axis,
	[OP_SPLIT] = write_split,
	[OP_SLICE] = write_none,
	[OP_PAD] = write_pad,
	[OP_RESHAPE] = write_reshape,
	[OP_FLATTEN] = write_axis,
	[OP_TRANSPOSE] = write_transpose,
	[OP_SQUEEZE] = write_none,
	[OP_UNSQUEEZE] = write_none,
	[OP_GATHER] = write_axis,
	[OP_GATHER_ELEMENTS] = write_axis,
	[OP_GATHER_ND] = write_gather_nd,
	[OP_SCATTER_ELEMENTS] = write_scatter,
	[OP_SCATTER_ND] = write_scatter,
	[OP_ONE_HOT] = write_axis,
	[OP_TRILU] = write_trilu,
	[OP_EYE_LIKE] = write_eye_like,
	[OP_EXPAND] = write_none,
	[OP_TILE] = write_none,
	[OP_RESIZE] = write_resize,
	[OP_UPSAMPLE] = write_none,
	[OP_DEPTH_TO_SPACE] = write_blocks,
	[OP_SPACE_TO_DEPTH] = write_blocks,
	[OP_SIZE] = write_none,
	[OP_SHAPE] = write_none,
	[OP_CAST] = write_cast,
	[OP_CAST_LIKE] = write_none,
	[OP_CONSTANT_OF_SHAPE] = write_constant_of_shape,
	[OP_RANGE] = write_none,
	[OP_IDENTITY] = write_none,
	[OP_DROPOUT] = write_none,

	[OP_QUANTIZE_LINEAR] = write_quantize,
	[OP_DEQUANTIZE_LINEAR] = write_quantize,
	[OP_DYNAMIC_QUANTIZE_LINEAR] = write_none,
	[OP_QLINEAR_CONV] = write_convolution,
	[OP_QLINEAR_MATMUL] = write_none,
	[OP_CONV_INTEGER] = write_convolution,
	[OP_MATMUL_INTEGER] = write_none,
	[OP_QLINEAR_ADD] = write_none,
	[OP_QLINEAR_MUL] = write_none,
	[OP_QLINEAR_CONCAT] = write_quantised_concat,
	[OP_QLINEAR_AVERAGE_POOL] = write_quantised_pool,
	[OP_QLINEAR_GLOBAL_AVERAGE_POOL] = write_quantised_global_pool,
	[OP_QLINEAR_SIGMOID] = write_none,
	[OP_QLINEAR_LEAKY_RELU] = write_quantised_leaky,
	[OP_QLINEAR_SOFTMAX] = write_quantised_softmax,
	[OP_QGEMM] = write_quantised_gemm,
};
