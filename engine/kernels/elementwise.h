/* elementwise.h - functions of one or two floats, and the rows that softmax works on.
 * The same C is compiled for each level; the formulas are ONNX's operator specification. */
#ifndef ENGINE_KERNELS_ELEMENTWISE_H
#define ENGINE_KERNELS_ELEMENTWISE_H
#include "engine/base/types.h"

/* name, formula of x with parameters p and q */
enum unary {
	UNARY_CLAMP,        /* min(max(x, p), q) */
	UNARY_LEAKY,        /* x < 0 ? p * x : x */
	UNARY_ELU,          /* x < 0 ? p * (exp(x) - 1) : x */
	UNARY_SELU,         /* q * (x > 0 ? x : p * (exp(x) - 1)) */
	UNARY_SIGMOID,      /* 1 / (1 + exp(-x)) */
	UNARY_SILU,         /* x * sigmoid(x) */
	UNARY_HARD_SIGMOID, /* min(max(p * x + q, 0), 1) */
	UNARY_HARD_SWISH,   /* x * min(max(x / 6 + 1/2, 0), 1) */
	UNARY_TANH,
	UNARY_SOFTPLUS, /* log(1 + exp(x)) without overflow */
	UNARY_ERF,
	UNARY_EXP,
	UNARY_LOG,
	UNARY_SQRT,
	UNARY_ABS,
	UNARY_NEG,
	UNARY_FLOOR,
	UNARY_CEIL,
	UNARY_RECIPROCAL,
	UNARY_CELU,      /* x < 0 ? p * (exp(x / p) - 1) : x, for p > 0 */
	UNARY_MISH,      /* x * tanh(log(1 + exp(x))) */
	UNARY_SOFTSIGN,  /* x / (1 + |x|) */
	UNARY_GELU,      /* x * (1 + erf(x / sqrt(2))) / 2 */
	UNARY_GELU_TANH, /* x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2 */
	UNARY_SIGN,
	UNARY_ROUND,  /* half to even */
	UNARY_AFFINE, /* p * x + q */
	UNARY_COUNT
};

enum binary {
	BINARY_ADD,
	BINARY_SUB,
	BINARY_MUL,
	BINARY_DIV,
	BINARY_POW,
	BINARY_MIN,
	BINARY_MAX,
	BINARY_PRELU, /* a < 0 ? a * b : a */
	BINARY_COUNT
};

/* y[i] = f(x[i]; p, q) for i < n; y may be x. */
typedef void unary_f32_fn(enum unary f, size_t n, const float *x, float p, float q, float *y);

/* y[i] = f(a[i * a_step], b[i * b_step]) for i < n; steps are 0 or 1; y may be a or b. */
typedef void binary_f32_fn(enum binary f, size_t n, const float *a, size_t a_step, const float *b,
                           size_t b_step, float *y);

/* One vector of n elements `stride` apart: y = exp(x - max x) / sum, or with `log`
 * x - max x - log(sum). y may be x. */
typedef void softmax_f32_fn(size_t n, size_t stride, const float *x, float *y, bool log);

/* A row less its mean, over its deviation, times scale plus bias (may be NULL), each [n]; y == x is allowed. */
typedef void layer_norm_f32_fn(size_t n, const float *x, const float *scale, const float *bias,
                               float epsilon, float *y);

#endif
