/* shapes_views.c - operators whose output shape is given by numbers; any type. */
#include "engine/operators/shapes.h"

#include <math.h>

SHAPE_RULE(shape_reshape)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t dim[CNN_MAX_RANK];
	int32_t rank, unknown = -1;
	enum cnn_status s = resolve_ints(g, n, 1, "shape", dim, CNN_MAX_RANK, &rank, err);
	if (s)
		return s;
	int64_t known = 1, have = graph_elements(x);
	bool too_large = false;
	for (int32_t i = 0; i < rank; i++) {
		if (dim[i] == 0 && !n->attr.allow_zero) {
			if (i >= x->rank)
				return cnn_fail(err, CNN_BAD_MODEL,
				                "node '%s': its shape copies dimension %d of %s",
				                n->name, i, shape_text(x).s);
			dim[i] = x->dim[i];
		}
		if (dim[i] < -1 || (dim[i] == -1 && unknown >= 0))
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its shape %s", n->name,
			                dim[i] < -1 ? "has a negative dimension"
			                            : "leaves two dimensions open");
		if (dim[i] == -1)
			unknown = i;
		else if (__builtin_mul_overflow(known, dim[i], &known))
			too_large = true;
	}
	bool fits = unknown < 0 ? known == have : known > 0 && have % known == 0;
	if (too_large || !fits)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': the %lld elements of %s do not fit its shape", n->name,
		                (long long)have, shape_text(x).s);
	if (unknown >= 0)
		dim[unknown] = have / known;
	return shape_set(g, n, 0, x->dtype, rank, dim, err);
}

SHAPE_RULE(shape_flatten)
{
	const struct value *x = graph_in(g, n, 0);
	int32_t axis = x->rank;
	if (n->attr.axes.axis != x->rank) {
		enum cnn_status s = resolve_axis(n, n->attr.axes.axis, x->rank, &axis, err);
		if (s)
			return s;
	}
	int64_t dim[2] = {1, 1};
	for (int32_t i = 0; i < x->rank; i++)
		dim[i >= axis] *= x->dim[i];
	return shape_set(g, n, 0, x->dtype, 2, dim, err);
}

SHAPE_RULE(shape_squeeze)
{
	const struct value *x = graph_in(g, n, 0);
	bool gone[CNN_MAX_RANK] = {false};
	if (graph_in(g, n, 1)) {
		int64_t axes[CNN_MAX_RANK];
		int32_t count;
		enum cnn_status s = resolve_ints(g, n, 1, "axes", axes, CNN_MAX_RANK, &count, err);
		for (int32_t i = 0; !s && i < count; i++) {
			int32_t axis = 0;
			s = resolve_axis(n, axes[i], x->rank, &axis, err);
			if (!s && x->dim[axis] != 1)
				return cnn_fail(err, CNN_BAD_MODEL,
				                "node '%s': axis %d of %s is not 1", n->name, axis,
				                shape_text(x).s);
			gone[axis] = true;
		}
		if (s)
			return s;
	} else {
		for (int32_t i = 0; i < x->rank; i++)
			gone[i] = x->dim[i] == 1;
	}
	int64_t dim[CNN_MAX_RANK];
	int32_t rank = 0;
	for (int32_t i = 0; i < x->rank; i++)
		if (!gone[i])
			dim[rank++] = x->dim[i];
	return shape_set(g, n, 0, x->dtype, rank, dim, err);
}

SHAPE_RULE(shape_unsqueeze)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t axes[CNN_MAX_RANK], dim[CNN_MAX_RANK];
	int32_t count;
	enum cnn_status s = resolve_ints(g, n, 1, "axes", axes, CNN_MAX_RANK, &count, err);
	if (s)
		return s;
	int32_t rank = x->rank + count;
	if (rank > CNN_MAX_RANK)
		return shape_set(g, n, 0, x->dtype, rank, dim, err);
	bool added[CNN_MAX_RANK] = {false};
	for (int32_t i = 0; i < count; i++) {
		int32_t axis = 0;
		s = resolve_axis(n, axes[i], rank, &axis, err);
		if (s)
			return s;
		if (added[axis])
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': axis %d is given twice",
			                n->name, axis);
		added[axis] = true;
	}
	for (int32_t i = 0, from = 0; i < rank; i++)
		dim[i] = added[i] ? 1 : x->dim[from++];
	return shape_set(g, n, 0, x->dtype, rank, dim, err);
}

