#include "engine/kernels/requantise.h"

#ifdef __x86_64__
#	include "engine/kernels/requantise_avx2.h"

enum { MR = 6, LANES = 8, NR = 2 * LANES, AHEAD = 4 };

/* One pair; `upper` is row 3, so that lda and its double reach all rows. */
ALWAYS_INLINE void multiply_add(size_t rows, size_t vectors, const int16_t *a, const int16_t *upper,
                                size_t lda, const int16_t *b, __m256i acc[MR][2])
{
	__m256i column[2];
	UNROLLED for (size_t v = 0; v < vectors; v++) column[v] = load_256(b + v * 2 * LANES);
	UNROLLED for (size_t i = 0; i < rows; i++)
	{
		__m256i pair = broadcast_32(i < 3 ? a + i * lda : upper + (i - 3) * lda);
		UNROLLED for (size_t v = 0; v < vectors; v++)
		{
			acc[i][v] = _mm256_add_epi32(acc[i][v], _mm256_madd_epi16(pair, column[v]));
			IN_PLACE(acc[i][v]);
		}
	}
}

ALWAYS_INLINE void tile(size_t rows, size_t vectors, size_t n, size_t pairs, const int16_t *a,
                        size_t lda, const int16_t *b, const struct requantise *r, uint8_t *y,
                        size_t ldy)
{
	__m256i acc[MR][2];
	UNROLLED for (size_t i = 0; i < rows; i++) UNROLLED for (size_t v = 0; v < vectors; v++)
		acc[i][v] = load_256(r->bias + v * LANES);
	const int16_t *upper = a + (rows > 3 ? 3 * lda : 0);
	for (; pairs >= AHEAD;
	     pairs -= AHEAD, a += 2 * AHEAD, upper += 2 * AHEAD, b += 2 * NR * AHEAD)
		UNROLLED for (size_t u = 0; u < AHEAD; u++) multiply_add(
			rows, vectors, a + 2 * u, upper + 2 * u, lda, b + 2 * NR * u, acc);
	for (; pairs > 0; pairs--, a += 2, upper += 2, b += 2 * NR)
		multiply_add(rows, vectors, a, upper, lda, b, acc);
	const struct requantise_avx2 to_bytes = requantise_begin(r);
	UNROLLED for (size_t i = 0; i < rows; i += 2)
		requantise_rows(&to_bytes, r->scale, vectors, acc[i], acc[i + 1 < rows ? i + 1 : i],
	                        i + 1 < rows, n, y + i * ldy, ldy);
}

void gemm_s16_6x16_avx2(size_t m, size_t n, size_t pairs, const int16_t *a, size_t lda,
                        const int16_t *b, const struct requantise *r, uint8_t *y, size_t ldy)
{
	/* One instance for each number of rows, and of vectors of columns. */
#	define ROWS(rows)                                             \
	case rows:                                                     \
		if (n > LANES)                                         \
			tile(rows, 2, n, pairs, a, lda, b, r, y, ldy); \
		else                                                   \
			tile(rows, 1, n, pairs, a, lda, b, r, y, ldy); \
		break;
	switch (m) {
		ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
	}
#	undef ROWS
}
#endif
