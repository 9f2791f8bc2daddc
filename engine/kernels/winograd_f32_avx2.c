#ifdef __x86_64__
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

void winograd_kernel_f32_avx2(size_t channels, const float *const *in, float *u, size_t stride)
{
	winograd_kernel(channels, in, u, stride);
}
#endif
