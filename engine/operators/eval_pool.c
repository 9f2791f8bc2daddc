/* eval_pool.c - pools, over windows and over all of a feature map. */
#include "engine/operators/eval.h"
#include "engine/operators/window.h"

#include <math.h>

/* A walk over the windows of one plane, the last axis fastest. */
struct pool {
	struct window_axis axis[WINDOW_AXES];
	int64_t in[WINDOW_AXES], out[WINDOW_AXES], in_plane, planes;
	int64_t index[WINDOW_AXES];           /* of the present window */
	int64_t at[WINDOW_AXES];              /* of its first tap; may be in the padding */
	struct window_range tap[WINDOW_AXES]; /* those inside the input */
};

static void pool_move(struct pool *p, int a)
{
	const struct window_axis *w = &p->axis[a];
	p->at[a] = p->index[a] * w->stride - w->before;
	p->tap[a] = window_inside(w->kernel, w->dilation, p->at[a], p->in[a]);
}

static struct pool pool_of(const struct graph *g, const struct node *n)
{
	const struct value *x = graph_in(g, n, 0);
	struct pool p = {.in_plane = 1, .planes = x->dim[0] * x->dim[1]};
	window_dims(x, p.in);
	window_dims(graph_out(g, n), p.out);
	for (int a = 0; a < WINDOW_AXES; a++) {
		p.axis[a] = window_get(&n->attr.window, a);
		p.in_plane *= p.in[a];
		pool_move(&p, a);
	}
	return p;
}

/* After the last window it is at the first again, and false. */
static bool pool_next(struct pool *p)
{
	for (int a = WINDOW_AXES - 1; a >= 0; a--) {
		bool more = ++p->index[a] < p->out[a];
		if (!more)
			p->index[a] = 0;
		pool_move(p, a);
		if (more)
			return true;
	}
	return false;
}

/* A row of the present window's taps: places in the plane from `first` on to `end`, a dilation apart. */
struct taps {
	int64_t first, end;
};
static struct taps taps_of(const struct pool *p, int64_t d, int64_t h)
{
	const struct window_axis *w = p->axis;
	int64_t id = p->at[0] + d * w[0].dilation, ih = p->at[1] + h * w[1].dilation;
	int64_t row = (id * p->in[1] + ih) * p->in[2] + p->at[2];
	return (struct taps){row + p->tap[2].lo * w[2].dilation,
	                     row + p->tap[2].hi * w[2].dilation};
}

/* The largest of each window, and where in its plane it is (-1: the window holds no input). */
#define MAX_PLANE(name, type, lowest)                                                     \
	static void name(struct pool *p, const void *plane, void *result, int64_t *where) \
	{                                                                                 \
		const type *x = plane;                                                    \
		type *y = result;                                                         \
		do {                                                                      \
			type best = lowest;                                               \
			int64_t at = -1;                                                  \
			for (int64_t d = p->tap[0].lo; d < p->tap[0].hi; d++)             \
				for (int64_t h = p->tap[1].lo; h < p->tap[1].hi; h++) {   \
					struct taps t = taps_of(p, d, h);                 \
					for (int64_t i = t.first; i < t.end;              \
					     i += p->axis[2].dilation)                    \
						if (at < 0 || x[i] > best)                \
							best = x[at = i];                 \
				}                                                         \
			*y++ = best;                                                      \
			if (where)                                                        \
				*where++ = at;                                            \
		} while (pool_next(p));                                                   \
	}
MAX_PLANE(max_f32, float, -INFINITY)
MAX_PLANE(max_u8, uint8_t, 0)
MAX_PLANE(max_s8, int8_t, INT8_MIN)

/* Of a place in a row-major plane, the place in one whose first axis is the innermost. */
static int64_t column_major(const struct pool *p, int64_t at)
{
	int64_t w = at % p->in[2], h = at / p->in[2] % p->in[1], d = at / p->in[2] / p->in[1];
	return (w * p->in[1] + h) * p->in[0] + d;
}

