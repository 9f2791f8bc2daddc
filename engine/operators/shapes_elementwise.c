/* shapes_elementwise.c - operators on elements. */
#include "engine/operators/shapes.h"

SHAPE_RULE(shape_unary)
{
	const struct value *x = graph_in(g, n, 0);
	enum cnn_status s = shape_same_types(g, n, err);
	if (!s)
		s = shape_check_type(g, n, err);
	return s ? s : shape_set(g, n, 0, x->dtype, x->rank, x->dim, err);
}

SHAPE_RULE(shape_clip)
{
	static const char *const what[] = {NULL, "minimum is", "maximum is"};
	for (uint32_t i = 1; i < n->n_in; i++) {
		const struct value *bound = graph_in(g, n, i);
		/* A list of one is not a scalar, but exporters write it. */
		if (bound && (bound->rank > 1 || graph_elements(bound) != 1))
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its %s %s, not a number",
			                n->name, what[i], shape_text(bound).s);
	}
	return shape_unary(g, n, err);
}

SHAPE_RULE(shape_prelu)
{
	const struct value *x = graph_in(g, n, 0), *slope = graph_in(g, n, 1);
	enum cnn_status s = shape_same_types(g, n, err);
	if (!s)
		s = shape_check_type(g, n, err);
	if (s)
		return s;
	int32_t rank;
	int64_t dim[CNN_MAX_RANK];
	bool fits = resolve_broadcast(x, slope, &rank, dim) && rank == x->rank;
	for (int32_t i = 0; fits && i < rank; i++)
		fits = dim[i] == x->dim[i];
	if (!fits)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': slope %s does not fit %s", n->name,
		                shape_text(slope).s, shape_text(x).s);
	return shape_set(g, n, 0, x->dtype, x->rank, x->dim, err);
}

SHAPE_RULE(shape_softmax)
{
	const struct value *x = graph_in(g, n, 0);
	int32_t axis = 0;
	enum cnn_status s = shape_require_f32(g, n, err);
	/* Coerced to a matrix, the axis may be one past the last: all rows are scalars. */
	bool past_last = n->attr.axes.coerced_2d && n->attr.axes.axis == x->rank;
	if (!s && !past_last)
		s = resolve_axis(n, n->attr.axes.axis, x->rank, &axis, err);
	return s ? s : shape_set(g, n, 0, CNN_F32, x->rank, x->dim, err);
}

/* The output has the shape of all inputs, broadcast, and the type `dtype`. */
static enum cnn_status broadcast_as(struct graph *g, const struct node *n, enum cnn_dtype dtype,
                                    struct cnn_error *err)
{
	struct value sum = *graph_in(g, n, 0);
	for (uint32_t i = 1; i < n->n_in; i++) {
		const struct value *v = graph_in(g, n, i);
		int64_t dim[CNN_MAX_RANK];
		int32_t rank;
		if (!resolve_broadcast(&sum, v, &rank, dim))
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': %s of %s and %s do not broadcast", n->name,
			                op_table[n->op].onnx_name, shape_text(&sum).s,
			                shape_text(v).s);
		sum.rank = rank;
		for (int32_t k = 0; k < rank; k++)
			sum.dim[k] = dim[k];
	}
	return shape_set(g, n, 0, dtype, sum.rank, sum.dim, err);
}

SHAPE_RULE(shape_broadcast)
{
	enum cnn_status s = shape_same_types(g, n, err);
	if (!s)
		s = shape_check_type(g, n, err);
	return s ? s : broadcast_as(g, n, graph_in(g, n, 0)->dtype, err);
}

SHAPE_RULE(shape_to_bool)
{
	enum cnn_status s = shape_same_types(g, n, err);
	if (!s)
		s = shape_check_type(g, n, err);
	return s ? s : broadcast_as(g, n, CNN_BOOL, err);
}

SHAPE_RULE(shape_mod)
{
	if (graph_in(g, n, 0)->dtype == CNN_F32 && !n->attr.flag.on)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': Mod of float32 needs fmod 1",
		                n->name);
	return shape_broadcast(g, n, err);
}

SHAPE_RULE(shape_where)
{
	const struct value *condition = graph_in(g, n, 0), *x = graph_in(g, n, 1),
			   *y = graph_in(g, n, 2);
	if (condition->dtype != CNN_BOOL)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its condition is %s, not bool",
		                n->name, cnn_dtype_name(condition->dtype));
	if (x->dtype != y->dtype)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': Where mixes the types %s and %s",
		                n->name, cnn_dtype_name(x->dtype), cnn_dtype_name(y->dtype));
	return broadcast_as(g, n, x->dtype, err);
}

/* The exponent may have a type of its own (opset 12). Beside float32, a constant one becomes that, for the
 * kernel. */
SHAPE_RULE(shape_pow)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_in(g, n, 1);
	enum cnn_status s = shape_check_type(g, n, err);
	if (s)
		return s;
	if (y->dtype == CNN_BOOL)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its exponent is bool", n->name);
	if (x->dtype == CNN_F32 && y->dtype != CNN_F32 && y->data) {
		void *data;
		const struct value from = *y;
		value_id id = graph_add_constant(g, from.name, CNN_F32, from.rank, from.dim, &data);
		if (id == NO_VALUE)
			return cnn_fail_memory(err, from.name,
			                       (size_t)graph_elements(&from) * sizeof(float));
		for (int64_t i = 0, count = graph_elements(&from); i < count; i++)
			((float *)data)[i] = (float)resolve_int(&from, i);
		n->in[1] = id;
	}
	return broadcast_as(g, n, graph_in(g, n, 0)->dtype, err);
}

SHAPE_RULE(shape_copy)
{
	const struct value *x = graph_in(g, n, 0);
	return shape_set(g, n, 0, x->dtype, x->rank, x->dim, err);
}

SHAPE_RULE(shape_dropout)
{
	const struct value *ratio = graph_in(g, n, 1), *training = graph_in(g, n, 2);
	enum cnn_status s = shape_require_constant(g, n, 2, "training_mode is", err);
	if (s)
		return s;
	/* Swin transformers are exported in training mode, with a ratio of 0: nothing is dropped. */
	bool drops_none = ratio && ratio->data && ratio->dtype == CNN_F32 &&
	                  graph_elements(ratio) == 1 && *(const float *)ratio->data == 0;
	if (training && (training->dtype != CNN_BOOL || graph_elements(training) != 1 ||
	                 (resolve_int(training, 0) != 0 && !drops_none)))
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': Dropout in training mode is not supported", n->name);
	return shape_copy(g, n, err);
}

SHAPE_RULE(shape_cast)
{
	const struct value *x = graph_in(g, n, 0);
	return shape_set(g, n, 0, n->attr.cast_to, x->rank, x->dim, err);
}

/* A Cast, now that the type is known. */
SHAPE_RULE(shape_cast_like)
{
	enum cnn_dtype to = graph_in(g, n, 1)->dtype;
	n->op = OP_CAST;
	n->n_in = 1;
	n->attr.cast_to = to;
	return shape_cast(g, n, err);
}
