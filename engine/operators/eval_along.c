/* eval_along.c - operators along one axis: CumSum, Softmax, LogSoftmax, Hardmax. */
#include "engine/operators/eval.h"
#include "engine/operators/numbers.h"

#include <math.h>
#include <string.h>

static void cum_sum_doubles(const struct node *n, const float *x, struct axis_view v, int64_t m,
                            float *y)
{
	double sum[NUMBERS_BLOCK] = {0};
	for (int64_t i = 0; i < v.n; i++) {
		int64_t at = (n->attr.axes.reverse ? v.n - 1 - i : i) * v.inner;
		for (int64_t c = 0; c < m; c++) {
			double before = sum[c];
			sum[c] += (double)x[at + c];
			y[at + c] = (float)(n->attr.axes.exclusive ? before : sum[c]);
		}
	}
}

static void cum_sum_ints(const struct node *n, const struct value *x, int64_t from,
                         struct axis_view v, int64_t m, void *out)
{
	uint64_t sum[NUMBERS_BLOCK] = {0};
	int64_t a[NUMBERS_BLOCK];
	for (int64_t i = 0; i < v.n; i++) {
		int64_t at = from + (n->attr.axes.reverse ? v.n - 1 - i : i) * v.inner;
		numbers_load_int(x->data, x->dtype, at, 1, m, a);
		for (int64_t c = 0; c < m; c++) {
			uint64_t before = sum[c];
			sum[c] += (uint64_t)a[c];
			a[c] = (int64_t)(n->attr.axes.exclusive ? before : sum[c]);
		}
		numbers_store_int(out, x->dtype, at, 1, m, a);
	}
}

EVAL_RULE(eval_cum_sum)
{
	const struct value *x = graph_in(g, n, 0);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, resolve_int(graph_in(g, n, 1), 0), x->rank, &axis, err);
	if (s)
		return s;
	struct axis_view v = axis_view(x, axis);
	for (int64_t o = 0; o < v.outer; o++) {
		for (int64_t c = 0, m; c < v.inner; c += m) {
			int64_t at = o * v.n * v.inner + c;
			m = v.inner - c < NUMBERS_BLOCK ? v.inner - c : NUMBERS_BLOCK;
			if (x->dtype == CNN_F32)
				cum_sum_doubles(n, (const float *)x->data + at, v, m,
				                (float *)out[0] + at);
			else
				cum_sum_ints(n, x, at, v, m, out[0]);
		}
	}
	return CNN_OK;
}

static int64_t greatest(const float *x, int64_t n, int64_t step)
{
	int64_t best = 0;
	for (int64_t i = 1; i < n; i++)
		if (x[i * step] > x[best * step])
			best = i;
	return best;
}

/* One vector of n elements `step` apart. */
static void soft_vector(enum op op, const float *x, int64_t n, int64_t step, float *y)
{
	int64_t best = greatest(x, n, step);
	if (op == OP_HARDMAX) {
		for (int64_t i = 0; i < n; i++)
			y[i * step] = i == best;
		return;
	}
	double max = (double)x[best * step], sum = 0;
	for (int64_t i = 0; i < n; i++)
		sum += exp((double)x[i * step] - max);
	for (int64_t i = 0; i < n; i++) {
		double v = (double)x[i * step] - max;
		y[i * step] = (float)(op == OP_SOFTMAX ? exp(v) / sum : v - log(sum));
	}
}

EVAL_RULE(eval_softmax)
{
	const struct value *x = graph_in(g, n, 0);
	struct axis_view v = {1, 1, 1};
	int32_t axis = x->rank;
	enum cnn_status s = CNN_OK;
	/* Of a matrix, its axis may be one past the last: its rows are single numbers. */
	if (!n->attr.axes.coerced_2d || n->attr.axes.axis != x->rank)
		s = resolve_axis(n, n->attr.axes.axis, x->rank, &axis, err);
	if (s)
		return s;
	if (!n->attr.axes.coerced_2d) {
		v = axis_view(x, axis);
	} else {
		for (int32_t i = 0; i < x->rank; i++)
			*(i < axis ? &v.outer : &v.n) *= x->dim[i];
	}
	for (int64_t o = 0; o < v.outer && v.n; o++) {
		for (int64_t c = 0; c < v.inner; c++) {
			int64_t at = o * v.n * v.inner + c;
			soft_vector(n->op, (const float *)x->data + at, v.n, v.inner,
			            (float *)out[0] + at);
		}
	}
	return CNN_OK;
}
