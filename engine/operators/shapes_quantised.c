/* shapes_quantised.c - operators on quantised tensors. What they compute has the shape of the float operator's
 * result, whose rule is asked. */
#include "engine/operators/quantised.h"
#include "engine/operators/shapes.h"

static enum cnn_status refuse_type(const struct node *n, const struct value *v,
                                   struct cnn_error *err)
{
	return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': %s of %s is not supported", n->name,
	                op_table[n->op].onnx_name, cnn_dtype_name(v->dtype));
}

/* Input `i` is a scale when `dtype` is float32, else the zero point of a tensor of that type: one number, or
 * one for each of `channels` (0: one number only). */
static enum cnn_status check_parameter(const struct graph *g, const struct node *n, uint32_t i,
                                       enum cnn_dtype dtype, int64_t channels,
                                       struct cnn_error *err)
{
	const struct value *v = graph_in(g, n, i);
	const char *what = dtype == CNN_F32 ? "scale" : "zero point";
	if (!v)
		return dtype == CNN_F32 ? cnn_fail(err, CNN_BAD_MODEL,
		                                   "node '%s': input %u is missing", n->name, i)
		                        : CNN_OK;
	if (v->dtype != dtype)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': a %s of type %s for %s", n->name,
		                what, cnn_dtype_name(v->dtype), cnn_dtype_name(dtype));
	if (v->rank <= 1 && graph_elements(v) == 1)
		return CNN_OK;
	if (channels && v->rank == 1 && v->dim[0] == channels)
		return CNN_OK;
	return cnn_fail(err, channels ? CNN_BAD_MODEL : CNN_UNSUPPORTED,
	                "node '%s': a %s of shape %s is not supported", n->name, what,
	                shape_text(v).s);
}

/* A byte tensor, its scale and its zero point at inputs i, i + 1, i + 2. */
static enum cnn_status check_operand(const struct graph *g, const struct node *n, uint32_t i,
                                     int64_t channels, struct cnn_error *err)
{
	const struct value *v = graph_in(g, n, i);
	if (!v)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': input %u is missing", n->name, i);
	if (!quantised_is_byte(v->dtype))
		return refuse_type(n, v, err);
	enum cnn_status s = check_parameter(g, n, i + 1, CNN_F32, channels, err);
	return s ? s : check_parameter(g, n, i + 2, v->dtype, channels, err);
}

/* The result's scale at input i, its zero point behind it, which has its type. */
static enum cnn_status check_result(const struct graph *g, const struct node *n, uint32_t i,
                                    enum cnn_dtype otherwise, enum cnn_dtype *dtype,
                                    struct cnn_error *err)
{
	const struct value *zero = graph_in(g, n, i + 1);
	*dtype = zero ? zero->dtype : otherwise;
	if (zero && !quantised_is_byte(zero->dtype))
		return refuse_type(n, zero, err);
	enum cnn_status s = check_parameter(g, n, i, CNN_F32, 0, err);
	return s ? s : check_parameter(g, n, i + 1, *dtype, 0, err);
}

/* The node as operator `op` on float32 tensors of the shapes of in[], whose data counts as constant. */
struct twin {
	struct value value[4];
	value_id in[3], out[1];
	struct graph g;
	struct node node;
};

static enum cnn_status shape_twin(struct twin *t, const struct node *n, enum op op,
                                  const struct value *const in[3], shape_rule rule,
                                  struct cnn_error *err)
{
	static const float some;
	t->g = (struct graph){.name = "", .value = t->value, .n_value = 4};
	t->node = *n;
	t->node.op = op;
	t->node.in = t->in;
	t->node.out = t->out;
	t->node.n_in = 0;
	t->node.n_out = 1;
	t->out[0] = 3;
	t->value[3] = (struct value){.name = n->name};
	for (uint32_t i = 0; i < 3 && in[i]; i++) {
		t->value[i] = *in[i];
		t->value[i].dtype = CNN_F32;
		t->value[i].data = i ? &some : NULL;
		t->in[t->node.n_in++] = i;
	}
	return rule(&t->g, &t->node, err);
}

