/* Convolution: depthwise over channels, everything else as implicit GEMM, group by group. */
#include "engine/plan/gemm.h"
#include "engine/plan/winograd.h"

#include <stdlib.h>

/* Taps shorter than GATHER_BELOW floats are shown to the kernel together: as whole rows of the window
 * where these are contiguous and not short themselves. */
enum { GATHER_BELOW = 16, ROWS_FROM = 8 };

static void read_window(const struct node *n, const struct value *x, const struct value *y,
                        struct gemm_window *w)
{
	const struct window_attr *attr = &n->attr.window;
	bool flat = x->rank == 3; /* one spatial axis: a height of 1 */
	w->in_h = flat ? 1 : (int32_t)x->dim[2];
	w->in_w = (int32_t)x->dim[x->rank - 1];
	w->out_h = flat ? 1 : (int32_t)y->dim[2];
	w->out_w = (int32_t)y->dim[y->rank - 1];
	for (int i = 0; i < 2; i++) {
		w->kernel[i] = attr->kernel[i];
		w->stride[i] = attr->stride[i];
		w->dilation[i] = attr->dilation[i];
		w->pad[i] = attr->pad[i];
	}
	w->pixel = (size_t)x->dim[1];
	w->plain = w->kernel[0] == 1 && w->kernel[1] == 1 && w->stride[0] == 1 &&
	           w->stride[1] == 1 && w->pad[0] == 0 && w->pad[1] == 0 && w->in_h == w->out_h &&
	           w->in_w == w->out_w;
}

static enum gemm_gather choose_gather(const struct gemm_args *a)
{
	const struct gemm_window *w = &a->window;
	if (a->taps == 1 || a->kc >= GATHER_BELOW)
		return GATHER_NONE;
	bool contiguous = a->groups == 1 && w->dilation[1] == 1;
	return contiguous && (size_t)w->kernel[1] * a->kc >= ROWS_FROM ? GATHER_ROWS : GATHER_ALL;
}

/* --- depthwise ------------------------------------------------------------------- */

struct depthwise_args {
	const struct kernels *k;
	struct ref x, y, residual;
	bool has_residual;
	struct gemm_window window;
	const float *weights; /* [taps][channels] */
	const float *bias, *zero;
	float lo, hi;
	struct tail tail;
};

struct depthwise_job {
	const struct depthwise_args *a;
	const struct run *run;
	size_t first;
};

static void depthwise_row(void *ctx, size_t item, size_t thread)
{
	const struct depthwise_job *job = ctx;
	const struct depthwise_args *a = job->a;
	const struct gemm_window *w = &a->window;
	size_t picture = job->first + item / (size_t)w->out_h;
	int32_t oy = (int32_t)(item % (size_t)w->out_h);
	const float *x = ref_at(job->run, &a->x, picture);
	const float **ptr =
		(const float **)(void *)(job->run->scratch + thread * job->run->scratch_stride);
	const float **p = ptr;
	for (int32_t ox = 0; ox < w->out_w; ox++) {
		for (int32_t ky = 0; ky < w->kernel[0]; ky++) {
			int32_t iy = oy * w->stride[0] - w->pad[0] + ky * w->dilation[0];
			bool outside = iy < 0 || iy >= w->in_h;
			const float *row =
				x + (outside ? 0 : (size_t)iy * (size_t)w->in_w * w->pixel);
			int32_t ix = ox * w->stride[1] - w->pad[1];
			for (int32_t kx = 0; kx < w->kernel[1]; kx++, ix += w->dilation[1])
				*p++ = outside || ix < 0 || ix >= w->in_w
				               ? a->zero
				               : row + (size_t)ix * w->pixel;
		}
	}
	size_t taps = (size_t)w->kernel[0] * (size_t)w->kernel[1];
	size_t at = (size_t)oy * (size_t)w->out_w * w->pixel;
	float *y = ref_at(job->run, &a->y, picture) + at;
	struct epilogue ep = {
		.bias = a->bias,
		.residual = a->has_residual ? ref_at(job->run, &a->residual, picture) + at : NULL,
		.lo = a->lo,
		.hi = a->hi,
	};
	a->k->dwconv_f32((size_t)w->out_w, w->pixel, taps, ptr, a->weights, y, &ep);
	tail_apply(&a->tail, (size_t)w->out_w * w->pixel, y);
}

static void run_depthwise(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct depthwise_args *a = step->args;
	struct depthwise_job job = {a, run, first};
	cnn_parallel_for(run->pool, n * (size_t)a->window.out_h, depthwise_row, &job);
}

