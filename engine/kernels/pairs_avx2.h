/* pairs_avx2.h - vectors of pairs of int16 that become sums of int32, a channel each, for kernels that are written once
 * and built for AVX2 and for AVX-512. */
#ifndef ENGINE_KERNELS_PAIRS_AVX2_H
#define ENGINE_KERNELS_PAIRS_AVX2_H
#include "engine/kernels/kernels.h"
#include "engine/kernels/loops.h"

/* LANES channels of
 *	load_pairs(w), load_bias(bias)
 *	widen_pairs(upper, lower)               bytes of two pixels
 *	widen(x)                                the same; what the second of each pair is counts for nothing
 *	multiply_add(sum, pairs, weights)
 *	store_pixels(n, sums, result, at, y, stride)  n pixels, requantised by what prepare() made
 * touch the memory of those that first_channels() says are there: all, with ALL_LANES. */
/* The AVX-512 kernels are also tested with their intrinsics in plain C. */
#if defined(__AVX512BW__) || defined(EMULATED_AVX512)
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

#else
#	include <immintrin.h>

enum { LANES = 8, ALL_LANES = true };

typedef __m256i ints;
typedef struct lanes {
	char all; /* vectors are whole */
} lanes;

ALWAYS_INLINE lanes first_channels(size_t n)
{
	(void)n;
	return (lanes){1};
}

ALWAYS_INLINE __m256i load_256(const void *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

ALWAYS_INLINE __m128i load_64(const void *p)
{
	return _mm_loadl_epi64((const __m128i *)p);
}

ALWAYS_INLINE ints load_pairs(const int16_t *w, lanes some)
{
	(void)some;
	return load_256(w);
}

ALWAYS_INLINE ints load_bias(const int32_t *bias, lanes some)
{
	(void)some;
	return load_256(bias);
}

ALWAYS_INLINE ints widen_pairs(const uint8_t *upper, const uint8_t *lower, bool is_signed,
                               lanes some)
{
	(void)some;
	__m128i both = _mm_unpacklo_epi8(load_64(upper), load_64(lower));
	return is_signed ? _mm256_cvtepi8_epi16(both) : _mm256_cvtepu8_epi16(both);
}

ALWAYS_INLINE ints widen(const uint8_t *x, bool is_signed, lanes some)
{
	(void)some;
	return is_signed ? _mm256_cvtepi8_epi32(load_64(x)) : _mm256_cvtepu8_epi32(load_64(x));
}

ALWAYS_INLINE ints multiply_add(ints sum, ints pairs, ints weights)
{
	return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, weights));
}

struct result {
	const int32_t *bias;
	const float *scale;
	__m256 hi;
	__m256i above; /* what the least of the type is below the zero point */
	__m128i least; /* 0, or -128 for signed bytes: the bit that makes the one of the other */
};

ALWAYS_INLINE struct result prepare(const struct requantise *r)
{
	return (struct result){
		r->bias,
		r->scale,
		_mm256_set1_ps(r->hi),
		_mm256_set1_epi16((int16_t)-r->lo),
		_mm_set1_epi8((int8_t)(r->zero + (int32_t)r->lo)),
	};
}

/* Rounded, and not yet more than the least: packing does that. What is no number becomes the least as well. */
ALWAYS_INLINE __m256i rounded(ints sum, __m256 scale, const struct result *r)
{
	__m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale);
	return _mm256_cvtps_epi32(_mm256_min_ps(r->hi, v));
}

/* Two pixels: their first four channels, then their last four, as int16 above the least of the type. */
ALWAYS_INLINE __m256i two_pixels(ints a, ints b, __m256 scale, const struct result *r)
{
	__m256i both = _mm256_packs_epi32(rounded(a, scale, r), rounded(b, scale, r));
	return _mm256_adds_epi16(both, r->above);
}

ALWAYS_INLINE void store_pixels(size_t n, const ints *sum, const struct result *r, size_t at,
                                uint8_t *y, size_t stride, lanes some)
{
	(void)some;
	const __m256 scale = _mm256_loadu_ps(r->scale + at);
	y += at;
	UNROLLED for (size_t p = 0; p < n; p += 4, y += 4 * stride)
	{
		ints second = p + 1 < n ? sum[p + 1] : sum[p];
		__m256i front = two_pixels(sum[p], second, scale, r), back = front;
		if (p + 2 < n)
			back = two_pixels(sum[p + 2], p + 3 < n ? sum[p + 3] : sum[p + 2], scale,
			                  r);
		__m256i bytes = _mm256_packus_epi16(front, back);
		__m128i low = _mm_xor_si128(_mm256_castsi256_si128(bytes), r->least);
		__m128i high = _mm_xor_si128(_mm256_extracti128_si256(bytes, 1), r->least);
		__m128i a = _mm_unpacklo_epi32(low, high), b = _mm_unpackhi_epi32(low, high);
		_mm_storel_epi64((__m128i *)(void *)y, a);
		if (p + 1 < n)
			_mm_storeh_pi((__m64 *)(void *)(y + stride), _mm_castsi128_ps(a));
		if (p + 2 < n)
			_mm_storel_epi64((__m128i *)(void *)(y + 2 * stride), b);
		if (p + 3 < n)
			_mm_storeh_pi((__m64 *)(void *)(y + 3 * stride), _mm_castsi128_ps(b));
	}
}
#endif

#endif