static enum cnn_status set_as_twin(struct graph *g, const struct node *n, const struct twin *t,
                                   enum cnn_dtype dtype, struct cnn_error *err)
{
	return shape_set(g, n, 0, dtype, t->value[3].rank, t->value[3].dim, err);
}

static enum cnn_status shape_window(struct graph *g, struct node *n, const struct value *x,
                                    const struct value *w, const struct value *bias,
                                    enum cnn_dtype dtype, struct cnn_error *err)
{
	struct twin t;
	const struct value *in[3] = {x, w, bias};
	enum cnn_status s = shape_twin(&t, n, OP_CONV, in, shape_conv, err);
	if (s)
		return s;
	n->attr.window = t.node.attr.window;
	return set_as_twin(g, n, &t, dtype, err);
}

SHAPE_RULE(shape_quantize)
{
	const struct value *x = graph_in(g, n, 0), *scale = graph_in(g, n, 1);
	const struct value *zero = graph_in(g, n, 2);
	enum cnn_dtype to = zero ? zero->dtype : n->attr.quant.to ? n->attr.quant.to : CNN_U8;
	struct quantised_runs runs;
	bool from_float = n->op == OP_QUANTIZE_LINEAR;
	const struct value stored = {.dtype = from_float ? to : x->dtype};
	bool wide = stored.dtype == CNN_U16 || stored.dtype == CNN_S16;
	if (!quantised_is_byte(stored.dtype) && !wide && (from_float || x->dtype != CNN_S32))
		return refuse_type(n, &stored, err);
	if (from_float && x->dtype != CNN_F32 && x->dtype != CNN_S32)
		return refuse_type(n, x, err);
	if (scale->dtype != CNN_F32)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': a scale of type %s is not supported", n->name,
		                cnn_dtype_name(scale->dtype));
	if (zero && (zero->dtype != stored.dtype || graph_elements(zero) != graph_elements(scale) ||
	             (n->attr.quant.to && n->attr.quant.to != to)))
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': its zero point, %s of %s, does not fit", n->name,
		                cnn_dtype_name(zero->dtype), shape_text(zero).s);
	if (!quantised_runs(x, scale, &n->attr.quant, &runs))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': a scale of %s does not fit %s",
		                n->name, shape_text(scale).s, shape_text(x).s);
	return shape_set(g, n, 0, from_float ? to : CNN_F32, x->rank, x->dim, err);
}

SHAPE_RULE(shape_dynamic_quantize)
{
	const struct value *x = graph_in(g, n, 0);
	if (x->dtype != CNN_F32)
		return refuse_type(n, x, err);
	enum cnn_status s = shape_set(g, n, 0, CNN_U8, x->rank, x->dim, err);
	if (!s)
		s = shape_set(g, n, 1, CNN_F32, 0, NULL, err);
	return s ? s : shape_set(g, n, 2, CNN_U8, 0, NULL, err);
}

SHAPE_RULE(shape_qlinear_conv)
{
	const struct value *x = graph_in(g, n, 0), *w = graph_in(g, n, 3),
			   *bias = graph_in(g, n, 8);
	enum cnn_dtype to = CNN_U8;
	int64_t outputs = w->rank ? w->dim[0] : 0;
	enum cnn_status s = check_operand(g, n, 0, 0, err);
	if (!s)
		s = check_operand(g, n, 3, outputs, err);
	if (!s)
		s = check_result(g, n, 6, x->dtype, &to, err);
	if (!s && bias && bias->dtype != CNN_S32)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': a bias of type %s", n->name,
		             cnn_dtype_name(bias->dtype));
	return s ? s : shape_window(g, n, x, w, bias, to, err);
}

