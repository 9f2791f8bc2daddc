/* Convolutions of bytes but for the depthwise ones, as products of int16 rows, which are gathered into scratch with
 * their zero point taken off, block of pixels by block. */
#include "engine/kernels/bytes.h"
#include "engine/operators/quantised.h"
#include "engine/plan/qconv.h"

#include <string.h>

/* About how many output pixels one item of a parallel loop has, and how many more rather than leave them alone: each
 * item reads all weights. */
enum { BLOCK = 48, REST = 12 };

/* Bias and scale have as many numbers more than channels: at least any kernel's NR. */
enum { QCONV_ROOM = 64 };

struct qconv_job {
	const struct qconv_args *a;
	const struct run *run;
	size_t first, blocks; /* first picture; blocks of each */
};

const uint8_t *qconv_tap(const struct qconv_args *a, const uint8_t *x, int64_t p, int64_t t)
{
	int64_t h = p / a->out[1] * a->stride[0] - a->pad[0] + t / a->kernel[1] * a->dilation[0];
	int64_t w = p % a->out[1] * a->stride[1] - a->pad[1] + t % a->kernel[1] * a->dilation[1];
	if (h < 0 || h >= a->in[0] || w < 0 || w >= a->in[1])
		return a->zeros;
	return x + (size_t)(h * a->in[1] + w) * a->groups * a->inputs;
}

/* A row of a window, whose taps lie together in the input from (h, w) on; what is outside is 0. */
static void gather_together(const struct qconv_args *a, const uint8_t *x, int64_t h, int64_t w,
                            int16_t *row)
{
	int64_t width = a->kernel[1], left = w < 0 ? -w : 0, right = w + width - a->in[1];
	left = h < 0 || h >= a->in[0] || left > width ? width : left;
	right = right < 0 ? 0 : right > width - left ? width - left : right;
	size_t inside = (size_t)(width - left - right) * a->inputs;
	size_t before = (size_t)left * a->inputs, after = (size_t)right * a->inputs;
	memset(row, 0, before * sizeof *row);
	if (inside)
		widen_bytes(inside, x + (size_t)(h * a->in[1] + w + left) * a->inputs, a->x_signed,
		            a->x_zero, row + before);
	memset(row + before + inside, 0, after * sizeof *row);
}

static void gather_row(const struct qconv_args *a, const uint8_t *x, int64_t p, size_t group,
                       int16_t *row)
{
	size_t k = a->taps * a->inputs;
	if (k % 2)
		row[k] = 0;
	if (a->groups > 1 || a->dilation[1] > 1) {
		for (size_t t = 0; t < a->taps; t++)
			widen_bytes(a->inputs, qconv_tap(a, x, p, (int64_t)t) + group * a->inputs,
			            a->x_signed, a->x_zero, row + t * a->inputs);
		return;
	}
	int64_t h = p / a->out[1] * a->stride[0] - a->pad[0];
	int64_t w = p % a->out[1] * a->stride[1] - a->pad[1];
	for (int64_t i = 0; i < a->kernel[0]; i++, row += (size_t)a->kernel[1] * a->inputs)
		gather_together(a, x, h + i * a->dilation[0], w, row);
}

/* Rows of one group's matrix for `n` pixels from p on; a last odd number is 0. */
static void gather(const struct qconv_args *a, const uint8_t *x, int64_t p, size_t n, size_t group,
                   int16_t *rows)
{
	for (size_t i = 0; i < n; i++)
		gather_row(a, x, p + (int64_t)i, group, rows + i * 2 * a->pairs);
}

