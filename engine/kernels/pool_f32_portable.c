#include "engine/kernels/kernels.h"
#include "engine/kernels/loops.h"

#include <math.h>

/* out is a row of its own, so it can be the accumulator: INDEPENDENT says that it is not x. */
void maxpool_f32_portable(size_t pixels, size_t channels, size_t taps, const float *const *in,
                          float *out)
{
	for (size_t p = 0; p < pixels; p++, in += taps, out += channels) {
		for (size_t c = 0; c < channels; c++)
			out[c] = -INFINITY;
		for (size_t t = 0; t < taps; t++) {
			const float *x = in[t];
			INDEPENDENT for (size_t c = 0; c < channels; c++) out[c] =
				x[c] > out[c] ? x[c] : out[c];
		}
	}
}

void avgpool_f32_portable(size_t pixels, size_t channels, size_t taps, const float *const *in,
                          const float *scale, float *out)
{
	for (size_t p = 0; p < pixels; p++, in += taps, out += channels) {
		for (size_t c = 0; c < channels; c++)
			out[c] = 0;
		for (size_t t = 0; t < taps; t++) {
			const float *x = in[t];
			INDEPENDENT for (size_t c = 0; c < channels; c++) out[c] += x[c];
		}
		for (size_t c = 0; c < channels; c++)
			out[c] *= scale[p];
	}
}
