/* Max and average pooling, over windows and over the whole feature map. */
#include "engine/plan/rows.h"

#include <math.h>

/* A row of outputs is described by this many pointers at most. */
#define MAX_POINTERS ((size_t)1 << 22)

struct pool_args {
	const struct kernels *k;
	struct ref x, y;
	bool average;
	size_t channels;
	int32_t in_h, in_w, out_h, out_w;
	struct window_attr window;
	const float *zero;  /* [channels], what padding shows to an average */
	const float *scale; /* [out_h][out_w], of an average */
};

/* For each output row: pointers to the taps of all its pixels, then one call of the kernel. */
static void pool_rows(const void *args, const struct rows *x, const struct rows *y,
                      const float *residual, int32_t from, int32_t to, char *scratch)
{
	(void)residual; /* pools have none */
	const struct pool_args *a = args;
	const struct window_attr *w = &a->window;
	const float **ptr = (const float **)(void *)scratch;
	size_t taps = (size_t)w->kernel[0] * (size_t)w->kernel[1];
	for (int32_t oy = from; oy < to; oy++) {
		for (int32_t ox = 0; ox < a->out_w; ox++) {
			const float **p = ptr + (size_t)ox * taps, *valid = NULL;
			for (int32_t ky = 0; ky < w->kernel[0]; ky++) {
				int32_t iy = oy * w->stride[0] - w->pad[0] + ky * w->dilation[0];
				bool outside = iy < 0 || iy >= a->in_h;
				const float *row = outside ? NULL : rows_at(x, iy);
				int32_t ix = ox * w->stride[1] - w->pad[1];
				for (int32_t kx = 0; kx < w->kernel[1];
				     kx++, ix += w->dilation[1]) {
					const float *tap = outside || ix < 0 || ix >= a->in_w
					                           ? NULL
					                           : row + (size_t)ix * a->channels;
					valid = tap ? tap : valid;
					*p++ = tap || !a->average ? tap : a->zero;
				}
			}
			/* the maximum sees one of its own taps again where padding was */
			for (size_t t = 0; t < taps && !a->average; t++)
				if (!ptr[(size_t)ox * taps + t])
					ptr[(size_t)ox * taps + t] = valid ? valid : a->zero;
		}
		if (a->average)
			a->k->avgpool_f32((size_t)a->out_w, a->channels, taps, ptr,
			                  a->scale + (size_t)oy * (size_t)a->out_w, rows_at(y, oy));
		else
			a->k->maxpool_f32((size_t)a->out_w, a->channels, taps, ptr, rows_at(y, oy));
	}
}

struct pool_job {
	const struct pool_args *a;
	const struct run *run;
	size_t first;
};

static void run_row(void *ctx, size_t item, size_t thread)
{
	const struct pool_job *job = ctx;
	const struct pool_args *a = job->a;
	const struct run *run = job->run;
	size_t picture = job->first + item / (size_t)a->out_h;
	int32_t oy = (int32_t)(item % (size_t)a->out_h);
	const struct rows x = {ref_at(run, &a->x, picture), (size_t)a->in_w * a->channels,
	                       ROWS_ALL};
	const struct rows y = {ref_at(run, &a->y, picture), (size_t)a->out_w * a->channels,
	                       ROWS_ALL};
	pool_rows(a, &x, &y, NULL, oy, oy + 1, run->scratch + thread * run->scratch_stride);
}

static void run_pool(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct pool_args *a = step->args;
	struct pool_job job = {a, run, first};
	cnn_parallel_for(run->pool, n * (size_t)a->out_h, run_row, &job);
}

/* How many k of 0 <= k < kernel have first + k * step < limit. */
static int32_t taps_below(int32_t kernel, int32_t first, int32_t step, int32_t limit)
{
	int32_t room = limit - first, n = room > 0 ? (room - 1) / step + 1 : 0;
	return n < kernel ? n : kernel;
}

/* Taps of the window at output position `o` of one axis that count: inside the picture, or
 * inside its explicit padding too. */
static int32_t counted(const struct window_attr *w, int axis, int32_t o, int32_t in)
{
	int32_t kernel = w->kernel[axis], step = w->dilation[axis];
	int32_t first = o * w->stride[axis] - w->pad[axis];
	if (w->count_include_pad)
		return taps_below(kernel, first, step, in + w->pad[2 + axis]);
	return taps_below(kernel, first, step, in) - taps_below(kernel, first, step, 0);
}

