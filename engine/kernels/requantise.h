/* requantise.h - the last step of the kernels on integers, and the depthwise convolution, in plain loops. */
#ifndef ENGINE_KERNELS_REQUANTISE_H
#define ENGINE_KERNELS_REQUANTISE_H
#include "engine/kernels/kernels.h"
#include "engine/kernels/loops.h"

#include <string.h>

/* Adding 1.5 * 2^23 rounds what is small against it to an integer, and leaves that in the low bits. */
ALWAYS_INLINE uint8_t requantise(uint32_t sum, size_t j, const struct requantise *r)
{
	float v = (float)(int32_t)(sum + (uint32_t)r->bias[j]) * r->scale[j];
	v = v > r->lo ? v : r->lo;
	v = v < r->hi ? v : r->hi;
	v += 12582912.0F;
	uint32_t bits;
	memcpy(&bits, &v, sizeof bits);
	return (uint8_t)(bits + (uint32_t)r->zero);
}

/* `n` channels of one pixel; n is constant after inlining for all but the last few. */
ALWAYS_INLINE void dwconv_channels(size_t n, size_t channels, size_t taps, const uint8_t *const *in,
                                   size_t at, bool is_signed, int32_t in_zero, const int16_t *w,
                                   const struct requantise *r, uint8_t *y)
{
	uint32_t sum[64] = {0};
	int16_t zero = (int16_t)in_zero;
	for (size_t t = 0; t < taps; t++) {
		const uint8_t *x = in[t] + at;
		const int8_t *s = (const int8_t *)x;
		const int16_t *k = w + t * channels + at;
		if (is_signed)
			for (size_t c = 0; c < n; c++)
				sum[c] += (uint32_t)((int32_t)(int16_t)(s[c] - zero) * k[c]);
		else
			for (size_t c = 0; c < n; c++)
				sum[c] += (uint32_t)((int32_t)(int16_t)(x[c] - zero) * k[c]);
	}
	for (size_t c = 0; c < n; c++)
		y[at + c] = requantise(sum[c], at + c, r);
}

ALWAYS_INLINE void dwconv_pixels(size_t pixels, size_t channels, size_t taps,
                                 const uint8_t *const *in, bool is_signed, int32_t in_zero,
                                 const int16_t *w, const struct requantise *r, uint8_t *y)
{
	for (size_t p = 0; p < pixels; p++, in += taps, y += channels) {
		size_t c = 0;
		for (; c + 64 <= channels; c += 64)
			dwconv_channels(64, channels, taps, in, c, is_signed, in_zero, w, r, y);
		for (; c + 16 <= channels; c += 16)
			dwconv_channels(16, channels, taps, in, c, is_signed, in_zero, w, r, y);
		if (c < channels)
			dwconv_channels(channels - c, channels, taps, in, c, is_signed, in_zero, w,
			                r, y);
	}
}

#endif
