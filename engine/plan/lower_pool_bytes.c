/* Pools of bytes: the largest and the average of windows, and the average of a whole feature map. */
#include "engine/operators/quantised.h"
#include "engine/plan/lower.h"

#include <string.h>

enum { CHANNELS = 64 }; /* of a whole feature map that one thread takes at a time */

struct pool_bytes_args {
	struct ref x, y;
	const struct kernels *k;
	bool is_max, is_signed, include_pad;
	size_t channels;
	struct quantised_window window;
	const uint8_t *least; /* a pixel of the least bytes, what padding shows to a maximum */
	struct average_u8 average;
	struct mean_u8 mean; /* of a whole feature map */
};

struct pool_bytes_job {
	const struct pool_bytes_args *a;
	const struct run *run;
	size_t first, parts; /* first picture; parts of each */
};

static bool inside(int64_t i, int64_t n)
{
	return i >= 0 && i < n;
}

/* The pixels that the window at (oy, ox) sees, or NULL for those in the padding. Returns how many. */
static size_t see(const struct pool_bytes_args *a, const uint8_t *x, int64_t oy, int64_t ox,
                  const uint8_t *padding, const uint8_t **in)
{
	const struct window_axis *down = &a->window.axis[1], *along = &a->window.axis[2];
	const int64_t *size = a->window.in;
	size_t n = 0;
	for (int64_t ky = 0, iy = oy * down->stride - down->before; ky < down->kernel;
	     ky++, iy += down->dilation)
		for (int64_t kx = 0, ix = ox * along->stride - along->before; kx < along->kernel;
		     kx++, ix += along->dilation) {
			bool there = inside(iy, size[1]) && inside(ix, size[2]);
			if (there)
				in[n++] = x + (size_t)(iy * size[2] + ix) * a->channels;
			else if (padding)
				in[n++] = padding;
		}
	return n;
}

/* The share of an average's window along axis i that is not padding, by the rule's count. */
static int64_t covered(const struct quantised_window *q, int i, int64_t out)
{
	int64_t lo = out * q->axis[i].stride - q->axis[i].before, hi = lo + q->axis[i].kernel;
	lo = lo < 0 ? 0 : lo;
	return (hi > q->in[i] ? q->in[i] : hi) - lo;
}

static void run_row(void *ctx, size_t item, size_t thread)
{
	const struct pool_bytes_job *job = ctx;
	const struct pool_bytes_args *a = job->a;
	size_t picture = job->first + item / job->parts, oy = item % job->parts;
	size_t width = (size_t)a->window.out[2], taps = (size_t)a->window.taps, n = 0;
	int64_t rows = covered(&a->window, 1, (int64_t)oy);
	char *scratch = job->run->scratch + thread * job->run->scratch_stride;
	const uint8_t **in = (const uint8_t **)(void *)scratch;
	const uint8_t *x = (const uint8_t *)ref_at(job->run, &a->x, picture);
	uint8_t *y = (uint8_t *)ref_at(job->run, &a->y, picture) + oy * width * a->channels;
	for (size_t ox = 0; ox < width; ox++) {
		if (a->is_max) {
			n += see(a, x, (int64_t)oy, (int64_t)ox, a->least, in + n);
			continue;
		}
		n = see(a, x, (int64_t)oy, (int64_t)ox, NULL, in);
		int64_t count = rows * covered(&a->window, 2, (int64_t)ox);
		a->k->avgpool_u8(a->channels, n, in, &a->average,
		                 (float)(a->include_pad ? (int64_t)taps : count),
		                 y + ox * a->channels);
	}
	if (a->is_max)
		a->k->maxpool_u8(width, a->channels, taps, in, a->is_signed, y);
}

static void run_windows(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct pool_bytes_args *a = step->args;
	struct pool_bytes_job job = {a, run, first, (size_t)a->window.out[1]};
	cnn_parallel_for(run->pool, n * job.parts, run_row, &job);
}