static void multiply(const struct qconv_args *a, size_t n, size_t group, const int16_t *rows,
                     uint8_t *y)
{
	size_t ldy = a->groups * a->outputs, lda = 2 * a->pairs;
	const int16_t *b = a->packed + group * a->group_packed;
	for (size_t j = 0; j < a->outputs; j += a->gemm.nr, b += a->pairs * a->gemm.nr * 2) {
		size_t columns = a->outputs - j < a->gemm.nr ? a->outputs - j : a->gemm.nr;
		size_t at = group * a->outputs + j;
		struct requantise r = a->result;
		r.bias += at;
		r.scale += at;
		for (size_t i = 0; i < n; i += a->gemm.mr)
			a->gemm.fn(n - i < a->gemm.mr ? n - i : a->gemm.mr, columns, a->pairs,
			           rows + i * lda, lda, b, &r, y + i * ldy + at, ldy);
	}
}

static void run_block(void *ctx, size_t item, size_t thread)
{
	const struct qconv_job *job = ctx;
	const struct qconv_args *a = job->a;
	size_t picture = job->first + item / job->blocks;
	size_t p = item % job->blocks * a->block, all = (size_t)(a->out[0] * a->out[1]);
	size_t n = all - p < a->block ? all - p : a->block, channels = a->groups * a->outputs;
	char *scratch = job->run->scratch + thread * job->run->scratch_stride;
	const uint8_t *x = (const uint8_t *)ref_at(job->run, &a->x, picture);
	uint8_t *y = (uint8_t *)ref_at(job->run, &a->y, picture) + p * channels;
	if (a->bytes.fn) {
		qconv_run_bytes(a, x, p, n, (uint8_t *)scratch, y);
		return;
	}
	int16_t *rows = (int16_t *)(void *)scratch;
	for (size_t g = 0; g < a->groups; g++) {
		gather(a, x, (int64_t)p, n, g, rows);
		multiply(a, n, g, rows, y);
	}
}

static void run_qconv(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct qconv_args *a = step->args;
	size_t all = (size_t)(a->out[0] * a->out[1]);
	struct qconv_job job = {a, run, first, (all + a->block - 1) / a->block};
	cnn_parallel_for(run->pool, n * job.blocks, run_block, &job);
}

int16_t qconv_weight(const struct lowering *l, const struct node *n, const struct qconv_args *a,
                     size_t o, size_t c, size_t t)
{
	const struct value *w = graph_in(l->g, n, 3);
	int64_t at = (int64_t)((o * a->inputs + c) * a->taps + t);
	return (int16_t)(resolve_int(w, at) - quantised_zero(graph_in(l->g, n, 5), (int64_t)o));
}

/* Each group's panels [pairs][NR][2]; a row of a matrix has all channels of its first tap first. */
static bool pack_products(struct lowering *l, const struct node *n, struct qconv_args *a)
{
	size_t nr = a->gemm.nr, panels = (a->outputs + nr - 1) / nr;
	a->group_packed = panels * nr * a->pairs * 2;
	int16_t *packed = lower_alloc(l, a->groups * a->group_packed, sizeof *packed);
	a->packed = packed;
	if (!packed)
		return false;
	memset(packed, 0, a->groups * a->group_packed * sizeof *packed);
	for (size_t o = 0; o < a->groups * a->outputs; o++) {
		size_t j = o % a->outputs;
		int16_t *panel = packed + o / a->outputs * a->group_packed +
		                 j / nr * nr * a->pairs * 2 + j % nr * 2;
		for (size_t c = 0; c < a->inputs; c++)
			for (size_t t = 0; t < a->taps; t++) {
				size_t k = t * a->inputs + c;
				panel[k / 2 * nr * 2 + k % 2] = qconv_weight(l, n, a, o, c, t);
			}
	}
	return true;
}

