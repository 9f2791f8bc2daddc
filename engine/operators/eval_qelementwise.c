/* eval_qelementwise.c - QLinearAdd, QLinearMul, and what is a table of 256 numbers. */
#include "engine/operators/eval.h"
#include "engine/operators/quantised.h"

static int32_t element(const struct value *v, int64_t i)
{
	return v->dtype == CNN_U8 ? ((const uint8_t *)v->data)[i] : ((const int8_t *)v->data)[i];
}

/* Bytes times a float are exact in double, so that each line is rounded once, as a fused one is. */
static float add(const struct quantised_sum *s, int32_t a, int32_t b)
{
	float part = (float)((double)s->b * b + (double)s->fixed);
	return (float)((double)s->a * a + (double)part);
}

EVAL_RULE(eval_qlinear_add)
{
	(void)err;
	const struct value *y = graph_out(g, n);
	struct quantised_sum s = quantised_sum(g, n);
	const struct value *a = graph_in(g, n, s.swap ? 3 : 0), *b = graph_in(g, n, s.swap ? 0 : 3);
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

/* QLinearSigmoid, QLinearLeakyRelu. */
EVAL_RULE(eval_qlinear_curve)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0);
	uint8_t to[256];
	quantised_table(g, n, 0, to);
	for (int64_t i = 0, count = graph_elements(x); i < count; i++)
		((uint8_t *)out[0])[i] = to[((const uint8_t *)x->data)[i]];
	return CNN_OK;
}

EVAL_RULE(eval_qlinear_concat)
{
	const struct value *y = graph_out(g, n);
	int32_t axis = 0;
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
		uint8_t table[256];
		int64_t run = inner * x->dim[axis];
		quantised_table(g, n, k, table);
		for (int64_t r = 0; r < rows; r++) {
			const uint8_t *from = (const uint8_t *)x->data + r * run;
			uint8_t *to = (uint8_t *)out[0] + r * inner * y->dim[axis] + at;
			for (int64_t i = 0; i < run; i++)
				to[i] = table[from[i]];
		}
		at += run;
	}
	return CNN_OK;
}
