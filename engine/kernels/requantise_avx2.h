/* requantise_avx2.h - sums in AVX2 registers to bytes, for the files that are built for AVX2. */
#ifndef ENGINE_KERNELS_REQUANTISE_AVX2_H
#define ENGINE_KERNELS_REQUANTISE_AVX2_H
#include "engine/kernels/kernels.h"
#include "engine/kernels/loops.h"

#include <immintrin.h>
#include <string.h>

/* Sums stay in the registers they are in: GCC otherwise moves each one at every step, which costs as much as
 * adding to it. */
#define IN_PLACE(x) __asm__("" : "+x"(x))

ALWAYS_INLINE __m256i load_256(const void *p)
{
	return _mm256_loadu_si256(p);
}

/* Four bytes of a row, or two of its int16, in every lane. */
ALWAYS_INLINE __m256i broadcast_32(const void *p)
{
	int32_t all;
	memcpy(&all, p, sizeof all);
	return _mm256_set1_epi32(all);
}

/* Signed bytes are made as unsigned ones, 128 larger: that is their other sign bit. */
struct requantise_avx2 {
	__m256 hi;
	__m256i zero, flip, order;
};

ALWAYS_INLINE struct requantise_avx2 requantise_begin(const struct requantise *r)
{
	bool is_signed = r->lo + (float)r->zero < 0;
	return (struct requantise_avx2){
		_mm256_set1_ps(r->hi), _mm256_set1_epi16((int16_t)(r->zero + 128 * is_signed)),
		_mm256_set1_epi8(is_signed ? -128 : 0), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)};
}

/* Only what is above the range is cut here; packing cuts what is below, and what a NaN becomes is below. */
ALWAYS_INLINE __m256i round_scaled(__m256i sum, __m256 scale, __m256 hi)
{
	return _mm256_cvtps_epi32(_mm256_min_ps(hi, _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale)));
}

/* The first n of 16 bytes, n at most 16. */
ALWAYS_INLINE void store_bytes(uint8_t *y, size_t n, __m128i bytes)
{
	if (n == 16) {
		_mm_storeu_si128((__m128i *)(void *)y, bytes);
		return;
	}
	if (n & 8) {
		_mm_storel_epi64((__m128i *)(void *)y, bytes);
		bytes = _mm_srli_si128(bytes, 8);
		y += 8;
	}
	uint64_t rest = (uint64_t)_mm_cvtsi128_si64(bytes);
	if (n & 4) {
		memcpy(y, &rest, 4);
		rest >>= 32;
		y += 4;
	}
	if (n & 2) {
		memcpy(y, &rest, 2);
		rest >>= 16;
		y += 2;
	}
	if (n & 1)
		*y = (uint8_t)rest;
}

/* Two rows of sums, the bias among them, of 8 columns for each of `vectors`, to n bytes each. */
ALWAYS_INLINE void requantise_rows(const struct requantise_avx2 *q, const float *scale,
                                   size_t vectors, const __m256i *first, const __m256i *second,
                                   bool both, size_t n, uint8_t *y, size_t ldy)
{
	__m256 s0 = _mm256_loadu_ps(scale),
	       s1 = vectors > 1 ? _mm256_loadu_ps(scale + 8) : _mm256_setzero_ps();
	__m256i a0 = round_scaled(first[0], s0, q->hi), b0 = a0, a1 = a0, b1 = a0;
	if (vectors > 1)
		a1 = round_scaled(first[1], s1, q->hi);
	if (both) {
		b0 = b1 = round_scaled(second[0], s0, q->hi);
		if (vectors > 1)
			b1 = round_scaled(second[1], s1, q->hi);
	}
	__m256i a = _mm256_adds_epi16(_mm256_packs_epi32(a0, a1), q->zero);
	__m256i b = _mm256_adds_epi16(_mm256_packs_epi32(b0, b1), q->zero);
	__m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(a, b), q->order);
	bytes = _mm256_xor_si256(bytes, q->flip);
	store_bytes(y, n, _mm256_castsi256_si128(bytes));
	if (both)
		store_bytes(y + ldy, n, _mm256_extracti128_si256(bytes, 1));
}

#endif
