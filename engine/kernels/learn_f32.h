/* learn_f32.h - what training does to feature maps between the matrix products, for the vector of the including
 * file. Batch normalisation: Ioffe and Szegedy (2015). */
#ifndef ENGINE_KERNELS_LEARN_F32_H
#define ENGINE_KERNELS_LEARN_F32_H
#include "engine/kernels/kernels.h"
#include "engine/kernels/vector.h"

#include <stdint.h>

typedef int32_t lane_mask __attribute__((vector_size(LANES * sizeof(int32_t))));

/* Call body(c, width, ...) for all channels, LANES at a time. */
#define EACH_BLOCK(channels, body, ...)                       \
	do {                                                  \
		size_t c_ = 0;                                \
		for (; c_ + LANES <= (channels); c_ += LANES) \
			body(c_, LANES, __VA_ARGS__);         \
		if (c_ < (channels))                          \
			body(c_, (channels)-c_, __VA_ARGS__); \
	} while (0)

ALWAYS_INLINE void moments_block(size_t c, size_t width, size_t pixels, size_t channels,
                                 const float *x, float *sum, float *square)
{
	vec s = {0}, q = {0};
	x += c;
	for (size_t p = 0; p < pixels; p++, x += channels) {
		vec v = load_first(x, width);
		s += v;
		q = fma_vec(v, v, q);
	}
	store_first(sum + c, width, load_first(sum + c, width) + s);
	store_first(square + c, width, load_first(square + c, width) + q);
}

ALWAYS_INLINE void affine_block(size_t c, size_t width, size_t pixels, size_t channels,
                                const float *x, const float *scale, const float *shift,
                                const float *residual, float lo, float hi, float *y)
{
	const vec a = load_first(scale + c, width), b = load_first(shift + c, width);
	for (size_t p = 0, at = c; p < pixels; p++, at += channels) {
		vec v = fma_vec(load_first(x + at, width), a, b);
		if (residual)
			v += load_first(residual + at, width);
		store_first(y + at, width, clamp_vec(v, lo, hi));
	}
}

ALWAYS_INLINE void clamp_grad_block(size_t c, size_t width, size_t pixels, size_t channels,
                                    const float *y, float lo, float hi, const float *x, float *g,
                                    float *sum_g, float *sum_gx)
{
	const vec below = set_vec(lo), above = set_vec(hi);
	vec s = {0}, sx = {0};
	for (size_t p = 0, at = c; p < pixels; p++, at += channels) {
		vec out = load_first(y + at, width);
		lane_mask passes = (lane_mask)(out > below) & (lane_mask)(out < above);
		vec v = (vec)((lane_mask)load_first(g + at, width) & passes);
		store_first(g + at, width, v);
		s += v;
		if (x)
			sx = fma_vec(v, load_first(x + at, width), sx);
	}
	store_first(sum_g + c, width, load_first(sum_g + c, width) + s);
	if (x)
		store_first(sum_gx + c, width, load_first(sum_gx + c, width) + sx);
}

ALWAYS_INLINE void combine_block(size_t c, size_t width, size_t pixels, size_t channels,
                                 const float *g, const float *x, const float *a, const float *b,
                                 const float *shift, float *out)
{
	const vec by_g = load_first(a + c, width), by_x = load_first(b + c, width);
	const vec plus = load_first(shift + c, width);
	for (size_t p = 0, at = c; p < pixels; p++, at += channels) {
		vec v = fma_vec(load_first(x + at, width), by_x, plus);
		store_first(out + at, width, fma_vec(load_first(g + at, width), by_g, v));
	}
}

ALWAYS_INLINE void dwconv_grad_block(size_t c, size_t width, size_t pixels, size_t channels,
                                     size_t taps, const float *const *in, const float *g, float *dw)
{
	for (size_t t = 0; t < taps; t++, dw += channels) {
		vec sum = load_first(dw + c, width);
		for (size_t p = 0; p < pixels; p++)
			sum = fma_vec(load_first(in[p * taps + t] + c, width),
			              load_first(g + p * channels + c, width), sum);
		store_first(dw + c, width, sum);
	}
}

#endif
