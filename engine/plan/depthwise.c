#include "engine/plan/depthwise.h"

void depthwise_rows(const void *args, const struct rows *x, const struct rows *y,
                    const float *residual, int32_t from, int32_t to, char *scratch)
{
	const struct depthwise_args *a = args;
	const struct gemm_window *w = &a->window;
	const float **ptr = (const float **)(void *)scratch;
	size_t taps = (size_t)w->kernel[0] * (size_t)w->kernel[1];
	size_t row = (size_t)w->out_w * w->pixel;
	for (int32_t oy = from; oy < to; oy++) {
		const float **p = ptr;
		for (int32_t ox = 0; ox < w->out_w; ox++) {
			for (int32_t ky = 0; ky < w->kernel[0]; ky++) {
				int32_t iy = oy * w->stride[0] - w->pad[0] + ky * w->dilation[0];
				bool outside = iy < 0 || iy >= w->in_h;
				const float *line = outside ? NULL : rows_at(x, iy);
				int32_t ix = ox * w->stride[1] - w->pad[1];
				for (int32_t kx = 0; kx < w->kernel[1]; kx++, ix += w->dilation[1])
					*p++ = outside || ix < 0 || ix >= w->in_w
					               ? a->zero
					               : line + (size_t)ix * w->pixel;
			}
		}
		float *out = rows_at(y, oy);
		struct epilogue ep = {
			.bias = a->bias,
			.residual = residual ? residual + (size_t)oy * row : NULL,
			.lo = a->lo,
			.hi = a->hi,
		};
		a->k->dwconv_f32((size_t)w->out_w, w->pixel, taps, ptr, a->weights, out, &ep);
		tail_apply(a->k, &a->tail, row, out);
	}
}

struct depthwise_job {
	const struct depthwise_args *a;
	const struct run *run;
	size_t first;
};

static void run_row(void *ctx, size_t item, size_t thread)
{
	const struct depthwise_job *job = ctx;
	const struct depthwise_args *a = job->a;
	const struct run *run = job->run;
	const struct gemm_window *w = &a->window;
	size_t picture = job->first + item / (size_t)w->out_h;
	int32_t oy = (int32_t)(item % (size_t)w->out_h);
	const struct rows x = {ref_at(run, &a->x, picture), (size_t)w->in_w * w->pixel, ROWS_ALL};
	const struct rows y = {ref_at(run, &a->y, picture), (size_t)w->out_w * w->pixel, ROWS_ALL};
	const float *residual = a->has_residual ? ref_at(run, &a->residual, picture) : NULL;
	depthwise_rows(a, &x, &y, residual, oy, oy + 1,
	               run->scratch + thread * run->scratch_stride);
}

void depthwise_step(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct depthwise_args *a = step->args;
	struct depthwise_job job = {a, run, first};
	cnn_parallel_for(run->pool, n * (size_t)a->window.out_h, run_row, &job);
}

struct depthwise_args *depthwise_new(struct lowering *l, const struct gemm_args *a,
                                     const float *weights)
{
	const struct gemm_window *w = &a->window;
	size_t channels = w->pixel, taps = (size_t)w->kernel[0] * (size_t)w->kernel[1];
	struct depthwise_args *d = lower_alloc(l, 1, sizeof *d);
	float *packed = lower_alloc(l, taps * channels, sizeof(float));
	float *zero = lower_alloc(l, channels, sizeof(float));
	if (!d || !packed || !zero)
		return NULL;
	for (size_t c = 0; c < channels; c++)
		for (size_t t = 0; t < taps; t++)
			packed[t * channels + c] = weights[c * taps + t];
	*d = (struct depthwise_args){
		.k = a->k,
		.has_residual = a->has_residual,
		.window = a->window,
		.weights = packed,
		.bias = a->bias,
		.zero = zero,
		.lo = a->lo,
		.hi = a->hi,
		.tail = a->tail,
	};
	return d;
}
