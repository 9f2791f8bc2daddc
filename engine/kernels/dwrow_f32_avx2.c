#ifdef __x86_64__
#	include "engine/kernels/dwrow_f32.h"

void dwrow_f32_avx2(size_t pixels, size_t channels, const struct dwrow_window *window,
                    const float *const *in, const float *w, float *out, const struct epilogue *ep)
{
	dwrow(pixels, channels, window, in, w, out, ep);
}
#endif
