#include "engine/kernels/kernels.h"
#include "engine/kernels/loops.h"

#include <string.h>

enum { MR = 4, LANES = 4, NR = 2 * LANES };

/* A vector type keeps the accumulators in registers on every compiler. */
typedef float vec __attribute__((vector_size(LANES * sizeof(float)), may_alias));

ALWAYS_INLINE void tile(size_t rows, size_t n, size_t taps, size_t kc, const float *const *a,
                        const float *b, float *c, size_t ldc, const struct epilogue *ep)
{
	vec acc[MR][2] = {{{0}}};
	for (size_t t = 0; t < taps; t++, a += MR)
		for (size_t k = 0; k < kc; k++, b += NR) {
			const vec *column = (const vec *)(const void *)b;
			UNROLLED for (size_t i = 0; i < rows; i++)
			{
				acc[i][0] += a[i][k] * column[0];
				acc[i][1] += a[i][k] * column[1];
			}
		}

	UNROLLED for (size_t i = 0; i < rows; i++)
	{
		float sums[NR];
		memcpy(sums, acc[i], sizeof sums);
		for (size_t j = 0; j < n; j++) {
			float sum = sums[j] + (ep->bias ? ep->bias[j] : 0);
			if (ep->residual)
				sum += ep->residual[i * ldc + j];
			sum = ep->lo > sum ? ep->lo : sum; /* a NaN fails both tests and stays */
			c[i * ldc + j] = ep->hi < sum ? ep->hi : sum;
		}
	}
}

void gemm_f32_4x8_portable(size_t m, size_t n, size_t taps, size_t kc, const float *const *a,
                           const float *b, float *c, size_t ldc, const struct epilogue *ep)
{
	switch (m) {
	case 1:
		tile(1, n, taps, kc, a, b, c, ldc, ep);
		break;
	case 2:
		tile(2, n, taps, kc, a, b, c, ldc, ep);
		break;
	case 3:
		tile(3, n, taps, kc, a, b, c, ldc, ep);
		break;
	case 4:
		tile(4, n, taps, kc, a, b, c, ldc, ep);
		break;
	}
}
