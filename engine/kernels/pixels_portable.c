#include "engine/kernels/pixels.h"

void pixels_f32(size_t n, const uint8_t *px, const float *scale, const float *shift,
                float *restrict y)
{
	for (size_t i = 0; i < n; i++)
		y[i] = (float)px[i] * scale[i] + shift[i];
}

void pixels_reversed_f32(size_t n, const uint8_t *px, const float *scale, const float *shift,
                         float *restrict y)
{
	for (size_t i = 0; i + 2 < n; i += 3) {
		y[i] = (float)px[i + 2] * scale[i] + shift[i];
		y[i + 1] = (float)px[i + 1] * scale[i + 1] + shift[i + 1];
		y[i + 2] = (float)px[i] * scale[i + 2] + shift[i + 2];
	}
}
