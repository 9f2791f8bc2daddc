#include "engine/kernels/kernels.h"

#ifdef __x86_64__
#	include "engine/kernels/loops.h"

#	include <immintrin.h>

#	include <math.h>

enum { LANES = 16, VECTORS = 4 };

/* One pixel, channels c ..: channels past the mask are neither read nor written. */
ALWAYS_INLINE void max_block(size_t vectors, __mmask16 mask, size_t taps, size_t c,
                             const float *const *in, float *out)
{
	__m512 acc[VECTORS];
	UNROLLED for (size_t v = 0; v < vectors; v++) acc[v] = _mm512_set1_ps(-INFINITY);
	for (size_t t = 0; t < taps; t++) {
		const float *x = in[t] + c;
		/* The second operand is the result when there is a NaN: it does not count. */
		UNROLLED for (size_t v = 0; v < vectors; v++) acc[v] =
			_mm512_max_ps(_mm512_maskz_loadu_ps(mask, x + v * LANES), acc[v]);
	}
	UNROLLED for (size_t v = 0; v < vectors; v++)
		_mm512_mask_storeu_ps(out + c + v * LANES, mask, acc[v]);
}

ALWAYS_INLINE void average_block(size_t vectors, __mmask16 mask, size_t taps, size_t c,
                                 const float *const *in, float scale, float *out)
{
	__m512 acc[VECTORS];
	UNROLLED for (size_t v = 0; v < vectors; v++) acc[v] = _mm512_setzero_ps();
	for (size_t t = 0; t < taps; t++) {
		const float *x = in[t] + c;
		UNROLLED for (size_t v = 0; v < vectors; v++) acc[v] =
			_mm512_add_ps(acc[v], _mm512_maskz_loadu_ps(mask, x + v * LANES));
	}
	UNROLLED for (size_t v = 0; v < vectors; v++) _mm512_mask_storeu_ps(
		out + c + v * LANES, mask, _mm512_mul_ps(acc[v], _mm512_set1_ps(scale)));
}

ALWAYS_INLINE __mmask16 first_lanes(size_t n)
{
	return (__mmask16)((1u << n) - 1);
}

void maxpool_f32_avx512(size_t pixels, size_t channels, size_t taps, const float *const *in,
                        float *out)
{
	for (size_t p = 0; p < pixels; p++, in += taps, out += channels) {
		size_t c = 0;
		for (; c + VECTORS * LANES <= channels; c += VECTORS * LANES)
			max_block(VECTORS, 0xffff, taps, c, in, out);
		for (; c + LANES <= channels; c += LANES)
			max_block(1, 0xffff, taps, c, in, out);
		if (c < channels)
			max_block(1, first_lanes(channels - c), taps, c, in, out);
	}
}

void avgpool_f32_avx512(size_t pixels, size_t channels, size_t taps, const float *const *in,
                        const float *scale, float *out)
{
	for (size_t p = 0; p < pixels; p++, in += taps, out += channels) {
		size_t c = 0;
		for (; c + VECTORS * LANES <= channels; c += VECTORS * LANES)
			average_block(VECTORS, 0xffff, taps, c, in, scale[p], out);
		for (; c + LANES <= channels; c += LANES)
			average_block(1, 0xffff, taps, c, in, scale[p], out);
		if (c < channels)
			average_block(1, first_lanes(channels - c), taps, c, in, scale[p], out);
	}
}
#endif
