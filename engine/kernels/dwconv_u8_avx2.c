#ifdef __x86_64__
#	include "engine/kernels/dwconv_u8_avx2.h"

void dwconv_u8_avx2(const struct dwconv_u8_window *s, size_t pixels, const uint8_t *const *in,
                    const int16_t *w, const struct requantise *r, uint8_t *y)
{
	dwconv_u8(s, pixels, in, w, r, y);
}
#endif
