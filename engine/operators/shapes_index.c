/* shapes_index.c - operators on positions given as numbers: gathering, scattering, marks. */
#include "engine/operators/shapes.h"

static enum cnn_status require_indices(const struct node *n, const struct value *index, bool narrow,
                                       struct cnn_error *err)
{
	if (index->dtype != CNN_S64 && !(narrow && index->dtype == CNN_S32))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its indices are %s", n->name,
		                cnn_dtype_name(index->dtype));
	return CNN_OK;
}

/* What is known at load is refused at load: every `step`th of the indices from `first` on. */
static enum cnn_status check_range(const struct node *n, const struct value *index, int64_t first,
                                   int64_t step, int64_t dim, int32_t axis, struct cnn_error *err)
{
	for (int64_t i = first, count = index->data ? graph_elements(index) : 0; i < count;
	     i += step) {
		int64_t at = resolve_int(index, i);
		if (at < -dim || at >= dim)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': index %lld is outside the %lld of axis %d",
			                n->name, (long long)at, (long long)dim, axis);
	}
	return CNN_OK;
}

SHAPE_RULE(shape_gather)
{
	const struct value *x = graph_in(g, n, 0), *index = graph_in(g, n, 1);
	int32_t axis, rank = 0;
	enum cnn_status s = resolve_axis(n, n->attr.axes.axis, x->rank, &axis, err);
	if (s)
		return s;
	s = require_indices(n, index, true, err);
	if (!s)
		s = check_range(n, index, 0, 1, x->dim[axis], axis, err);
	if (s)
		return s;
	int64_t dim[2 * CNN_MAX_RANK];
	for (int32_t i = 0; i < axis; i++)
		dim[rank++] = x->dim[i];
	for (int32_t i = 0; i < index->rank; i++)
		dim[rank++] = index->dim[i];
	for (int32_t i = axis + 1; i < x->rank; i++)
		dim[rank++] = x->dim[i];
	return shape_set(g, n, 0, x->dtype, rank, dim, err);
}

/* GatherElements and ScatterElements: an index for each element of a corner of x, along one axis. */
static enum cnn_status check_elements(const struct graph *g, const struct node *n,
                                      struct cnn_error *err)
{
	const struct value *x = graph_in(g, n, 0), *index = graph_in(g, n, 1);
	int64_t at = n->op == OP_SCATTER_ELEMENTS ? n->attr.scatter.axis : n->attr.axes.axis;
	int32_t axis;
	enum cnn_status s = resolve_axis(n, at, x->rank, &axis, err);
	if (!s)
		s = require_indices(n, index, true, err);
	if (s)
		return s;
	bool fits = index->rank == x->rank;
	for (int32_t i = 0; fits && i < x->rank; i++)
		fits = i == axis || index->dim[i] <= x->dim[i];
	if (!fits)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': indices %s for data %s", n->name,
		                shape_text(index).s, shape_text(x).s);
	return check_range(n, index, 0, 1, x->dim[axis], axis, err);
}

SHAPE_RULE(shape_gather_elements)
{
	const struct value *index = graph_in(g, n, 1);
	enum cnn_status s = check_elements(g, n, err);
	return s ? s : shape_set(g, n, 0, graph_in(g, n, 0)->dtype, index->rank, index->dim, err);
}

static enum cnn_status check_update_type(const struct graph *g, const struct node *n,
                                         struct cnn_error *err)
{
	enum cnn_dtype a = graph_in(g, n, 0)->dtype, b = graph_in(g, n, 2)->dtype;
	if (a != b)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s mixes the types %s and %s",
		                n->name, op_table[n->op].onnx_name, cnn_dtype_name(a),
		                cnn_dtype_name(b));
	return CNN_OK;
}

SHAPE_RULE(shape_scatter_elements)
{
	const struct value *x = graph_in(g, n, 0), *index = graph_in(g, n, 1),
			   *update = graph_in(g, n, 2);
	enum cnn_status s = check_elements(g, n, err);
	if (!s)
		s = check_update_type(g, n, err);
	if (s)
		return s;
	bool same = index->rank == update->rank;
	for (int32_t i = 0; same && i < index->rank; i++)
		same = index->dim[i] == update->dim[i];
	if (!same)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': indices %s for updates %s", n->name,
		                shape_text(index).s, shape_text(update).s);
	return shape_set(g, n, 0, x->dtype, x->rank, x->dim, err);
}

