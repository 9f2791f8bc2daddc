/* eval_movement.c - constants moved about, whatever their type. */
#include "engine/operators/eval.h"

#include <string.h>

/* out (row-major in w's dim) = elements of `in` along the walk. */
static void copy_walk(void *out, const void *in, size_t size, int64_t count, struct stride_walk w)
{
	for (int64_t i = 0; i < count; i++, stride_walk_next(&w))
		memcpy((char *)out + (size_t)i * size, (const char *)in + w.at * (int64_t)size,
		       size);
}

EVAL_RULE(eval_transpose)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	struct stride_walk w = {.rank = y->rank, .dim = y->dim};
	int64_t own[CNN_MAX_RANK];
	stride_row_major(x->rank, x->dim, own);
	for (int32_t i = 0; i < y->rank; i++)
		w.stride[i] = own[n->attr.perm.n ? n->attr.perm.perm[i] : y->rank - 1 - i];
	copy_walk(out[0], x->data, cnn_dtype_size(x->dtype), graph_elements(y), w);
	return CNN_OK;
}

EVAL_RULE(eval_slice)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	struct slice_range range[CNN_MAX_RANK];
	enum cnn_status s = resolve_slice(g, n, range, err);
	if (s)
		return s;
	struct stride_walk w = {.rank = y->rank, .dim = y->dim};
	int64_t own[CNN_MAX_RANK];
	stride_row_major(x->rank, x->dim, own);
	for (int32_t i = 0; i < y->rank; i++) {
		/* A step that is never taken may be too long to multiply. */
		w.stride[i] = range[i].count > 1 ? own[i] * range[i].step : 0;
		w.at += own[i] * range[i].start;
	}
	copy_walk(out[0], x->data, cnn_dtype_size(x->dtype), graph_elements(y), w);
	return CNN_OK;
}

EVAL_RULE(eval_split)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t own[CNN_MAX_RANK];
	stride_row_major(x->rank, x->dim, own);
	for (uint32_t k = 0; k < n->n_out; k++) {
		const struct value *y = &g->value[n->out[k]];
		int32_t axis = 0;
		int64_t start, size;
		enum cnn_status s = resolve_split(g, n, k, &axis, &start, &size, err);
		if (s)
			return s;
		struct stride_walk w = {.rank = y->rank, .dim = y->dim, .at = own[axis] * start};
		memcpy(w.stride, own, sizeof own[0] * (size_t)x->rank);
		copy_walk(out[k], x->data, cnn_dtype_size(x->dtype), graph_elements(y), w);
	}
	return CNN_OK;
}

EVAL_RULE(eval_expand)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	copy_walk(out[0], x->data, cnn_dtype_size(x->dtype), graph_elements(y),
	          stride_walk_broadcast(x, y));
	return CNN_OK;
}

EVAL_RULE(eval_concat)
{
	const struct value *y = graph_out(g, n);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, n->attr.axes.axis, y->rank, &axis, err);
	if (s)
		return s;
	int64_t rows = 1, inner = (int64_t)cnn_dtype_size(y->dtype);
	for (int32_t i = 0; i < y->rank; i++) {
		if (i < axis)
			rows *= y->dim[i];
		else if (i > axis)
			inner *= y->dim[i];
	}
	int64_t at = 0, row_bytes = inner * y->dim[axis];
	for (uint32_t k = 0; k < n->n_in; k++) {
		const struct value *x = graph_in(g, n, k);
		int64_t bytes = inner * x->dim[axis];
		for (int64_t r = 0; r < rows && bytes; r++)
			memcpy((char *)out[0] + r * row_bytes + at,
			       (const char *)x->data + r * bytes, (size_t)bytes);
		at += bytes;
	}
	return CNN_OK;
}

EVAL_RULE(eval_gather)
{
	const struct value *x = graph_in(g, n, 0), *index = graph_in(g, n, 1);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, n->attr.axes.axis, x->rank, &axis, err);
	if (s)
		return s;
	int64_t rows = 1, inner = (int64_t)cnn_dtype_size(x->dtype);
	for (int32_t i = 0; i < x->rank; i++) {
		if (i < axis)
			rows *= x->dim[i];
		else if (i > axis)
			inner *= x->dim[i];
	}
	int64_t count = graph_elements(index), dim = x->dim[axis];
	char *to = out[0];
	for (int64_t r = 0; r < rows && inner; r++) {
		for (int64_t i = 0; i < count; i++, to += inner) {
			/* The shape rule has checked the range. */
			int64_t at = resolve_int(index, i);
			at += at < 0 ? dim : 0;
			memcpy(to, (const char *)x->data + (r * dim + at) * inner, (size_t)inner);
		}
	}
	return CNN_OK;
}

/* The input's index that an output's index along one axis shows; -1: the fill value. */
static int64_t pad_source(enum pad_mode mode, int64_t i, int64_t before, int64_t after, int64_t dim)
{
	/* Negative pads are cut off first: what is left is lo .. hi-1. */
	int64_t lo = before < 0 ? -before : 0, hi = after < 0 ? dim + after : dim;
	int64_t at = i - before;
	if (at >= lo && at < hi)
		return at;
	if (mode == PAD_CONSTANT)
		return -1;
	if (mode == PAD_EDGE)
		return at < lo ? lo : hi - 1;
	return at < lo ? 2 * lo - at : 2 * (hi - 1) - at;
}

EVAL_RULE(eval_pad)
{
	const struct value *x = graph_in(g, n, 0), *fill = graph_in(g, n, 2), *y = graph_out(g, n);
	int64_t before[CNN_MAX_RANK], after[CNN_MAX_RANK], own[CNN_MAX_RANK];
	enum cnn_status s = resolve_pads(g, n, before, after, err);
	if (s)
		return s;
	size_t size = cnn_dtype_size(x->dtype);
	stride_row_major(x->rank, x->dim, own);
	struct stride_walk w = {.rank = y->rank, .dim = y->dim};
	for (int64_t i = 0, count = graph_elements(y); i < count; i++, stride_walk_next(&w)) {
		int64_t at = 0;
		bool inside = true;
		for (int32_t a = 0; a < y->rank && inside; a++) {
			int64_t from = pad_source(n->attr.pad_mode, w.index[a], before[a], after[a],
			                          x->dim[a]);
			inside = from >= 0;
			at += inside ? own[a] * from : 0;
		}
		char *to = (char *)out[0] + (size_t)i * size;
		if (inside)
			memcpy(to, (const char *)x->data + (size_t)at * size, size);
		else if (fill)
			memcpy(to, fill->data, size);
	}
	return CNN_OK;
}
