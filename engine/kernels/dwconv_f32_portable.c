#include "engine/kernels/kernels.h"
#include "engine/kernels/loops.h"

enum { LANES = 4, VECTORS = 6, BLOCK = LANES * VECTORS };

/* A vector type keeps the sums in registers on every compiler. Aligned like float. */
typedef float vec __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

static void finish(float sum, size_t c, float *out, const float *residual,
                   const struct epilogue *ep)
{
	sum += ep->bias ? ep->bias[c] : 0;
	if (residual)
		sum += residual[c];
	sum = ep->lo > sum ? ep->lo : sum; /* a NaN fails both tests and stays */
	out[c] = ep->hi < sum ? ep->hi : sum;
}

void dwconv_f32_portable(size_t pixels, size_t channels, size_t taps, const float *const *in,
                         const float *w, float *out, const struct epilogue *ep)
{
	for (size_t p = 0; p < pixels; p++, in += taps, out += channels) {
		const float *residual = ep->residual ? ep->residual + p * channels : NULL;
		size_t c = 0;
		for (; c + BLOCK <= channels; c += BLOCK) {
			vec sums[VECTORS] = {{0}};
			for (size_t t = 0; t < taps; t++) {
				const vec *x = (const vec *)(const void *)(in[t] + c);
				const vec *weight =
					(const vec *)(const void *)(w + t * channels + c);
				UNROLLED for (size_t v = 0; v < VECTORS; v++) sums[v] +=
					x[v] * weight[v];
			}
			for (size_t j = 0; j < BLOCK; j++)
				finish(sums[j / LANES][j % LANES], c + j, out, residual, ep);
		}
		for (; c < channels; c++) {
			float sum = 0;
			for (size_t t = 0; t < taps; t++)
				sum += in[t][c] * w[t * channels + c];
			finish(sum, c, out, residual, ep);
		}
	}
}
