/* backward_moves.c - elements moved about: each gradient goes back to where its element came from. */
#include "engine/operators/eval.h"
#include "engine/see/backward.h"

#include <string.h>

BACKWARD_RULE(backward_view)
{
	(void)err;
	const float *dy = gradient[n->out[0]];
	float *dx = gradient[n->in[0]];
	for (int64_t i = 0, count = graph_elements(graph_out(g, n)); i < count; i++)
		dx[i] += dy[i];
	return CNN_OK;
}

static void add_along(struct stride_walk w, int64_t count, const float *dy, float *dx)
{
	for (int64_t i = 0; i < count; i++, stride_walk_next(&w))
		dx[w.at] += dy[i];
}

BACKWARD_RULE(backward_transpose)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	struct stride_walk w = {.rank = y->rank, .dim = y->dim};
	int64_t own[CNN_MAX_RANK];
	stride_row_major(x->rank, x->dim, own);
	for (int32_t i = 0; i < y->rank; i++)
		w.stride[i] = own[n->attr.perm.n ? n->attr.perm.perm[i] : y->rank - 1 - i];
	add_along(w, graph_elements(y), gradient[n->out[0]], gradient[n->in[0]]);
	return CNN_OK;
}

BACKWARD_RULE(backward_slice)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	struct slice_range range[CNN_MAX_RANK];
	enum cnn_status status = resolve_slice(g, n, range, err);
	if (status)
		return status;
	struct stride_walk w = {.rank = y->rank, .dim = y->dim};
	int64_t own[CNN_MAX_RANK];
	stride_row_major(x->rank, x->dim, own);
	for (int32_t i = 0; i < y->rank; i++) {
		w.stride[i] = range[i].count > 1 ? own[i] * range[i].step : 0;
		w.at += own[i] * range[i].start;
	}
	add_along(w, graph_elements(y), gradient[n->out[0]], gradient[n->in[0]]);
	return CNN_OK;
}

BACKWARD_RULE(backward_concat)
{
	const struct value *y = graph_out(g, n);
	const float *dy = gradient[n->out[0]];
	int32_t axis = 0;
	enum cnn_status status = resolve_axis(n, n->attr.axes.axis, y->rank, &axis, err);
	if (status)
		return status;
	int64_t own[CNN_MAX_RANK], at = 0;
	stride_row_major(y->rank, y->dim, own);
	for (uint32_t k = 0; k < n->n_in; k++) {
		const struct value *x = graph_in(g, n, k);
		float *dx = backward_in(n, gradient, k);
		struct stride_walk w = {.rank = y->rank, .dim = x->dim, .at = own[axis] * at};
		memcpy(w.stride, own, sizeof w.stride);
		for (int64_t i = 0, count = dx ? graph_elements(x) : 0; i < count;
		     i++, stride_walk_next(&w))
			dx[i] += dy[w.at];
		at += x->dim[axis];
	}
	return CNN_OK;
}
