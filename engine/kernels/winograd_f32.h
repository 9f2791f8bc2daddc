/* winograd_f32.h - the transforms of Winograd's F(4x4, 3x3), for the vector of the including file.
 *
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), interpolation points
 * 0, 1, -1, 2, -2: 36 multiplications make the 16 outputs that take 144 directly. */
#ifndef ENGINE_KERNELS_WINOGRAD_F32_H
#define ENGINE_KERNELS_WINOGRAD_F32_H
#include "engine/kernels/kernels.h"
#include "engine/kernels/vector.h"

enum { IN = WINOGRAD_IN, OUT = WINOGRAD_OUT };

/* y = B^T x */
ALWAYS_INLINE void input_line(const vec x[IN], vec y[IN])
{
	vec even = x[4] - 4 * x[2], odd = x[3] - 4 * x[1];
	vec far_even = x[4] - x[2], far_odd = 2 * (x[3] - x[1]);
	y[0] = 4 * (x[0] - x[2]) + far_even;
	y[1] = even + odd;
	y[2] = even - odd;
	y[3] = far_even + far_odd;
	y[4] = far_even - far_odd;
	y[5] = 4 * (x[1] - x[3]) + (x[5] - x[3]);
}

/* y = A^T x */
ALWAYS_INLINE void output_line(const vec x[IN], vec y[OUT])
{
	vec sum = x[1] + x[2], difference = x[1] - x[2];
	vec far_sum = x[3] + x[4], far_difference = x[3] - x[4];
	y[0] = x[0] + sum + far_sum;
	y[1] = difference + 2 * far_difference;
	y[2] = sum + 4 * far_sum;
	y[3] = difference + 8 * far_difference + x[5];
}

/* `width` channels from c on. */
ALWAYS_INLINE void input_block(size_t c, size_t width, const float *const *in, float *v,
                               size_t stride)
{
	vec half[IN][IN]; /* [column][row]: columns are done */
	UNROLLED for (size_t x = 0; x < IN; x++)
	{
		vec d[IN];
		UNROLLED for (size_t y = 0; y < IN; y++) d[y] =
			load_first(in[y * IN + x] + c, width);
		input_line(d, half[x]);
	}
	UNROLLED for (size_t y = 0; y < IN; y++)
	{
		vec d[IN], u[IN];
		UNROLLED for (size_t x = 0; x < IN; x++) d[x] = half[x][y];
		input_line(d, u);
		UNROLLED for (size_t x = 0; x < IN; x++)
			store_first(v + (y * IN + x) * stride + c, width, u[x]);
	}
}

ALWAYS_INLINE void winograd_input(size_t channels, const float *const *in, float *v, size_t stride)
{
	size_t c = 0;
	for (; c + LANES <= channels; c += LANES)
		input_block(c, LANES, in, v, stride);
	if (c < channels)
		input_block(c, channels - c, in, v, stride);
}

ALWAYS_INLINE void output_block(size_t c, size_t width, const struct winograd_place *place,
                                const float *m, size_t stride, float *out,
                                const struct epilogue *ep)
{
	vec half[IN][OUT]; /* [column][row]: columns are done */
	UNROLLED for (size_t x = 0; x < IN; x++)
	{
		vec d[IN];
		UNROLLED for (size_t y = 0; y < IN; y++) d[y] =
			load_first(m + (y * IN + x) * stride + c, width);
		output_line(d, half[x]);
	}
	vec bias = {0};
	if (ep->bias)
		bias = load_first(ep->bias + c, width);
	for (size_t y = 0; y < place->rows; y++) {
		vec d[IN], r[OUT];
		UNROLLED for (size_t x = 0; x < IN; x++) d[x] = half[x][y];
		output_line(d, r);
		size_t at = y * place->row_stride + c;
		UNROLLED for (size_t x = 0; x < OUT; x++, at += place->pixel_stride)
		{
			if (x >= place->columns)
				break;
			vec sum = r[x] + bias;
			if (ep->residual)
				sum += load_first(ep->residual + at, width);
			store_first(out + at, width, clamp_vec(sum, ep->lo, ep->hi));
		}
	}
}

ALWAYS_INLINE void winograd_output(size_t channels, const struct winograd_place *place,
                                   const float *m, size_t stride, float *out,
                                   const struct epilogue *ep)
{
	size_t c = 0;
	for (; c + LANES <= channels; c += LANES)
		output_block(c, LANES, place, m, stride, out, ep);
	if (c < channels)
		output_block(c, channels - c, place, m, stride, out, ep);
}

/* y = G x */
ALWAYS_INLINE void kernel_line(const vec x[3], vec y[IN])
{
	vec sum = x[0] + x[2], far_sum = x[0] * (1.0f / 24) + x[2] * (1.0f / 6);
	vec far_middle = x[1] * (1.0f / 12);
	y[0] = x[0] * 0.25f;
	y[1] = (sum + x[1]) * (-1.0f / 6);
	y[2] = (sum - x[1]) * (-1.0f / 6);
	y[3] = far_sum + far_middle;
	y[4] = far_sum - far_middle;
	y[5] = x[2];
}

ALWAYS_INLINE void kernel_block(size_t c, size_t width, const float *const *in, float *u,
                                size_t stride)
{
	vec half[3][IN]; /* [column][row]: columns are done */
	UNROLLED for (size_t x = 0; x < 3; x++)
	{
		vec g[3];
		UNROLLED for (size_t y = 0; y < 3; y++) g[y] = load_first(in[y * 3 + x] + c, width);
		kernel_line(g, half[x]);
	}
	UNROLLED for (size_t y = 0; y < IN; y++)
	{
		vec g[3], r[IN];
		UNROLLED for (size_t x = 0; x < 3; x++) g[x] = half[x][y];
		kernel_line(g, r);
		UNROLLED for (size_t x = 0; x < IN; x++)
			store_first(u + (y * IN + x) * stride + c, width, r[x]);
	}
}

ALWAYS_INLINE void winograd_kernel(size_t channels, const float *const *in, float *u, size_t stride)
{
	size_t c = 0;
	for (; c + LANES <= channels; c += LANES)
		kernel_block(c, LANES, in, u, stride);
	if (c < channels)
		kernel_block(c, channels - c, in, u, stride);
}

#endif
