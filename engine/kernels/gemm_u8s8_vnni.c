#if defined(__x86_64__) || defined(EMULATED_AVX512)
#	include "engine/kernels/pairs_avx2.h"

#	include <string.h>

enum { MR = 12, NR = 2 * LANES };

/* Four bytes of a row in every lane. */
ALWAYS_INLINE ints broadcast_quad(const uint8_t *a)
{
	int32_t quad;
	memcpy(&quad, a, sizeof quad);
	return _mm512_set1_epi32(quad);
}

ALWAYS_INLINE void tile(size_t rows, size_t vectors, size_t n, size_t quads, const uint8_t *a,
                        size_t lda, const int8_t *b, const struct requantise *r, uint8_t *y,
                        size_t ldy)
{
	const lanes all = first_channels(LANES);
	ints sum[2][MR], column[2];
	UNROLLED for (size_t v = 0; v < vectors; v++) UNROLLED for (size_t i = 0; i < rows; i++)
		sum[v][i] = load_bias(r->bias + v * LANES, all);
	for (size_t k = 0; k < quads; k++, a += 4, b += 4 * NR) {
		UNROLLED for (size_t v = 0; v < vectors; v++) column[v] =
			_mm512_maskz_loadu_epi32(all, b + v * 4 * LANES);
		UNROLLED for (size_t i = 0; i < rows; i++)
		{
			ints quad = broadcast_quad(a + i * lda);
			UNROLLED for (size_t v = 0; v < vectors; v++) sum[v][i] =
				_mm512_dpbusd_epi32(sum[v][i], quad, column[v]);
		}
	}
	const struct result result = prepare(r);
	UNROLLED for (size_t v = 0; v < vectors; v++) store_pixels(
		rows, sum[v], &result, v * LANES, y, ldy, first_channels(n - v * LANES));
}

void gemm_u8s8_12x32_vnni(size_t m, size_t n, size_t quads, const uint8_t *a, size_t lda,
                          const int8_t *b, const struct requantise *r, uint8_t *y, size_t ldy)
{
	/* One instance for each number of rows, and of vectors of columns. */
#	define ROWS(rows)                                             \
	case rows:                                                     \
		if (n > LANES)                                         \
			tile(rows, 2, n, quads, a, lda, b, r, y, ldy); \
		else                                                   \
			tile(rows, 1, n, quads, a, lda, b, r, y, ldy); \
		break;
	switch (m) {
		ROWS(1)
		ROWS(2)
		ROWS(3)
		ROWS(4)
		ROWS(5)
		ROWS(6)
		ROWS(7)
		ROWS(8)
		ROWS(9)
		ROWS(10)
		ROWS(11)
		ROWS(12)
	}
#	undef ROWS
}
#endif