SHAPE_RULE(shape_expand)
{
	const struct value *x = graph_in(g, n, 0);
	struct value to = {0};
	enum cnn_status s = resolve_ints(g, n, 1, "shape", to.dim, CNN_MAX_RANK, &to.rank, err);
	if (s)
		return s;
	int64_t dim[CNN_MAX_RANK];
	int32_t rank;
	if (!resolve_broadcast(x, &to, &rank, dim))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s does not expand to %s", n->name,
		                shape_text(x).s, shape_text(&to).s);
	return shape_set(g, n, 0, x->dtype, rank, dim, err);
}

SHAPE_RULE(shape_shape)
{
	int64_t rank = graph_in(g, n, 0)->rank;
	return shape_set(g, n, 0, CNN_S64, 1, &rank, err);
}

SHAPE_RULE(shape_size)
{
	return shape_set(g, n, 0, CNN_S64, 0, NULL, err);
}

SHAPE_RULE(shape_constant_of_shape)
{
	const struct value *fill = graph_in(g, n, 1);
	int64_t dim[CNN_MAX_RANK];
	int32_t rank;
	enum cnn_status s = resolve_ints(g, n, 0, "shape", dim, CNN_MAX_RANK, &rank, err);
	if (s)
		return s;
	if (fill && (!fill->data || graph_elements(fill) != 1))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its value is not one number",
		                n->name);
	return shape_set(g, n, 0, fill ? fill->dtype : CNN_F32, rank, dim, err);
}

/* How many numbers of start, start + step, ... come before limit; -1 when too many to hold. */
static int64_t range_elements(const struct value *start, const struct value *limit,
                              const struct value *step)
{
	if (start->dtype == CNN_F32) {
		double from = *(const float *)start->data, to = *(const float *)limit->data;
		double count = ceil((to - from) / (double)*(const float *)step->data);
		/* Written so that NaN (a step of 0) is refused too. */
		if (!(count <= (double)GRAPH_MAX_ELEMENTS))
			return -1;
		return count > 0 ? (int64_t)count : 0;
	}
	int64_t span, by = resolve_int(step, 0);
	if (by == 0 || __builtin_sub_overflow(resolve_int(limit, 0), resolve_int(start, 0), &span))
		return -1;
	if (span == 0 || (span < 0) != (by < 0))
		return 0;
	uint64_t length = span < 0 ? -(uint64_t)span : (uint64_t)span;
	uint64_t stride = by < 0 ? -(uint64_t)by : (uint64_t)by;
	uint64_t count = (length - 1) / stride + 1;
	return count <= (uint64_t)GRAPH_MAX_ELEMENTS ? (int64_t)count : -1;
}

SHAPE_RULE(shape_range)
{
	static const char *const what[] = {"start is", "limit is", "step is"};
	enum cnn_status s = CNN_OK;
	for (uint32_t i = 0; i < 3 && !s; i++) {
		s = shape_require_constant(g, n, i, what[i], err);
		if (!s && graph_elements(graph_in(g, n, i)) != 1)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its %s not one number",
			                n->name, what[i]);
	}
	if (!s)
		s = shape_same_types(g, n, err);
	if (s)
		return s;
	int64_t elements = range_elements(graph_in(g, n, 0), graph_in(g, n, 1), graph_in(g, n, 2));
	if (elements < 0)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its range has no end", n->name);
	return shape_set(g, n, 0, graph_in(g, n, 0)->dtype, 1, &elements, err);
}
