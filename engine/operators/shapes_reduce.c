/* shapes_reduce.c - reductions, and what looks for or adds up elements along an axis. */
#include "engine/operators/shapes.h"

SHAPE_RULE(shape_reduce)
{
	const struct value *x = graph_in(g, n, 0);
	bool reduced[CNN_MAX_RANK];
	enum cnn_status s = shape_check_type(g, n, err);
	if (!s)
		s = resolve_reduced(g, n, reduced, err);
	if (s)
		return s;
	int64_t dim[CNN_MAX_RANK];
	int32_t rank = 0;
	for (int32_t i = 0; i < x->rank; i++) {
		if (reduced[i] && x->dim[i] == 0 && n->op == OP_REDUCE_MEAN)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s over no elements",
			                n->name, op_table[n->op].onnx_name);
		if (!reduced[i])
			dim[rank++] = x->dim[i];
		else if (n->attr.axes.keep_dims)
			dim[rank++] = 1;
	}
	return shape_set(g, n, 0, x->dtype, rank, dim, err);
}

SHAPE_RULE(shape_arg)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t dim[CNN_MAX_RANK];
	int32_t axis = 0, rank = 0;
	enum cnn_status s = shape_check_type(g, n, err);
	if (!s)
		s = resolve_axis(n, n->attr.axes.axis, x->rank, &axis, err);
	if (!s && x->dim[axis] == 0)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s over no elements", n->name,
		             op_table[n->op].onnx_name);
	if (s)
		return s;
	for (int32_t i = 0; i < x->rank; i++) {
		if (i != axis)
			dim[rank++] = x->dim[i];
		else if (n->attr.axes.keep_dims)
			dim[rank++] = 1;
	}
	return shape_set(g, n, 0, CNN_S64, rank, dim, err);
}

SHAPE_RULE(shape_top_k)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t dim[CNN_MAX_RANK], k = 0;
	int32_t axis = 0, count = 0;
	enum cnn_status s = shape_check_type(g, n, err);
	if (!s)
		s = resolve_axis(n, n->attr.axes.axis, x->rank, &axis, err);
	if (!s)
		s = resolve_ints(g, n, 1, "K", &k, 1, &count, err);
	if (!s && (count != 1 || k < 0 || k > x->dim[axis]))
		s = cnn_fail(err, CNN_BAD_MODEL,
		             "node '%s': its K is not one number of at most the %lld of axis %d",
		             n->name, (long long)x->dim[axis], axis);
	if (s)
		return s;
	for (int32_t i = 0; i < x->rank; i++)
		dim[i] = i == axis ? k : x->dim[i];
	s = shape_set(g, n, 0, x->dtype, x->rank, dim, err);
	return s ? s : shape_set(g, n, 1, CNN_S64, x->rank, dim, err);
}

SHAPE_RULE(shape_cum_sum)
{
	const struct value *x = graph_in(g, n, 0), *axis = graph_in(g, n, 1);
	int32_t resolved = 0;
	enum cnn_status s = shape_check_type(g, n, err);
	if (!s)
		s = shape_require_constant(g, n, 1, "axis is", err);
	if (!s && ((axis->dtype != CNN_S64 && axis->dtype != CNN_S32) || axis->rank > 1 ||
	           graph_elements(axis) != 1))
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': its axis is not one whole number",
		             n->name);
	if (!s)
		s = resolve_axis(n, resolve_int(axis, 0), x->rank, &resolved, err);
	return s ? s : shape_set(g, n, 0, x->dtype, x->rank, x->dim, err);
}