SHAPE_RULE(shape_conv_integer)
{
	const struct value *x = graph_in(g, n, 0), *w = graph_in(g, n, 1);
	if (!quantised_is_byte(x->dtype) || !quantised_is_byte(w->dtype))
		return refuse_type(n, quantised_is_byte(x->dtype) ? w : x, err);
	int64_t outputs = w->rank ? w->dim[0] : 0;
	enum cnn_status s = check_parameter(g, n, 2, x->dtype, 0, err);
	if (!s)
		s = check_parameter(g, n, 3, w->dtype, outputs, err);
	return s ? s : shape_window(g, n, x, w, NULL, CNN_S32, err);
}

/* Rows of the left operand, columns of the right one; 1 for a vector. */
static int64_t rows_of(const struct value *a)
{
	return a->rank > 1 ? a->dim[a->rank - 2] : 1;
}
static int64_t columns_of(const struct value *b)
{
	return b->rank > 1 ? b->dim[b->rank - 1] : 1;
}

static enum cnn_status shape_product(struct graph *g, const struct node *n, const struct value *a,
                                     const struct value *b, enum cnn_dtype dtype,
                                     struct cnn_error *err)
{
	struct twin t;
	const struct value *in[3] = {a, b, NULL};
	enum cnn_status s = shape_twin(&t, n, OP_MATMUL, in, shape_matmul, err);
	return s ? s : set_as_twin(g, n, &t, dtype, err);
}

SHAPE_RULE(shape_qlinear_matmul)
{
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 3);
	enum cnn_dtype to = CNN_U8;
	enum cnn_status s = check_operand(g, n, 0, rows_of(a), err);
	if (!s)
		s = check_operand(g, n, 3, columns_of(b), err);
	if (!s)
		s = check_result(g, n, 6, a->dtype, &to, err);
	return s ? s : shape_product(g, n, a, b, to, err);
}

SHAPE_RULE(shape_matmul_integer)
{
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 1);
	if (!quantised_is_byte(a->dtype) || !quantised_is_byte(b->dtype))
		return refuse_type(n, quantised_is_byte(a->dtype) ? b : a, err);
	enum cnn_status s = check_parameter(g, n, 2, a->dtype, rows_of(a), err);
	if (!s)
		s = check_parameter(g, n, 3, b->dtype, columns_of(b), err);
	return s ? s : shape_product(g, n, a, b, CNN_S32, err);
}

SHAPE_RULE(shape_qgemm)
{
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 3), *c = graph_in(g, n, 6);
	const struct quant_attr *attr = &n->attr.quant;
	enum cnn_dtype to = CNN_F32;
	int64_t columns = b->rank == 2 ? b->dim[attr->trans_b ? 0 : 1] : 0;
	enum cnn_status s = check_operand(g, n, 0, 0, err);
	if (!s)
		s = check_operand(g, n, 3, columns, err);
	if (!s && graph_in(g, n, 7))
		s = check_result(g, n, 7, a->dtype, &to, err);
	else if (!s && graph_in(g, n, 8))
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': a zero point without a scale",
		             n->name);
	if (!s && c && c->dtype != CNN_S32)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': a bias of type %s", n->name,
		             cnn_dtype_name(c->dtype));
	if (s)
		return s;
	struct twin t;
	struct node gemm = *n;
	gemm.attr.gemm = (struct gemm_attr){attr->alpha, 1, attr->trans_a, attr->trans_b};
	const struct value *in[3] = {a, b, c};
	s = shape_twin(&t, &gemm, OP_GEMM, in, shape_gemm, err);
	return s ? s : set_as_twin(g, n, &t, to, err);
}

SHAPE_RULE(shape_qlinear_binary)
{
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 3);
	enum cnn_dtype to = CNN_U8;
	int64_t dim[CNN_MAX_RANK];
	int32_t rank;
	enum cnn_status s = check_operand(g, n, 0, 0, err);
	if (!s)
		s = check_operand(g, n, 3, 0, err);
	if (!s)
		s = check_result(g, n, 6, a->dtype, &to, err);
	if (s)
		return s;
	if (!resolve_broadcast(a, b, &rank, dim))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s of %s and %s", n->name,
		                op_table[n->op].onnx_name, shape_text(a).s, shape_text(b).s);
	return shape_set(g, n, 0, to, rank, dim, err);
}

