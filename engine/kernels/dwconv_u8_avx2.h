/* dwconv_u8_avx2.h - the depthwise convolution of bytes, for the vectors of the including file.
 *
 * A block is a vector of channels of up to PIXELS neighbouring outputs. Bytes of two rows of the input, one above
 * the other, are widened to pairs of int16 once for all the outputs that see them, and multiplied with pairs of
 * weights. */
#ifndef ENGINE_KERNELS_DWCONV_U8_AVX2_H
#define ENGINE_KERNELS_DWCONV_U8_AVX2_H
#include "engine/kernels/pairs_avx2.h"

enum { PIXELS = 7, FEW_PIXELS = 4, MOST_COLUMNS = 5 };

/* How a block finds what its outputs share. What is constant after inlining: width, 0 for any, and stride of the
 * kernel, dilation being 1, and whether the bytes are signed. */
struct form {
	size_t width, stride;
	bool is_signed;
};

/* Where a block's pixels and weights lie: `upper` and, of two rows, `lower` have a pixel for each column. */
struct block_rows {
	const uint8_t *const *upper, *const *lower;
	const int16_t *w;
	size_t c;
};

ALWAYS_INLINE ints see(const struct block_rows *b, bool two, size_t column, bool is_signed,
                       lanes some)
{
	const uint8_t *x = b->upper[column] + b->c;
	return two ? widen_pairs(x, b->lower[column] + b->c, is_signed, some)
	           : widen(x, is_signed, some);
}

/* Each column of the input meets the outputs that see it. */
ALWAYS_INLINE void add_columns(const struct dwconv_u8_window *s, const struct form *f,
                               size_t pixels, const struct block_rows *b, bool two, lanes some,
                               ints *sum)
{
	ints weight[MOST_COLUMNS];
	UNROLLED for (size_t kx = 0; kx < f->width; kx++) weight[kx] =
		load_pairs(b->w + kx * s->channels * 2, some);
	UNROLLED for (size_t j = 0; j < (pixels - 1) * f->stride + f->width; j++)
	{
		ints x = see(b, two, j, f->is_signed, some);
		UNROLLED for (size_t p = 0; p < pixels; p++)
		{
			if (j >= p * f->stride && j < p * f->stride + f->width)
				sum[p] = multiply_add(sum[p], x, weight[j - p * f->stride]);
		}
	}
}

/* The same for kernels of any width and dilation, tap by tap. */
ALWAYS_INLINE void add_taps(const struct dwconv_u8_window *s, const struct form *f, size_t pixels,
                            const struct block_rows *b, bool two, lanes some, ints *sum)
{
	for (size_t kx = 0; kx < s->kernel[1]; kx++) {
		ints weight = load_pairs(b->w + kx * s->channels * 2, some);
		UNROLLED for (size_t p = 0; p < pixels; p++)
		{
			size_t j = p * s->stride + kx * s->dilation;
			sum[p] = multiply_add(sum[p], see(b, two, j, f->is_signed, some), weight);
		}
	}
}

ALWAYS_INLINE void add_rows(const struct dwconv_u8_window *s, const struct form *f, size_t pixels,
                            const struct block_rows *b, bool two, lanes some, ints *sum)
{
	if (f->width)
		add_columns(s, f, pixels, b, two, some, sum);
	else
		add_taps(s, f, pixels, b, two, some, sum);
}

/* Output pixels from `in` and `y` on, channels from c on. */
ALWAYS_INLINE void block(const struct dwconv_u8_window *s, const struct form *f, size_t pixels,
                         size_t c, const uint8_t *const *in, const int16_t *w,
                         const struct result *r, uint8_t *y)
{
	const lanes some = first_channels(s->channels - c);
	const ints bias = load_bias(r->bias + c, some);
	ints sum[PIXELS];
	UNROLLED for (size_t p = 0; p < pixels; p++) sum[p] = bias;
	struct block_rows b = {in, in + s->columns, w + c * 2, c};
	for (size_t pairs = s->kernel[0] / 2; pairs > 0; pairs--) {
		add_rows(s, f, pixels, &b, true, some, sum);
		b.upper += 2 * s->columns;
		b.lower += 2 * s->columns;
		b.w += s->kernel[1] * s->channels * 2;
	}
	if (s->kernel[0] % 2)
		add_rows(s, f, pixels, &b, false, some, sum);
	store_pixels(pixels, sum, r, c, y, s->channels, some);
}

ALWAYS_INLINE void all_channels(const struct dwconv_u8_window *s, const struct form *f,
                                size_t pixels, const uint8_t *const *in, const int16_t *w,
                                const struct result *r, uint8_t *y)
{
	for (size_t c = 0; c < s->channels; c += LANES) {
		/* The last channels: some of them a second time, where parts of vectors are not to be had. */
		if (ALL_LANES && c + LANES > s->channels)
			c = s->channels - LANES;
		block(s, f, pixels, c, in, w, r, y);
	}
}

/* The last pixels too are blocks: some of them are computed a second time. */
ALWAYS_INLINE void all_pixels(const struct dwconv_u8_window *s, const struct form *f, size_t most,
                              size_t pixels, const uint8_t *const *in, const int16_t *w,
                              const struct result *r, uint8_t *y)
{
	for (size_t p = 0; p < pixels;) {
		size_t left = pixels - p, n = 1;
		if (pixels >= most && (left > FEW_PIXELS || left >= most))
			n = most;
		else if (pixels >= FEW_PIXELS)
			n = FEW_PIXELS;
		size_t at = n > left ? pixels - n : p;
		const uint8_t *const *from = in + at * s->stride;
		uint8_t *to = y + at * s->channels;
		if (n == most)
			all_channels(s, f, most, from, w, r, to);
		else if (n == FEW_PIXELS)
			all_channels(s, f, FEW_PIXELS, from, w, r, to);
		else
			all_channels(s, f, 1, from, w, r, to);
		p = at + n;
	}
}

/* One instance of all for each form. */
ALWAYS_INLINE void each_form(const struct dwconv_u8_window *s, bool is_signed, size_t pixels,
                             const uint8_t *const *in, const int16_t *w, const struct result *r,
                             uint8_t *y)
{
	size_t key = s->dilation == 1 && s->stride < 10 ? s->kernel[1] * 10 + s->stride : 0;
	switch (key) {
	case 31:
		all_pixels(s, &(struct form){3, 1, is_signed}, PIXELS, pixels, in, w, r, y);
		break;
	case 32:
		all_pixels(s, &(struct form){3, 2, is_signed}, PIXELS, pixels, in, w, r, y);
		break;
	case 51:
		all_pixels(s, &(struct form){5, 1, is_signed}, PIXELS, pixels, in, w, r, y);
		break;
	case 52: /* a block of more pixels would see more columns than a loop unrolls */
		all_pixels(s, &(struct form){5, 2, is_signed}, FEW_PIXELS, pixels, in, w, r, y);
		break;
	default:
		all_pixels(s, &(struct form){0, 0, is_signed}, FEW_PIXELS, pixels, in, w, r, y);
	}
}

ALWAYS_INLINE void dwconv_u8(const struct dwconv_u8_window *s, size_t pixels,
                             const uint8_t *const *in, const int16_t *w, const struct requantise *r,
                             uint8_t *y)
{
	const struct result result = prepare(r);
	if (ALL_LANES && s->channels < LANES)
		dwconv_u8_portable(s, pixels, in, w, r, y);
	else if (s->is_signed)
		each_form(s, true, pixels, in, w, &result, y);
	else
		each_form(s, false, pixels, in, w, &result, y);
}

#endif
