/* immintrin.h - the AVX-512 intrinsics that the kernels use, in plain C, so that any CPU can test those
 * kernels. Only the emulated build finds it, before the compiler's own. Each does, a lane at a time,
 * what Intel's Intrinsics Guide says of its instruction, faults included: a masked access touches
 * only the memory of its lanes, an aligned one traps on an address that is not.
 *
 * A kernel that uses another intrinsic does not compile until that is added here and in
 * intrinsics_avx512.c, which compares the two. */
#ifndef TESTS_KERNELS_EMULATED_IMMINTRIN_H
#define TESTS_KERNELS_EMULATED_IMMINTRIN_H
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { EMULATED_LANES = 16 };

/* Arithmetic by operators, as the compiler's own type. */
typedef float __m512 __attribute__((vector_size(EMULATED_LANES * 4)));

typedef uint16_t __mmask16;

#define EMULATED  static inline __attribute__((always_inline, unused))
#define EACH_LANE for (int i = 0; i < EMULATED_LANES; i++)

EMULATED __m512 _mm512_set1_ps(float x)
{
	__m512 y;
	EACH_LANE y[i] = x;
	return y;
}

EMULATED __m512 _mm512_setzero_ps(void)
{
	return _mm512_set1_ps(0);
}

EMULATED float _mm512_cvtss_f32(__m512 x)
{
	return x[0];
}

/* --- memory: p need not point at a float */

EMULATED void emulated_alignment(const void *p)
{
	if ((uintptr_t)p % 64)
		__builtin_trap();
}

EMULATED __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void *p)
{
	__m512 y;
	EACH_LANE
	{
		y[i] = 0;
		if (mask >> i & 1)
			memcpy((char *)&y + i * 4, (const char *)p + i * 4, 4);
	}
	return y;
}

EMULATED void _mm512_mask_storeu_ps(void *p, __mmask16 mask, __m512 x)
{
	EACH_LANE if (mask >> i & 1) memcpy((char *)p + i * 4, (char *)&x + i * 4, 4);
}

EMULATED __m512 _mm512_load_ps(const void *p)
{
	emulated_alignment(p);
	return _mm512_maskz_loadu_ps(0xffff, p);
}

EMULATED void _mm512_store_ps(void *p, __m512 x)
{
	emulated_alignment(p);
	_mm512_mask_storeu_ps(p, 0xffff, x);
}

/* --- arithmetic */

EMULATED __m512 _mm512_add_ps(__m512 a, __m512 b)
{
	EACH_LANE a[i] += b[i];
	return a;
}

EMULATED __m512 _mm512_mul_ps(__m512 a, __m512 b)
{
	EACH_LANE a[i] *= b[i];
	return a;
}

EMULATED __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c)
{
	EACH_LANE a[i] = fmaf(a[i], b[i], c[i]);
	return a;
}

/* The second operand when either is a NaN, and when both are zeros. */
EMULATED __m512 _mm512_min_ps(__m512 a, __m512 b)
{
	EACH_LANE a[i] = a[i] < b[i] ? a[i] : b[i];
	return a;
}

EMULATED __m512 _mm512_max_ps(__m512 a, __m512 b)
{
	EACH_LANE a[i] = a[i] > b[i] ? a[i] : b[i];
	return a;
}

#undef EACH_LANE
#undef EMULATED

#endif
