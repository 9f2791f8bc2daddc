/* elements_u8.h - functions of bytes that stand for real numbers, in loops that compilers make vectors of. Written
 * once and built for each level: a file's suffix decides for which. */
#ifndef ENGINE_KERNELS_ELEMENTS_U8_H
#define ENGINE_KERNELS_ELEMENTS_U8_H
#include "engine/kernels/kernels.h"
#include "engine/kernels/loops.h"

#include <string.h>

ALWAYS_INLINE uint8_t to_byte(float v, struct byte_range r)
{
	v = v > r.lo ? v : r.lo;
	v = v < r.hi ? v : r.hi;
	v += 12582912.0F; /* leaves no bit for a fraction */
	uint32_t bits;
	memcpy(&bits, &v, sizeof bits);
	return (uint8_t)(bits + (uint32_t)r.zero);
}

/* a * b + c, rounded once. a is a byte: where there is no instruction for it, double has room for all but the
 * most unequal of terms. */
ALWAYS_INLINE float fused(float a, float b, float c)
{
#ifdef __FMA__
	return __builtin_fmaf(a, b, c);
#else
	return (float)((double)a * (double)b + (double)c);
#endif
}

#define EACH(n) INDEPENDENT for (size_t i = 0; i < (n); i++)

/* The same loop over bytes of either sign. */
#define EITHER_SIGN(is_signed, name, ...)                                         \
	do {                                                                      \
		if (is_signed)                                                    \
			name(int8_t, __VA_ARGS__) else name(uint8_t, __VA_ARGS__) \
	} while (0)

#define ADD(type, n, p, a, b, y)                                                                   \
	EACH(n)                                                                                    \
	y[i] = to_byte(                                                                            \
		fused(((const type *)a)[i], (p).a, fused(((const type *)b)[i], (p).b, (p).fixed)), \
		(p).to);

ALWAYS_INLINE void add_all(size_t n, const struct pair_u8 *pair, const uint8_t *a, const uint8_t *b,
                           uint8_t *y)
{
	const struct pair_u8 p = *pair;
	EITHER_SIGN(p.is_signed, ADD, n, p, a, b, y);
}

#define MULTIPLY(type, n, p, a, b, y)                                 \
	EACH(n)                                                       \
	y[i] = to_byte((float)((((const type *)a)[i] - (p).a_zero) *  \
	                       (((const type *)b)[i] - (p).b_zero)) * \
	                               (p).a +                        \
	                       (p).fixed,                             \
	               (p).to);

ALWAYS_INLINE void multiply_all(size_t n, const struct pair_u8 *pair, const uint8_t *a,
                                const uint8_t *b, uint8_t *y)
{
	const struct pair_u8 p = *pair;
	EITHER_SIGN(p.is_signed, MULTIPLY, n, p, a, b, y);
}

ALWAYS_INLINE void quantise_all(size_t n, const float *x, float scale,
                                const struct byte_range *range, uint8_t *y)
{
	const struct byte_range r = *range;
	EACH(n) y[i] = to_byte(x[i] / scale, r);
}

#define DEQUANTISE(type, n, x, zero, scale, y) \
	EACH(n) y[i] = (float)(((const type *)x)[i] - (zero)) * (scale);

ALWAYS_INLINE void dequantise_all(size_t n, const uint8_t *x, bool is_signed, int32_t zero,
                                  float scale, float *y)
{
	EITHER_SIGN(is_signed, DEQUANTISE, n, x, zero, scale, y);
}

#endif
