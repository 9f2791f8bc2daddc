/* Built twice: by its name with the CPU's instructions, and with EMULATED_AVX512 and the header
 * beside it. */
#include "tests/kernels/emulated/intrinsics.h"

#if defined(__x86_64__) || defined(EMULATED_AVX512)
#	include <immintrin.h>
#	include <string.h>

#	ifdef EMULATED_AVX512
#		define BUILD(name) name##_emulated
#	else
#		define BUILD(name) name##_native
#	endif

static void keep(float *to, __m512 x)
{
	_mm512_mask_storeu_ps(to, 0xffff, x);
}

void BUILD(intrinsics)(struct intrinsics *i)
{
	struct intrinsics_results *r = &i->result;
	const __m512 a = _mm512_maskz_loadu_ps(0xffff, i->a);
	const __m512 b = _mm512_maskz_loadu_ps(0xffff, i->b);
	const __m512 c = _mm512_maskz_loadu_ps(0xffff, i->c);
	keep(r->set1, _mm512_set1_ps(i->a[3]));
	keep(r->setzero, _mm512_setzero_ps());
	r->cvtss = _mm512_cvtss_f32(a);
	keep(r->maskz_load, _mm512_maskz_loadu_ps(i->mask, i->a));
	memcpy(r->mask_store, i->c, sizeof r->mask_store);
	_mm512_mask_storeu_ps(r->mask_store, i->mask, a);
	keep(r->add, _mm512_add_ps(a, b));
	keep(r->mul, _mm512_mul_ps(a, b));
	keep(r->fmadd, _mm512_fmadd_ps(a, b, c));
	keep(r->min, _mm512_min_ps(a, b));
	keep(r->max, _mm512_max_ps(a, b));
}

static void keep_integers(int32_t *to, __m512i x)
{
	memcpy(to, &x, sizeof x);
}

void BUILD(integers)(struct integers *i)
{
	struct integers_results *r = &i->result;
	const __m512i a = _mm512_maskz_loadu_epi32(0xffff, i->a);
	const __m512i b = _mm512_maskz_loadu_epi32(0xffff, i->b);
	const __m128i bytes = _mm_maskz_loadu_epi8(i->mask, i->bytes);
	keep_integers(r->set1, _mm512_set1_epi32(i->a[3]));
	keep_integers(r->load, _mm512_maskz_loadu_epi32(i->mask, i->a));
	keep_integers(r->from_u8, _mm512_cvtepu8_epi32(bytes));
	keep_integers(r->from_s8, _mm512_cvtepi8_epi32(bytes));
	keep_integers(r->shifted, _mm512_slli_epi32(a, 16));
	keep_integers(r->blended, _mm512_mask_blend_epi16(i->halves, a, b));
	keep_integers(r->add, _mm512_add_epi32(a, b));
	keep_integers(r->madd, _mm512_madd_epi16(a, b));
	keep_integers(r->from_float, _mm512_cvtps_epi32(_mm512_maskz_loadu_ps(0xffff, i->x)));
	keep(r->to_float, _mm512_cvtepi32_ps(a));
	memcpy(r->to_bytes, i->bytes, sizeof r->to_bytes);
	_mm512_mask_cvtepi32_storeu_epi8(r->to_bytes, i->mask, a);
}

void BUILD(copy_masked)(const void *from, uint16_t mask, void *to)
{
	_mm512_mask_storeu_ps(to, mask, _mm512_maskz_loadu_ps(mask, from));
}

void BUILD(copy_bytes)(const void *from, uint16_t mask, void *to)
{
	__m512i x = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, from));
	_mm512_mask_cvtepi32_storeu_epi8(to, mask, x);
}

void BUILD(copy_aligned)(const void *from, void *to)
{
	_mm512_store_ps(to, _mm512_load_ps(from));
}
#endif
