#include "engine/kernels/kernels.h"

#if defined(__x86_64__) || defined(EMULATED_AVX512)
#	include "engine/kernels/loops.h"

#	include <immintrin.h>

enum { LANES = 16, ALL_LANES = false };

typedef __m512i ints;
typedef __mmask16 lanes;

ALWAYS_INLINE lanes first_channels(size_t n)
{
	return n < LANES ? (lanes)((1u << n) - 1) : 0xffff;
}

ALWAYS_INLINE ints load_pairs(const int16_t *w, lanes some)
{
	return _mm512_maskz_loadu_epi32(some, w);
}

ALWAYS_INLINE ints load_bias(const int32_t *bias, lanes some)
{
	return _mm512_maskz_loadu_epi32(some, bias);
}

ALWAYS_INLINE ints widen(const uint8_t *x, bool is_signed, lanes some)
{
	__m128i bytes = _mm_maskz_loadu_epi8(some, x);
	return is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes);
}

ALWAYS_INLINE ints widen_pairs(const uint8_t *upper, const uint8_t *lower, bool is_signed,
                               lanes some)
{
	const __mmask32 second = 0xaaaaaaaa;
	ints high = _mm512_slli_epi32(widen(lower, is_signed, some), 16);
	return _mm512_mask_blend_epi16(second, widen(upper, is_signed, some), high);
}

ALWAYS_INLINE ints multiply_add(ints sum, ints pairs, ints weights)
{
	return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, weights));
}

struct result {
	const int32_t *bias;
	const float *scale;
	__m512 lo, hi;
	__m512i zero;
};

ALWAYS_INLINE struct result prepare(const struct requantise *r)
{
	return (struct result){
		r->bias,
		r->scale,
		_mm512_set1_ps(r->lo),
		_mm512_set1_ps(r->hi),
		_mm512_set1_epi32(r->zero),
	};
}

ALWAYS_INLINE void store_pixels(size_t n, const ints *sum, const struct result *r, size_t at,
                                uint8_t *y, size_t stride, lanes some)
{
	const __m512 scale = _mm512_maskz_loadu_ps(some, r->scale + at);
	UNROLLED for (size_t p = 0; p < n; p++)
	{
		__m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[p]), scale);
		/* The second operand is what a NaN becomes. */
		v = _mm512_min_ps(_mm512_max_ps(v, r->lo), r->hi);
		__m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(v), r->zero);
		_mm512_mask_cvtepi32_storeu_epi8(y + p * stride + at, some, q);
	}
}

#	include "engine/kernels/dwconv_u8.h"

void dwconv_u8_avx512(const struct dwconv_u8_window *s, size_t pixels, const uint8_t *const *in,
                      const int16_t *w, const struct requantise *r, uint8_t *y)
{
	dwconv_u8(s, pixels, in, w, r, y);
}
#endif