EVAL_RULE(eval_max_pool)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0);
	struct pool p = pool_of(g, n);
	int64_t size = (int64_t)cnn_dtype_size(x->dtype), outs = p.out[0] * p.out[1] * p.out[2];
	for (int64_t k = 0; k < p.planes; k++) {
		const char *from = (const char *)x->data + k * p.in_plane * size;
		char *to = (char *)out[0] + k * outs * size;
		int64_t *where = n->n_out > 1 ? (int64_t *)out[1] + k * outs : NULL;
		if (x->dtype == CNN_F32)
			max_f32(&p, from, to, where);
		else if (x->dtype == CNN_U8)
			max_u8(&p, from, to, where);
		else
			max_s8(&p, from, to, where);
		for (int64_t i = 0; where && i < outs; i++) {
			if (where[i] < 0)
				continue;
			if (n->attr.window.column_major)
				where[i] = column_major(&p, where[i]);
			where[i] += k * p.in_plane;
		}
	}
	return CNN_OK;
}

/* Taps of the present window that an average counts: those in the input, or in its explicit padding too. */
static int64_t counted(const struct pool *p, bool padding)
{
	int64_t count = 1;
	for (int a = 0; a < WINDOW_AXES; a++) {
		const struct window_axis *w = &p->axis[a];
		struct window_range r = p->tap[a];
		if (padding)
			r = window_inside(w->kernel, w->dilation, p->at[a] + w->before,
			                  p->in[a] + w->before + w->after);
		count *= r.hi - r.lo;
	}
	return count;
}

static double power(double x, int32_t p)
{
	return p == 1 ? x : p == 2 ? x * x : pow(x, p);
}

static float root(double x, int32_t p)
{
	return (float)(p == 1 ? x : p == 2 ? sqrt(x) : pow(x, 1.0 / p));
}

/* Of the present window; with an exponent, of the sizes to that power. */
static double sum_window(const struct pool *p, const float *x, int32_t exponent)
{
	double sum = 0;
	for (int64_t d = p->tap[0].lo; d < p->tap[0].hi; d++)
		for (int64_t h = p->tap[1].lo; h < p->tap[1].hi; h++) {
			struct taps t = taps_of(p, d, h);
			for (int64_t i = t.first; i < t.end; i += p->axis[2].dilation)
				sum += exponent ? power(fabs((double)x[i]), exponent)
				                : (double)x[i];
		}
	return sum;
}

EVAL_RULE(eval_average_pool)
{
	(void)err;
	struct pool p = pool_of(g, n);
	const float *x = graph_in(g, n, 0)->data;
	float *y = out[0];
	for (int64_t k = 0; k < p.planes; k++, x += p.in_plane) {
		do {
			int64_t count = counted(&p, n->attr.window.count_include_pad);
			double sum = sum_window(&p, x, 0);
			*y++ = count ? (float)(sum / (double)count) : 0;
		} while (pool_next(&p));
	}
	return CNN_OK;
}

EVAL_RULE(eval_lp_pool)
{
	(void)err;
	struct pool p = pool_of(g, n);
	const float *x = graph_in(g, n, 0)->data;
	float *y = out[0];
	for (int64_t k = 0; k < p.planes; k++, x += p.in_plane) {
		do {
			*y++ = root(sum_window(&p, x, n->attr.window.power), n->attr.window.power);
		} while (pool_next(&p));
	}
	return CNN_OK;
}

EVAL_RULE(eval_global_pool)
{
	(void)err;
	const struct value *v = graph_in(g, n, 0);
	const float *x = v->data;
	int32_t exponent = n->attr.window.power;
	int64_t planes = v->dim[0] * v->dim[1], plane = 1;
	for (int32_t i = 2; i < v->rank; i++)
		plane *= v->dim[i];
	for (int64_t k = 0; k < planes; k++, x += plane) {
		double sum = 0;
		float best = x[0];
		for (int64_t i = 0; i < plane; i++) {
			best = x[i] > best ? x[i] : best;
			sum += n->op == OP_GLOBAL_LP_POOL ? power(fabs((double)x[i]), exponent)
			                                  : (double)x[i];
		}
		((float *)out[0])[k] = n->op == OP_GLOBAL_MAX_POOL  ? best
		                       : n->op == OP_GLOBAL_LP_POOL ? root(sum, exponent)
		                                                    : (float)(sum / (double)plane);
	}
	return CNN_OK;
}
