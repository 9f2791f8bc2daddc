/* work.h - how much a network has to do, for targets that run what they are given. */
#ifndef TESTS_FUZZ_WORK_H
#define TESTS_FUZZ_WORK_H
#include "engine/cnn.h"

#include <math.h>
#include <string.h>

#define MAX_WORK 4e6 /* multiply-adds and the like of a run */

static inline double elements(const struct cnn_shape *s)
{
	double n = 1;
	for (int32_t i = 0; i < s->rank; i++)
		n *= (double)s->dim[i];
	return n;
}

/* At most as many values as one of a Resize's output is the sum of. */
static inline double taps(const struct cnn_layer *row)
{
	double n = 1;
	for (int32_t i = 0; i < row->input.rank && i < row->output.rank; i++) {
		double shrinks = (double)row->input.dim[i] / (double)row->output.dim[i];
		if (row->input.dim[i] != row->output.dim[i])
			n *= 4 * fmax(1, shrinks);
	}
	return n;
}

/* About how many operations a run of one picture is. */
static inline double work_of(const struct cnn_model *m)
{
	double work = elements(&cnn_model_info(m)->input);
	for (size_t i = 0; i < cnn_model_layers(m); i++) {
		const struct cnn_layer *row = cnn_model_layer(m, i);
		double out = elements(&row->output);
		work += (double)row->macs + elements(&row->input) + out;
		if (row->windowed)
			work += out * row->kernel[0] * row->kernel[1];
		if (strcmp(row->op, "LRN") == 0 && row->output.rank > 1)
			work += out * (double)row->output.dim[1];
		if (strcmp(row->op, "Resize") == 0 || strcmp(row->op, "Upsample") == 0)
			work += out * taps(row);
	}
	return work;
}

#endif
