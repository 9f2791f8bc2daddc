/* exponential.h - exp and what is made of it, without branches and calls, so that loops over
 * them become vectors. Within about 2 ulp; right at infinities, NaN and the limits. */
#ifndef ENGINE_KERNELS_EXPONENTIAL_H
#define ENGINE_KERNELS_EXPONENTIAL_H
#include "engine/kernels/loops.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Nobody reads the floating-point exception flags. Unless gcc knows, it keeps a branch wherever
 * only one side of a choice computes, and then no loop in the file that includes this is a
 * vector loop. Clang assumes it. */
#ifndef __clang__
#	pragma GCC optimize("no-trapping-math")
#endif

/* exp(x) = (1 + rest) * scale1 * scale2. Two scales, because 2^n of an exp(x) that is
 * representable need not be: n goes from -152 to 129. */
struct exp_parts {
	float rest, scale1, scale2;
};

ALWAYS_INLINE float float_of_bits(uint32_t bits)
{
	float x;
	memcpy(&x, &bits, sizeof x);
	return x;
}

ALWAYS_INLINE uint32_t bits_of_float(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

/* What exp(x) is beyond a power of two, less 1. The low bits of *shifted are that power. */
ALWAYS_INLINE float exp_rest(float x, float *shifted)
{
	/* x = n ln 2 + r with |r| <= ln 2 / 2. Adding 1.5 * 2^23 leaves no bits for a fraction:
	 * it rounds, and the low bits of the sum are n. n * ln2_high is exact. */
	const float round_off = 12582912.0f, log2_e = 1.44269504f;
	const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
	*shifted = x * log2_e + round_off;
	float n = *shifted - round_off;
	float r = (x - n * ln2_high) - n * ln2_low;

	/* exp(r) - 1 = r + r^2 (1/2 + ...), minimax on the interval, relative error of exp 4e-9. */
	float p = ((1.38637272e-3f * r + 8.36754218e-3f) * r + 4.16672416e-2f) * r + 0.166665331f;
	return r + (r * r) * (p * r + 0.5f);
}

ALWAYS_INLINE struct exp_parts exp_parts(float x)
{
	/* Beyond these exp is 0 or infinite. A NaN fails the tests and passes through. */
	x = x > 89.0f ? 89.0f : x;
	x = x < -105.0f ? -105.0f : x;

	float shifted, rest = exp_rest(x, &shifted);

	/* n = (n >> 1) + (n - (n >> 1)), in numbers that a bias of 512 keeps positive. */
	uint32_t biased = bits_of_float(shifted) - (bits_of_float(12582912.0f) - 512);
	uint32_t half = biased >> 1, other = biased - half;
	return (struct exp_parts){rest, float_of_bits((half - 256 + 127) << 23),
	                          float_of_bits((other - 256 + 127) << 23)};
}

ALWAYS_INLINE float exp_f32(float x)
{
	struct exp_parts e = exp_parts(x);
	return (1 + e.rest) * e.scale1 * e.scale2;
}

/* exp(x) - 1 without cancellation near 0. For x up to 60. */
ALWAYS_INLINE float expm1_f32(float x)
{
	struct exp_parts e = exp_parts(x);
	float scale = e.scale1 * e.scale2;
	return (scale - 1) + scale * e.rest;
}

/* exp(x) for x <= 0, and 0 where that is no normal number. One scale is enough here. */
ALWAYS_INLINE float exp_negative_f32(float x)
{
	float shifted, rest = exp_rest(x < -87.0f ? -87.0f : x, &shifted);
	float scale =
		float_of_bits((bits_of_float(shifted) + (127 - bits_of_float(12582912.0f))) << 23);
	return x < -87.0f ? 0 : scale + scale * rest;
}

/* exp(-|x|) never overflows: 1 / (1 + exp(-x)) for x >= 0, exp(x) / (1 + exp(x)) below. */
ALWAYS_INLINE float sigmoid_f32(float x)
{
	float e = exp_negative_f32(-fabsf(x));
	return (x < 0 ? e : 1) / (1 + e);
}

/* tanh(x) = (exp(2x) - 1) / (exp(2x) + 1), which is 1 in floats long before x is 15. */
ALWAYS_INLINE float tanh_f32(float x)
{
	float a = fabsf(x);
	a = a > 15.0f ? 15.0f : a;
	float e = expm1_f32(2 * a);
	return copysignf(e / (e + 2), x);
}

/* x * tanh(log(1 + e)) with e = exp(x): x * (e^2 + 2e) / (e^2 + 2e + 2), which is x in floats long before x is 20. */
ALWAYS_INLINE float mish_f32(float x)
{
	float e = exp_f32(x > 20.0f ? 20.0f : x);
	float n = e * (e + 2);
	return x * (n / (n + 2));
}

/* x times the probability of the normal distribution below x. Of the tail beyond a = |x|, what is not exp(-a^2 / 2) is
 * t * p(t) with t = 1 / (1 + 0.35 a): relative error 4e-8. A tail does not cancel, as 1 + erf would. */
ALWAYS_INLINE float gelu_f32(float x)
{
	float a = fabsf(x);
	a = a > 15.0f ? 15.0f : a;
	float t = 1 / (1 + 0.35f * a);
	float p = ((-0.029770439f * t + 0.146950922f) * t - 0.261712669f) * t + 0.165801802f;
	p = ((p * t - 0.0274828896f) * t + 0.107262773f) * t + 0.119417036f;
	p = (p * t + 0.139914804f) * t + 0.139618643f;
	float tail = t * p * exp_f32(-0.5f * (a * a));
	return x * (x < 0 ? tail : 1 - tail);
}

/* (1 + tanh(u)) / 2 = sigmoid(2u) */
ALWAYS_INLINE float gelu_tanh_f32(float x)
{
	return x * sigmoid_f32(1.5957691216f * (x + 0.044715f * (x * x * x)));
}

#endif
