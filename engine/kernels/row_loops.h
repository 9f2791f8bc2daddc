/* row_loops.h - softmax and layer normalisation of a row, which each level's file compiles for itself. Sums run in
 * lanes side by side, as many at every level, so that the same number comes out at all of them. */
#ifndef ENGINE_KERNELS_ROW_LOOPS_H
#define ENGINE_KERNELS_ROW_LOOPS_H
#include "engine/kernels/elementwise.h"
#include "engine/kernels/exponential.h"
#include "engine/kernels/loops.h"

#include <math.h>

enum { ROW_LANES = 16 };

ALWAYS_INLINE float row_sum_lanes(const float lane[ROW_LANES])
{
	float sum = 0;
	for (size_t i = 0; i < ROW_LANES; i++)
		sum += lane[i];
	return sum;
}

/* --- softmax ---------------------------------------------------------------------------------- */

enum { ROW_BLOCK = 64 }; /* elements whose exp is computed together, in vectors */

ALWAYS_INLINE float row_maximum(size_t n, size_t stride, const float *x)
{
	float max = -INFINITY;
	size_t i = 0;
	if (stride == 1 && n >= ROW_LANES) {
		float lane[ROW_LANES];
		for (size_t k = 0; k < ROW_LANES; k++)
			lane[k] = -INFINITY;
		for (; i + ROW_LANES <= n; i += ROW_LANES)
			for (size_t k = 0; k < ROW_LANES; k++)
				lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
		for (size_t k = 0; k < ROW_LANES; k++)
			max = lane[k] > max ? lane[k] : max;
	}
	for (; i < n; i++)
		max = x[i * stride] > max ? x[i * stride] : max;
	return max;
}

/* y = exp(x - max) unless NULL; returns the sum. A NaN makes the sum one, so it is not missed. */
ALWAYS_INLINE double row_exponentials(size_t n, size_t stride, const float *x, float max, float *y)
{
	double lane[ROW_LANES] = {0}, sum = 0;
	for (size_t first = 0; first < n; first += ROW_BLOCK) {
		float e[ROW_BLOCK];
		size_t count = n - first < ROW_BLOCK ? n - first : ROW_BLOCK;
		for (size_t i = 0; i < count; i++)
			e[i] = x[(first + i) * stride] - max;
		/* What is not there adds exp(-infinity). */
		for (size_t i = count; i < ROW_BLOCK; i++)
			e[i] = -INFINITY;
		for (size_t i = 0; i < ROW_BLOCK; i++)
			e[i] = exp_f32(e[i]);
		for (size_t i = 0; i < ROW_BLOCK; i += ROW_LANES)
			for (size_t k = 0; k < ROW_LANES; k++)
				lane[k] += (double)e[i + k];
		if (y)
			for (size_t i = 0; i < count; i++)
				y[(first + i) * stride] = e[i];
	}
	for (size_t k = 0; k < ROW_LANES; k++)
		sum += lane[k];
	return sum;
}

ALWAYS_INLINE void softmax_body(size_t n, size_t stride, const float *x, float *y, bool log_of_it)
{
	float max = row_maximum(n, stride, x);
	if (log_of_it) {
		float log_sum = (float)log(row_exponentials(n, stride, x, max, NULL));
		for (size_t i = 0; i < n; i++)
			y[i * stride] = x[i * stride] - max - log_sum;
	} else {
		float scale = (float)(1 / row_exponentials(n, stride, x, max, y));
		for (size_t i = 0; i < n; i++)
			y[i * stride] *= scale;
	}
}

/* --- layer normalisation ------------------------------------------------------------------------ */

ALWAYS_INLINE float row_mean(size_t n, const float *x)
{
	float lane[ROW_LANES] = {0};
	size_t i = 0;
	for (; i + ROW_LANES <= n; i += ROW_LANES)
		for (size_t k = 0; k < ROW_LANES; k++)
			lane[k] += x[i + k];
	for (; i < n; i++)
		lane[i % ROW_LANES] += x[i];
	return row_sum_lanes(lane) / (float)n;
}

ALWAYS_INLINE float row_variance(size_t n, const float *x, float mean)
{
	float lane[ROW_LANES] = {0};
	size_t i = 0;
	for (; i + ROW_LANES <= n; i += ROW_LANES)
		for (size_t k = 0; k < ROW_LANES; k++) {
			float d = x[i + k] - mean;
			lane[k] += d * d;
		}
	for (; i < n; i++)
		lane[i % ROW_LANES] += (x[i] - mean) * (x[i] - mean);
	return row_sum_lanes(lane) / (float)n;
}

ALWAYS_INLINE void layer_norm_body(size_t n, const float *x, const float *scale, const float *bias,
                                   float epsilon, float *y)
{
	float mean = row_mean(n, x);
	float factor = 1 / sqrtf(row_variance(n, x, mean) + epsilon);
	if (bias)
		for (size_t i = 0; i < n; i++)
			y[i] = (x[i] - mean) * factor * scale[i] + bias[i];
	else
		for (size_t i = 0; i < n; i++)
			y[i] = (x[i] - mean) * factor * scale[i];
}

#endif
