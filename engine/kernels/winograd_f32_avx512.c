#ifdef __x86_64__
#	include "engine/kernels/loops.h"

#	include <immintrin.h>
#	include <stddef.h>

enum { LANES = 16 };
typedef __m512 vec;

ALWAYS_INLINE __mmask16 first_lanes(size_t n)
{
	return n < LANES ? (__mmask16)((1u << n) - 1) : 0xffff;
}

ALWAYS_INLINE vec load_first(const float *x, size_t n)
{
	return _mm512_maskz_loadu_ps(first_lanes(n), x);
}

ALWAYS_INLINE void store_first(float *y, size_t n, vec v)
{
	_mm512_mask_storeu_ps(y, first_lanes(n), v);
}

ALWAYS_INLINE vec clamp_vec(vec v, float lo, float hi)
{
	/* Both give the second operand when there is a NaN. */
	return _mm512_min_ps(_mm512_set1_ps(hi), _mm512_max_ps(_mm512_set1_ps(lo), v));
}

#	include "engine/kernels/winograd_f32.h"

void winograd_input_f32_avx512(size_t channels, const float *const *in, float *v, size_t stride)
{
	winograd_input(channels, in, v, stride);
}

void winograd_output_f32_avx512(size_t channels, const struct winograd_place *place, const float *m,
                                size_t stride, float *out, const struct epilogue *ep)
{
	winograd_output(channels, place, m, stride, out, ep);
}
#endif
