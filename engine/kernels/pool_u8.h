/* pool_u8.h - pools of bytes, in loops over channels that compilers make vectors of. Written once and built for each
 * level: a file's suffix decides for which. */
#ifndef ENGINE_KERNELS_POOL_U8_H
#define ENGINE_KERNELS_POOL_U8_H
#include "engine/kernels/elements_u8.h"

enum { CHANNELS = 64 }; /* whose sums are kept at once */

ALWAYS_INLINE uint8_t larger_u8(uint8_t a, uint8_t b)
{
	return a > b ? a : b;
}

ALWAYS_INLINE int8_t larger_s8(int8_t a, int8_t b)
{
	return a > b ? a : b;
}

/* The largest of four bytes for each channel. */
ALWAYS_INLINE void larger_of_four(size_t n, bool is_signed, const uint8_t *const *x, uint8_t *y)
{
	const uint8_t *a = x[0], *b = x[1], *c = x[2], *d = x[3];
	const int8_t *sa = (const int8_t *)a, *sb = (const int8_t *)b;
	const int8_t *sc = (const int8_t *)c, *sd = (const int8_t *)d;
	if (is_signed)
		EACH(n)
	y[i] = (uint8_t)larger_s8(larger_s8(sa[i], sb[i]), larger_s8(sc[i], sd[i]));
	else EACH(n) y[i] = larger_u8(larger_u8(a[i], b[i]), larger_u8(c[i], d[i]));
}

ALWAYS_INLINE void maxpool_all(size_t pixels, size_t channels, size_t taps,
                               const uint8_t *const *in, bool is_signed, uint8_t *y)
{
	for (size_t p = 0; p < pixels; p++, in += taps, y += channels) {
		/* Beside the largest so far three more; a last one again where there are no more. */
		for (size_t t = 0; t < taps; t += t ? 3 : 4) {
			const uint8_t *four[4] = {t ? y : in[0]};
			for (size_t k = 1; k < 4; k++) {
				size_t at = t ? t + k - 1 : k;
				four[k] = in[at < taps ? at : taps - 1];
			}
			larger_of_four(channels, is_signed, four, y);
		}
	}
}

/* `n` channels from c on; n is constant after inlining for all but the last few. */
ALWAYS_INLINE void average_channels(size_t n, size_t c, size_t taps, const uint8_t *const *in,
                                    const struct average_u8 *a, float divisor, uint8_t *y)
{
	float sum[CHANNELS] = {0};
	for (size_t t = 0; t < taps; t++) {
		const uint8_t *x = in[t] + c;
		const int8_t *s = (const int8_t *)x;
		if (a->is_signed)
			for (size_t i = 0; i < n; i++)
				sum[i] += a->x_scale * (float)(s[i] - a->x_zero);
		else
			for (size_t i = 0; i < n; i++)
				sum[i] += a->x_scale * (float)(x[i] - a->x_zero);
	}
	for (size_t i = 0; i < n; i++)
		y[c + i] = to_byte(sum[i] / divisor / a->y_scale + a->y_zero, a->to);
}

ALWAYS_INLINE void average_all(size_t channels, size_t taps, const uint8_t *const *in,
                               const struct average_u8 *average, float divisor, uint8_t *y)
{
	const struct average_u8 a = *average;
	size_t c = 0;
	for (; c + CHANNELS <= channels; c += CHANNELS)
		average_channels(CHANNELS, c, taps, in, &a, divisor, y);
	if (c < channels)
		average_channels(channels - c, c, taps, in, &a, divisor, y);
}

ALWAYS_INLINE void mean_channels(size_t n, size_t pixels, size_t stride, const uint8_t *x,
                                 bool is_signed, const struct mean_u8 *m, uint8_t *y)
{
	int32_t sum[CHANNELS];
	for (size_t i = 0; i < n; i++)
		sum[i] = m->bias;
	for (size_t p = 0; p < pixels; p++, x += stride) {
		const int8_t *s = (const int8_t *)x;
		if (is_signed)
			for (size_t i = 0; i < n; i++)
				sum[i] += s[i];
		else
			for (size_t i = 0; i < n; i++)
				sum[i] += x[i];
	}
	for (size_t i = 0; i < n; i++)
		y[i] = to_byte((float)sum[i] * m->scale, m->to);
}

ALWAYS_INLINE void mean_all(size_t channels, size_t pixels, size_t stride, const uint8_t *x,
                            bool is_signed, const struct mean_u8 *mean, uint8_t *y)
{
	const struct mean_u8 m = *mean;
	size_t c = 0;
	for (; c + CHANNELS <= channels; c += CHANNELS)
		mean_channels(CHANNELS, pixels, stride, x + c, is_signed, &m, y + c);
	if (c < channels)
		mean_channels(channels - c, pixels, stride, x + c, is_signed, &m, y + c);
}

#endif
