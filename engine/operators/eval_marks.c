/* eval_marks.c - OneHot, and what lies on one side of a diagonal or on it. */
#include "engine/operators/eval.h"

#include <string.h>

EVAL_RULE(eval_one_hot)
{
	const struct value *index = graph_in(g, n, 0), *values = graph_in(g, n, 2),
			   *y = graph_out(g, n);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, n->attr.axes.axis, y->rank, &axis, err);
	if (s)
		return s;
	size_t size = cnn_dtype_size(y->dtype);
	const char *off = values->data, *on = off + size;
	char *to = out[0];
	int64_t depth = y->dim[axis], inner = 1;
	for (int64_t i = 0, count = graph_elements(y); i < count; i++)
		memcpy(to + (size_t)i * size, off, size);
	for (int32_t i = axis + 1; i < y->rank; i++)
		inner *= y->dim[i];
	for (int64_t i = 0, count = graph_elements(index); i < count; i++) {
		int64_t at = resolve_int(index, i);
		/* What is outside has no mark. */
		if (at < -depth || at >= depth)
			continue;
		at += at < 0 ? depth : 0;
		memcpy(to + (size_t)((i / inner * depth + at) * inner + i % inner) * size, on,
		       size);
	}
	return CNN_OK;
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

EVAL_RULE(eval_trilu)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0), *diagonal = graph_in(g, n, 1);
	int64_t rows = x->dim[x->rank - 2], columns = x->dim[x->rank - 1];
	int64_t k = diagonal ? resolve_int(diagonal, 0) : 0, elements = graph_elements(x);
	size_t size = cnn_dtype_size(x->dtype);
	k = clamp(k, -rows, columns);
	for (int64_t at = 0, row = 0; at < elements; at += columns, row = (row + 1) % rows) {
		/* The first column of the upper triangle, or the first behind the lower one. */
		int64_t border = clamp(row + k + !n->attr.flag.on, 0, columns);
		int64_t from = n->attr.flag.on ? border : 0,
			to = n->attr.flag.on ? columns : border;
		memcpy((char *)out[0] + (size_t)(at + from) * size,
		       (const char *)x->data + (size_t)(at + from) * size,
		       (size_t)(to - from) * size);
	}
	return CNN_OK;
}

EVAL_RULE(eval_eye_like)
{
	(void)err;
	const struct value *y = graph_out(g, n);
	int64_t k = clamp(n->attr.eye.diagonal, -y->dim[0], y->dim[1]);
	for (int64_t row = k < 0 ? -k : 0; row < y->dim[0] && row + k < y->dim[1]; row++) {
		if (y->dtype == CNN_F32)
			((float *)out[0])[row * y->dim[1] + row + k] = 1;
		else
			eval_store_int(out[0], y->dtype, row * y->dim[1] + row + k, 1);
	}
	return CNN_OK;
}
