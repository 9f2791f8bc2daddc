/* eval_qpool.c - averages of quantised tensors. */
#include "engine/operators/eval.h"
#include "engine/operators/quantised.h"

static int32_t element(const struct value *v, int64_t i)
{
	return v->dtype == CNN_U8 ? ((const uint8_t *)v->data)[i] : ((const int8_t *)v->data)[i];
}

struct average {
	const struct value *x;
	struct quantised_window at;
	int64_t channels;
	int64_t pixel, channel,
		picture; /* strides of x: within a plane, between planes, pictures */
	int64_t y_pixel, y_channel, y_picture;
	float x_scale, y_scale;
	int32_t x_zero;
	struct quantised_range range;
	struct quantised_range shifted; /* around 0, for what has the zero point already */
	bool include_pad;
	uint8_t *y;
};

static void set_strides(struct average *a, bool channels_last)
{
	int64_t in = a->at.inputs, out = a->at.outputs;
	a->pixel = a->y_pixel = channels_last ? a->channels : 1;
	a->channel = channels_last ? 1 : in;
	a->y_channel = channels_last ? 1 : out;
	a->picture = a->channels * in;
	a->y_picture = a->channels * out;
}

/* Whole planes: sums of integers, requantised. */
static void average_planes(const struct average *a, int64_t pictures)
{
	int64_t count = a->at.inputs;
	float scale = a->x_scale / (a->y_scale * (float)count);
	for (int64_t b = 0; b < pictures; b++) {
		for (int64_t c = 0; c < a->channels; c++) {
			int64_t sum = -count * a->x_zero, at = b * a->picture + c * a->channel;
			for (int64_t i = 0; i < count; i++)
				sum += element(a->x, at + i * a->pixel);
			a->y[b * a->y_picture + c * a->y_channel] =
				(uint8_t)quantised_store((float)sum * scale, a->range);
		}
	}
}

/* First and last index inside the plane that a window covers along axis i. */
static void cover(const struct quantised_window *q, int i, int64_t out, int64_t *lo, int64_t *hi)
{
	*lo = out * q->axis[i].stride - q->axis[i].before;
	*hi = *lo + q->axis[i].kernel;
	*lo = *lo < 0 ? 0 : *lo;
	*hi = *hi > q->in[i] ? q->in[i] : *hi;
}

static uint8_t average_window(const struct average *a, int64_t plane,
                              const int64_t out[WINDOW_AXES])
{
	const struct quantised_window *q = &a->at;
	int64_t lo[WINDOW_AXES], hi[WINDOW_AXES], count = 1;
	float sum = 0;
	for (int i = 0; i < WINDOW_AXES; i++) {
		cover(q, i, out[i], &lo[i], &hi[i]);
		count *= hi[i] - lo[i];
	}
	for (int64_t d = lo[0]; d < hi[0]; d++)
		for (int64_t h = lo[1]; h < hi[1]; h++)
			for (int64_t w = lo[2]; w < hi[2]; w++) {
				int64_t i = (d * q->in[1] + h) * q->in[2] + w;
				int32_t v = element(a->x, plane + i * a->pixel) - a->x_zero;
				sum += a->x_scale * (float)v;
			}
	float mean = sum / (float)(a->include_pad ? q->taps : count);
	return (uint8_t)quantised_store(mean / a->y_scale + (float)a->range.zero, a->shifted);
}

/* Windows: real numbers, whose quotient gets the zero point before it is rounded. */
static void average_windows(const struct average *a, int64_t pictures)
{
	const struct quantised_window *q = &a->at;
	for (int64_t b = 0; b < pictures; b++) {
		for (int64_t c = 0; c < a->channels; c++) {
			int64_t out[WINDOW_AXES], plane = b * a->picture + c * a->channel;
			uint8_t *y = a->y + b * a->y_picture + c * a->y_channel;
			for (out[0] = 0; out[0] < q->out[0]; out[0]++)
				for (out[1] = 0; out[1] < q->out[1]; out[1]++)
					for (out[2] = 0; out[2] < q->out[2]; out[2]++) {
						*y = average_window(a, plane, out);
						y += a->y_pixel;
					}
		}
	}
}

/* [N][space...][C] as [N][C][space...]. */
static struct value channels_first(const struct value *v)
{
	struct value t = *v;
	for (int32_t i = 1; i < v->rank; i++)
		t.dim[i] = v->dim[i == 1 ? v->rank - 1 : i - 1];
	return t;
}

EVAL_RULE(eval_qlinear_pool)
{
	(void)err;
	bool global = n->op == OP_QLINEAR_GLOBAL_AVERAGE_POOL;
	bool last = global ? n->attr.quant.channels_last : n->attr.window.channels_last;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	struct value xf = last ? channels_first(x) : *x, yf = last ? channels_first(y) : *y;
	struct average a = {
		.x = x,
		.channels = xf.dim[1],
		.x_scale = quantised_scale_of(g, n, 1),
		.x_zero = quantised_zero_of(g, n, 2),
		.y_scale = quantised_scale_of(g, n, 3),
		.range = quantised_range(y->dtype, quantised_zero_of(g, n, 4)),
		.shifted = quantised_range(y->dtype, 0),
		.y = out[0],
	};
	bool whole = true;
	if (global) {
		a.at = (struct quantised_window){.inputs = 1, .outputs = 1};
		for (int32_t i = 2; i < xf.rank; i++)
			a.at.inputs *= xf.dim[i];
	} else {
		a.at = quantised_window(&n->attr.window, &xf, &yf);
		a.include_pad = n->attr.window.count_include_pad;
		whole = a.at.outputs == 1;
		for (int i = 0; i < WINDOW_AXES; i++)
			whole = whole && a.at.axis[i].kernel == a.at.in[i] &&
			        a.at.axis[i].before == 0;
	}
	set_strides(&a, last);
	if (whole)
		average_planes(&a, xf.dim[0]);
	else
		average_windows(&a, xf.dim[0]);
	return CNN_OK;
}
