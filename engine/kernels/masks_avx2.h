/* masks_avx2.h - the first n of eight lanes, for the files that are built for AVX2. */
#ifndef ENGINE_KERNELS_MASKS_AVX2_H
#define ENGINE_KERNELS_MASKS_AVX2_H
#include "engine/kernels/loops.h"

#include <immintrin.h>
#include <stdint.h>

/* Lanes 0 .. n-1 set, 0 <= n <= 8. */
ALWAYS_INLINE __m256i first_lanes(size_t n)
{
	static const int32_t ones_then_zeros[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
	return _mm256_loadu_si256((const __m256i *)(const void *)(ones_then_zeros + 8 - n));
}

/* Lanes past n are zero, resp. left alone; their memory is not touched. Masked accesses cost
 * several times a plain one, and n is mostly 8. */
ALWAYS_INLINE __m256 load_first(const float *x, size_t n)
{
	return n == 8 ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, first_lanes(n));
}

ALWAYS_INLINE void store_first(float *y, size_t n, __m256 value)
{
	if (n == 8)
		_mm256_storeu_ps(y, value);
	else
		_mm256_maskstore_ps(y, first_lanes(n), value);
}

#endif
