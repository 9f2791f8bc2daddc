/* shapes_movement.c - operators that move elements about; any type. */
#include "engine/operators/shapes.h"

SHAPE_RULE(shape_concat)
{
	const struct value *first = graph_in(g, n, 0);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, n->attr.axes.axis, first->rank, &axis, err);
	if (s)
		return s;
	struct value sum = *first;
	for (uint32_t i = 1; i < n->n_in; i++) {
		const struct value *v = graph_in(g, n, i);
		bool fits = v->rank == sum.rank;
		for (int32_t k = 0; fits && k < sum.rank; k++)
			fits = k == axis || v->dim[k] == sum.dim[k];
		if (!fits)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': %s and %s do not join along axis %d", n->name,
			                shape_text(first).s, shape_text(v).s, axis);
		if (v->dtype != sum.dtype)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': Concat mixes the types %s and %s", n->name,
			                cnn_dtype_name(sum.dtype), cnn_dtype_name(v->dtype));
		if (__builtin_add_overflow(sum.dim[axis], v->dim[axis], &sum.dim[axis]))
			sum.dim[axis] = INT64_MAX;
	}
	return shape_set(g, n, 0, sum.dtype, sum.rank, sum.dim, err);
}

SHAPE_RULE(shape_split)
{
	const struct value *x = graph_in(g, n, 0);
	for (uint32_t k = 0; k < n->n_out; k++) {
		int32_t axis = 0;
		int64_t start, size, dim[CNN_MAX_RANK];
		enum cnn_status s = resolve_split(g, n, k, &axis, &start, &size, err);
		if (s)
			return s;
		for (int32_t i = 0; i < x->rank; i++)
			dim[i] = i == axis ? size : x->dim[i];
		s = shape_set(g, n, k, x->dtype, x->rank, dim, err);
		if (s)
			return s;
	}
	return CNN_OK;
}

SHAPE_RULE(shape_slice)
{
	const struct value *x = graph_in(g, n, 0);
	struct slice_range range[CNN_MAX_RANK];
	int64_t dim[CNN_MAX_RANK];
	enum cnn_status s = resolve_slice(g, n, range, err);
	if (s)
		return s;
	for (int32_t i = 0; i < x->rank; i++)
		dim[i] = range[i].count;
	return shape_set(g, n, 0, x->dtype, x->rank, dim, err);
}

SHAPE_RULE(shape_pad)
{
	const struct value *x = graph_in(g, n, 0), *fill = graph_in(g, n, 2);
	int64_t before[CNN_MAX_RANK], after[CNN_MAX_RANK], dim[CNN_MAX_RANK];
	enum cnn_status s = resolve_pads(g, n, before, after, err);
	if (s)
		return s;
	if (fill && (fill->dtype != x->dtype || graph_elements(fill) != 1))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its fill value is not one %s",
		                n->name, cnn_dtype_name(x->dtype));
	for (int32_t i = 0; i < x->rank; i++) {
		/* What negative pads leave over is what the other side may reflect or repeat. */
		int64_t cut = (before[i] < 0 ? before[i] : 0) + (after[i] < 0 ? after[i] : 0);
		int64_t left = x->dim[i] + cut;
		int64_t most = before[i] > after[i] ? before[i] : after[i];
		bool starved = (n->attr.pad_mode == PAD_REFLECT && most > 0 && most >= left) ||
		               (n->attr.pad_mode != PAD_CONSTANT && most > 0 && left < 1);
		if (left < 0 || starved)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': pads %lld and %lld do not fit %lld elements",
			                n->name, (long long)before[i], (long long)after[i],
			                (long long)x->dim[i]);
		dim[i] = x->dim[i] + before[i] + after[i];
	}
	return shape_set(g, n, 0, x->dtype, x->rank, dim, err);
}

SHAPE_RULE(shape_transpose)
{
	const struct value *x = graph_in(g, n, 0);
	struct perm_attr *p = &n->attr.perm;
	if (p->n && p->n != x->rank)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': perm of %d axes for a tensor of %d dimensions", n->name,
		                p->n, x->rank);
	int64_t dim[CNN_MAX_RANK];
	unsigned seen = 0;
	for (int32_t i = 0; i < x->rank; i++) {
		int32_t axis = p->n ? p->perm[i] : x->rank - 1 - i;
		if (axis < 0 || axis >= x->rank || (seen & 1u << axis))
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': perm is not a permutation of %d axes", n->name,
			                x->rank);
		seen |= 1u << axis;
		dim[i] = x->dim[axis];
	}
	return shape_set(g, n, 0, x->dtype, x->rank, dim, err);
}

SHAPE_RULE(shape_tile)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t repeats[CNN_MAX_RANK], dim[CNN_MAX_RANK];
	int32_t count;
	enum cnn_status s = resolve_ints(g, n, 1, "repeats", repeats, CNN_MAX_RANK, &count, err);
	if (s)
		return s;
	if (count != x->rank)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %d repeats for %s", n->name, count,
		                shape_text(x).s);
	for (int32_t i = 0; i < count; i++) {
		if (repeats[i] < 0)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': it repeats %lld times",
			                n->name, (long long)repeats[i]);
		if (__builtin_mul_overflow(x->dim[i], repeats[i], &dim[i]))
			dim[i] = INT64_MAX;
	}
	return shape_set(g, n, 0, x->dtype, x->rank, dim, err);
}

/* Depth and space in blocks of size² elements. */
static enum cnn_status check_blocks(const struct node *n, const struct value *x,
                                    struct cnn_error *err)
{
	int64_t size = n->attr.block.size;
	if (x->rank != 4)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s of a tensor of %d dimensions",
		                n->name, op_table[n->op].onnx_name, x->rank);
	/* Its square times any dimension stays far from overflow. */
	if (size < 1 || size > 1 << 14)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': blocksize %lld is out of range",
		                n->name, (long long)size);
	bool fits = n->op == OP_DEPTH_TO_SPACE ? x->dim[1] % (size * size) == 0
	                                       : x->dim[2] % size == 0 && x->dim[3] % size == 0;
	if (!fits)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s is not made of blocks of %lld",
		                n->name, shape_text(x).s, (long long)size);
	return CNN_OK;
}

SHAPE_RULE(shape_depth_to_space)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t size = n->attr.block.size;
	enum cnn_status s = check_blocks(n, x, err);
	if (s)
		return s;
	int64_t dim[] = {x->dim[0], x->dim[1] / (size * size), x->dim[2] * size, x->dim[3] * size};
	return shape_set(g, n, 0, x->dtype, 4, dim, err);
}

SHAPE_RULE(shape_space_to_depth)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t size = n->attr.block.size;
	enum cnn_status s = check_blocks(n, x, err);
	if (s)
		return s;
	int64_t dim[] = {x->dim[0], x->dim[1] * size * size, x->dim[2] / size, x->dim[3] / size};
	return shape_set(g, n, 0, x->dtype, 4, dim, err);
}
