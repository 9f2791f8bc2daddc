/* eval_pad.c - Pad in all its modes, for any type. */
#include "engine/operators/eval.h"

#include <string.h>

struct padding {
	enum pad_mode mode;
	size_t size;
	const void *fill; /* NULL: zeros, which the output is already */
	int64_t before[CNN_MAX_RANK], after[CNN_MAX_RANK];
};

static void put_fill(const struct padding *p, char *to, int64_t count)
{
	for (int64_t i = 0; i < count && p->fill; i++)
		memcpy(to + (size_t)i * p->size, p->fill, p->size);
}

/* One row along the last axis, of `dim` elements in the input and `count` in the output. */
static void pad_row(const struct padding *p, char *to, const char *from, int64_t before,
                    int64_t after, int64_t dim, int64_t count)
{
	int64_t lo = before < 0 ? -before : 0, left = dim - lo + (after < 0 ? after : 0);
	int64_t head = before > 0 ? before : 0, tail = head + left;
	memcpy(to + (size_t)head * p->size, from + (size_t)lo * p->size, (size_t)left * p->size);
	if (p->mode == PAD_CONSTANT) {
		put_fill(p, to, head);
		put_fill(p, to + (size_t)tail * p->size, count - tail);
		return;
	}
	for (int64_t i = 0; i < count; i++) {
		if (i == head)
			i = tail;
		if (i == count)
			break;
		int64_t at = resolve_pad_source(p->mode, i, before, after, dim);
		memcpy(to + (size_t)i * p->size, from + (size_t)at * p->size, p->size);
	}
}

EVAL_RULE(eval_pad)
{
	const struct value *x = graph_in(g, n, 0), *fill = graph_in(g, n, 2), *y = graph_out(g, n);
	struct padding p = {.mode = n->attr.pad_mode, .size = cnn_dtype_size(x->dtype)};
	int64_t own[CNN_MAX_RANK];
	enum cnn_status s = resolve_pads(g, n, p.before, p.after, err);
	if (s || graph_elements(y) == 0)
		return s;
	p.fill = fill ? fill->data : NULL;
	if (y->rank == 0) {
		memcpy(out[0], x->data, p.size);
		return CNN_OK;
	}
	stride_row_major(x->rank, x->dim, own);
	int32_t last = y->rank - 1;
	struct stride_walk w = {.rank = last, .dim = y->dim};
	int64_t count = y->dim[last], rows = graph_elements(y) / count;
	for (int64_t r = 0; r < rows; r++, stride_walk_next(&w)) {
		int64_t at = 0;
		bool inside = true;
		for (int32_t a = 0; a < last && inside; a++) {
			int64_t from = resolve_pad_source(p.mode, w.index[a], p.before[a],
			                                  p.after[a], x->dim[a]);
			inside = from >= 0;
			at += own[a] * from;
		}
		char *to = (char *)out[0] + (size_t)(r * count) * p.size;
		if (inside)
			pad_row(&p, to, (const char *)x->data + at * (int64_t)p.size,
			        p.before[last], p.after[last], x->dim[last], count);
		else
			put_fill(&p, to, count);
	}
	return CNN_OK;
}
