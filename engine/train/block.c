#include "engine/train/block.h"

#include <math.h>
#include <string.h>

/* Running statistics move this far towards each batch's. */
static const float NORM_MOMENTUM = 0.1f;

bool block_new(struct network *net, struct block *b)
{
	struct arena *arena = net->arena;
	size_t channels = b->channels;
	float **row[] = {&b->scale, &b->shift, &b->by_g, &b->by_z, &b->plus, &b->mean, &b->inverse};
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
		if (!(*row[i] = arena_alloc(arena, channels, sizeof(float))))
			return false;
	for (size_t i = 0; i < channels; i++)
		b->scale[i] = 1;
	b->sum = arena_alloc(arena, net->slices * 2 * channels, sizeof *b->sum);
	b->partial = arena_alloc(arena, cnn_pool_threads(net->pool) * 2 * channels, sizeof(float));
	if (b->has_norm && b->has_conv &&
	    !(b->z = arena_alloc(arena, net->max_batch * b->floats, sizeof(float))))
		return false;
	return b->sum && b->partial;
}

static void prepare(struct network *net, struct layer *l, char *scratch, bool backward)
{
	struct block *b = l->detail;
	if (b->has_conv)
		conv_prepare(net, &b->conv, scratch, backward);
}

/* What one pass of one block shares between slices. */
struct work {
	struct network *net;
	struct block *b;
	const struct pass_run *run;
	const struct feature *in, *out;
	const float *z; /* what the norm sees */
	float *residual, *residual_g, *in_g;
	bool add_residual, add_in; /* to the gradients that are there */
};

static struct work work_of(struct network *net, struct layer *l, const struct pass_run *run)
{
	struct block *b = l->detail;
	struct work w = {.net = net,
	                 .b = b,
	                 .run = run,
	                 .in = &net->feature[l->in],
	                 .out = &net->feature[l->out]};
	w.z = b->z ? b->z : w.in->x;
	if (b->residual != NO_FEATURE)
		w.residual = net->feature[b->residual].x;
	return w;
}

/* sum[0] += the pictures' sums, sum[1] += what `second` says, picture by picture to keep floats short. */
static void add_partial(const struct block *b, const float *partial, double *sum)
{
	for (size_t i = 0; i < 2 * b->channels; i++)
		sum[i] += (double)partial[i];
}

/* --- forward ---------------------------------------------------------------------------------------- */

static void forward_sums(void *ctx, size_t s, size_t thread)
{
	struct work *w = ctx;
	struct block *b = w->b;
	size_t first, end = slice_end(w->net, w->run->n, s, &first),
		      pixels = b->floats / b->channels;
	char *scratch = thread_scratch(w->net, thread);
	const float *bias = b->has_bias ? w->net->w + b->bias_at : NULL;
	const struct epilogue ep = {.bias = bias, .lo = -INFINITY, .hi = INFINITY};
	if (b->has_conv && end > first)
		conv_forward(w->net, &b->conv, w->in->x + first * w->in->floats, end - first,
		             b->z + first * b->floats, &ep, scratch);
	if (!w->run->training)
		return;
	double *sum = b->sum + s * 2 * b->channels;
	float *partial = b->partial + thread * 2 * b->channels;
	memset(sum, 0, 2 * b->channels * sizeof *sum);
	for (size_t p = first; p < end; p++) {
		memset(partial, 0, 2 * b->channels * sizeof *partial);
		w->net->k->moments_f32(pixels, b->channels, w->z + p * b->floats, partial,
		                       partial + b->channels);
		add_partial(b, partial, sum);
	}
}

static void sum_slices(const struct network *net, struct block *b)
{
	for (size_t s = 1; s < net->slices; s++)
		for (size_t i = 0; i < 2 * b->channels; i++)
			b->sum[i] += b->sum[s * 2 * b->channels + i];
}

