#include "engine/kernels/requantise.h"

enum { LANES = 16 };

/* `n` channels of one pixel from `c` on; n is constant after inlining for all but the last few. */
ALWAYS_INLINE void channels_of(const struct dwconv_u8_window *s, size_t n, size_t c,
                               const uint8_t *const *in, const int16_t *w,
                               const struct requantise *r, uint8_t *y)
{
	uint32_t sum[LANES] = {0};
	uint8_t flip = s->is_signed ? 128 : 0;
	for (size_t ky = 0; ky < s->kernel[0]; ky++) {
		const int16_t *k = w + ky / 2 * s->kernel[1] * s->channels * 2 + c * 2 + ky % 2;
		for (size_t kx = 0; kx < s->kernel[1]; kx++, k += s->channels * 2) {
			const uint8_t *x = in[ky * s->columns + kx * s->dilation] + c;
			for (size_t i = 0; i < n; i++)
				sum[i] += (uint32_t)(((int32_t)(x[i] ^ flip) - flip) * k[2 * i]);
		}
	}
	for (size_t i = 0; i < n; i++)
		y[c + i] = requantise(sum[i], c + i, r);
}

void dwconv_u8_portable(const struct dwconv_u8_window *s, size_t pixels, const uint8_t *const *in,
                        const int16_t *w, const struct requantise *r, uint8_t *y)
{
	for (size_t p = 0; p < pixels; p++, in += s->stride, y += s->channels) {
		size_t c = 0;
		for (; c + LANES <= s->channels; c += LANES)
			channels_of(s, LANES, c, in, w, r, y);
		if (c < s->channels)
			channels_of(s, s->channels - c, c, in, w, r, y);
	}
}
