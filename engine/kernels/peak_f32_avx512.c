#include "engine/kernels/kernels.h"

#ifdef __x86_64__
#	include "engine/kernels/loops.h"

#	include <immintrin.h>

double peak_f32_avx512(size_t rounds, float *sink)
{
	enum { CHAINS = 16, LANES = 16 }; /* more chains than latency times units */
	/* x = x / 2 + 1/2 stays near 1: no overflow, no subnormals. The start depends on an
	 * argument, so that nothing can be computed beforehand. */
	const __m512 half = _mm512_set1_ps(0.5f);
	__m512 x[CHAINS];
	UNROLLED for (int i = 0; i < CHAINS; i++) x[i] = _mm512_set1_ps((float)rounds + (float)i);
	for (size_t r = 0; r < rounds; r++)
		UNROLLED for (int i = 0; i < CHAINS; i++) x[i] = _mm512_fmadd_ps(x[i], half, half);
	__m512 sum = x[0];
	UNROLLED for (int i = 1; i < CHAINS; i++) sum = _mm512_add_ps(sum, x[i]);
	*sink = _mm512_cvtss_f32(sum);
	return 2.0 * CHAINS * LANES * (double)rounds;
}
#endif