/* Bias and scale of each output channel, with room for a kernel's last columns. */
static bool read_result(struct lowering *l, const struct node *n, struct qconv_args *a,
                        int32_t **bias_out)
{
	const struct value *bias = graph_in(l->g, n, 8), *w_scale = graph_in(l->g, n, 4);
	size_t channels = a->groups * a->outputs, room = channels + QCONV_ROOM;
	float x_scale = quantised_scale_of(l->g, n, 1), y_scale = quantised_scale_of(l->g, n, 6);
	int32_t *sums = lower_alloc(l, room, sizeof *sums);
	float *scales = lower_alloc(l, room, sizeof *scales);
	if (!sums || !scales)
		return false;
	memset(sums, 0, room * sizeof *sums);
	memset(scales, 0, room * sizeof *scales);
	for (size_t o = 0; o < channels; o++) {
		sums[o] = bias ? ((const int32_t *)bias->data)[o] : 0;
		scales[o] = x_scale * quantised_scale(w_scale, (int64_t)o) / y_scale;
	}
	struct quantised_range r =
		quantised_range(graph_out(l->g, n)->dtype, quantised_zero_of(l->g, n, 7));
	*bias_out = sums;
	a->result = (struct requantise){sums, scales, r.zero, r.lo, r.hi};
	return true;
}

static void read_shape(struct lowering *l, const struct node *n, struct qconv_args *a)
{
	const struct value *x = graph_in(l->g, n, 0), *w = graph_in(l->g, n, 3);
	struct quantised_window q = quantised_window(&n->attr.window, x, graph_out(l->g, n));
	for (int i = 0; i < 2; i++) {
		a->in[i] = q.in[i + 1];
		a->out[i] = q.out[i + 1];
		a->kernel[i] = q.axis[i + 1].kernel;
		a->stride[i] = q.axis[i + 1].stride;
		a->dilation[i] = q.axis[i + 1].dilation;
		a->pad[i] = q.axis[i + 1].before;
	}
	a->groups = (size_t)n->attr.window.group;
	a->inputs = (size_t)x->dim[1] / a->groups;
	a->outputs = (size_t)w->dim[0] / a->groups;
	a->taps = (size_t)q.taps;
	a->pairs = (a->taps * a->inputs + 1) / 2;
	a->x_zero = quantised_zero_of(l->g, n, 2);
	a->x_signed = x->dtype == CNN_S8;
	a->gemm = l->k->gemm_s16;
}

/* As many for each item, and at least one item for each thread. */
static size_t block_of(const struct lowering *l, const struct qconv_args *a)
{
	size_t all = (size_t)(a->out[0] * a->out[1]), mr = a->bytes.fn ? a->bytes.mr : a->gemm.mr;
	size_t items = all > REST ? (all - 1 - REST) / BLOCK + 1 : 1;
	if (items < l->options->threads_hint)
		items = l->options->threads_hint;
	size_t block = (all + items - 1) / items;
	return (block + mr - 1) / mr * mr;
}

enum cnn_status lower_qlinear_conv(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	if (qdwconv_fits(l, n))
		return lower_qdwconv(l, n, err);
	struct qconv_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	read_shape(l, n, a);
	size_t channels = a->groups * a->inputs;
	uint8_t *zeros = lower_alloc(l, channels, 1);
	int32_t *sums;
	if (qconv_fits_bytes(l, n, a))
		a->bytes = l->k->gemm_u8s8;
	if (!zeros || !read_result(l, n, a, &sums) ||
	    !(a->bytes.fn ? qconv_pack_bytes(l, n, a, sums) : pack_products(l, n, a)))
		return lower_no_memory(n, err);
	memset(zeros, (uint8_t)a->x_zero, channels);
	a->zeros = zeros;
	a->block = block_of(l, a);
	size_t row = a->bytes.fn ? qconv_bytes_scratch(a) : 2 * a->pairs * sizeof(int16_t);
	lower_scratch(l, a->block * row);
	size_t weights = a->groups * a->outputs * a->inputs * a->taps *
	                 (a->bytes.fn ? sizeof(int8_t) : sizeof(int16_t));
	enum cnn_status status =
		lower_step(l, run_qconv, a, a->bytes.fn ? a->bytes.name : a->gemm.name, n,
	                   n->out[0], weights, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
