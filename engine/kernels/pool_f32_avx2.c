#include "engine/kernels/kernels.h"

#ifdef __x86_64__
#	include "engine/kernels/masks_avx2.h"

#	include <math.h>

enum { LANES = 8, VECTORS = 4 };

/* One pixel, channels c ..: channels past width are neither read nor written. */
ALWAYS_INLINE void max_block(size_t vectors, size_t width, size_t taps, size_t c,
                             const float *const *in, float *out)
{
	__m256 acc[VECTORS];
	UNROLLED for (size_t v = 0; v < vectors; v++) acc[v] = _mm256_set1_ps(-INFINITY);
	for (size_t t = 0; t < taps; t++) {
		const float *x = in[t] + c;
		/* The second operand is the result when there is a NaN: it does not count. */
		UNROLLED for (size_t v = 0; v < vectors; v++) acc[v] =
			_mm256_max_ps(load_first(x + v * LANES, width), acc[v]);
	}
	UNROLLED for (size_t v = 0; v < vectors; v++)
		store_first(out + c + v * LANES, width, acc[v]);
}

ALWAYS_INLINE void average_block(size_t vectors, size_t width, size_t taps, size_t c,
                                 const float *const *in, float scale, float *out)
{
	__m256 acc[VECTORS];
	UNROLLED for (size_t v = 0; v < vectors; v++) acc[v] = _mm256_setzero_ps();
	for (size_t t = 0; t < taps; t++) {
		const float *x = in[t] + c;
		UNROLLED for (size_t v = 0; v < vectors; v++) acc[v] =
			_mm256_add_ps(acc[v], load_first(x + v * LANES, width));
	}
	UNROLLED for (size_t v = 0; v < vectors; v++) store_first(
		out + c + v * LANES, width, _mm256_mul_ps(acc[v], _mm256_set1_ps(scale)));
}

void maxpool_f32_avx2(size_t pixels, size_t channels, size_t taps, const float *const *in,
                      float *out)
{
	for (size_t p = 0; p < pixels; p++, in += taps, out += channels) {
		size_t c = 0;
		for (; c + VECTORS * LANES <= channels; c += VECTORS * LANES)
			max_block(VECTORS, LANES, taps, c, in, out);
		for (; c + LANES <= channels; c += LANES)
			max_block(1, LANES, taps, c, in, out);
		if (c < channels)
			max_block(1, channels - c, taps, c, in, out);
	}
}

void avgpool_f32_avx2(size_t pixels, size_t channels, size_t taps, const float *const *in,
                      const float *scale, float *out)
{
	for (size_t p = 0; p < pixels; p++, in += taps, out += channels) {
		size_t c = 0;
		for (; c + VECTORS * LANES <= channels; c += VECTORS * LANES)
			average_block(VECTORS, LANES, taps, c, in, scale[p], out);
		for (; c + LANES <= channels; c += LANES)
			average_block(1, LANES, taps, c, in, scale[p], out);
		if (c < channels)
			average_block(1, channels - c, taps, c, in, scale[p], out);
	}
}
#endif
