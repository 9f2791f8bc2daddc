/* pixels.h - the first step of every run: 8-bit pixels to normalised floats. */
#ifndef ENGINE_KERNELS_PIXELS_H
#define ENGINE_KERNELS_PIXELS_H
#include <stddef.h>
#include <stdint.h>

/* y[i] = px[i] * scale[i] + shift[i] for i < n. The caller lays scale and shift out as the channels
 * of a row of pixels follow each other. */
void pixels_f32(size_t n, const uint8_t *px, const float *scale, const float *shift, float *y);

/* The same for pixels of three channels stored in the opposite order: y's channel c of each of n / 3
 * pixels comes from px's channel 2 - c; scale and shift are in y's order. */
void pixels_reversed_f32(size_t n, const uint8_t *px, const float *scale, const float *shift,
                         float *y);

#endif
