#include "engine/kernels/requantise.h"

#ifdef __x86_64__
#	include <immintrin.h>

enum { MR = 6, LANES = 8, NR = 2 * LANES };

ALWAYS_INLINE __m256i pair_of(const int16_t *a)
{
	int32_t both;
	memcpy(&both, a, sizeof both);
	return _mm256_set1_epi32(both);
}

ALWAYS_INLINE __m256i finish(__m256i sum, size_t j, const struct requantise *r)
{
	sum = _mm256_add_epi32(sum,
	                       _mm256_loadu_si256((const __m256i *)(const void *)(r->bias + j)));
	__m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(r->scale + j));
	/* The second operand is what a NaN becomes. */
	v = _mm256_min_ps(_mm256_max_ps(v, _mm256_set1_ps(r->lo)), _mm256_set1_ps(r->hi));
	__m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(v), _mm256_set1_epi32(r->zero));
	return _mm256_and_si256(q, _mm256_set1_epi32(255));
}

ALWAYS_INLINE void tile(size_t rows, size_t n, size_t pairs, const int16_t *a, size_t lda,
                        const int16_t *b, const struct requantise *r, uint8_t *y, size_t ldy)
{
	__m256i acc[MR][2];
	UNROLLED for (size_t i = 0; i < rows; i++) acc[i][0] = acc[i][1] = _mm256_setzero_si256();
	for (size_t k = 0; k < pairs; k++, b += 2 * NR) {
		__m256i b0 = _mm256_loadu_si256((const __m256i *)(const void *)b);
		__m256i b1 = _mm256_loadu_si256((const __m256i *)(const void *)(b + NR));
		UNROLLED for (size_t i = 0; i < rows; i++)
		{
			__m256i pair = pair_of(a + i * lda + 2 * k);
			acc[i][0] = _mm256_add_epi32(acc[i][0], _mm256_madd_epi16(pair, b0));
			acc[i][1] = _mm256_add_epi32(acc[i][1], _mm256_madd_epi16(pair, b1));
		}
	}
	UNROLLED for (size_t i = 0; i < rows; i++)
	{
		__m256i words =
			_mm256_packus_epi32(finish(acc[i][0], 0, r), finish(acc[i][1], LANES, r));
		words = _mm256_permute4x64_epi64(words, 0xd8);
		__m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words),
		                                 _mm256_extracti128_si256(words, 1));
		if (n == NR) {
			_mm_storeu_si128((__m128i *)(void *)(y + i * ldy), bytes);
		} else {
			uint8_t line[NR];
			_mm_storeu_si128((__m128i *)(void *)line, bytes);
			memcpy(y + i * ldy, line, n);
		}
	}
}

void gemm_s16_6x16_avx2(size_t m, size_t n, size_t pairs, const int16_t *a, size_t lda,
                        const int16_t *b, const struct requantise *r, uint8_t *y, size_t ldy)
{
	/* One instance for each number of rows. */
#	define ROWS(rows)                                  \
	case rows:                                          \
		tile(rows, n, pairs, a, lda, b, r, y, ldy); \
		break;
	switch (m) {
		ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
	}
#	undef ROWS
}
#endif
