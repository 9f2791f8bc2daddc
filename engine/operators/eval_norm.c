/* eval_norm.c - normalisations over whole channels, groups of them, or everything behind an axis. */
#include "engine/operators/eval.h"

#include <math.h>

/* x normalised: (x - mean) / deviation. */
struct moments {
	double mean, deviation;
};

static struct moments moments_of(int64_t n, const float *x, float epsilon)
{
	double sum = 0, square = 0;
	for (int64_t i = 0; i < n; i++)
		sum += (double)x[i];
	double mean = n ? sum / (double)n : 0;
	for (int64_t i = 0; i < n; i++)
		square += ((double)x[i] - mean) * ((double)x[i] - mean);
	double variance = n ? square / (double)n : 0;
	return (struct moments){mean, sqrt(variance + (double)epsilon)};
}

static void scale_and_shift(int64_t n, const float *x, struct moments m, float scale, float shift,
                            float *y)
{
	double factor = (double)scale / m.deviation;
	for (int64_t i = 0; i < n; i++)
		y[i] = (float)(((double)x[i] - m.mean) * factor + (double)shift);
}

static int64_t plane_of(const struct value *x)
{
	int64_t plane = 1;
	for (int32_t i = 2; i < x->rank; i++)
		plane *= x->dim[i];
	return plane;
}

EVAL_RULE(eval_batch_norm)
{
	(void)err;
	const struct value *v = graph_in(g, n, 0);
	const float *p[5];
	for (uint32_t i = 0; i < 5; i++)
		p[i] = graph_in(g, n, i)->data;
	/* a list is of one channel */
	int64_t channels = v->rank > 1 ? v->dim[1] : 1, plane = plane_of(v);
	for (int64_t k = 0; k < v->dim[0] * channels; k++) {
		int64_t c = k % channels;
		struct moments m = {(double)p[3][c],
		                    sqrt((double)p[4][c] + (double)n->attr.norm.epsilon)};
		scale_and_shift(plane, p[0] + k * plane, m, p[1][c], p[2][c],
		                (float *)out[0] + k * plane);
	}
	return CNN_OK;
}

EVAL_RULE(eval_instance_norm)
{
	(void)err;
	const struct value *v = graph_in(g, n, 0);
	const float *x = v->data, *scale = graph_in(g, n, 1)->data, *bias = graph_in(g, n, 2)->data;
	int64_t channels = v->dim[1], plane = plane_of(v);
	for (int64_t k = 0; k < v->dim[0] * channels; k++) {
		struct moments m = moments_of(plane, x + k * plane, n->attr.norm.epsilon);
		scale_and_shift(plane, x + k * plane, m, scale[k % channels], bias[k % channels],
		                (float *)out[0] + k * plane);
	}
	return CNN_OK;
}

EVAL_RULE(eval_group_norm)
{
	(void)err;
	const struct value *v = graph_in(g, n, 0);
	const float *x = v->data, *scale = graph_in(g, n, 1)->data, *bias = graph_in(g, n, 2)->data;
	const struct norm_attr *a = &n->attr.norm;
	int64_t channels = v->dim[1] / a->groups, plane = plane_of(v);
	float *y = out[0];
	for (int64_t k = 0; k < v->dim[0] * a->groups; k++) {
		int64_t group = k % a->groups;
		struct moments m = moments_of(channels * plane, x, a->epsilon);
		for (int64_t c = 0; c < channels; c++, x += plane, y += plane) {
			int64_t at = a->by_group ? group : group * channels + c;
			scale_and_shift(plane, x, m, scale[at], bias[at], y);
		}
	}
	return CNN_OK;
}

EVAL_RULE(eval_layer_norm)
{
	const struct value *v = graph_in(g, n, 0), *scale = graph_in(g, n, 1),
			   *bias = graph_in(g, n, 2);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, n->attr.norm.axis, v->rank, &axis, err);
	if (s)
		return s;
	struct stride_walk by_scale = stride_walk_broadcast(scale, v);
	struct stride_walk by_bias = stride_walk_broadcast(bias ? bias : scale, v);
	int64_t rows = 1, row = 1;
	for (int32_t i = 0; i < v->rank; i++)
		*(i < axis ? &rows : &row) *= v->dim[i];
	const float *x = v->data;
	float *y = out[0];
	for (int64_t r = 0; r < rows; r++) {
		struct moments m = moments_of(row, x, n->attr.norm.epsilon);
		for (int64_t i = 0; i < row; i++) {
			float factor = ((const float *)scale->data)[by_scale.at];
			float shift = bias ? ((const float *)bias->data)[by_bias.at] : 0;
			scale_and_shift(1, x++, m, factor, shift, y++);
			stride_walk_next(&by_scale);
			stride_walk_next(&by_bias);
		}
		if (n->n_out > 1)
			((float *)out[1])[r] = (float)m.mean;
		if (n->n_out > 2)
			((float *)out[2])[r] = (float)(1 / m.deviation);
	}
	return CNN_OK;
}
