#include "engine/kernels/kernels.h"

#ifdef __x86_64__
#	include "engine/kernels/masks_avx2.h"

enum { MR = 6, LANES = 8, NR = 2 * LANES };

/* One k: acc[i][v] += a[i][k] * b[v], for rows and vectors that are constant after inlining. */
ALWAYS_INLINE void multiply_add(size_t rows, size_t vectors, const float *const *a, size_t k,
                                const float *b, __m256 acc[MR][2])
{
	__m256 column[2];
	UNROLLED for (size_t v = 0; v < vectors; v++) column[v] = _mm256_load_ps(b + v * LANES);
	UNROLLED for (size_t i = 0; i < rows; i++)
	{
		__m256 value = _mm256_set1_ps(a[i][k]);
		UNROLLED for (size_t v = 0; v < vectors; v++) acc[i][v] =
			_mm256_fmadd_ps(value, column[v], acc[i][v]);
	}
}

ALWAYS_INLINE void tile(size_t rows, size_t vectors, size_t n, size_t taps, size_t kc,
                        const float *const *a, const float *b, float *c, size_t ldc,
                        const struct epilogue *ep)
{
	__m256 acc[MR][2];
	UNROLLED for (size_t i = 0; i < rows; i++) UNROLLED for (size_t v = 0; v < vectors; v++)
		acc[i][v] = _mm256_setzero_ps();

	for (size_t t = 0; t < taps; t++, a += MR) {
		size_t k = 0;
		for (; k + 2 <= kc; k += 2, b += 2 * NR) {
			multiply_add(rows, vectors, a, k, b, acc);
			multiply_add(rows, vectors, a, k + 1, b + NR, acc);
		}
		if (k < kc) {
			multiply_add(rows, vectors, a, k, b, acc);
			b += NR;
		}
	}

	const __m256 lo = _mm256_set1_ps(ep->lo), hi = _mm256_set1_ps(ep->hi);
	UNROLLED for (size_t v = 0; v < vectors; v++)
	{
		size_t at = v * LANES, width = v + 1 < vectors ? LANES : n - at;
		__m256 bias = _mm256_setzero_ps();
		if (ep->bias)
			bias = load_first(ep->bias + at, width);
		UNROLLED for (size_t i = 0; i < rows; i++, at += ldc)
		{
			__m256 sum = _mm256_add_ps(acc[i][v], bias);
			if (ep->residual)
				sum = _mm256_add_ps(sum, load_first(ep->residual + at, width));
			/* Both give the second operand when there is a NaN. */
			sum = _mm256_min_ps(hi, _mm256_max_ps(lo, sum));
			store_first(c + at, width, sum);
		}
	}
}

void gemm_f32_6x16_avx2(size_t m, size_t n, size_t taps, size_t kc, const float *const *a,
                        const float *b, float *c, size_t ldc, const struct epilogue *ep)
{
	/* One instance for each number of rows, and of vectors of columns. */
#	define ROWS(rows)                                            \
	case rows:                                                    \
		if (n > LANES)                                        \
			tile(rows, 2, n, taps, kc, a, b, c, ldc, ep); \
		else                                                  \
			tile(rows, 1, n, taps, kc, a, b, c, ldc, ep); \
		break;
	switch (m) {
		ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
	}
#	undef ROWS
}
#endif
