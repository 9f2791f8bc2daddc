#include "engine/kernels/kernels.h"

#ifdef __x86_64__
#	include "engine/kernels/masks_avx2.h"

/* A block: PIXELS share each weight loaded, VECTORS share each pointer loaded. */
enum { LANES = 8, PIXELS = 3, VECTORS = 3 };

struct depthwise {
	size_t channels, taps;
	const float *w;
	const struct epilogue *ep;
};

/* width: channels of each vector; those past it are neither read nor written. in and out belong to the first pixel. */
ALWAYS_INLINE void block(const struct depthwise *d, size_t pixels, size_t vectors, size_t width,
                         size_t c, const float *const *in, float *out, const float *residual)
{
	__m256 acc[PIXELS][VECTORS];
	UNROLLED for (size_t p = 0; p < pixels; p++) UNROLLED for (size_t v = 0; v < vectors; v++)
		acc[p][v] = _mm256_setzero_ps();

	const float *w = d->w + c;
	for (size_t t = 0; t < d->taps; t++, w += d->channels) {
		__m256 weight[VECTORS];
		UNROLLED for (size_t v = 0; v < vectors; v++) weight[v] =
			load_first(w + v * LANES, width);
		UNROLLED for (size_t p = 0; p < pixels; p++)
		{
			const float *x = in[p * d->taps + t] + c;
			UNROLLED for (size_t v = 0; v < vectors; v++) acc[p][v] = _mm256_fmadd_ps(
				load_first(x + v * LANES, width), weight[v], acc[p][v]);
		}
	}

	const __m256 lo = _mm256_set1_ps(d->ep->lo), hi = _mm256_set1_ps(d->ep->hi);
	UNROLLED for (size_t v = 0; v < vectors; v++)
	{
		size_t at = c + v * LANES;
		__m256 bias = _mm256_setzero_ps();
		if (d->ep->bias)
			bias = load_first(d->ep->bias + at, width);
		UNROLLED for (size_t p = 0; p < pixels; p++, at += d->channels)
		{
			__m256 sum = _mm256_add_ps(acc[p][v], bias);
			if (residual)
				sum = _mm256_add_ps(sum, load_first(residual + at, width));
			/* Both give the second operand when there is a NaN. */
			sum = _mm256_min_ps(hi, _mm256_max_ps(lo, sum));
			store_first(out + at, width, sum);
		}
	}
}

ALWAYS_INLINE void all_channels(const struct depthwise *d, size_t pixels, const float *const *in,
                                float *out, const float *residual)
{
	size_t c = 0;
	for (; c + VECTORS * LANES <= d->channels; c += VECTORS * LANES)
		block(d, pixels, VECTORS, LANES, c, in, out, residual);
	for (; c + LANES <= d->channels; c += LANES)
		block(d, pixels, 1, LANES, c, in, out, residual);
	if (c < d->channels)
		block(d, pixels, 1, d->channels - c, c, in, out, residual);
}

void dwconv_f32_avx2(size_t pixels, size_t channels, size_t taps, const float *const *in,
                     const float *w, float *out, const struct epilogue *ep)
{
	const struct depthwise d = {channels, taps, w, ep};
	size_t p = 0;
	for (; p + PIXELS <= pixels; p += PIXELS)
		all_channels(&d, PIXELS, in + p * taps, out + p * channels,
		             ep->residual ? ep->residual + p * channels : NULL);
	for (; p < pixels; p++)
		all_channels(&d, 1, in + p * taps, out + p * channels,
		             ep->residual ? ep->residual + p * channels : NULL);
}
#endif
