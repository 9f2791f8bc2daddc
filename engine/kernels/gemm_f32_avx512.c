#include "engine/kernels/kernels.h"

#ifdef __x86_64__
#	include "engine/kernels/loops.h"

#	include <immintrin.h>

enum { MR = 14, LANES = 16, NR = 2 * LANES, CHUNK = 64 };

/* Lanes 0 .. n-1, or all. */
ALWAYS_INLINE __mmask16 first_lanes(size_t n)
{
	return n < LANES ? (__mmask16)((1u << n) - 1) : 0xffff;
}

/* One k: acc[i][v] += a[i][k] * b[v], for rows and vectors that are constant after inlining. */
ALWAYS_INLINE void multiply_add(size_t rows, size_t vectors, const float *const *a, size_t k,
                                const float *b, __m512 acc[MR][2])
{
	__m512 column[2];
	UNROLLED for (size_t v = 0; v < vectors; v++) column[v] = _mm512_load_ps(b + v * LANES);
	UNROLLED for (size_t i = 0; i < rows; i++)
	{
		__m512 value = _mm512_set1_ps(a[i][k]);
		UNROLLED for (size_t v = 0; v < vectors; v++) acc[i][v] =
			_mm512_fmadd_ps(value, column[v], acc[i][v]);
	}
}

/* That for k < width; b moves on. Returns where it came to. */
ALWAYS_INLINE const float *walk(size_t rows, size_t vectors, const float *const *a, size_t width,
                                const float *b, __m512 acc[MR][2])
{
	size_t k = 0;
	for (; k + 2 <= width; k += 2, b += 2 * NR) {
		multiply_add(rows, vectors, a, k, b, acc);
		multiply_add(rows, vectors, a, k + 1, b + NR, acc);
	}
	if (k < width) {
		multiply_add(rows, vectors, a, k, b, acc);
		b += NR;
	}
	return b;
}

/* The same from a copy of the rows. Rows whose distance is a multiple of 4 KiB share one set of the
 * L1 cache, which has fewer ways than there are rows: each would evict the others. */
ALWAYS_INLINE const float *walk_copy(size_t rows, size_t vectors, const float *const *a, size_t kc,
                                     const float *b, __m512 acc[MR][2])
{
	_Alignas(64) float copy[MR][CHUNK];
	const float *near[MR];
	UNROLLED for (size_t i = 0; i < rows; i++) near[i] = copy[i];
	for (size_t k = 0; k < kc; k += CHUNK) {
		const size_t width = kc - k < CHUNK ? kc - k : CHUNK;
		for (size_t at = 0; at < width; at += LANES) {
			const __mmask16 mask = first_lanes(width - at);
			UNROLLED for (size_t i = 0; i < rows; i++) _mm512_store_ps(
				copy[i] + at, _mm512_maskz_loadu_ps(mask, a[i] + k + at));
		}
		b = walk(rows, vectors, near, width, b, acc);
	}
	return b;
}

ALWAYS_INLINE void tile(size_t rows, size_t vectors, bool copy, size_t n, size_t taps, size_t kc,
                        const float *const *a, const float *b, float *c, size_t ldc,
                        const struct epilogue *ep)
{
	__m512 acc[MR][2];
	UNROLLED for (size_t i = 0; i < rows; i++) UNROLLED for (size_t v = 0; v < vectors; v++)
		acc[i][v] = _mm512_setzero_ps();
	for (size_t t = 0; t < taps; t++, a += MR)
		b = copy ? walk_copy(rows, vectors, a, kc, b, acc)
		         : walk(rows, vectors, a, kc, b, acc);

	/* Columns past the mask are neither read nor written. */
	const __m512 lo = _mm512_set1_ps(ep->lo), hi = _mm512_set1_ps(ep->hi);
	UNROLLED for (size_t v = 0; v < vectors; v++)
	{
		size_t at = v * LANES;
		const __mmask16 mask = v + 1 < vectors ? 0xffff : first_lanes(n - at);
		__m512 bias = _mm512_setzero_ps();
		if (ep->bias)
			bias = _mm512_maskz_loadu_ps(mask, ep->bias + at);
		UNROLLED for (size_t i = 0; i < rows; i++, at += ldc)
		{
			__m512 sum = _mm512_add_ps(acc[i][v], bias);
			if (ep->residual)
				sum = _mm512_add_ps(sum,
				                    _mm512_maskz_loadu_ps(mask, ep->residual + at));
			/* Both give the second operand when there is a NaN. */
			sum = _mm512_min_ps(hi, _mm512_max_ps(lo, sum));
			_mm512_mask_storeu_ps(c + at, mask, sum);
		}
	}
}

/* Whether the rows lie as walk_copy() is for, and are long enough to gain. The tap in the middle
 * is the one that is not padding. */
static bool one_cache_set(size_t taps, size_t kc, const float *const *a)
{
	a += taps / 2 * MR;
	return kc >= CHUNK && a[0] != a[1] && ((uintptr_t)a[1] - (uintptr_t)a[0]) % 4096 == 0;
}

void gemm_f32_14x32_avx512(size_t m, size_t n, size_t taps, size_t kc, const float *const *a,
                           const float *b, float *c, size_t ldc, const struct epilogue *ep)
{
	if (m == MR && n > LANES && one_cache_set(taps, kc, a)) {
		tile(MR, 2, true, n, taps, kc, a, b, c, ldc, ep);
		return;
	}
	/* One instance for each number of rows, and of vectors of columns. */
#	define ROWS(rows)                                                   \
	case rows:                                                           \
		if (n > LANES)                                               \
			tile(rows, 2, false, n, taps, kc, a, b, c, ldc, ep); \
		else                                                         \
			tile(rows, 1, false, n, taps, kc, a, b, c, ldc, ep); \
		break;
	switch (m) {
		ROWS(1)
		ROWS(2)
		ROWS(3)
		ROWS(4)
		ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
	}
#	undef ROWS
}
#endif