SHAPE_RULE(shape_qlinear_concat)
{
	enum cnn_dtype to = CNN_U8;
	int32_t axis = 0;
	if (n->n_in % 3 != 2)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': QLinearConcat with %u inputs",
		                n->name, n->n_in);
	enum cnn_status s = check_result(g, n, 0, CNN_U8, &to, err);
	int64_t dim[CNN_MAX_RANK] = {0}, sum = 0;
	const struct value *first = graph_in(g, n, 2);
	for (uint32_t i = 2; i < n->n_in && !s; i += 3) {
		const struct value *x = graph_in(g, n, i);
		s = check_operand(g, n, i, 0, err);
		if (!s && i == 2)
			s = resolve_axis(n, n->attr.quant.axis, x->rank, &axis, err);
		if (s)
			return s;
		bool fits = x->rank == first->rank;
		for (int32_t a = 0; a < x->rank && fits; a++)
			fits = a == axis || x->dim[a] == first->dim[a];
		if (!fits)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': %s does not fit %s along axis %d", n->name,
			                shape_text(x).s, shape_text(first).s, axis);
		sum += x->dim[axis];
	}
	if (s)
		return s;
	memcpy(dim, first->dim, sizeof dim);
	dim[axis] = sum;
	return shape_set(g, n, 0, to, first->rank, dim, err);
}

/* QLinearSigmoid, QLinearLeakyRelu and QLinearSoftmax. */
SHAPE_RULE(shape_qlinear_unary)
{
	const struct value *x = graph_in(g, n, 0);
	enum cnn_dtype to = CNN_U8;
	int32_t axis;
	enum cnn_status s = check_operand(g, n, 0, 0, err);
	if (!s)
		s = check_result(g, n, 3, x->dtype, &to, err);
	if (!s && n->op == OP_QLINEAR_SOFTMAX)
		s = resolve_axis(n, n->attr.quant.axis, x->rank, &axis, err);
	return s ? s : shape_set(g, n, 0, to, x->rank, x->dim, err);
}

/* [N][space...][C] as [N][C][space...], or back. */
static struct value turned(const struct value *v, bool channels_first)
{
	struct value t = *v;
	int32_t last = v->rank - 1;
	for (int32_t i = 1; i <= last; i++)
		t.dim[i] = channels_first ? v->dim[i == 1 ? last : i - 1]
		                          : v->dim[i == last ? 1 : i + 1];
	return t;
}

/* QLinearAveragePool and QLinearGlobalAveragePool. */
SHAPE_RULE(shape_qlinear_pool)
{
	const struct value *x = graph_in(g, n, 0);
	enum cnn_dtype to = CNN_U8;
	bool global = n->op == OP_QLINEAR_GLOBAL_AVERAGE_POOL;
	bool last = global ? n->attr.quant.channels_last : n->attr.window.channels_last;
	enum cnn_status s = check_operand(g, n, 0, 0, err);
	if (!s)
		s = check_result(g, n, 3, x->dtype, &to, err);
	if (!s && x->rank < 3)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s of a tensor of %d dimensions",
		             n->name, op_table[n->op].onnx_name, x->rank);
	if (s)
		return s;
	struct twin t;
	struct value first = last ? turned(x, true) : *x;
	const struct value *in[3] = {&first};
	s = shape_twin(&t, n, global ? OP_GLOBAL_AVERAGE_POOL : OP_AVERAGE_POOL, in,
	               global ? shape_global_pool : shape_pool, err);
	if (s)
		return s;
	if (!global)
		n->attr.window = t.node.attr.window;
	if (last)
		t.value[3] = turned(&t.value[3], false);
	return set_as_twin(g, n, &t, to, err);
}