/* Mean and deviation of this batch, or the running ones; scale and shift from them. */
static void decide_norm(struct network *net, struct block *b, const struct pass_run *run)
{
	double count = (double)run->n * (double)(b->floats / b->channels);
	float *running_mean = net->stats + b->mean_at,
	      *running_variance = net->stats + b->variance_at;
	if (run->training)
		sum_slices(net, b);
	for (size_t i = 0; i < b->channels; i++) {
		double mean = (double)running_mean[i], variance = (double)running_variance[i];
		if (run->training) {
			mean = b->sum[i] / count;
			variance = fmax(b->sum[b->channels + i] / count - mean * mean, 0);
			double unbiased = count > 1 ? variance * count / (count - 1) : variance;
			running_mean[i] += NORM_MOMENTUM * ((float)mean - running_mean[i]);
			running_variance[i] +=
				NORM_MOMENTUM * ((float)unbiased - running_variance[i]);
		}
		double inverse = 1 / sqrt(variance + (double)b->epsilon);
		double scale = (double)net->w[b->gamma_at + i] * inverse;
		b->mean[i] = (float)mean;
		b->inverse[i] = (float)inverse;
		b->scale[i] = (float)scale;
		b->shift[i] = (float)((double)net->w[b->beta_at + i] - mean * scale);
	}
}

static void forward_affine(void *ctx, size_t s, size_t thread)
{
	struct work *w = ctx;
	struct block *b = w->b;
	(void)thread;
	size_t first, end = slice_end(w->net, w->run->n, s, &first), at = first * b->floats;
	w->net->k->affine_f32((end - first) * (b->floats / b->channels), b->channels, w->z + at,
	                      b->scale, b->shift, w->residual ? w->residual + at : NULL, b->lo,
	                      b->hi, w->out->x + at);
}

static void forward_plain(void *ctx, size_t s, size_t thread)
{
	struct work *w = ctx;
	struct block *b = w->b;
	size_t first, end = slice_end(w->net, w->run->n, s, &first), at = first * b->floats;
	struct epilogue ep = {
		.bias = b->has_bias ? w->net->w + b->bias_at : NULL,
		.residual = w->residual ? w->residual + at : NULL,
		.lo = b->lo,
		.hi = b->hi,
	};
	if (end > first)
		conv_forward(w->net, &b->conv, w->in->x + first * w->in->floats, end - first,
		             w->out->x + at, &ep, thread_scratch(w->net, thread));
}

static void forward(struct network *net, struct layer *l, const struct pass_run *run)
{
	struct work w = work_of(net, l, run);
	if (w.b->has_conv && !w.b->has_norm) {
		each_slice(net, forward_plain, &w);
		return;
	}
	if (w.b->has_norm) {
		each_slice(net, forward_sums, &w);
		decide_norm(net, w.b, run);
	}
	each_slice(net, forward_affine, &w);
}

/* --- backward ---------------------------------------------------------------------------------------- */

static void put(const float *from, size_t n, bool add, float *to)
{
	if (!add)
		memcpy(to, from, n * sizeof *to);
	else
		for (size_t i = 0; i < n; i++)
			to[i] += from[i];
}

/* Through the clamp, to the residual, and the sums that norm and bias need. */
static void backward_sums(void *ctx, size_t s, size_t thread)
{
	struct work *w = ctx;
	struct block *b = w->b;
	size_t first, end = slice_end(w->net, w->run->n, s, &first);
	double *sum = b->sum + s * 2 * b->channels;
	float *partial = b->partial + thread * 2 * b->channels;
	memset(sum, 0, 2 * b->channels * sizeof *sum);
	for (size_t p = first; p < end; p++) {
		size_t at = p * b->floats;
		memset(partial, 0, 2 * b->channels * sizeof *partial);
		w->net->k->clamp_grad_f32(b->floats / b->channels, b->channels, w->out->x + at,
		                          b->lo, b->hi, b->has_norm ? w->z + at : NULL,
		                          w->out->g + at, partial, partial + b->channels);
		add_partial(b, partial, sum);
		if (w->residual_g)
			put(w->out->g + at, b->floats, w->add_residual, w->residual_g + at);
	}
}

