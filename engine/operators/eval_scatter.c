/* eval_scatter.c - a copy of a tensor with some of its elements replaced, or joined with new ones. */
#include "engine/operators/eval.h"

#include <string.h>

static float join_f32(enum scatter_reduction how, float a, float b)
{
	switch (how) {
	case SCATTER_ADD:
		return a + b;
	case SCATTER_MUL:
		return a * b;
	case SCATTER_MIN:
		return b < a || b != b ? b : a;
	default:
		return b > a || b != b ? b : a;
	}
}

static int64_t join_int(enum scatter_reduction how, int64_t a, int64_t b, bool is_unsigned)
{
	bool less = is_unsigned ? (uint64_t)b < (uint64_t)a : b < a;
	switch (how) {
	case SCATTER_ADD:
		return (int64_t)((uint64_t)a + (uint64_t)b);
	case SCATTER_MUL:
		return (int64_t)((uint64_t)a * (uint64_t)b);
	case SCATTER_MIN:
		return less ? b : a;
	default:
		return less ? a : b;
	}
}

/* out[to ..] = `count` elements of `update` from `from` on, or what the reduction makes of both. */
static void scatter(enum scatter_reduction how, const struct value *update, void *out, int64_t to,
                    int64_t from, int64_t count)
{
	size_t size = cnn_dtype_size(update->dtype);
	if (how == SCATTER_SET) {
		memcpy((char *)out + (size_t)to * size,
		       (const char *)update->data + (size_t)from * size, (size_t)count * size);
		return;
	}
	const struct value had = {.dtype = update->dtype, .data = out};
	for (int64_t i = 0; i < count; i++) {
		if (update->dtype == CNN_F32) {
			float *y = (float *)out + to + i;
			*y = join_f32(how, *y, ((const float *)update->data)[from + i]);
			continue;
		}
		int64_t joined = join_int(how, resolve_int(&had, to + i),
		                          resolve_int(update, from + i), update->dtype == CNN_U64);
		eval_store_int(out, update->dtype, to + i, joined);
	}
}

EVAL_RULE(eval_scatter_elements)
{
	const struct value *x = graph_in(g, n, 0), *index = graph_in(g, n, 1),
			   *update = graph_in(g, n, 2);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, n->attr.scatter.axis, x->rank, &axis, err);
	if (s)
		return s;
	struct stride_walk w = {.rank = index->rank, .dim = index->dim};
	stride_row_major(x->rank, x->dim, w.stride);
	int64_t along = w.stride[axis];
	w.stride[axis] = 0;
	memcpy(out[0], x->data, graph_value_bytes(x));
	for (int64_t i = 0, count = graph_elements(index); i < count; i++, stride_walk_next(&w)) {
		int64_t at;
		s = eval_index(n, index, i, x->dim[axis], &at, err);
		if (s)
			return s;
		scatter(n->attr.scatter.reduction, update, out[0], w.at + at * along, i, 1);
	}
	return CNN_OK;
}

EVAL_RULE(eval_scatter_nd)
{
	const struct value *x = graph_in(g, n, 0), *index = graph_in(g, n, 1),
			   *update = graph_in(g, n, 2);
	int64_t stride[CNN_MAX_RANK];
	stride_row_major(x->rank, x->dim, stride);
	int64_t length = index->dim[index->rank - 1], tuples = 1;
	for (int32_t i = 0; i < index->rank - 1; i++)
		tuples *= index->dim[i];
	int64_t slice = stride[length - 1];
	memcpy(out[0], x->data, graph_value_bytes(x));
	for (int64_t i = 0; i < tuples; i++) {
		int64_t to = 0, at;
		for (int64_t k = 0; k < length; k++) {
			enum cnn_status s =
				eval_index(n, index, i * length + k, x->dim[k], &at, err);
			if (s)
				return s;
			to += at * stride[k];
		}
		scatter(n->attr.scatter.reduction, update, out[0], to, i * slice, slice);
	}
	return CNN_OK;
}
