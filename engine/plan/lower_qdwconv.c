/* Depthwise convolutions of bytes, row by row. */
#include "engine/operators/quantised.h"
#include "engine/plan/lower.h"

#include <string.h>

struct qdwconv_args {
	struct ref x, y;
	dwconv_u8_fn *fn;
	int64_t in[2], out[2]; /* height, width */
	int64_t stride, dilation, pad[2];
	struct dwconv_u8_window window; /* along the row; stride and dilation above are of rows */
	const int16_t *weights;
	const uint8_t *zeros; /* a pixel of padding */
	struct requantise result;
};

struct qdwconv_job {
	const struct qdwconv_args *a;
	const struct run *run;
	size_t first;
};

/* A pixel for each column that output row `oy` sees in each of the kernel's rows; padding shows zero points. */
static void see(const struct qdwconv_args *a, const uint8_t *x, int64_t oy, const uint8_t **in)
{
	const struct dwconv_u8_window *w = &a->window;
	int64_t columns = (int64_t)w->columns, before = a->pad[1] < columns ? a->pad[1] : columns;
	int64_t inside = columns < a->in[1] + a->pad[1] ? columns : a->in[1] + a->pad[1];
	for (size_t ky = 0; ky < w->kernel[0]; ky++, in += columns) {
		int64_t iy = oy * a->stride - a->pad[0] + (int64_t)ky * a->dilation, j = 0;
		if (iy >= 0 && iy < a->in[0]) {
			const uint8_t *row = x + (size_t)(iy * a->in[1]) * w->channels;
			for (; j < before; j++)
				in[j] = a->zeros;
			for (; j < inside; j++, row += w->channels)
				in[j] = row;
		}
		for (; j < columns; j++)
			in[j] = a->zeros;
	}
}

static void run_row(void *ctx, size_t item, size_t thread)
{
	const struct qdwconv_job *job = ctx;
	const struct qdwconv_args *a = job->a;
	size_t rows = (size_t)a->out[0], picture = job->first + item / rows, oy = item % rows;
	char *scratch = job->run->scratch + thread * job->run->scratch_stride;
	const uint8_t **in = (const uint8_t **)(void *)scratch;
	uint8_t *y = (uint8_t *)ref_at(job->run, &a->y, picture);
	see(a, (const uint8_t *)ref_at(job->run, &a->x, picture), (int64_t)oy, in);
	a->fn(&a->window, (size_t)a->out[1], in, a->weights, &a->result,
	      y + oy * (size_t)a->out[1] * a->window.channels);
}

static void run_qdwconv(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct qdwconv_args *a = step->args;
	struct qdwconv_job job = {a, run, first};
	cnn_parallel_for(run->pool, n * (size_t)a->out[0], run_row, &job);
}

static void read_shape(struct lowering *l, const struct node *n, struct qdwconv_args *a)
{
	const struct value *x = graph_in(l->g, n, 0);
	struct quantised_window q = quantised_window(&n->attr.window, x, graph_out(l->g, n));
	const struct window_axis *down = &q.axis[1], *along = &q.axis[2];
	for (int i = 0; i < 2; i++) {
		a->in[i] = q.in[i + 1];
		a->out[i] = q.out[i + 1];
		a->pad[i] = q.axis[i + 1].before;
	}
	a->fn = l->k->dwconv_u8;
	a->stride = down->stride;
	a->dilation = down->dilation;
	a->window = (struct dwconv_u8_window){
		.channels = (size_t)x->dim[1],
		.kernel = {(size_t)down->kernel, (size_t)along->kernel},
		.stride = (size_t)along->stride,
		.dilation = (size_t)along->dilation,
		.columns = (size_t)((a->out[1] - 1) * along->stride +
	                            (along->kernel - 1) * along->dilation + 1),
		.is_signed = x->dtype == CNN_S8,
	};
}

/* Weights in pairs of rows; biases from which each weight's share of the zero point is taken off; scales. */
static bool pack(struct lowering *l, const struct node *n, struct qdwconv_args *a)
{
	const struct value *w = graph_in(l->g, n, 3), *w_scale = graph_in(l->g, n, 4);
	const struct value *w_zero = graph_in(l->g, n, 5), *bias = graph_in(l->g, n, 8);
	size_t channels = a->window.channels, height = a->window.kernel[0];
	size_t width = a->window.kernel[1], pairs = (height + 1) / 2 * width;
	int16_t *weights = lower_alloc(l, pairs * channels, 2 * sizeof *weights);
	int32_t *sums = lower_alloc(l, channels, sizeof *sums);
	float *scales = lower_alloc(l, channels, sizeof *scales);
	uint8_t *zeros = lower_alloc(l, channels, 1);
	if (!weights || !sums || !scales || !zeros)
		return false;
	int32_t x_zero = quantised_zero_of(l->g, n, 2);
	float x_scale = quantised_scale_of(l->g, n, 1), y_scale = quantised_scale_of(l->g, n, 6);
	memset(weights, 0, pairs * channels * 2 * sizeof *weights);
	memset(zeros, (uint8_t)x_zero, channels);
	for (size_t c = 0; c < channels; c++) {
		int32_t zero = quantised_zero(w_zero, (int64_t)c);
		uint32_t sum = bias ? (uint32_t)((const int32_t *)bias->data)[c] : 0;
		for (size_t t = 0; t < height * width; t++) {
			size_t ky = t / width, kx = t % width;
			int32_t v =
				(int32_t)resolve_int(w, (int64_t)(c * height * width + t)) - zero;
			weights[((ky / 2 * width + kx) * channels + c) * 2 + ky % 2] = (int16_t)v;
			sum -= (uint32_t)(v * x_zero);
		}
		sums[c] = (int32_t)sum;
		scales[c] = x_scale * quantised_scale(w_scale, (int64_t)c) / y_scale;
	}
	struct quantised_range r =
		quantised_range(graph_out(l->g, n)->dtype, quantised_zero_of(l->g, n, 7));
	a->weights = weights;
	a->zeros = zeros;
	a->result = (struct requantise){sums, scales, r.zero, r.lo, r.hi};
	return true;
}

/* A row of outputs sees at most this many pixels. */
#define MOST_POINTERS ((int64_t)1 << 20)

bool qdwconv_fits(const struct lowering *l, const struct node *n)
{
	const struct value *x = graph_in(l->g, n, 0);
	const struct window_attr *w = &n->attr.window;
	struct quantised_window q = quantised_window(w, x, graph_out(l->g, n));
	int64_t columns =
		(q.out[2] - 1) * q.axis[2].stride + (q.axis[2].kernel - 1) * q.axis[2].dilation + 1;
	return w->group > 1 && w->group == x->dim[1] && w->group == graph_out(l->g, n)->dim[1] &&
	       columns <= MOST_POINTERS / q.axis[1].kernel;
}

enum cnn_status lower_qdwconv(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	struct qdwconv_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	read_shape(l, n, a);
	if (!pack(l, n, a))
		return lower_no_memory(n, err);
	const struct dwconv_u8_window *w = &a->window;
	lower_scratch(l, w->kernel[0] * w->columns * sizeof(void *));
	size_t bytes = (w->kernel[0] + 1) / 2 * w->kernel[1] * w->channels * 2 * sizeof(int16_t);
	enum cnn_status status =
		lower_step(l, run_qdwconv, a, "dwconv_u8", n, n->out[0], bytes, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