/* GatherND and ScatterND: the last axis of the indices holds a position in x's axes from `first` on. */
static enum cnn_status check_tuples(const struct graph *g, const struct node *n, int64_t first,
                                    struct cnn_error *err)
{
	const struct value *x = graph_in(g, n, 0), *index = graph_in(g, n, 1);
	enum cnn_status s = require_indices(n, index, false, err);
	if (s)
		return s;
	bool fits = first >= 0 && index->rank > first && x->rank > first;
	for (int32_t i = 0; fits && i < first; i++)
		fits = index->dim[i] == x->dim[i];
	int64_t length = fits ? index->dim[index->rank - 1] : 0;
	if (!fits || length < 1 || length > x->rank - first)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': indices %s for data %s, %lld batch dimensions", n->name,
		                shape_text(index).s, shape_text(x).s, (long long)first);
	for (int32_t i = 0; i < length && !s; i++)
		s = check_range(n, index, i, length, x->dim[first + i], (int32_t)first + i, err);
	return s;
}

SHAPE_RULE(shape_gather_nd)
{
	const struct value *x = graph_in(g, n, 0), *index = graph_in(g, n, 1);
	int64_t batch = n->attr.axes.batch_dims, dim[2 * CNN_MAX_RANK];
	enum cnn_status s = check_tuples(g, n, batch, err);
	if (s)
		return s;
	int32_t rank = 0, from = (int32_t)(batch + index->dim[index->rank - 1]);
	for (int32_t i = 0; i < index->rank - 1; i++)
		dim[rank++] = index->dim[i];
	for (int32_t i = from; i < x->rank; i++)
		dim[rank++] = x->dim[i];
	return shape_set(g, n, 0, x->dtype, rank, dim, err);
}

SHAPE_RULE(shape_scatter_nd)
{
	const struct value *x = graph_in(g, n, 0), *index = graph_in(g, n, 1),
			   *update = graph_in(g, n, 2);
	enum cnn_status s = check_tuples(g, n, 0, err);
	if (!s)
		s = check_update_type(g, n, err);
	if (s)
		return s;
	int32_t lead = index->rank - 1, from = (int32_t)index->dim[lead];
	bool fits = update->rank == lead + x->rank - from;
	for (int32_t i = 0; fits && i < update->rank; i++)
		fits = update->dim[i] == (i < lead ? index->dim[i] : x->dim[from + i - lead]);
	if (!fits)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': updates %s for indices %s in %s",
		                n->name, shape_text(update).s, shape_text(index).s,
		                shape_text(x).s);
	return shape_set(g, n, 0, x->dtype, x->rank, x->dim, err);
}

SHAPE_RULE(shape_one_hot)
{
	const struct value *index = graph_in(g, n, 0), *depth = graph_in(g, n, 1),
			   *values = graph_in(g, n, 2);
	int32_t axis, rank = index->rank + 1;
	enum cnn_status s = resolve_axis(n, n->attr.axes.axis, rank, &axis, err);
	if (!s)
		s = shape_require_constant(g, n, 1, "depth is", err);
	if (s)
		return s;
	if (index->dtype == CNN_BOOL || depth->dtype == CNN_BOOL)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its %s bool", n->name,
		                depth->dtype == CNN_BOOL ? "depth is" : "indices are");
	if (graph_elements(depth) != 1 || resolve_int(depth, 0) < 0)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its depth is not one number",
		                n->name);
	if (values->rank != 1 || values->dim[0] != 2)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its values are %s, not 2", n->name,
		                shape_text(values).s);
	int64_t dim[CNN_MAX_RANK + 1];
	for (int32_t i = 0; i < rank; i++)
		dim[i] = i == axis ? resolve_int(depth, 0) : index->dim[i - (i > axis)];
	return shape_set(g, n, 0, values->dtype, rank, dim, err);
}

SHAPE_RULE(shape_trilu)
{
	const struct value *x = graph_in(g, n, 0), *k = graph_in(g, n, 1);
	if (x->rank < 2)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': Trilu of a tensor of %d dimensions",
		                n->name, x->rank);
	if (k && (k->dtype != CNN_S64 || graph_elements(k) != 1))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its k is not one int64", n->name);
	return shape_set(g, n, 0, x->dtype, x->rank, x->dim, err);
}

SHAPE_RULE(shape_eye_like)
{
	const struct value *x = graph_in(g, n, 0);
	enum cnn_dtype dtype = n->attr.eye.dtype;
	if (x->rank != 2)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': EyeLike of a tensor of %d dimensions", n->name,
		                x->rank);
	return shape_set(g, n, 0, dtype == CNN_DTYPE_COUNT ? x->dtype : dtype, 2, x->dim, err);
}
