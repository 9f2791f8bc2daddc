/* backward_broadcast.c - operators on several tensors that are stretched to one shape. What was stretched gets the
 * sum of the gradients of its copies. */
#include "engine/operators/eval.h"
#include "engine/see/backward.h"

#include <math.h>

BACKWARD_RULE(backward_sum)
{
	(void)err;
	const struct value *y = graph_out(g, n);
	const float *dy = gradient[n->out[0]];
	for (uint32_t k = 0; k < n->n_in; k++) {
		float *dx = backward_in(n, gradient, k);
		if (!dx)
			continue;
		float factor = n->op == OP_SUB && k == 1 ? -1
		               : n->op == OP_MEAN        ? 1 / (float)n->n_in
		                                         : 1;
		struct stride_walk w = stride_walk_broadcast(graph_in(g, n, k), y);
		for (int64_t i = 0, count = graph_elements(y); i < count; i++, stride_walk_next(&w))
			dx[w.at] += factor * dy[i];
	}
	return CNN_OK;
}

/* For y = f(a, b) of each place: *da and *db, its slopes. */
typedef void (*slopes)(float a, float b, float *da, float *db);

static void mul_slopes(float a, float b, float *da, float *db)
{
	*da = b;
	*db = a;
}

static void div_slopes(float a, float b, float *da, float *db)
{
	*da = 1 / b;
	*db = -a / (b * b);
}

/* Exponents are constants here. */
static void pow_slopes(float a, float b, float *da, float *db)
{
	*da = b * powf(a, b - 1);
	*db = 0;
}

static void prelu_slopes(float a, float b, float *da, float *db)
{
	*da = a > 0 ? 1 : b;
	*db = 0;
}

/* Where a slope does not depend on an operand, that one need not have been computed. */
static void two_operands(const struct graph *g, const struct node *n, float *const *gradient,
                         slopes slopes_of)
{
	const struct value *y = graph_out(g, n);
	const float *a = graph_in(g, n, 0)->data, *b = graph_in(g, n, 1)->data;
	const float *dy = gradient[n->out[0]];
	float *da = backward_in(n, gradient, 0), *db = backward_in(n, gradient, 1);
	struct stride_walk left = stride_walk_broadcast(graph_in(g, n, 0), y);
	struct stride_walk right = stride_walk_broadcast(graph_in(g, n, 1), y);
	for (int64_t i = 0, count = graph_elements(y); i < count; i++) {
		float by_a, by_b;
		slopes_of(a ? a[left.at] : 0, b ? b[right.at] : 0, &by_a, &by_b);
		if (da)
			da[left.at] += dy[i] * by_a;
		if (db)
			db[right.at] += dy[i] * by_b;
		stride_walk_next(&left);
		stride_walk_next(&right);
	}
}

BACKWARD_RULE(backward_mul)
{
	(void)err;
	two_operands(g, n, gradient, mul_slopes);
	return CNN_OK;
}

BACKWARD_RULE(backward_div)
{
	(void)err;
	two_operands(g, n, gradient, div_slopes);
	return CNN_OK;
}

BACKWARD_RULE(backward_pow)
{
	(void)err;
	two_operands(g, n, gradient, pow_slopes);
	return CNN_OK;
}

BACKWARD_RULE(backward_prelu)
{
	(void)err;
	two_operands(g, n, gradient, prelu_slopes);
	return CNN_OK;
}
