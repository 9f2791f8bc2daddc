#include "engine/kernels/elementwise_loops.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/row_loops.h"

#ifdef __x86_64__
void unary_f32_avx512(enum unary f, size_t n, const float *x, float p, float q, float *y)
{
	unary_body(f, n, x, p, q, y);
}

void binary_f32_avx512(enum binary f, size_t n, const float *a, size_t a_step, const float *b,
                       size_t b_step, float *y)
{
	binary_body(f, n, a, a_step, b, b_step, y);
}

void softmax_f32_avx512(size_t n, size_t stride, const float *x, float *y, bool log_of_it)
{
	softmax_body(n, stride, x, y, log_of_it);
}

void layer_norm_f32_avx512(size_t n, const float *x, const float *scale, const float *bias,
                           float epsilon, float *y)
{
	layer_norm_body(n, x, scale, bias, epsilon, y);
}
#endif
