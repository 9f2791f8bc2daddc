/* eval_movement.c - elements moved about, whatever their type. */
#include "engine/operators/eval.h"

#include <string.h>

#define COPY_ROW(type)                                 \
	for (int64_t i = 0; i < count; i++)            \
	memcpy((char *)out + (size_t)i * sizeof(type), \
	       (const char *)in + i * stride * (int64_t)sizeof(type), sizeof(type))

static void copy_row(void *out, const void *in, size_t size, int64_t count, int64_t stride)
{
	if (stride == 1)
		memcpy(out, in, size * (size_t)count);
	else if (size == 1)
		COPY_ROW(uint8_t);
	else if (size == 2)
		COPY_ROW(uint16_t);
	else if (size == 4)
		COPY_ROW(uint32_t);
	else
		COPY_ROW(uint64_t);
}

void copy_walk(void *out, const void *in, size_t size, struct stride_walk w)
{
	int64_t count = 1, stride = 1, rows = 1;
	if (w.rank > 0) {
		w.rank--;
		count = w.dim[w.rank];
		stride = w.stride[w.rank];
	}
	for (int32_t i = 0; i < w.rank; i++)
		rows *= w.dim[i];
	for (int64_t r = 0; r < rows && count; r++, stride_walk_next(&w))
		copy_row((char *)out + (size_t)(r * count) * size,
		         (const char *)in + w.at * (int64_t)size, size, count, stride);
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
	copy_walk(out[0], x->data, cnn_dtype_size(x->dtype), w);
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
	copy_walk(out[0], x->data, cnn_dtype_size(x->dtype), w);
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
		copy_walk(out[k], x->data, cnn_dtype_size(x->dtype), w);
	}
	return CNN_OK;
}

EVAL_RULE(eval_expand)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	copy_walk(out[0], x->data, cnn_dtype_size(x->dtype), stride_walk_broadcast(x, y));
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

EVAL_RULE(eval_tile)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	size_t size = cnn_dtype_size(x->dtype);
	int64_t out_stride[CNN_MAX_RANK];
	if (graph_elements(y) == 0)
		return CNN_OK;
	stride_row_major(y->rank, y->dim, out_stride);
	/* The input once, in the output's first corner; then axis by axis, innermost first, what is there again
	 * and again. */
	struct stride_walk w = {.rank = x->rank, .dim = x->dim};
	int64_t inner = 1;
	if (w.rank > 0) {
		w.rank--;
		inner = x->dim[w.rank];
	}
	for (int32_t i = 0; i < w.rank; i++)
		w.stride[i] = out_stride[i];
	int64_t rows = graph_elements(x) / inner;
	for (int64_t r = 0; r < rows; r++, stride_walk_next(&w))
		memcpy((char *)out[0] + (size_t)w.at * size,
		       (const char *)x->data + (size_t)(r * inner) * size, (size_t)inner * size);
	for (int32_t a = x->rank - 1; a >= 0; a--) {
		struct stride_walk outer = {.rank = a, .dim = x->dim};
		memcpy(outer.stride, out_stride, sizeof outer.stride);
		int64_t blocks = 1, block = x->dim[a] * out_stride[a],
			end = y->dim[a] * out_stride[a];
		for (int32_t i = 0; i < a; i++)
			blocks *= x->dim[i];
		for (int64_t b = 0; b < blocks; b++, stride_walk_next(&outer)) {
			char *at = (char *)out[0] + (size_t)outer.at * size;
			for (int64_t k = block; k < end; k += block)
				memcpy(at + (size_t)k * size, at, (size_t)block * size);
		}
	}
	return CNN_OK;
}
