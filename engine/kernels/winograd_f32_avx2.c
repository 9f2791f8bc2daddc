#ifdef __x86_64__
#	include "engine/kernels/masks_avx2.h"

enum { LANES = 8 };
typedef __m256 vec;

ALWAYS_INLINE vec clamp_vec(vec v, float lo, float hi)
{
	/* Both give the second operand when there is a NaN. */
	return _mm256_min_ps(_mm256_set1_ps(hi), _mm256_max_ps(_mm256_set1_ps(lo), v));
}

#	include "engine/kernels/winograd_f32.h"

void winograd_input_f32_avx2(size_t channels, const float *const *in, float *v, size_t stride)
{
	winograd_input(channels, in, v, stride);
}

void winograd_output_f32_avx2(size_t channels, const struct winograd_place *place, const float *m,
                              size_t stride, float *out, const struct epilogue *ep)
{
	winograd_output(channels, place, m, stride, out, ep);
}
#endif
