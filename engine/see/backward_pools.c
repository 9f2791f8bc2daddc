/* backward_pools.c - pools over windows and over everything: an average parts its gradient evenly, a maximum gives
 * it to the place that was the largest, the first of equals. */
#include "engine/graph/resolve.h"
#include "engine/operators/eval.h"
#include "engine/operators/window.h"
#include "engine/see/backward.h"

/* Taps of a window of one axis that begins at `at`: those inside 0 .. limit-1. */
struct taps {
	int64_t at, dilation, lo, hi;
};

static struct taps taps_of(const struct window_attr *w, int axis, int64_t index, int64_t limit)
{
	struct taps t = {.at = index * w->stride[axis] - w->pad[axis],
	                 .dilation = w->dilation[axis]};
	struct window_range r = window_inside(w->kernel[axis], t.dilation, t.at, limit);
	t.lo = r.lo;
	t.hi = r.hi;
	return t;
}

/* How many taps of one axis an average counts. */
static int64_t counted(const struct window_attr *w, int axis, struct taps t, int64_t limit)
{
	if (!w->count_include_pad)
		return t.hi - t.lo;
	struct window_range r = window_inside(w->kernel[axis], t.dilation, t.at + w->pad[axis],
	                                      limit + w->pad[axis] + w->pad[axis + 2]);
	return r.hi - r.lo;
}

static void average_window(struct taps rows, struct taps columns, int64_t width, float share,
                           float *dx)
{
	for (int64_t i = rows.lo; i < rows.hi; i++)
		for (int64_t k = columns.lo; k < columns.hi; k++)
			dx[(rows.at + i * rows.dilation) * width + columns.at +
			   k * columns.dilation] += share;
}

static void max_window(struct taps rows, struct taps columns, int64_t width, const float *x,
                       float dy, float *dx)
{
	int64_t best = -1;
	for (int64_t i = rows.lo; i < rows.hi; i++)
		for (int64_t k = columns.lo; k < columns.hi; k++) {
			int64_t at = (rows.at + i * rows.dilation) * width + columns.at +
			             k * columns.dilation;
			if (best < 0 || x[at] > x[best])
				best = at;
		}
	if (best >= 0)
		dx[best] += dy;
}

static void pool_plane(const struct graph *g, const struct node *n, const float *from,
                       const float *dy, float *dx)
{
	const struct window_attr *w = &n->attr.window;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	for (int64_t oy = 0; oy < y->dim[2]; oy++)
		for (int64_t ox = 0; ox < y->dim[3]; ox++, dy++) {
			struct taps rows = taps_of(w, 0, oy, x->dim[2]);
			struct taps columns = taps_of(w, 1, ox, x->dim[3]);
			if (n->op == OP_MAX_POOL) {
				max_window(rows, columns, x->dim[3], from, *dy, dx);
				continue;
			}
			int64_t count =
				counted(w, 0, rows, x->dim[2]) * counted(w, 1, columns, x->dim[3]);
			average_window(rows, columns, x->dim[3], count ? *dy / (float)count : 0,
			               dx);
		}
}

static void pool(const struct graph *g, const struct node *n, float *const *gradient)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	int64_t in_plane = x->dim[2] * x->dim[3], out_plane = y->dim[2] * y->dim[3];
	for (int64_t k = 0; k < x->dim[0] * x->dim[1]; k++)
		pool_plane(g, n, (const float *)x->data + k * in_plane,
		           gradient[n->out[0]] + k * out_plane, gradient[n->in[0]] + k * in_plane);
}

BACKWARD_RULE(backward_average_pool)
{
	(void)err;
	pool(g, n, gradient);
	return CNN_OK;
}

BACKWARD_RULE(backward_max_pool)
{
	(void)err;
	pool(g, n, gradient);
	return CNN_OK;
}

BACKWARD_RULE(backward_global_pool)
{
	(void)err;
	const struct value *v = graph_in(g, n, 0);
	const float *x = v->data, *dy = gradient[n->out[0]];
	float *dx = gradient[n->in[0]];
	int64_t plane = 1;
	for (int32_t i = 2; i < v->rank; i++)
		plane *= v->dim[i];
	for (int64_t k = 0; k < v->dim[0] * v->dim[1]; k++, x += plane, dx += plane) {
		int64_t best = 0;
		for (int64_t i = 0; i < plane; i++) {
			if (n->op != OP_GLOBAL_MAX_POOL)
				dx[i] += dy[k] / (float)plane;
			else if (x[i] > x[best])
				best = i;
		}
		if (n->op == OP_GLOBAL_MAX_POOL && plane)
			dx[best] += dy[k];
	}
	return CNN_OK;
}

/* ReduceMean and ReduceSum: the result is stretched back over the axes that went. */
BACKWARD_RULE(backward_reduce)
{
	const struct value *x = graph_in(g, n, 0);
	bool reduced[CNN_MAX_RANK];
	enum cnn_status status = resolve_reduced(g, n, reduced, err);
	if (status)
		return status;
	struct value kept = *x; /* the result with its axes kept */
	int64_t terms = 1;
	for (int32_t i = 0; i < x->rank; i++)
		if (reduced[i]) {
			terms *= x->dim[i];
			kept.dim[i] = 1;
		}
	float factor = n->op == OP_REDUCE_MEAN && terms ? 1 / (float)terms : 1;
	const float *dy = gradient[n->out[0]];
	float *dx = gradient[n->in[0]];
	struct stride_walk w = stride_walk_broadcast(&kept, x);
	for (int64_t i = 0, count = graph_elements(x); i < count; i++, stride_walk_next(&w))
		dx[i] += factor * dy[w.at];
	return CNN_OK;
}
