/* Convolution: depthwise over channels, 3 x 3 by Winograd, everything else as implicit GEMM, group by group. */
#include "engine/plan/depthwise.h"
#include "engine/plan/winograd.h"

#include <stdlib.h>

/* Taps shorter than GATHER_BELOW floats are shown to the kernel together: as whole rows of the window
 * where these are contiguous and not short themselves. */
enum { GATHER_BELOW = 16, ROWS_FROM = 3 };

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

/* All of a convolution but its weights; they and the bias must be constant. */
static enum cnn_status read_conv(struct lowering *l, const struct node *n, struct gemm_args *a,
                                 struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *w = graph_in(l->g, n, 1),
			   *b = graph_in(l->g, n, 2);
	if (!w->data || (b && !b->data))
		return lower_unsupported(n, "has weights computed from the picture", err);
	a->k = l->k;
	read_window(n, x, graph_out(l->g, n), &a->window);
	a->groups = (size_t)n->attr.window.group;
	a->kc = (size_t)x->dim[1] / a->groups;
	a->taps = (size_t)a->window.kernel[0] * (size_t)a->window.kernel[1];
	a->n = (size_t)w->dim[0] / a->groups;
	a->ldc = (size_t)w->dim[0];
	a->rows = (size_t)a->window.out_h * (size_t)a->window.out_w;
	a->bias = b ? lower_copy(l, b->data, graph_value_bytes(b)) : NULL;
	a->has_residual = n->residual != NO_VALUE;
	tail_split(&n->activation, &a->lo, &a->hi, &a->tail);
	return b && !a->bias ? lower_no_memory(n, err) : CNN_OK;
}

/* One of the three ways. Each has a step function, and operands in its arguments. */
struct conv {
	struct row_work work;
	step_fn *step;
	struct ref *x, *y, *residual;
	size_t *pixel; /* floats from one output pixel to the next; NULL: they follow each other */
};

static enum cnn_status make_depthwise(struct lowering *l, const struct node *n,
                                      const struct gemm_args *a, struct conv *out,
                                      struct cnn_error *err)
{
	struct depthwise_args *d = depthwise_new(l, a, graph_in(l->g, n, 1)->data);
	if (!d)
		return lower_no_memory(n, err);
	out->step = depthwise_step;
	out->x = &d->x;
	out->y = &d->y;
	out->residual = &d->residual;
	out->work.fn = depthwise_rows;
	out->work.args = d;
	out->work.kernel = "dwrow_f32";
	out->work.weight_bytes = a->taps * a->ldc * sizeof(float);
	out->work.scratch_bytes = (size_t)a->window.kernel[0] * sizeof(float *);
	return CNN_OK;
}

static enum cnn_status make_winograd(struct lowering *l, const struct node *n,
                                     const struct gemm_args *a, struct conv *out,
                                     struct cnn_error *err)
{
	struct winograd_args *w = winograd_new(l, a, graph_in(l->g, n, 1)->data);
	if (!w)
		return lower_no_memory(n, err);
	out->step = winograd_step;
	out->x = &w->x;
	out->y = &w->y;
	out->residual = &w->residual;
	out->pixel = a->has_residual ? NULL : &w->pixel;
	out->work.fn = winograd_rows;
	out->work.args = w;
	out->work.kernel = "winograd_f32";
	out->work.unit = WINOGRAD_OUT;
	out->work.weight_bytes = WINOGRAD_POINTS * w->packed_point * sizeof(float);
	out->work.scratch_bytes = winograd_scratch(w);
	return CNN_OK;
}

static enum cnn_status make_gemm(struct lowering *l, const struct node *n,
                                 const struct gemm_args *read, struct conv *out,
                                 struct cnn_error *err)
{
	struct gemm_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	*a = *read;
	a->gather = choose_gather(a);
	a->packed = pack_weights(l, a, graph_in(l->g, n, 1)->data);
	a->zero = lower_alloc(l, gemm_zeros(a), sizeof(float));
	if (!a->packed || !a->zero)
		return lower_no_memory(n, err);
	gemm_finish(l, a);
	out->step = gemm_step;
	out->x = &a->x;
	out->y = &a->y;
	out->residual = &a->residual;
	out->pixel = a->has_residual ? NULL : &a->ldc;
	out->work.fn = gemm_rows;
	out->work.args = a;
	out->work.kernel = l->k->gemm_f32.name;
	out->work.weight_bytes = a->groups * a->n * a->taps * a->kc * sizeof(float);
	out->work.scratch_bytes = gemm_scratch(a);
	return CNN_OK;
}

static enum cnn_status make_conv(struct lowering *l, const struct node *n, struct conv *out,
                                 struct cnn_error *err)
{
	struct gemm_args a = {0};
	enum cnn_status status = read_conv(l, n, &a, err);
	if (status)
		return status;
	const struct gemm_window *w = &a.window;
	*out = (struct conv){.work = {
				     .in_rows = w->in_h,
				     .out_rows = w->out_h,
				     .window = (w->kernel[0] - 1) * w->dilation[0] + 1,
				     .stride = w->stride[0],
				     .pad = w->pad[0],
				     .unit = 1,
				     .in_row = (size_t)w->in_w * w->pixel,
				     .out_row = (size_t)w->out_w * a.ldc,
			     }};
	if (a.groups > 1 && a.kc == 1 && a.n == 1)
		return make_depthwise(l, n, &a, out, err);
	if (winograd_pays(l, &a))
		return make_winograd(l, n, &a, out, err);
	return make_gemm(l, n, &a, out, err);
}

enum cnn_status rows_of_conv(struct lowering *l, const struct node *n, struct row_work *out,
                             struct cnn_error *err)
{
	struct conv conv;
	enum cnn_status status = make_conv(l, n, &conv, err);
	if (!status)
		*out = conv.work;
	return status;
}

enum cnn_status lower_conv(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	struct conv conv;
	enum cnn_status status = make_conv(l, n, &conv, err);
	if (status)
		return status;
	lower_scratch(l, conv.work.scratch_bytes);
	status = lower_step(l, conv.step, conv.work.args, conv.work.kernel, n, n->out[0],
	                    conv.work.weight_bytes, err);
	if (!status)
		status = lower_read(l, n->in[0], conv.x, err);
	if (!status && n->residual != NO_VALUE)
		status = lower_read(l, n->residual, conv.residual, err);
	if (status)
		return status;
	return conv.pixel ? lower_write_pixels(l, n->out[0], conv.y, conv.pixel, err)
	                  : lower_write(l, n->out[0], conv.y, err);
}
