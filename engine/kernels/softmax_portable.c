#include "engine/kernels/elementwise.h"
#include "engine/kernels/exponential.h"
#include "engine/kernels/loops.h"

#include <math.h>

enum { BLOCK = 64 }; /* elements whose exp is computed together, in vectors */

static float maximum(size_t n, size_t stride, const float *x)
{
	float max = -INFINITY;
	for (size_t i = 0; i < n; i++)
		max = x[i * stride] > max ? x[i * stride] : max;
	return max;
}

/* y = exp(x - max) unless NULL; returns the sum. A NaN makes the sum one, so it is not missed. */
static double exponentials(size_t n, size_t stride, const float *x, float max, float *y)
{
	double sum = 0;
	for (size_t first = 0; first < n; first += BLOCK) {
		float e[BLOCK];
		size_t count = n - first < BLOCK ? n - first : BLOCK;
		for (size_t i = 0; i < count; i++)
			e[i] = x[(first + i) * stride] - max;
		for (size_t i = 0; i < count; i++)
			e[i] = exp_f32(e[i]);
		for (size_t i = 0; i < count; i++)
			sum += (double)e[i];
		if (y)
			for (size_t i = 0; i < count; i++)
				y[(first + i) * stride] = e[i];
	}
	return sum;
}

void softmax_f32(size_t n, size_t stride, const float *x, float *y, bool log_of_it)
{
	float max = maximum(n, stride, x);
	if (log_of_it) {
		float log_sum = (float)log(exponentials(n, stride, x, max, NULL));
		for (size_t i = 0; i < n; i++)
			y[i * stride] = x[i * stride] - max - log_sum;
	} else {
		float scale = (float)(1 / exponentials(n, stride, x, max, y));
		for (size_t i = 0; i < n; i++)
			y[i * stride] *= scale;
	}
}
