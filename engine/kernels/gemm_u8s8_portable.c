#include "engine/kernels/requantise.h"

enum { MR = 4, NR = 8 };

void gemm_u8s8_4x8_portable(size_t m, size_t n, size_t quads, const uint8_t *a, size_t lda,
                            const int8_t *b, const struct requantise *r, uint8_t *y, size_t ldy)
{
	uint32_t sum[MR][NR] = {{0}};
	for (size_t k = 0; k < 4 * quads; k += 4, b += 4 * NR)
		for (size_t i = 0; i < m; i++)
			for (size_t h = 0; h < 4; h++)
				for (size_t j = 0; j < NR; j++)
					sum[i][j] += (uint32_t)(a[i * lda + k + h] * b[4 * j + h]);
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++)
			y[i * ldy + j] = requantise(sum[i][j], j, r);
}
