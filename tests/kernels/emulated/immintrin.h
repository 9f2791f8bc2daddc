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

/* --- integers: 32 bits a lane, or 16 where the name says so */

typedef int32_t __m512i __attribute__((vector_size(EMULATED_LANES * 4)));
typedef uint8_t __m128i __attribute__((vector_size(EMULATED_LANES)));
typedef uint32_t __mmask32;

EMULATED __m512i _mm512_set1_epi32(int32_t x)
{
	__m512i y;
	EACH_LANE y[i] = x;
	return y;
}

EMULATED __m512i _mm512_maskz_loadu_epi32(__mmask16 mask, const void *p)
{
	__m512i y;
	EACH_LANE
	{
		y[i] = 0;
		if (mask >> i & 1)
			memcpy((char *)&y + i * 4, (const char *)p + i * 4, 4);
	}
	return y;
}

EMULATED __m128i _mm_maskz_loadu_epi8(__mmask16 mask, const void *p)
{
	__m128i y;
	EACH_LANE y[i] = mask >> i & 1 ? ((const uint8_t *)p)[i] : 0;
	return y;
}

EMULATED __m512i _mm512_cvtepu8_epi32(__m128i x)
{
	__m512i y;
	EACH_LANE y[i] = x[i];
	return y;
}

EMULATED __m512i _mm512_cvtepi8_epi32(__m128i x)
{
	__m512i y;
	EACH_LANE y[i] = (int8_t)x[i];
	return y;
}

EMULATED __m512i _mm512_slli_epi32(__m512i x, unsigned bits)
{
	EACH_LANE x[i] = bits < 32 ? (int32_t)((uint32_t)x[i] << bits) : 0;
	return x;
}

EMULATED __m512i _mm512_mask_blend_epi16(__mmask32 mask, __m512i a, __m512i b)
{
	EACH_LANE
	{
		uint32_t low = mask >> 2 * i & 1 ? 0xffff : 0;
		uint32_t high = mask >> (2 * i + 1) & 1 ? 0xffff0000 : 0, of_b = low | high;
		a[i] = (int32_t)(((uint32_t)a[i] & ~of_b) | ((uint32_t)b[i] & of_b));
	}
	return a;
}

EMULATED __m512i _mm512_add_epi32(__m512i a, __m512i b)
{
	EACH_LANE a[i] = (int32_t)((uint32_t)a[i] + (uint32_t)b[i]);
	return a;
}

/* VNNI: unsigned bytes of a by signed bytes of b. */
EMULATED __m512i _mm512_dpbusd_epi32(__m512i sum, __m512i a, __m512i b)
{
	EACH_LANE
	{
		for (int h = 0; h < 32; h += 8)
			sum[i] = (int32_t)((uint32_t)sum[i] +
			                   (uint32_t)((int32_t)((uint32_t)a[i] >> h & 255) *
			                              (int8_t)((uint32_t)b[i] >> h)));
	}
	return sum;
}

/* Only -32768 * -32768 * 2 wraps. */
EMULATED __m512i _mm512_madd_epi16(__m512i a, __m512i b)
{
	EACH_LANE
	{
		uint32_t x = (uint32_t)a[i], y = (uint32_t)b[i];
		uint32_t low = (uint32_t)((int16_t)x * (int16_t)y);
		uint32_t high = (uint32_t)((int16_t)(x >> 16) * (int16_t)(y >> 16));
		a[i] = (int32_t)(low + high);
	}
	return a;
}

EMULATED __m512 _mm512_cvtepi32_ps(__m512i x)
{
	__m512 y;
	EACH_LANE y[i] = (float)x[i];
	return y;
}

/* To the nearest, of two the even one; what does not fit becomes the least. */
EMULATED __m512i _mm512_cvtps_epi32(__m512 x)
{
	__m512i y;
	EACH_LANE y[i] = x[i] >= -0x1p31f && x[i] < 0x1p31f ? (int32_t)lrintf(x[i]) : INT32_MIN;
	return y;
}

EMULATED void _mm512_mask_cvtepi32_storeu_epi8(void *p, __mmask16 mask, __m512i x)
{
	EACH_LANE if (mask >> i & 1)((uint8_t *)p)[i] = (uint8_t)x[i];
}

#undef EACH_LANE
#undef EMULATED

#endif