static enum cnn_status finish_pool(struct lowering *l, const struct node *n, struct pool_args *a,
                                   struct cnn_error *err)
{
	size_t taps = (size_t)a->window.kernel[0] * (size_t)a->window.kernel[1];
	if (taps > MAX_POINTERS / (size_t)a->out_w)
		return lower_unsupported(n, "has a window that is too large", err);
	float *scale = lower_alloc(l, (size_t)a->out_h * (size_t)a->out_w, sizeof(float));
	float *zero = lower_alloc(l, a->channels, sizeof(float));
	if (!scale || !zero)
		return lower_no_memory(n, err);
	for (int32_t y = 0; y < a->out_h; y++) {
		int32_t rows = counted(&a->window, 0, y, a->in_h);
		for (int32_t x = 0; x < a->out_w; x++) {
			int32_t count = rows * counted(&a->window, 1, x, a->in_w);
			scale[y * a->out_w + x] = count ? 1.0f / (float)count : 0;
		}
	}
	/* a maximum whose window holds no input at all */
	for (size_t c = 0; c < a->channels && !a->average; c++)
		zero[c] = -INFINITY;
	a->k = l->k;
	a->scale = scale;
	a->zero = zero;
	return CNN_OK;
}

static const char *pool_name(const struct pool_args *a)
{
	return a->average ? "avgpool_f32" : "maxpool_f32";
}

static size_t pool_scratch(const struct pool_args *a)
{
	return (size_t)a->out_w * (size_t)a->window.kernel[0] * (size_t)a->window.kernel[1] *
	       sizeof(float *);
}

static enum cnn_status emit_pool(struct lowering *l, const struct node *n, struct pool_args *a,
                                 struct cnn_error *err)
{
	lower_scratch(l, pool_scratch(a));
	enum cnn_status status = lower_step(l, run_pool, a, pool_name(a), n, n->out[0], 0, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}

static enum cnn_status make_pool(struct lowering *l, const struct node *n, struct pool_args **out,
                                 struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	struct pool_args *a = *out = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	bool flat = x->rank == 3; /* one spatial axis: a height of 1 */
	a->average = n->op == OP_AVERAGE_POOL;
	a->channels = (size_t)x->dim[1];
	a->in_h = flat ? 1 : (int32_t)x->dim[2];
	a->in_w = (int32_t)x->dim[x->rank - 1];
	a->out_h = flat ? 1 : (int32_t)y->dim[2];
	a->out_w = (int32_t)y->dim[y->rank - 1];
	a->window = n->attr.window;
	return finish_pool(l, n, a, err);
}

enum cnn_status rows_of_pool(struct lowering *l, const struct node *n, struct row_work *out,
                             struct cnn_error *err)
{
	struct pool_args *a;
	enum cnn_status status = make_pool(l, n, &a, err);
	if (status)
		return status;
	const struct window_attr *w = &a->window;
	*out = (struct row_work){
		.fn = pool_rows,
		.args = a,
		.kernel = pool_name(a),
		.in_rows = a->in_h,
		.out_rows = a->out_h,
		.window = (w->kernel[0] - 1) * w->dilation[0] + 1,
		.stride = w->stride[0],
		.pad = w->pad[0],
		.unit = 1,
		.in_row = (size_t)a->in_w * a->channels,
		.out_row = (size_t)a->out_w * a->channels,
		.scratch_bytes = pool_scratch(a),
	};
	return CNN_OK;
}

enum cnn_status lower_pool(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	struct pool_args *a;
	if (graph_out(l->g, n)->dtype != CNN_F32)
		return lower_pool_bytes(l, n, err);
	enum cnn_status status = make_pool(l, n, &a, err);
	return status ? status : emit_pool(l, n, a, err);
}

/* Global pools of any rank: the spatial axes are one row, and one window covers it. */
enum cnn_status lower_global_pool(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0);
	struct pool_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	int64_t pixels = 1;
	for (int32_t i = 2; i < x->rank; i++)
		pixels *= x->dim[i];
	if (pixels > (int64_t)MAX_POINTERS)
		return lower_unsupported(n, "covers too many pixels", err);
	a->average = n->op == OP_GLOBAL_AVERAGE_POOL;
	a->channels = (size_t)x->dim[1];
	a->in_h = a->out_h = a->out_w = 1;
	a->in_w = (int32_t)pixels;
	a->window = (struct window_attr){
		.kernel = {1, (int32_t)pixels}, .stride = {1, 1}, .dilation = {1, 1}, .spatial = 2};
	enum cnn_status status = finish_pool(l, n, a, err);
	return status ? status : emit_pool(l, n, a, err);
}
