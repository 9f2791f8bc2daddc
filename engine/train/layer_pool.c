#include "engine/train/layers.h"

#include <math.h>
#include <string.h>

enum { Y, X };

struct work {
	struct network *net;
	const struct pool *p;
	const struct feature *in, *out;
	size_t n;
	bool add;
};

static struct work work_of(struct network *net, const struct layer *l, const struct pass_run *run)
{
	return (struct work){net,    l->detail, &net->feature[l->in], &net->feature[l->out],
	                     run->n, false};
}

/* The window of an output position along one axis: taps first .. end - 1 lie inside. */
static int32_t inside(const struct pool *p, int axis, int32_t out, int32_t size, int32_t *first,
                      int32_t *end)
{
	int32_t from = out * p->stride[axis] - p->pad[axis], d = p->dilation[axis];
	*first = from < 0 ? (-from + d - 1) / d : 0;
	*end = p->kernel[axis];
	while (*end > *first && from + (*end - 1) * d >= size)
		--*end;
	return from;
}

/* Taps of a window from `from` on that count along one axis. Of those outside, the map's own padding may count, but
 * what is beyond it in ceil mode does not. */
static int64_t counted(const struct pool *p, int axis, int32_t from, int32_t size, int32_t inside)
{
	if (!p->count_padding)
		return inside > 0 ? inside : 0;
	int32_t d = p->dilation[axis], room = size + p->pad_behind[axis] - from;
	int32_t taps = (room + d - 1) / d;
	return taps < p->kernel[axis] ? taps : p->kernel[axis];
}

/* An output position's window in the input. */
struct window {
	int32_t from[2], first[2], end[2]; /* its first row and column; the taps that lie inside */
};

static struct window window_at(const struct work *w, int32_t oy, int32_t ox)
{
	struct window at;
	at.from[Y] = inside(w->p, Y, oy, w->in->h, &at.first[Y], &at.end[Y]);
	at.from[X] = inside(w->p, X, ox, w->in->w, &at.first[X], &at.end[X]);
	return at;
}

/* Floats from the input's first pixel to the one that a tap sees. */
static size_t tap_at(const struct work *w, const struct window *at, int32_t ky, int32_t kx)
{
	size_t y = (size_t)(at->from[Y] + ky * w->p->dilation[Y]);
	size_t x = (size_t)(at->from[X] + kx * w->p->dilation[X]);
	return (y * (size_t)w->in->w + x) * (size_t)w->in->c;
}

/* What a mean gives each of its taps. */
static float share(const struct work *w, const struct window *at)
{
	int64_t rows = counted(w->p, Y, at->from[Y], w->in->h, at->end[Y] - at->first[Y]);
	int64_t columns = counted(w->p, X, at->from[X], w->in->w, at->end[X] - at->first[X]);
	return rows * columns > 0 ? 1 / (float)(rows * columns) : 0;
}

static void max_position(const struct work *w, const float *x, int32_t oy, int32_t ox, float *y,
                         uint16_t *winner)
{
	const struct pool *p = w->p;
	size_t channels = (size_t)w->in->c;
	const struct window at = window_at(w, oy, ox);
	for (size_t c = 0; c < channels; c++) {
		y[c] = -INFINITY;
		winner[c] = POOL_NO_WINNER;
	}
	for (int32_t ky = at.first[Y]; ky < at.end[Y]; ky++)
		for (int32_t kx = at.first[X]; kx < at.end[X]; kx++) {
			const float *from = x + tap_at(w, &at, ky, kx);
			uint16_t tap = (uint16_t)(ky * p->kernel[X] + kx);
			for (size_t c = 0; c < channels; c++)
				if (from[c] > y[c]) {
					y[c] = from[c];
					winner[c] = tap;
				}
		}
}

