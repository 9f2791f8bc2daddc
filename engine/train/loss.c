#include "engine/train/loss.h"

#include <math.h>

/* log sum exp(z - *highest), in double: the sum may be over thousands of classes. */
static double log_sum(size_t classes, const float *z, double *highest)
{
	double sum = 0;
	*highest = -INFINITY;
	for (size_t c = 0; c < classes; c++)
		*highest = (double)z[c] > *highest ? (double)z[c] : *highest;
	for (size_t c = 0; c < classes; c++)
		sum += exp((double)z[c] - *highest);
	return log(sum);
}

void softmax_row(size_t classes, const float *z, float *p)
{
	double highest, all = log_sum(classes, z, &highest);
	for (size_t c = 0; c < classes; c++)
		p[c] = (float)exp((double)z[c] - highest - all);
}

double cross_entropy(size_t classes, const float *z, const float *target, float scale, float *g)
{
	double highest, all = log_sum(classes, z, &highest), loss = 0;
	for (size_t c = 0; c < classes; c++) {
		double log_p = (double)z[c] - highest - all;
		loss -= (double)target[c] * log_p;
		if (g)
			g[c] = scale * (float)(exp(log_p) - (double)target[c]);
	}
	return loss;
}
