/* backward_pointwise.c - slopes of functions of one number. */
#include "engine/see/backward.h"

#include <math.h>

static float sigmoid(float x)
{
	return 1 / (1 + expf(-x));
}

/* Of the normal distribution, density and P(X <= x). */
static float normal_density(float x)
{
	return 0.39894228f * expf(-0.5f * x * x);
}

static float normal_below(float x)
{
	return 0.5f * erfcf(-x * 0.70710678f);
}

/* x * sigmoid(u(x)), which is how gelu by tanh is written, too. */
static float gelu_slope(float x, bool by_tanh)
{
	if (!by_tanh)
		return normal_below(x) + x * normal_density(x);
	float s = sigmoid(1.5957691216f * (x + 0.044715f * x * x * x));
	return s + x * s * (1 - s) * 1.5957691216f * (1 + 3 * 0.044715f * x * x);
}

static float mish_slope(float x)
{
	float t = tanhf((x < 0 ? 0 : x) + log1pf(expf(-fabsf(x))));
	return t + x * (1 - t * t) * sigmoid(x);
}

static float hard_swish_slope(float x)
{
	return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5f;
}

static float clip_slope(const struct graph *g, const struct node *n, float x)
{
	const struct value *lo = graph_in(g, n, 1), *hi = graph_in(g, n, 2);
	bool below = lo && x <= *(const float *)lo->data;
	bool above = hi && x >= *(const float *)hi->data;
	return below || above ? 0 : 1;
}

/* At a corner, the slope on the side where the function is flat. */
float backward_slope(const struct graph *g, const struct node *n, float x)
{
	const struct unary_attr *a = &n->attr.unary;
	switch (n->op) {
	case OP_NEG:
		return -1;
	case OP_RELU:
		return x > 0;
	case OP_CLIP:
		return clip_slope(g, n, x);
	case OP_LEAKY_RELU:
		return x > 0 ? 1 : a->alpha;
	case OP_ELU:
		return x > 0 ? 1 : a->alpha * expf(x);
	case OP_SELU:
		return a->beta * (x > 0 ? 1 : a->alpha * expf(x));
	case OP_CELU:
		return x > 0 ? 1 : expf(x / a->alpha);
	case OP_SIGMOID:
		return sigmoid(x) * sigmoid(-x);
	case OP_HARD_SIGMOID:
		return a->alpha * x + a->beta > 0 && a->alpha * x + a->beta < 1 ? a->alpha : 0;
	case OP_HARD_SWISH:
		return hard_swish_slope(x);
	case OP_TANH:
		return 1 - tanhf(x) * tanhf(x);
	case OP_SOFTPLUS:
		return sigmoid(x);
	case OP_SOFTSIGN:
		return 1 / ((1 + fabsf(x)) * (1 + fabsf(x)));
	case OP_MISH:
		return mish_slope(x);
	case OP_GELU:
		return gelu_slope(x, a->approximate);
	case OP_ERF:
		return 1.1283792f * expf(-x * x);
	case OP_EXP:
		return expf(x);
	case OP_LOG:
		return 1 / x;
	case OP_SQRT:
		return 0.5f / sqrtf(x);
	case OP_RECIPROCAL:
		return -1 / (x * x);
	default: /* Abs */
		return x > 0 ? 1 : x < 0 ? -1 : 0;
	}
}

BACKWARD_RULE(backward_unary)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0);
	const float *from = x->data, *dy = gradient[n->out[0]];
	float *dx = gradient[n->in[0]];
	for (int64_t i = 0, count = graph_elements(x); i < count; i++)
		dx[i] += dy[i] * backward_slope(g, n, from[i]);
	return CNN_OK;
}
