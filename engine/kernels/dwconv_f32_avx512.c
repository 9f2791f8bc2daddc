#include "engine/kernels/kernels.h"

#ifdef __x86_64__
#	include "engine/kernels/loops.h"

#	include <immintrin.h>

/* A block: PIXELS share each weight loaded, VECTORS share each pointer loaded. */
enum { LANES = 16, PIXELS = 4, VECTORS = 4 };

struct depthwise {
	size_t channels, taps;
	const float *w;
	const struct epilogue *ep;
};

/* Channels past the mask are neither read nor written. in and out belong to the first pixel. */
ALWAYS_INLINE void block(const struct depthwise *d, size_t pixels, size_t vectors, __mmask16 mask,
                         size_t c, const float *const *in, float *out, const float *residual)
{
	__m512 acc[PIXELS][VECTORS];
	UNROLLED for (size_t p = 0; p < pixels; p++) UNROLLED for (size_t v = 0; v < vectors; v++)
		acc[p][v] = _mm512_setzero_ps();

	const float *w = d->w + c;
	for (size_t t = 0; t < d->taps; t++, w += d->channels) {
		__m512 weight[VECTORS];
		UNROLLED for (size_t v = 0; v < vectors; v++) weight[v] =
			_mm512_maskz_loadu_ps(mask, w + v * LANES);
		UNROLLED for (size_t p = 0; p < pixels; p++)
		{
			const float *x = in[p * d->taps + t] + c;
			UNROLLED for (size_t v = 0; v < vectors; v++) acc[p][v] = _mm512_fmadd_ps(
				_mm512_maskz_loadu_ps(mask, x + v * LANES), weight[v], acc[p][v]);
		}
	}

	const __m512 lo = _mm512_set1_ps(d->ep->lo), hi = _mm512_set1_ps(d->ep->hi);
	UNROLLED for (size_t v = 0; v < vectors; v++)
	{
		size_t at = c + v * LANES;
		__m512 bias = _mm512_setzero_ps();
		if (d->ep->bias)
			bias = _mm512_maskz_loadu_ps(mask, d->ep->bias + at);
		UNROLLED for (size_t p = 0; p < pixels; p++, at += d->channels)
		{
			__m512 sum = _mm512_add_ps(acc[p][v], bias);
			if (residual)
				sum = _mm512_add_ps(sum,
				                    _mm512_maskz_loadu_ps(mask, residual + at));
			/* Both give the second operand when there is a NaN. */
			sum = _mm512_min_ps(hi, _mm512_max_ps(lo, sum));
			_mm512_mask_storeu_ps(out + at, mask, sum);
		}
	}
}

ALWAYS_INLINE void all_channels(const struct depthwise *d, size_t pixels, const float *const *in,
                                float *out, const float *residual)
{
	size_t c = 0;
	for (; c + VECTORS * LANES <= d->channels; c += VECTORS * LANES)
		block(d, pixels, VECTORS, 0xffff, c, in, out, residual);
	for (; c + LANES <= d->channels; c += LANES)
		block(d, pixels, 1, 0xffff, c, in, out, residual);
	if (c < d->channels)
		block(d, pixels, 1, (__mmask16)((1u << (d->channels - c)) - 1), c, in, out,
		      residual);
}

void dwconv_f32_avx512(size_t pixels, size_t channels, size_t taps, const float *const *in,
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
