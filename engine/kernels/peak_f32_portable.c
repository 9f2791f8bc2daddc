#include "engine/kernels/kernels.h"
#include "engine/kernels/loops.h"

double peak_f32_portable(size_t rounds, float *sink)
{
	enum { CHAINS = 12, LANES = 4 }; /* more chains than latency times units */
	typedef float vec __attribute__((vector_size(LANES * sizeof(float))));
	/* x = x / 2 + 1/2 stays near 1: no overflow, no subnormals. The start depends on an
	 * argument, so that nothing can be computed beforehand. */
	const vec half = {0.5f, 0.5f, 0.5f, 0.5f};
	vec x[CHAINS];
	UNROLLED for (int i = 0; i < CHAINS; i++) x[i] = (half - half) + ((float)rounds + (float)i);
	for (size_t r = 0; r < rounds; r++)
		UNROLLED for (int i = 0; i < CHAINS; i++) x[i] = x[i] * half + half;
	vec sum = x[0];
	UNROLLED for (int i = 1; i < CHAINS; i++) sum += x[i];
	*sink = sum[0];
	return 2.0 * CHAINS * LANES * (double)rounds;
}