/* dgamma = sum g * xhat, dbeta = sum g; and dz = gamma / deviation * (g - dbeta / m - xhat * dgamma / m). */
static void decide_gradient(struct network *net, struct block *b, const struct pass_run *run)
{
	double count = (double)run->n * (double)(b->floats / b->channels);
	sum_slices(net, b);
	for (size_t i = 0; i < b->channels; i++) {
		double sum_g = b->sum[i];
		if (!b->has_norm) {
			if (b->has_bias)
				net->grad[b->bias_at + i] = (float)sum_g;
			continue;
		}
		double inverse = (double)b->inverse[i], mean = (double)b->mean[i];
		double sum_gx = inverse * (b->sum[b->channels + i] - mean * sum_g);
		double scale = (double)net->w[b->gamma_at + i] * inverse;
		net->grad[b->gamma_at + i] = (float)sum_gx;
		net->grad[b->beta_at + i] = (float)sum_g;
		b->by_g[i] = (float)scale;
		b->by_z[i] = (float)(-scale * inverse * sum_gx / count);
		b->plus[i] = (float)(scale * (inverse * mean * sum_gx - sum_g) / count);
	}
}

static void gradient_row(const struct conv_gradient *self, size_t at, float *to)
{
	const struct work *w = self->ctx;
	const struct block *b = w->b;
	/* `at` counts from the slice's first picture, as self->g does. */
	size_t offset = (size_t)(self->g - w->out->g) + at;
	size_t row = (size_t)w->out->w;
	w->net->k->combine_f32(row, b->channels, w->out->g + offset, w->z + offset, b->by_g,
	                       b->by_z, b->plus, to);
}

static void backward_conv(void *ctx, size_t s, size_t thread)
{
	struct work *w = ctx;
	struct block *b = w->b;
	struct network *net = w->net;
	size_t first, end = slice_end(net, w->run->n, s, &first);
	const struct conv_gradient dz = {.row = b->has_norm ? gradient_row : NULL,
	                                 .ctx = w,
	                                 .g = w->out->g + first * b->floats};
	if (end > first)
		conv_backward(net, &b->conv, w->in->x + first * w->in->floats, end - first, &dz,
		              net->grad + s * net->n_w + b->conv.at,
		              w->in_g ? w->in_g + first * w->in->floats : NULL, w->add_in,
		              thread_scratch(net, thread));
}

/* Without a convolution the gradient goes straight to the input. */
static void backward_input(void *ctx, size_t s, size_t thread)
{
	struct work *w = ctx;
	struct block *b = w->b;
	(void)thread;
	size_t first, end = slice_end(w->net, w->run->n, s, &first), at = first * b->floats;
	size_t n = (end - first) * b->floats;
	float *g = w->out->g + at;
	if (b->has_norm)
		w->net->k->combine_f32(n / b->channels, b->channels, g, w->z + at, b->by_g, b->by_z,
		                       b->plus, g);
	if (w->in_g)
		put(g, n, w->add_in, w->in_g + at);
}

/* Where a layer puts or adds the gradient of a feature. */
static float *gradient_of(struct network *net, uint32_t feature, bool *add)
{
	struct feature *f = &net->feature[feature];
	*add = f->g_written;
	f->g_written = f->g != NULL;
	return f->g;
}

static void backward(struct network *net, struct layer *l, const struct pass_run *run)
{
	struct work w = work_of(net, l, run);
	struct block *b = w.b;
	if (b->residual != NO_FEATURE)
		w.residual_g = gradient_of(net, b->residual, &w.add_residual);
	each_slice(net, backward_sums, &w);
	decide_gradient(net, b, run);
	/* After the residual: both may be the same map. */
	w.in_g = gradient_of(net, l->in, &w.add_in);
	each_slice(net, b->has_conv ? backward_conv : backward_input, &w);
}

const struct layer_kind block_kind = {prepare, forward, backward};
