/* vector.h - the widest vector of floats that the including file's instruction set has, for kernels that are
 * written once and built for every level. A file's suffix decides which flags it is built with. */
#ifndef ENGINE_KERNELS_VECTOR_H
#define ENGINE_KERNELS_VECTOR_H
#include "engine/kernels/loops.h"

#include <stddef.h>

/* vec: LANES floats; arithmetic by operators. load_first and store_first touch the memory of the first n
 * lanes only, the others are zero. clamp_vec is min(max(v, lo), hi), NaN stays NaN. fma_vec is a * b + c, rounded
 * once where the instruction set can. */
/* The AVX-512 kernels are also tested with their intrinsics in plain C. */
#if defined(__AVX512F__) || defined(EMULATED_AVX512)
#	include <immintrin.h>

enum { LANES = 16 };
typedef __m512 vec;

ALWAYS_INLINE __mmask16 vec_mask(size_t n)
{
	return n < LANES ? (__mmask16)((1u << n) - 1) : 0xffff;
}

ALWAYS_INLINE vec load_first(const float *x, size_t n)
{
	return _mm512_maskz_loadu_ps(vec_mask(n), x);
}

ALWAYS_INLINE void store_first(float *y, size_t n, vec v)
{
	_mm512_mask_storeu_ps(y, vec_mask(n), v);
}

ALWAYS_INLINE vec clamp_vec(vec v, float lo, float hi)
{
	/* Both give the second operand when there is a NaN. */
	return _mm512_min_ps(_mm512_set1_ps(hi), _mm512_max_ps(_mm512_set1_ps(lo), v));
}

ALWAYS_INLINE vec set_vec(float x)
{
	return _mm512_set1_ps(x);
}

ALWAYS_INLINE vec fma_vec(vec a, vec b, vec c)
{
	return _mm512_fmadd_ps(a, b, c);
}

#elif defined(__AVX2__)
#	include "engine/kernels/masks_avx2.h"

enum { LANES = 8 };
typedef __m256 vec;

ALWAYS_INLINE vec clamp_vec(vec v, float lo, float hi)
{
	return _mm256_min_ps(_mm256_set1_ps(hi), _mm256_max_ps(_mm256_set1_ps(lo), v));
}

ALWAYS_INLINE vec set_vec(float x)
{
	return _mm256_set1_ps(x);
}

ALWAYS_INLINE vec fma_vec(vec a, vec b, vec c)
{
	return _mm256_fmadd_ps(a, b, c);
}

#else
#	include <string.h>

enum { LANES = 4 };
typedef float vec __attribute__((vector_size(LANES * sizeof(float))));

ALWAYS_INLINE vec load_first(const float *x, size_t n)
{
	vec v = {0};
	memcpy(&v, x, n * sizeof *x);
	return v;
}

ALWAYS_INLINE void store_first(float *y, size_t n, vec v)
{
	memcpy(y, &v, n * sizeof *y);
}

ALWAYS_INLINE vec clamp_vec(vec v, float lo, float hi)
{
	for (size_t i = 0; i < LANES; i++) {
		float x = lo > v[i] ? lo : v[i]; /* a NaN fails both tests and stays */
		v[i] = hi < x ? hi : x;
	}
	return v;
}

ALWAYS_INLINE vec set_vec(float x)
{
	return (vec){x, x, x, x};
}

ALWAYS_INLINE vec fma_vec(vec a, vec b, vec c)
{
	return a * b + c;
}
#endif

#endif