static enum cnn_status lower_depthwise(struct lowering *l, const struct node *n,
                                       struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *w = graph_in(l->g, n, 1),
			   *b = graph_in(l->g, n, 2);
	size_t channels = (size_t)x->dim[1], taps = (size_t)(graph_elements(w) / w->dim[0]);
	struct depthwise_args *a = lower_alloc(l, 1, sizeof *a);
	float *weights = lower_alloc(l, taps * channels, sizeof(float));
	float *zero = lower_alloc(l, channels, sizeof(float));
	if (!a || !weights || !zero)
		return lower_no_memory(n, err);
	const float *from = w->data;
	for (size_t c = 0; c < channels; c++)
		for (size_t t = 0; t < taps; t++)
			weights[t * channels + c] = from[c * taps + t];
	a->k = l->k;
	a->weights = weights;
	a->zero = zero;
	a->bias = b ? lower_copy(l, b->data, graph_value_bytes(b)) : NULL;
	if (b && !a->bias)
		return lower_no_memory(n, err);
	a->has_residual = n->residual != NO_VALUE;
	tail_split(&n->activation, &a->lo, &a->hi, &a->tail);
	read_window(n, x, graph_out(l->g, n), &a->window);
	lower_scratch(l, (size_t)a->window.out_w * taps * sizeof(float *));
	enum cnn_status status = lower_step(l, run_depthwise, a, "dwconv_f32", n, n->out[0],
	                                    taps * channels * sizeof(float), err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	if (!status && a->has_residual)
		status = lower_read(l, n->residual, &a->residual, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}

/* --- everything else ------------------------------------------------------------------ */

/* ONNX's weights [O][C / group][kh][kw] into each group's packed panels, K = kh, kw, c. */
static const float *pack_weights(struct lowering *l, const struct gemm_args *a, const float *w)
{
	const struct gemm_f32 *gemm = &l->k->gemm_f32;
	size_t k = a->taps * a->kc, size = gemm_f32_packed_size(gemm, a->n, k);
	float *packed = lower_alloc(l, a->groups * size, sizeof(float));
	float *sorted = malloc(k * a->n * sizeof *sorted); /* one group as [n][taps][kc] */
	if (!packed || !sorted) {
		free(sorted);
		return NULL;
	}
	for (size_t g = 0; g < a->groups; g++) {
		const float *from = w + g * a->n * k;
		for (size_t o = 0; o < a->n; o++)
			for (size_t c = 0; c < a->kc; c++)
				for (size_t t = 0; t < a->taps; t++)
					sorted[(o * a->taps + t) * a->kc + c] =
						from[(o * a->kc + c) * a->taps + t];
		gemm_f32_pack(gemm, a->n, k, sorted, 1, k, packed + g * size);
	}
	free(sorted);
	return packed;
}

enum cnn_status lower_conv(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *w = graph_in(l->g, n, 1),
			   *b = graph_in(l->g, n, 2);
	const struct value *y = graph_out(l->g, n);
	size_t groups = (size_t)n->attr.window.group;
	if (!w->data || (b && !b->data))
		return lower_unsupported(n, "has weights computed from the picture", err);
	if (groups > 1 && (int64_t)groups == x->dim[1] && w->dim[0] == x->dim[1])
		return lower_depthwise(l, n, err);

	struct gemm_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	a->k = l->k;
	read_window(n, x, y, &a->window);
	a->groups = groups;
	a->kc = (size_t)x->dim[1] / groups;
	a->taps = (size_t)a->window.kernel[0] * (size_t)a->window.kernel[1];
	a->n = (size_t)w->dim[0] / groups;
	a->ldc = (size_t)w->dim[0];
	a->rows = (size_t)a->window.out_h * (size_t)a->window.out_w;
	a->gather = choose_gather(a);
	a->bias = b ? lower_copy(l, b->data, graph_value_bytes(b)) : NULL;
	a->has_residual = n->residual != NO_VALUE;
	tail_split(&n->activation, &a->lo, &a->hi, &a->tail);
	if (b && !a->bias)
		return lower_no_memory(n, err);
	if (winograd_pays(a))
		return lower_winograd(l, n, a, w->data, err);
	a->packed = pack_weights(l, a, w->data);
	a->zero = lower_alloc(l, gemm_zeros(a), sizeof(float));
	if (!a->packed || !a->zero)
		return lower_no_memory(n, err);
	gemm_finish(l, a);
	enum cnn_status status = lower_step(l, gemm_step, a, l->k->gemm_f32.name, n, n->out[0],
	                                    (size_t)graph_elements(w) * sizeof(float), err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	if (!status && a->has_residual)
		status = lower_read(l, n->residual, &a->residual, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
