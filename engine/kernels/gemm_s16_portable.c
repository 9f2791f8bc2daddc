#include "engine/kernels/requantise.h"

enum { MR = 4, NR = 8 };

void gemm_s16_4x8_portable(size_t m, size_t n, size_t pairs, const int16_t *a, size_t lda,
                           const int16_t *b, const struct requantise *r, uint8_t *y, size_t ldy)
{
	uint32_t sum[MR][NR] = {{0}};
	for (size_t k = 0; k < pairs; k++, b += 2 * NR)
		for (size_t i = 0; i < m; i++) {
			int32_t first = a[i * lda + 2 * k], second = a[i * lda + 2 * k + 1];
			for (size_t j = 0; j < NR; j++)
				sum[i][j] += (uint32_t)(first * b[2 * j]) +
				             (uint32_t)(second * b[2 * j + 1]);
		}
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++)
			y[i * ldy + j] = requantise(sum[i][j], j, r);
}
