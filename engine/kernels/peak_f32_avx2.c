#include "engine/kernels/kernels.h"

#ifdef __x86_64__
#	include "engine/kernels/loops.h"

#	include <immintrin.h>

double peak_f32_avx2(size_t rounds, float *sink)
{
	enum { CHAINS = 12, LANES = 8 }; /* more chains than latency times units */
	/* x = x / 2 + 1/2 stays near 1: no overflow, no subnormals. The start depends on an
	 * argument, so that nothing can be computed beforehand. */
	const __m256 half = _mm256_set1_ps(0.5f);
	__m256 x[CHAINS];
	UNROLLED for (int i = 0; i < CHAINS; i++) x[i] = _mm256_set1_ps((float)rounds + (float)i);
	for (size_t r = 0; r < rounds; r++)
		UNROLLED for (int i = 0; i < CHAINS; i++) x[i] = _mm256_fmadd_ps(x[i], half, half);
	__m256 sum = x[0];
	UNROLLED for (int i = 1; i < CHAINS; i++) sum = _mm256_add_ps(sum, x[i]);
	*sink = _mm256_cvtss_f32(sum);
	return 2.0 * CHAINS * LANES * (double)rounds;
}
#endif
