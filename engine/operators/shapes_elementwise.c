/* shapes_elementwise.c - operators on elements, and reductions. */
#include "engine/operators/shapes.h"

SHAPE_RULE(shape_unary)
{
	const struct value *x = graph_in(g, n, 0);
	enum cnn_status s = shape_same_types(g, n, err);
	return s ? s : shape_set(g, n, 0, x->dtype, x->rank, x->dim, err);
}

SHAPE_RULE(shape_clip)
{
	static const char *const what[] = {NULL, "minimum is", "maximum is"};
	for (uint32_t i = 1; i < n->n_in; i++) {
		const struct value *bound = graph_in(g, n, i);
		enum cnn_status s = shape_require_constant(g, n, i, what[i], err);
		if (s)
			return s;
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
	enum cnn_status s = shape_require_f32(g, n, err);
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
	return shape_set(g, n, 0, CNN_F32, x->rank, x->dim, err);
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

SHAPE_RULE(shape_broadcast)
{
	enum cnn_status s = shape_same_types(g, n, err);
	if (s)
		return s;
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
	return shape_set(g, n, 0, sum.dtype, sum.rank, sum.dim, err);
}

/* The exponent may have a type of its own (opset 12); a constant one becomes float32. */
SHAPE_RULE(shape_pow)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_in(g, n, 1);
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
		y = &g->value[id];
		x = graph_in(g, n, 0);
	}
	if (x->dtype != y->dtype)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': Pow of %s and %s is not supported", n->name,
		                cnn_dtype_name(x->dtype), cnn_dtype_name(y->dtype));
	return shape_broadcast(g, n, err);
}

SHAPE_RULE(shape_reduce)
{
	const struct value *x = graph_in(g, n, 0);
	bool reduced[CNN_MAX_RANK];
	enum cnn_status s = resolve_reduced(g, n, reduced, err);
	if (s)
		return s;
	int64_t dim[CNN_MAX_RANK];
	int32_t rank = 0;
	for (int32_t i = 0; i < x->rank; i++) {
		bool fold = n->op != OP_REDUCE_SUM && n->op != OP_REDUCE_PROD;
		if (reduced[i] && x->dim[i] == 0 && fold)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s over no elements",
			                n->name, op_table[n->op].onnx_name);
		if (!reduced[i])
			dim[rank++] = x->dim[i];
		else if (n->attr.axes.keep_dims)
			dim[rank++] = 1;
	}
	return shape_set(g, n, 0, x->dtype, rank, dim, err);
}

SHAPE_RULE(shape_copy)
{
	const struct value *x = graph_in(g, n, 0);
	return shape_set(g, n, 0, x->dtype, x->rank, x->dim, err);
}

SHAPE_RULE(shape_dropout)
{
	const struct value *training = graph_in(g, n, 2);
	enum cnn_status s = shape_require_constant(g, n, 2, "training_mode is", err);
	if (s)
		return s;
	if (training && (training->dtype != CNN_BOOL || graph_elements(training) != 1 ||
	                 resolve_int(training, 0) != 0))
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': Dropout in training mode is not supported", n->name);
	return shape_copy(g, n, err);
}

SHAPE_RULE(shape_cast)
{
	const struct value *x = graph_in(g, n, 0);
	return shape_set(g, n, 0, n->attr.cast_to, x->rank, x->dim, err);
}
