#include "engine/kernels/elementwise.h"

#include <math.h>

enum { LANES = 16 }; /* sums side by side, so that they can be a vector */

static float sum_lanes(const float lane[LANES])
{
	float sum = 0;
	for (size_t i = 0; i < LANES; i++)
		sum += lane[i];
	return sum;
}

static float mean_of(size_t n, const float *x)
{
	float lane[LANES] = {0};
	size_t i = 0;
	for (; i + LANES <= n; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			lane[k] += x[i + k];
	for (; i < n; i++)
		lane[i % LANES] += x[i];
	return sum_lanes(lane) / (float)n;
}

static float variance_of(size_t n, const float *x, float mean)
{
	float lane[LANES] = {0};
	size_t i = 0;
	for (; i + LANES <= n; i += LANES)
		for (size_t k = 0; k < LANES; k++) {
			float d = x[i + k] - mean;
			lane[k] += d * d;
		}
	for (; i < n; i++)
		lane[i % LANES] += (x[i] - mean) * (x[i] - mean);
	return sum_lanes(lane) / (float)n;
}

void layer_norm_f32(size_t n, const float *x, const float *scale, const float *bias, float epsilon,
                    float *y)
{
	float mean = mean_of(n, x);
	float factor = 1 / sqrtf(variance_of(n, x, mean) + epsilon);
	if (bias)
		for (size_t i = 0; i < n; i++)
			y[i] = (x[i] - mean) * factor * scale[i] + bias[i];
	else
		for (size_t i = 0; i < n; i++)
			y[i] = (x[i] - mean) * factor * scale[i];
}
