/* eval_quantise.c - between real numbers and quantised ones. */
#include "engine/operators/eval.h"
#include "engine/operators/quantised.h"

#include <math.h>

/* n elements from x on, all with one scale. */
static void quantise(enum cnn_dtype to, const float *x, int64_t n, float scale,
                     struct quantised_range r, void *y)
{
	switch (to) {
	case CNN_U8:
		for (int64_t i = 0; i < n; i++)
			((uint8_t *)y)[i] = (uint8_t)quantised_store(x[i] / scale, r);
		break;
	case CNN_S8:
		for (int64_t i = 0; i < n; i++)
			((int8_t *)y)[i] = (int8_t)quantised_store(x[i] / scale, r);
		break;
	case CNN_U16:
		for (int64_t i = 0; i < n; i++)
			((uint16_t *)y)[i] = (uint16_t)quantised_store(x[i] / scale, r);
		break;
	default:
		for (int64_t i = 0; i < n; i++)
			((int16_t *)y)[i] = (int16_t)quantised_store(x[i] / scale, r);
	}
}

/* Zero points may be any int32, and so may what they are taken from. */
static void dequantise(const struct value *x, int64_t at, int64_t n, float scale, int64_t zero,
                       float *y)
{
	switch (x->dtype) {
	case CNN_U8:
		for (int64_t i = 0; i < n; i++)
			y[i] = (float)(((const uint8_t *)x->data)[at + i] - (int32_t)zero) * scale;
		break;
	case CNN_S8:
		for (int64_t i = 0; i < n; i++)
			y[i] = (float)(((const int8_t *)x->data)[at + i] - (int32_t)zero) * scale;
		break;
	default:
		for (int64_t i = 0; i < n; i++)
			y[i] = (float)(resolve_int(x, at + i) - zero) * scale;
	}
}

static void convert(const struct node *n, const struct value *x, int64_t at, int64_t count,
                    float scale, int32_t zero, const struct value *y, void *out)
{
	if (n->op == OP_DEQUANTIZE_LINEAR) {
		dequantise(x, at, count, scale, zero, (float *)out + at);
		return;
	}
	struct quantised_range r = quantised_range(y->dtype, zero);
	char *to = (char *)out + (size_t)at * cnn_dtype_size(y->dtype);
	if (x->dtype == CNN_F32) {
		quantise(y->dtype, (const float *)x->data + at, count, scale, r, to);
		return;
	}
	for (int64_t i = 0; i < count; i++) {
		float v = (float)((const int32_t *)x->data)[at + i];
		quantise(y->dtype, &v, 1, scale, r, to + (size_t)i * cnn_dtype_size(y->dtype));
	}
}

/* QuantizeLinear and DequantizeLinear. */
EVAL_RULE(eval_quantize)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0), *scale = graph_in(g, n, 1);
	const struct value *zero = graph_in(g, n, 2), *y = graph_out(g, n);
	struct quantised_runs r;
	if (graph_elements(x) == 0 || !quantised_runs(x, scale, &n->attr.quant, &r))
		return CNN_OK;
	int64_t at = 0, blocks = r.axis / r.block + (r.axis % r.block != 0);
	for (int64_t o = 0; o < r.outer; o++) {
		for (int64_t a = 0; a < r.axis; a++, at += r.inner) {
			int64_t p = r.step ? (o * blocks + a / r.block) * r.inner : a;
			/* Neighbours with scales of their own go one by one. */
			int64_t count = r.step ? 1 : r.inner;
			for (int64_t i = 0; i < r.inner; i += count)
				convert(n, x, at + i, count, quantised_scale(scale, p + i),
				        quantised_zero(zero, p + i), y, out[0]);
		}
	}
	return CNN_OK;
}

EVAL_RULE(eval_dynamic_quantize)
{
	(void)err;
	const struct value *v = graph_in(g, n, 0);
	const float *x = v->data;
	int64_t count = graph_elements(v);
	float lo = 0, hi = 0;
	for (int64_t i = 0; i < count; i++) {
		lo = x[i] < lo ? x[i] : lo;
		hi = x[i] > hi ? x[i] : hi;
	}
	float scale = hi == lo ? 1 : (hi - lo) / 255;
	struct quantised_range whole = quantised_range(CNN_U8, 0);
	int32_t zero = quantised_store(0 - lo / scale, whole);
	*(float *)out[1] = scale;
	*(uint8_t *)out[2] = (uint8_t)zero;
	quantise(CNN_U8, x, count, scale, quantised_range(CNN_U8, zero), out[0]);
	return CNN_OK;
}
