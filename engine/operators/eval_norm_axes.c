/* eval_norm_axes.c - normalisations across channels and over chosen axes. */
#include "engine/operators/eval.h"

#include <math.h>
#include <string.h>

EVAL_RULE(eval_lrn)
{
	(void)err;
	const struct value *v = graph_in(g, n, 0);
	const struct norm_attr *a = &n->attr.norm;
	const float *x = v->data;
	float *y = out[0], alpha = a->alpha / (float)a->size;
	int64_t channels = v->dim[1], plane = 1, before = (a->size - 1) / 2,
		after = a->size - 1 - before;
	for (int32_t i = 2; i < v->rank; i++)
		plane *= v->dim[i];
	for (int64_t k = 0; k < v->dim[0] * channels; k++, x += plane, y += plane) {
		int64_t c = k % channels;
		int64_t from = c > before ? -before : -c;
		int64_t to = c + after < channels ? after : channels - 1 - c;
		memset(y, 0, (size_t)plane * sizeof *y);
		for (int64_t d = from; d <= to; d++)
			for (int64_t i = 0; i < plane; i++)
				y[i] += x[d * plane + i] * x[d * plane + i];
		for (int64_t i = 0; i < plane; i++)
			y[i] = x[i] / powf(a->bias + alpha * y[i], a->beta);
	}
	return CNN_OK;
}

/* The axes of a tensor in two walks: those that are normalised together, and the others. */
struct axes {
	int64_t dim[2][CNN_MAX_RANK], count[2];
	struct stride_walk walk[2];
};

static void split_axes(const struct value *x, const bool *together, struct axes *a)
{
	int64_t own[CNN_MAX_RANK];
	stride_row_major(x->rank, x->dim, own);
	for (int k = 0; k < 2; k++) {
		struct stride_walk *w = &a->walk[k];
		*w = (struct stride_walk){.dim = a->dim[k]};
		a->count[k] = 1;
		for (int32_t i = 0; i < x->rank; i++) {
			if (together[i] == (k == 0))
				continue;
			a->dim[k][w->rank] = x->dim[i];
			w->stride[w->rank++] = own[i];
			a->count[k] *= x->dim[i];
		}
	}
}

/* What ONNX adds to the deviation. */
#define DEVIATION_EPSILON 1e-9

EVAL_RULE(eval_mean_variance_norm)
{
	const struct value *v = graph_in(g, n, 0);
	bool together[CNN_MAX_RANK] = {false};
	for (int32_t i = 0; i < n->attr.perm.n; i++) {
		int32_t axis = 0;
		enum cnn_status s = resolve_axis(n, n->attr.perm.perm[i], v->rank, &axis, err);
		if (s)
			return s;
		together[axis] = true;
	}
	struct axes a;
	split_axes(v, together, &a);
	double count = (double)a.count[1];
	for (int64_t k = 0; k < a.count[0]; k++, stride_walk_next(&a.walk[0])) {
		const float *x = (const float *)v->data + a.walk[0].at;
		float *y = (float *)out[0] + a.walk[0].at;
		/* each walk ends where it began */
		double sum = 0, square = 0;
		struct stride_walk *w = &a.walk[1];
		for (int64_t i = 0; i < a.count[1]; i++, stride_walk_next(w))
			sum += (double)x[w->at];
		double mean = sum / count;
		for (int64_t i = 0; i < a.count[1]; i++, stride_walk_next(w))
			square += ((double)x[w->at] - mean) * ((double)x[w->at] - mean);
		double deviation = sqrt(square / count) + DEVIATION_EPSILON;
		for (int64_t i = 0; i < a.count[1]; i++, stride_walk_next(w))
			y[w->at] = (float)(((double)x[w->at] - mean) / deviation);
	}
	return CNN_OK;
}

EVAL_RULE(eval_lp_norm)
{
	const struct value *v = graph_in(g, n, 0);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, n->attr.axes.axis, v->rank, &axis, err);
	if (s)
		return s;
	int64_t outer = 1, inner = 1, count = v->dim[axis];
	for (int32_t i = 0; i < v->rank; i++)
		if (i != axis)
			*(i < axis ? &outer : &inner) *= v->dim[i];
	for (int64_t k = 0; k < outer * inner; k++) {
		int64_t first = k / inner * count * inner + k % inner;
		const float *x = (const float *)v->data + first;
		float *y = (float *)out[0] + first;
		double sum = 0;
		for (int64_t i = 0; i < count; i++) {
			double size = fabs((double)x[i * inner]);
			sum += n->attr.axes.power == 1 ? size : size * size;
		}
		double norm = n->attr.axes.power == 1 ? sum : sqrt(sum);
		/* of zeros, zeros */
		for (int64_t i = 0; i < count && norm != 0; i++)
			y[i * inner] = (float)((double)x[i * inner] / norm);
	}
	return CNN_OK;
}
