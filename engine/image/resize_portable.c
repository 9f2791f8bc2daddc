#include "engine/image/resize.h"

#define HALF (1 << (RESIZE_PRECISION - 1))

/* Weights are never negative, so sums are not either; rounded weights can sum to a bit over 1. */
static inline uint8_t to_pixel(int32_t sum)
{
	int32_t value = sum >> RESIZE_PRECISION;
	return (uint8_t)(value > 255 ? 255 : value);
}

static void row_rgb(const struct resize_taps *t, const uint8_t *in, uint8_t *out)
{
	for (int32_t i = 0; i < t->n; i++, out += 3) {
		const uint8_t *p = in + (size_t)t->first[i] * 3;
		const int32_t *w = t->weight + (size_t)i * (size_t)t->max_taps;
		int32_t r = HALF, g = HALF, b = HALF;
		for (int32_t k = 0; k < t->taps[i]; k++, p += 3) {
			r += p[0] * w[k];
			g += p[1] * w[k];
			b += p[2] * w[k];
		}
		out[0] = to_pixel(r);
		out[1] = to_pixel(g);
		out[2] = to_pixel(b);
	}
}

static void row_gray(const struct resize_taps *t, const uint8_t *in, uint8_t *out)
{
	for (int32_t i = 0; i < t->n; i++) {
		const uint8_t *p = in + t->first[i];
		const int32_t *w = t->weight + (size_t)i * (size_t)t->max_taps;
		int32_t sum = HALF;
		for (int32_t k = 0; k < t->taps[i]; k++)
			sum += p[k] * w[k];
		out[i] = to_pixel(sum);
	}
}

static void rows_portable(const struct resize_taps *t, const uint8_t *in, size_t in_stride,
                          int32_t rows, int32_t channels, uint8_t *out, size_t out_stride,
                          uint8_t *scratch)
{
	(void)scratch;
	for (int32_t y = 0; y < rows; y++, in += in_stride, out += out_stride) {
		if (channels == 3)
			row_rgb(t, in, out);
		else
			row_gray(t, in, out);
	}
}

static void column_portable(const int32_t *weight, int32_t taps, const uint8_t *in, size_t stride,
                            size_t len, uint8_t *out)
{
	enum { BLOCK = 256 }; /* sums that stay in the first cache level */
	int32_t sum[BLOCK];
	for (size_t x = 0; x < len; x += BLOCK) {
		size_t n = len - x < BLOCK ? len - x : BLOCK;
		for (size_t i = 0; i < n; i++)
			sum[i] = HALF;
		for (int32_t k = 0; k < taps; k++) {
			const uint8_t *row = in + (size_t)k * stride + x;
			int32_t w = weight[k];
			for (size_t i = 0; i < n; i++)
				sum[i] += row[i] * w;
		}
		for (size_t i = 0; i < n; i++)
			out[x + i] = to_pixel(sum[i]);
	}
}

const struct resize_kernel resize_kernel_portable = {CNN_ISA_PORTABLE, rows_portable,
                                                     column_portable};
