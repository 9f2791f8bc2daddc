/* eval_unary.c - functions of one number. */
#include "engine/operators/eval.h"
#include "engine/operators/numbers.h"

#include <math.h>

/* log(1 + exp(x)) without overflow. */
static float softplus(float x)
{
	return (x < 0 ? 0 : x) + log1pf(expf(-fabsf(x)));
}

static float sigmoid(float x)
{
	float e = expf(-fabsf(x));
	return (x < 0 ? e : 1) / (1 + e);
}

static float unit(float x)
{
	x = x < 0 ? 0 : x;
	return x > 1 ? 1 : x;
}

/* x * P(X <= x) of the normal distribution; erfc does not cancel where that is small. */
static float gelu(float x, bool by_tanh)
{
	if (by_tanh)
		return x * sigmoid(1.5957691216f * (x + 0.044715f * x * x * x));
	return 0.5f * x * erfcf(-x * 0.70710678f);
}

static float shrink(float x, float lambd, float bias)
{
	return x < -lambd ? x + bias : x > lambd ? x - bias : 0;
}

static float compute(enum op op, float x, const struct unary_attr *a)
{
	switch (op) {
	case OP_RELU:
		return x < 0 ? 0 : x;
	case OP_LEAKY_RELU:
		return x < 0 ? a->alpha * x : x;
	case OP_ELU:
		return x < 0 ? a->alpha * expm1f(x) : x;
	case OP_SELU:
		return a->beta * (x > 0 ? x : a->alpha * expm1f(x));
	case OP_CELU:
		return fmaxf(0, x) + fminf(0, a->alpha * expm1f(x / a->alpha));
	case OP_SIGMOID:
		return sigmoid(x);
	case OP_SILU:
		return x * sigmoid(x);
	case OP_HARD_SIGMOID:
		return unit(a->alpha * x + a->beta);
	case OP_HARD_SWISH:
		return x * unit(x / 6 + 0.5f);
	case OP_SOFTPLUS:
		return softplus(x);
	case OP_SOFTSIGN:
		return x / (1 + fabsf(x));
	case OP_MISH:
		return x * tanhf(softplus(x));
	case OP_GELU:
		return gelu(x, a->approximate);
	case OP_THRESHOLDED_RELU:
		return x > a->alpha ? x : 0;
	case OP_SHRINK:
		return shrink(x, a->alpha, a->beta);
	case OP_SIGN:
		return x > 0 ? 1 : x < 0 ? -1 : x;
	case OP_ROUND:
		return rintf(x); /* half to even: nobody changes the rounding mode */
	default:
		return 1 / x; /* Reciprocal */
	}
}

/* Functions of the C library. */
static float (*const library[OP_COUNT])(float) = {
	[OP_TANH] = tanhf,   [OP_ERF] = erff,     [OP_EXP] = expf,     [OP_LOG] = logf,
	[OP_SQRT] = sqrtf,   [OP_ABS] = fabsf,    [OP_FLOOR] = floorf, [OP_CEIL] = ceilf,
	[OP_SIN] = sinf,     [OP_COS] = cosf,     [OP_TAN] = tanf,     [OP_ASIN] = asinf,
	[OP_ACOS] = acosf,   [OP_ATAN] = atanf,   [OP_SINH] = sinhf,   [OP_COSH] = coshf,
	[OP_ASINH] = asinhf, [OP_ACOSH] = acoshf, [OP_ATANH] = atanhf,
};

static int64_t compute_int(enum op op, int64_t x, bool is_signed)
{
	bool negative = is_signed && x < 0;
	switch (op) {
	case OP_RELU:
		return negative ? 0 : x;
	case OP_ABS:
		return negative ? (int64_t) - (uint64_t)x : x;
	case OP_NEG:
		return (int64_t) - (uint64_t)x;
	case OP_SIGN:
		return negative ? -1 : x != 0;
	default:
		return !x; /* Not */
	}
}

static void shrink_ints(const struct value *x, const struct unary_attr *a, void *out, int64_t from,
                        int64_t n)
{
	double v[NUMBERS_BLOCK];
	numbers_load_double(x->data, x->dtype, from, 1, n, v);
	for (int64_t i = 0; i < n; i++) {
		double lambd = (double)a->alpha, bias = (double)a->beta;
		v[i] = v[i] < -lambd ? v[i] + bias : v[i] > lambd ? v[i] - bias : 0;
	}
	numbers_store_double(out, x->dtype, from, 1, n, v);
}

EVAL_RULE(eval_unary)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0);
	int64_t count = graph_elements(x);
	if (x->dtype == CNN_F32) {
		const float *from = x->data;
		float *to = out[0];
		float (*function)(float) = library[n->op];
		for (int64_t i = 0; i < count; i++) {
			if (n->op == OP_NEG)
				to[i] = -from[i];
			else
				to[i] = function ? function(from[i])
				                 : compute(n->op, from[i], &n->attr.unary);
		}
		return CNN_OK;
	}
	bool is_signed = number_kind(x->dtype) == NUMBER_SIGNED;
	for (int64_t at = 0; at < count; at += NUMBERS_BLOCK) {
		int64_t v[NUMBERS_BLOCK],
			m = count - at < NUMBERS_BLOCK ? count - at : NUMBERS_BLOCK;
		if (n->op == OP_SHRINK) {
			shrink_ints(x, &n->attr.unary, out[0], at, m);
			continue;
		}
		numbers_load_int(x->data, x->dtype, at, 1, m, v);
		for (int64_t i = 0; i < m; i++)
			v[i] = compute_int(n->op, v[i], is_signed);
		numbers_store_int(out[0], x->dtype, at, 1, m, v);
	}
	return CNN_OK;
}

EVAL_RULE(eval_is_nan)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0);
	const float *from = x->data;
	const struct unary_attr *a = &n->attr.unary;
	uint8_t *to = out[0];
	for (int64_t i = 0, count = graph_elements(x); i < count; i++) {
		bool infinite = isinf(from[i]) && !(from[i] < 0 ? a->no_negative : a->no_positive);
		to[i] = n->op == OP_IS_NAN ? from[i] != from[i] : infinite;
	}
	return CNN_OK;
}
