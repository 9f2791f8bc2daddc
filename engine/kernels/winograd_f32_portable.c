#include "engine/kernels/loops.h"

#include <stddef.h>
#include <string.h>

enum { LANES = 4 };
typedef float vec __attribute__((vector_size(LANES * sizeof(float))));

ALWAYS_INLINE vec load_first(const float *x, size_t n)
{
	vec v = {0};
	memcpy(&v, x, n * sizeof *x);
	return v;
}

ALWAYS_INLINE void store_first(float *y, size_t n, vec v)
{
	memcpy(y, &v, n * sizeof *y);
}

ALWAYS_INLINE vec clamp_vec(vec v, float lo, float hi)
{
	for (size_t i = 0; i < LANES; i++) {
		float x = lo > v[i] ? lo : v[i]; /* a NaN fails both tests and stays */
		v[i] = hi < x ? hi : x;
	}
	return v;
}

#include "engine/kernels/winograd_f32.h"

void winograd_input_f32_portable(size_t channels, const float *const *in, float *v, size_t stride)
{
	winograd_input(channels, in, v, stride);
}

void winograd_output_f32_portable(size_t channels, const struct winograd_place *place,
                                  const float *m, size_t stride, float *out,
                                  const struct epilogue *ep)
{
	winograd_output(channels, place, m, stride, out, ep);
}
