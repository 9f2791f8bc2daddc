/* dwrow_f32.h - output pixels of one row of a depthwise convolution, for the vector of the including file. A block
 * of pixels shares each weight, and each input between the windows that see it. */
#ifndef ENGINE_KERNELS_DWROW_F32_H
#define ENGINE_KERNELS_DWROW_F32_H
#include "engine/kernels/kernels.h"
#include "engine/kernels/vector.h"

/* So many sums hide the latency of a multiply-add, and leave registers for a row of five weights. */
enum { DWROW_PIXELS = 8, DWROW_COLUMNS = 5 };

/* Values, not pointers to them: what is stored cannot change these, and they are read once. */
struct dwrow {
	size_t channels;
	struct dwrow_window window;
	const float *const *in;
	const float *w;
	float *out;
	struct epilogue ep;
};

ALWAYS_INLINE void dwrow_store(const struct dwrow *d, size_t pixels, size_t width, size_t first,
                               size_t c, const vec acc[DWROW_PIXELS])
{
	const struct epilogue *ep = &d->ep;
	size_t at = first * d->channels + c;
	vec sum[DWROW_PIXELS], bias = {0};
	if (ep->bias)
		bias = load_first(ep->bias + c, width);
	UNROLLED for (size_t p = 0; p < pixels; p++) sum[p] = acc[p] + bias;
	if (ep->residual)
		UNROLLED for (size_t p = 0; p < pixels; p++) sum[p] +=
			load_first(ep->residual + at + p * d->channels, width);
	UNROLLED for (size_t p = 0; p < pixels; p++, at += d->channels)
		store_first(d->out + at, width, clamp_vec(sum[p], ep->lo, ep->hi));
}

/* `columns` taps in a row of the window, `stride` of them from one pixel to the next: constants, as is `pixels`. */
ALWAYS_INLINE void dwrow_shared(const struct dwrow *d, size_t pixels, size_t columns, size_t stride,
                                size_t width, size_t first, size_t c)
{
	const struct dwrow_window *window = &d->window;
	vec acc[DWROW_PIXELS];
	UNROLLED for (size_t p = 0; p < pixels; p++) acc[p] = (vec){0};
	for (size_t y = 0; y < window->rows; y++) {
		const float *x = d->in[y] + window->from + first * window->step + c;
		const float *w = d->w + y * window->w_row + c;
		vec weight[DWROW_COLUMNS];
		UNROLLED for (size_t k = 0; k < columns; k++) weight[k] =
			load_first(w + k * d->channels, width);
		UNROLLED for (size_t i = 0; i < pixels + (columns - 1) / stride; i++)
			UNROLLED for (size_t s = 0; s < stride; s++)
		{
			if (i * stride + s >= (pixels - 1) * stride + columns)
				continue;
			vec value = load_first(x, width);
			x += window->tap;
			/* Tap k = s + j * stride of pixel i - j. */
			UNROLLED for (size_t j = 0; j < DWROW_COLUMNS;
			              j++) if (s + j * stride < columns && j <= i && i - j < pixels)
				acc[i - j] = fma_vec(value, weight[s + j * stride], acc[i - j]);
		}
	}
	dwrow_store(d, pixels, width, first, c, acc);
}

/* Any window. */
ALWAYS_INLINE void dwrow_any(const struct dwrow *d, size_t pixels, size_t width, size_t first,
                             size_t c)
{
	const struct dwrow_window *window = &d->window;
	vec acc[DWROW_PIXELS];
	UNROLLED for (size_t p = 0; p < pixels; p++) acc[p] = (vec){0};
	for (size_t y = 0; y < window->rows; y++) {
		const float *x = d->in[y] + window->from + first * window->step + c;
		const float *w = d->w + y * window->w_row + c;
		for (size_t k = 0; k < window->columns; k++, x += window->tap, w += d->channels) {
			vec weight = load_first(w, width);
			UNROLLED for (size_t p = 0; p < pixels; p++) acc[p] =
				fma_vec(load_first(x + p * window->step, width), weight, acc[p]);
		}
	}
	dwrow_store(d, pixels, width, first, c, acc);
}

/* columns 0: any window */
ALWAYS_INLINE void dwrow_block(const struct dwrow *d, size_t pixels, size_t columns, size_t stride,
                               size_t first)
{
	size_t c = 0;
	for (; c + LANES <= d->channels; c += LANES)
		if (columns)
			dwrow_shared(d, pixels, columns, stride, LANES, first, c);
		else
			dwrow_any(d, pixels, LANES, first, c);
	if (c < d->channels)
		dwrow_any(d, pixels, d->channels - c, first, c);
}

ALWAYS_INLINE void dwrow_pixels(const struct dwrow *d, size_t pixels, size_t columns, size_t stride)
{
	size_t p = 0;
	for (; p + DWROW_PIXELS <= pixels; p += DWROW_PIXELS)
		dwrow_block(d, DWROW_PIXELS, columns, stride, p);
	for (; p + 4 <= pixels; p += 4)
		dwrow_block(d, 4, columns, stride, p);
	for (; p + 2 <= pixels; p += 2)
		dwrow_block(d, 2, columns, stride, p);
	for (; p < pixels; p++)
		dwrow_block(d, 1, columns, stride, p);
}

ALWAYS_INLINE void dwrow(size_t pixels, size_t channels, const struct dwrow_window *window,
                         const float *const *in, const float *w, float *out,
                         const struct epilogue *ep)
{
	const struct dwrow d = {channels, *window, in, w, out, *ep};
	bool one = window->step == window->tap, two = window->step == 2 * window->tap;
	if (window->columns == 3 && one)
		dwrow_pixels(&d, pixels, 3, 1);
	else if (window->columns == 3 && two)
		dwrow_pixels(&d, pixels, 3, 2);
	else if (window->columns == 5 && one)
		dwrow_pixels(&d, pixels, 5, 1);
	else if (window->columns == 5 && two)
		dwrow_pixels(&d, pixels, 5, 2);
	else
		dwrow_pixels(&d, pixels, 0, 1);
}

#endif
