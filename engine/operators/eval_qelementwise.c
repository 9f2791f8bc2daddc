/* eval_qelementwise.c - QLinearAdd, QLinearMul, and what is a table of 256 numbers. */
#include "engine/operators/eval.h"
#include "engine/operators/quantised.h"

#include <math.h>

static int32_t element(const struct value *v, int64_t i)
{
	return v->dtype == CNN_U8 ? ((const uint8_t *)v->data)[i] : ((const int8_t *)v->data)[i];
}

/* In the order of onnxruntime's kernel with fused multiply-add: what does not depend on the elements first.
 * Bytes times a float are exact in double, so that each line is rounded once, as a fused one is. */
struct sum {
	float a, b, fixed;
};

static struct sum sum_of(float a_scale, int32_t a_zero, float b_scale, int32_t b_zero, float scale,
                         int32_t zero)
{
	struct sum s = {a_scale / scale, b_scale / scale, 0};
	float second = s.b * (float)b_zero;
	s.fixed = (float)zero - (float)((double)s.a * a_zero + (double)second);
	return s;
}

static float add(const struct sum *s, int32_t a, int32_t b)
{
	float part = (float)((double)s->b * b + (double)s->fixed);
	return (float)((double)s->a * a + (double)part);
}

/* Elements of v stand still along the innermost axis of y that has more than one. */
static bool stands_still(const struct value *v, const struct value *y)
{
	int32_t axis = y->rank - 1;
	while (axis >= 0 && y->dim[axis] == 1)
		axis--;
	int32_t own = axis - (y->rank - v->rank);
	return axis >= 0 && (own < 0 || v->dim[own] == 1);
}

EVAL_RULE(eval_qlinear_add)
{
	(void)err;
	const struct value *y = graph_out(g, n);
	/* An operand that stands still is the second one. */
	bool swap = stands_still(graph_in(g, n, 0), y);
	uint32_t first = swap ? 3 : 0, second = swap ? 0 : 3;
	const struct value *a = graph_in(g, n, first), *b = graph_in(g, n, second);
	struct sum s =
		sum_of(quantised_scale_of(g, n, first + 1), quantised_zero_of(g, n, first + 2),
	               quantised_scale_of(g, n, second + 1), quantised_zero_of(g, n, second + 2),
	               quantised_scale_of(g, n, 6), quantised_zero_of(g, n, 7));
	/* The zero point is added before rounding. */
	struct quantised_range r = quantised_range(y->dtype, 0);
	struct stride_walk wa = stride_walk_broadcast(a, y), wb = stride_walk_broadcast(b, y);
	int64_t count = graph_elements(y);
	uint8_t *to = out[0];
	if (graph_elements(a) == count && graph_elements(b) == count) {
		for (int64_t i = 0; i < count; i++)
			to[i] = (uint8_t)quantised_store(add(&s, element(a, i), element(b, i)), r);
		return CNN_OK;
	}
	for (int64_t i = 0; i < count; i++) {
		to[i] = (uint8_t)quantised_store(add(&s, element(a, wa.at), element(b, wb.at)), r);
		stride_walk_next(&wa);
		stride_walk_next(&wb);
	}
	return CNN_OK;
}

EVAL_RULE(eval_qlinear_mul)
{
	(void)err;
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 3), *y = graph_out(g, n);
	float scale = quantised_scale_of(g, n, 1) * quantised_scale_of(g, n, 4) /
	              quantised_scale_of(g, n, 6);
	int32_t a_zero = quantised_zero_of(g, n, 2), b_zero = quantised_zero_of(g, n, 5);
	float zero = (float)quantised_zero_of(g, n, 7);
	/* The zero point is added before rounding. */
	struct quantised_range r = quantised_range(y->dtype, 0);
	struct stride_walk wa = stride_walk_broadcast(a, y), wb = stride_walk_broadcast(b, y);
	uint8_t *to = out[0];
	for (int64_t i = 0, count = graph_elements(y); i < count; i++) {
		int32_t product = (element(a, wa.at) - a_zero) * (element(b, wb.at) - b_zero);
		to[i] = (uint8_t)quantised_store((float)product * scale + zero, r);
		stride_walk_next(&wa);
		stride_walk_next(&wb);
	}
	return CNN_OK;
}

struct table {
	uint8_t to[256]; /* by the stored byte, whatever its sign */
};

static float curve(const struct node *n, float x)
{
	switch (n->op) {
	case OP_QLINEAR_SIGMOID:
		return 1 / (1 + expf(-x));
	case OP_QLINEAR_LEAKY_RELU:
		return x >= 0 ? x : n->attr.quant.alpha * x;
	default:
		return x; /* QLinearConcat */
	}
}

static void fill_table(struct table *t, const struct node *n, enum cnn_dtype from, float x_scale,
                       int32_t x_zero, float y_scale, struct quantised_range range)
{
	for (int32_t i = 0; i < 256; i++) {
		int32_t stored = from == CNN_U8 ? i : (int8_t)i;
		float x = x_scale * (float)(stored - x_zero);
		t->to[i] = (uint8_t)quantised_store(curve(n, x) / y_scale, range);
	}
}

/* QLinearSigmoid, QLinearLeakyRelu. */
EVAL_RULE(eval_qlinear_curve)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	struct table t;
	fill_table(&t, n, x->dtype, quantised_scale_of(g, n, 1), quantised_zero_of(g, n, 2),
	           quantised_scale_of(g, n, 3),
	           quantised_range(y->dtype, quantised_zero_of(g, n, 4)));
	for (int64_t i = 0, count = graph_elements(x); i < count; i++)
		((uint8_t *)out[0])[i] = t.to[((const uint8_t *)x->data)[i]];
	return CNN_OK;
}

EVAL_RULE(eval_qlinear_concat)
{
	const struct value *y = graph_out(g, n);
	float y_scale = quantised_scale_of(g, n, 0);
	int32_t axis = 0, y_zero = quantised_zero_of(g, n, 1);
	enum cnn_status s = resolve_axis(n, n->attr.quant.axis, y->rank, &axis, err);
	if (s)
		return s;
	int64_t rows = 1, inner = 1, at = 0;
	for (int32_t i = 0; i < y->rank; i++) {
		if (i < axis)
			rows *= y->dim[i];
		else if (i > axis)
			inner *= y->dim[i];
	}
	for (uint32_t k = 2; k < n->n_in; k += 3) {
		const struct value *x = graph_in(g, n, k);
		struct table t;
		int64_t run = inner * x->dim[axis];
		fill_table(&t, n, x->dtype, quantised_scale_of(g, n, k + 1),
		           quantised_zero_of(g, n, k + 2), y_scale,
		           quantised_range(y->dtype, y_zero));
		for (int64_t r = 0; r < rows; r++) {
			const uint8_t *from = (const uint8_t *)x->data + r * run;
			uint8_t *to = (uint8_t *)out[0] + r * inner * y->dim[axis] + at;
			for (int64_t i = 0; i < run; i++)
				to[i] = t.to[from[i]];
		}
		at += run;
	}
	return CNN_OK;
}
