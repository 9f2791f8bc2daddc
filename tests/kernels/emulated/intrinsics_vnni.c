/* Built twice, as intrinsics_avx512.c is. */
#include "tests/kernels/emulated/intrinsics.h"

#if defined(__x86_64__) || defined(EMULATED_AVX512)
#	include <immintrin.h>
#	include <string.h>

#	ifdef EMULATED_AVX512
#		define BUILD(name) name##_emulated
#	else
#		define BUILD(name) name##_native
#	endif

void BUILD(add_products)(const int32_t *sum, const int32_t *a, const int32_t *b, int32_t *out)
{
	__m512i x = _mm512_dpbusd_epi32(_mm512_maskz_loadu_epi32(0xffff, sum),
	                                _mm512_maskz_loadu_epi32(0xffff, a),
	                                _mm512_maskz_loadu_epi32(0xffff, b));
	memcpy(out, &x, sizeof x);
}
#endif
