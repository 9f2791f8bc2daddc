/* Which code resizes. */
#include "engine/image/resize.h"

const struct resize_kernel *resize_kernel(enum cnn_isa max)
{
#ifdef __x86_64__
	if (max >= CNN_ISA_AVX2 && cpu_isa() >= CNN_ISA_AVX2)
		return &resize_kernel_avx2;
#endif
	(void)max;
	return &resize_kernel_portable;
}

size_t resize_scratch(const struct resize_taps *t, int32_t channels)
{
	int32_t last = t->n - 1;
	size_t inputs = (size_t)(t->first[last] - t->first[0] + t->taps[last]);
	return (inputs + (size_t)t->n) * (size_t)channels * RESIZE_ROWS;
}
