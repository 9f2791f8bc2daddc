#include "engine/kernels/learn_f32.h"

void moments_f32_portable(size_t pixels, size_t channels, const float *x, float *sum, float *square)
{
	EACH_BLOCK(channels, moments_block, pixels, channels, x, sum, square);
}

void affine_f32_portable(size_t pixels, size_t channels, const float *x, const float *scale,
                         const float *shift, const float *residual, float lo, float hi, float *y)
{
	EACH_BLOCK(channels, affine_block, pixels, channels, x, scale, shift, residual, lo, hi, y);
}

void clamp_grad_f32_portable(size_t pixels, size_t channels, const float *y, float lo, float hi,
                             const float *x, float *g, float *sum_g, float *sum_gx)
{
	EACH_BLOCK(channels, clamp_grad_block, pixels, channels, y, lo, hi, x, g, sum_g, sum_gx);
}

void combine_f32_portable(size_t pixels, size_t channels, const float *g, const float *x,
                          const float *a, const float *b, const float *shift, float *out)
{
	EACH_BLOCK(channels, combine_block, pixels, channels, g, x, a, b, shift, out);
}

void dwconv_grad_f32_portable(size_t pixels, size_t channels, size_t taps, const float *const *in,
                              const float *g, float *dw)
{
	EACH_BLOCK(channels, dwconv_grad_block, pixels, channels, taps, in, g, dw);
}
