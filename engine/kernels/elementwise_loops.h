/* elementwise_loops.h - the loops of elementwise.h, which each level's file compiles for itself. Every element comes
 * out the same at all levels: nothing is contracted or reordered. */
#ifndef ENGINE_KERNELS_ELEMENTWISE_LOOPS_H
#define ENGINE_KERNELS_ELEMENTWISE_LOOPS_H
#include "engine/kernels/elementwise.h"
#include "engine/kernels/exponential.h"
#include "engine/kernels/loops.h"

#include <math.h>

/* A NaN fails both tests and stays. */
ALWAYS_INLINE float clamp(float x, float lo, float hi)
{
	x = x < lo ? lo : x;
	return x > hi ? hi : x;
}

/* Beside 2^23 there is no room for a fraction. */
ALWAYS_INLINE float round_even(float x)
{
	const float most = 8388608.0f;
	float a = fabsf(x), whole = (a + most) - most;
	return a < most ? copysignf(whole, x) : x;
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)) */
ALWAYS_INLINE float softplus(float x)
{
	return (x < 0 ? 0 : x) + log1pf(expf(-fabsf(x)));
}

/* The choice is outside the loop. CALL is for loops over functions of the C library, which the
 * compiler does not turn into vectors. */
#define CALL(name, value)                \
case name:                               \
	for (size_t i = 0; i < n; i++) { \
		float v = x[i];          \
		y[i] = (value);          \
	}                                \
	break;
#define VECTOR(name, value)                        \
case name:                                         \
	INDEPENDENT for (size_t i = 0; i < n; i++) \
	{                                          \
		float v = x[i];                    \
		y[i] = (value);                    \
	}                                          \
	break;

ALWAYS_INLINE void unary_body(enum unary f, size_t n, const float *x, float p, float q, float *y)
{
	switch (f) {
		VECTOR(UNARY_CLAMP, clamp(v, p, q))
		VECTOR(UNARY_LEAKY, v < 0 ? p * v : v)
		VECTOR(UNARY_ELU, v < 0 ? p * expm1_f32(clamp(v, -INFINITY, 0)) : v)
		VECTOR(UNARY_SELU, q * (v > 0 ? v : p * expm1_f32(clamp(v, -INFINITY, 0))))
		VECTOR(UNARY_SIGMOID, sigmoid_f32(v))
		VECTOR(UNARY_SILU, v * sigmoid_f32(v))
		VECTOR(UNARY_HARD_SIGMOID, clamp(p * v + q, 0, 1))
		VECTOR(UNARY_HARD_SWISH, v * clamp(v * (1.0f / 6) + 0.5f, 0, 1))
		VECTOR(UNARY_TANH, tanh_f32(v))
		CALL(UNARY_SOFTPLUS, softplus(v))
		CALL(UNARY_ERF, erff(v))
		VECTOR(UNARY_EXP, exp_f32(v))
		CALL(UNARY_LOG, logf(v))
		VECTOR(UNARY_SQRT, sqrtf(v))
		VECTOR(UNARY_ABS, fabsf(v))
		VECTOR(UNARY_NEG, -v)
		CALL(UNARY_FLOOR, floorf(v))
		CALL(UNARY_CEIL, ceilf(v))
		VECTOR(UNARY_RECIPROCAL, 1 / v)
		VECTOR(UNARY_CELU, v < 0 ? p * expm1_f32(clamp(v / p, -INFINITY, 0)) : v)
		VECTOR(UNARY_MISH, mish_f32(v))
		VECTOR(UNARY_SOFTSIGN, v / (1 + fabsf(v)))
		VECTOR(UNARY_GELU, gelu_f32(v))
		VECTOR(UNARY_GELU_TANH, gelu_tanh_f32(v))
		VECTOR(UNARY_SIGN, v > 0 ? 1 : v < 0 ? -1 : v)
		VECTOR(UNARY_ROUND, round_even(v))
		VECTOR(UNARY_AFFINE, p * v + q)
	case UNARY_COUNT:
		break;
	}
}

#undef CALL
#undef VECTOR

/* Of min and max, a NaN operand is the result, as in ONNX. */
ALWAYS_INLINE float smaller(float u, float v)
{
	return u < v || u != u ? u : v;
}

ALWAYS_INLINE float larger(float u, float v)
{
	return u > v || u != u ? u : v;
}

/* An operand with step 0 is read once, so that y may overwrite it. */
#define PAIRS(name, value)                                            \
case name:                                                            \
	for (size_t i = 0; i < n; i++) {                              \
		float u = a_step ? a[i] : a0, v = b_step ? b[i] : b0; \
		y[i] = (value);                                       \
	}                                                             \
	break;
#define VECTOR_PAIRS(name, value)                                     \
case name:                                                            \
	INDEPENDENT for (size_t i = 0; i < n; i++)                    \
	{                                                             \
		float u = a_step ? a[i] : a0, v = b_step ? b[i] : b0; \
		y[i] = (value);                                       \
	}                                                             \
	break;

/* For steps that are constant after inlining. */
ALWAYS_INLINE void binary_loop(enum binary f, size_t n, const float *a, size_t a_step,
                               const float *b, size_t b_step, float *y)
{
	const float a0 = a[0], b0 = b[0];
	switch (f) {
		VECTOR_PAIRS(BINARY_ADD, u + v)
		VECTOR_PAIRS(BINARY_SUB, u - v)
		VECTOR_PAIRS(BINARY_MUL, u * v)
		VECTOR_PAIRS(BINARY_DIV, u / v)
		PAIRS(BINARY_POW, powf(u, v))
		VECTOR_PAIRS(BINARY_MIN, smaller(u, v))
		VECTOR_PAIRS(BINARY_MAX, larger(u, v))
		VECTOR_PAIRS(BINARY_PRELU, u < 0 ? u * v : u)
	case BINARY_COUNT:
		break;
	}
}

#undef PAIRS
#undef VECTOR_PAIRS

ALWAYS_INLINE void binary_body(enum binary f, size_t n, const float *a, size_t a_step,
                               const float *b, size_t b_step, float *y)
{
	if (n == 0)
		return;
	if (a_step && b_step)
		binary_loop(f, n, a, 1, b, 1, y);
	else if (a_step)
		binary_loop(f, n, a, 1, b, 0, y);
	else if (b_step)
		binary_loop(f, n, a, 0, b, 1, y);
	else
		binary_loop(f, n, a, 0, b, 0, y);
}

#endif
