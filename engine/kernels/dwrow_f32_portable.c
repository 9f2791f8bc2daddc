#include "engine/kernels/dwrow_f32.h"

void dwrow_f32_portable(size_t pixels, size_t channels, const struct dwrow_window *window,
                        const float *const *in, const float *w, float *out,
                        const struct epilogue *ep)
{
	dwrow(pixels, channels, window, in, w, out, ep);
}