static void average_position(const struct work *w, const float *x, int32_t oy, int32_t ox, float *y)
{
	size_t channels = (size_t)w->in->c;
	const struct window at = window_at(w, oy, ox);
	float scale = share(w, &at);
	memset(y, 0, channels * sizeof *y);
	for (int32_t ky = at.first[Y]; ky < at.end[Y]; ky++)
		for (int32_t kx = at.first[X]; kx < at.end[X]; kx++) {
			const float *from = x + tap_at(w, &at, ky, kx);
			for (size_t c = 0; c < channels; c++)
				y[c] += from[c];
		}
	for (size_t c = 0; c < channels; c++)
		y[c] *= scale;
}

static void forward_slice(void *ctx, size_t s, size_t thread)
{
	const struct work *w = ctx;
	(void)thread;
	size_t first, end = slice_end(w->net, w->n, s, &first), channels = (size_t)w->out->c;
	for (size_t picture = first; picture < end; picture++) {
		const float *x = w->in->x + picture * w->in->floats;
		size_t at = picture * w->out->floats;
		for (int32_t oy = 0; oy < w->out->h; oy++)
			for (int32_t ox = 0; ox < w->out->w; ox++, at += channels)
				if (w->p->average)
					average_position(w, x, oy, ox, w->out->x + at);
				else
					max_position(w, x, oy, ox, w->out->x + at,
					             w->p->winner + at);
	}
}

static void forward(struct network *net, struct layer *l, const struct pass_run *run)
{
	struct work w = work_of(net, l, run);
	each_slice(net, forward_slice, &w);
}

static void max_gradient(const struct work *w, int32_t oy, int32_t ox, const float *g,
                         const uint16_t *winner, float *dx)
{
	const struct pool *p = w->p;
	size_t channels = (size_t)w->in->c;
	int32_t iy = oy * p->stride[Y] - p->pad[Y], ix = ox * p->stride[X] - p->pad[X];
	for (size_t c = 0; c < channels; c++) {
		if (winner[c] == POOL_NO_WINNER)
			continue;
		int32_t y = iy + winner[c] / p->kernel[X] * p->dilation[Y];
		int32_t x = ix + winner[c] % p->kernel[X] * p->dilation[X];
		dx[((size_t)y * (size_t)w->in->w + (size_t)x) * channels + c] += g[c];
	}
}

static void average_gradient(const struct work *w, int32_t oy, int32_t ox, const float *g,
                             float *dx)
{
	size_t channels = (size_t)w->in->c;
	const struct window at = window_at(w, oy, ox);
	float scale = share(w, &at);
	for (int32_t ky = at.first[Y]; ky < at.end[Y]; ky++)
		for (int32_t kx = at.first[X]; kx < at.end[X]; kx++) {
			float *to = dx + tap_at(w, &at, ky, kx);
			for (size_t c = 0; c < channels; c++)
				to[c] += g[c] * scale;
		}
}

static void backward_slice(void *ctx, size_t s, size_t thread)
{
	const struct work *w = ctx;
	(void)thread;
	size_t first, end = slice_end(w->net, w->n, s, &first), channels = (size_t)w->out->c;
	if (!w->add)
		memset(w->in->g + first * w->in->floats, 0,
		       (end - first) * w->in->floats * sizeof(float));
	for (size_t picture = first; picture < end; picture++) {
		float *dx = w->in->g + picture * w->in->floats;
		size_t at = picture * w->out->floats;
		for (int32_t oy = 0; oy < w->out->h; oy++)
			for (int32_t ox = 0; ox < w->out->w; ox++, at += channels)
				if (w->p->average)
					average_gradient(w, oy, ox, w->out->g + at, dx);
				else
					max_gradient(w, oy, ox, w->out->g + at, w->p->winner + at,
					             dx);
	}
}

static void backward(struct network *net, struct layer *l, const struct pass_run *run)
{
	struct work w = work_of(net, l, run);
	struct feature *in = &net->feature[l->in];
	if (!in->g)
		return;
	w.add = in->g_written;
	in->g_written = true;
	each_slice(net, backward_slice, &w);
}

const struct layer_kind pool_kind = {NULL, forward, backward};
