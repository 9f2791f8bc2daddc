#include "engine/plan/depthwise.h"

/* How many taps k >= 0 lie before input position `limit`, the first at `first`; at most `kernel`. */
static int32_t taps_before(int32_t limit, int32_t first, int32_t dilation, int32_t kernel)
{
	int32_t room = limit - first, n = room > 0 ? (room - 1) / dilation + 1 : 0;
	return n < kernel ? n : kernel;
}

/* One output row; `in` shows the input rows that its windows see. */
struct output_row {
	const struct depthwise_args *a;
	const float *const *in;
	const float *w, *residual;
	float *y;
	size_t rows;
};

/* Pixels ox .. ox + n - 1, whose windows see columns like the first one's. */
static void run_pixels(const struct output_row *row, int32_t ox, int32_t n)
{
	const struct depthwise_args *a = row->a;
	const struct gemm_window *w = &a->window;
	int32_t ix = ox * w->stride[1] - w->pad[1], dilation = w->dilation[1];
	int32_t first = taps_before(0, ix, dilation, w->kernel[1]);
	int32_t end = taps_before(w->in_w, ix, dilation, w->kernel[1]);
	size_t out = (size_t)ox * w->pixel;
	const struct dwrow_window window = {
		.rows = end > first ? row->rows : 0,
		.columns = (size_t)(end - first),
		.from = end > first ? (size_t)(ix + first * dilation) * w->pixel : 0,
		.step = (size_t)w->stride[1] * w->pixel,
		.tap = (size_t)dilation * w->pixel,
		.w_row = (size_t)w->kernel[1] * w->pixel,
	};
	const struct epilogue ep = {
		.bias = a->bias,
		.residual = row->residual ? row->residual + out : NULL,
		.lo = a->lo,
		.hi = a->hi,
	};
	a->k->dwrow_f32((size_t)n, w->pixel, &window, row->in, row->w + (size_t)first * w->pixel,
	                row->y + out, &ep);
}

/* Borders pixel by pixel, what is between them at once. */
static void run_output_row(const struct output_row *row)
{
	const struct gemm_window *w = &row->a->window;
	int32_t left = 0, right = w->out_w, reach = (w->kernel[1] - 1) * w->dilation[1];
	while (left < w->out_w && left * w->stride[1] < w->pad[1])
		run_pixels(row, left++, 1);
	while (right > left && (right - 1) * w->stride[1] - w->pad[1] + reach >= w->in_w)
		run_pixels(row, --right, 1);
	if (left < right)
		run_pixels(row, left, right - left);
}

void depthwise_rows(const void *args, const struct rows *x, const struct rows *y,
                    const float *residual, int32_t from, int32_t to, char *scratch)
{
	const struct depthwise_args *a = args;
	const struct gemm_window *w = &a->window;
	const float **in = (const float **)(void *)scratch;
	size_t length = (size_t)w->out_w * w->pixel;
	struct output_row row = {.a = a, .in = in};
	for (int32_t oy = from; oy < to; oy++) {
		int32_t iy = oy * w->stride[0] - w->pad[0];
		int32_t first = taps_before(0, iy, w->dilation[0], w->kernel[0]);
		int32_t end = taps_before(w->in_h, iy, w->dilation[0], w->kernel[0]);
		row.rows = 0;
		for (int32_t ky = first; ky < end; ky++)
			in[row.rows++] = rows_at(x, iy + ky * w->dilation[0]);
		row.w = a->weights + (size_t)first * (size_t)w->kernel[1] * w->pixel;
		row.residual = residual ? residual + (size_t)oy * length : NULL;
		row.y = rows_at(y, oy);
		run_output_row(&row);
		tail_apply(a->k, &a->tail, length, row.y);
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
	if (!d || !packed)
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
		.lo = a->lo,
		.hi = a->hi,
		.tail = a->tail,
	};
	return d;
}
