/* eval_gather.c - elements picked by positions that may be computed from the picture. */
#include "engine/operators/eval.h"

#include <string.h>

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
			int64_t at;
			s = eval_index(n, index, i, dim, &at, err);
			if (s)
				return s;
			memcpy(to, (const char *)x->data + (r * dim + at) * inner, (size_t)inner);
		}
	}
	return CNN_OK;
}

EVAL_RULE(eval_gather_elements)
{
	const struct value *x = graph_in(g, n, 0), *index = graph_in(g, n, 1);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, n->attr.axes.axis, x->rank, &axis, err);
	if (s)
		return s;
	size_t size = cnn_dtype_size(x->dtype);
	struct stride_walk w = {.rank = index->rank, .dim = index->dim};
	stride_row_major(x->rank, x->dim, w.stride);
	int64_t along = w.stride[axis];
	w.stride[axis] = 0;
	for (int64_t i = 0, count = graph_elements(index); i < count; i++, stride_walk_next(&w)) {
		int64_t at;
		s = eval_index(n, index, i, x->dim[axis], &at, err);
		if (s)
			return s;
		memcpy((char *)out[0] + (size_t)i * size,
		       (const char *)x->data + (size_t)(w.at + at * along) * size, size);
	}
	return CNN_OK;
}

EVAL_RULE(eval_gather_nd)
{
	const struct value *x = graph_in(g, n, 0), *index = graph_in(g, n, 1);
	int64_t stride[CNN_MAX_RANK];
	stride_row_major(x->rank, x->dim, stride);
	int32_t first = (int32_t)n->attr.axes.batch_dims;
	int64_t length = index->dim[index->rank - 1], tuples = 1, batches = 1;
	for (int32_t i = 0; i < index->rank - 1; i++) {
		batches *= i < first ? index->dim[i] : 1;
		tuples *= i < first ? 1 : index->dim[i];
	}
	int64_t slice = stride[first + length - 1];
	int64_t batch = first > 0 ? stride[first - 1] : 0;
	size_t bytes = (size_t)slice * cnn_dtype_size(x->dtype);
	char *to = out[0];
	for (int64_t i = 0; i < batches * tuples && bytes; i++, to += bytes) {
		int64_t from = i / tuples * batch, at;
		for (int64_t k = 0; k < length; k++) {
			enum cnn_status s =
				eval_index(n, index, i * length + k, x->dim[first + k], &at, err);
			if (s)
				return s;
			from += at * stride[first + k];
		}
		memcpy(to, (const char *)x->data + (size_t)from * cnn_dtype_size(x->dtype), bytes);
	}
	return CNN_OK;
}
