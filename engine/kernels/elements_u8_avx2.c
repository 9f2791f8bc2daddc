#ifdef __x86_64__
#	include "engine/kernels/elements_u8.h"

void add_u8_avx2(size_t n, const struct pair_u8 *p, const uint8_t *a, const uint8_t *b, uint8_t *y)
{
	add_all(n, p, a, b, y);
}

void multiply_u8_avx2(size_t n, const struct pair_u8 *p, const uint8_t *a, const uint8_t *b,
                      uint8_t *y)
{
	multiply_all(n, p, a, b, y);
}

void quantise_u8_avx2(size_t n, const float *x, float scale, const struct byte_range *r, uint8_t *y)
{
	quantise_all(n, x, scale, r, y);
}

void dequantise_u8_avx2(size_t n, const uint8_t *x, bool is_signed, int32_t zero, float scale,
                        float *y)
{
	dequantise_all(n, x, is_signed, zero, scale, y);
}
#endif