static void run_channels(void *ctx, size_t item, size_t thread)
{
	(void)thread;
	const struct pool_bytes_job *job = ctx;
	const struct pool_bytes_args *a = job->a;
	size_t picture = job->first + item / job->parts, c = item % job->parts * CHANNELS;
	size_t n = a->channels - c < CHANNELS ? a->channels - c : CHANNELS;
	a->k->mean_u8(n, (size_t)a->window.inputs, a->channels,
	              (const uint8_t *)ref_at(job->run, &a->x, picture) + c, a->is_signed, &a->mean,
	              (uint8_t *)ref_at(job->run, &a->y, picture) + c);
}

static void run_whole(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct pool_bytes_args *a = step->args;
	struct pool_bytes_job job = {a, run, first, (a->channels + CHANNELS - 1) / CHANNELS};
	cnn_parallel_for(run->pool, n * job.parts, run_channels, &job);
}

/* Does the only window see all of the feature map and nothing else? Its average is then an integer sum. */
static bool is_whole(const struct quantised_window *q)
{
	bool whole = q->outputs == 1;
	for (int i = 0; i < WINDOW_AXES; i++)
		whole = whole && q->axis[i].kernel == q->in[i] && q->axis[i].before == 0;
	return whole;
}

static struct byte_range range_of(enum cnn_dtype dtype, int32_t zero)
{
	struct quantised_range r = quantised_range(dtype, zero);
	return (struct byte_range){r.zero, r.lo, r.hi};
}

static void read_averages(struct lowering *l, const struct node *n, struct pool_bytes_args *a)
{
	enum cnn_dtype dtype = graph_out(l->g, n)->dtype;
	float x_scale = quantised_scale_of(l->g, n, 1), y_scale = quantised_scale_of(l->g, n, 3);
	int32_t x_zero = quantised_zero_of(l->g, n, 2), y_zero = quantised_zero_of(l->g, n, 4);
	/* The zero point is added before rounding. */
	a->average = (struct average_u8){x_scale, y_scale,      (float)y_zero,
	                                 x_zero,  a->is_signed, range_of(dtype, 0)};
	a->mean.bias = (int32_t)-a->window.inputs * x_zero;
	a->mean.scale = x_scale / (y_scale * (float)a->window.inputs);
	a->mean.to = range_of(dtype, y_zero);
}

static void read_window(struct lowering *l, const struct node *n, struct pool_bytes_args *a)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	if (n->op != OP_QLINEAR_GLOBAL_AVERAGE_POOL) {
		a->window = quantised_window(&n->attr.window, x, y);
		a->include_pad = n->attr.window.count_include_pad;
		return;
	}
	a->window.inputs = 1;
	for (int32_t i = 2; i < x->rank; i++)
		a->window.inputs *= x->dim[i];
}

enum cnn_status lower_pool_bytes(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0);
	struct pool_bytes_args *a = lower_alloc(l, 1, sizeof *a);
	uint8_t *least = lower_alloc(l, (size_t)x->dim[1], 1);
	if (!a || !least)
		return lower_no_memory(n, err);
	a->k = l->k;
	a->is_max = n->op == OP_MAX_POOL;
	a->is_signed = x->dtype == CNN_S8;
	a->channels = (size_t)x->dim[1];
	memset(least, a->is_signed ? 0x80 : 0, a->channels);
	a->least = least;
	read_window(l, n, a);
	if (!a->is_max)
		read_averages(l, n, a);
	bool whole =
		n->op == OP_QLINEAR_GLOBAL_AVERAGE_POOL || (!a->is_max && is_whole(&a->window));
	const char *kernel = whole ? "mean_u8" : a->is_max ? "maxpool_u8" : "avgpool_u8";
	if (!whole)
		lower_scratch(l, (size_t)(a->window.out[2] * a->window.taps) * sizeof(void *));
	enum cnn_status status =
		lower_step(l, whole ? run_whole : run_windows, a, kernel, n, n->out[0], 0, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
