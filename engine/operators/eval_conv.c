/* eval_conv.c - convolutions of float32, forwards and transposed. */
#include "engine/operators/eval.h"
#include "engine/operators/lanes.h"
#include "engine/operators/window.h"

ADD_SCALED(add_scaled, float)

/* Channels of one group, and planes. */
struct shape {
	struct window_axis axis[WINDOW_AXES];
	int64_t in[WINDOW_AXES], out[WINDOW_AXES];
	int64_t in_plane, out_plane, taps;
};

static struct shape shape_of(const struct graph *g, const struct node *n)
{
	struct shape s = {.in_plane = 1, .out_plane = 1, .taps = 1};
	window_dims(graph_in(g, n, 0), s.in);
	window_dims(graph_out(g, n), s.out);
	for (int a = 0; a < WINDOW_AXES; a++) {
		s.axis[a] = window_get(&n->attr.window, a);
		s.in_plane *= s.in[a];
		s.out_plane *= s.out[a];
		s.taps *= s.axis[a].kernel;
	}
	return s;
}

/* A plane that is walked with its windows' strides, the other one element by element: a convolution
 * reads the first and adds to the second, its transposition goes the other way. */
struct sweep {
	const int64_t *strided, *dense; /* dimensions */
	struct window_range range[WINDOW_AXES];
	int64_t offset[WINDOW_AXES];
};

static struct sweep sweep_tap(const struct shape *s, bool transposed, const int64_t tap[])
{
	struct sweep w = {transposed ? s->out : s->in, transposed ? s->in : s->out, {{0, 0}}, {0}};
	for (int a = 0; a < WINDOW_AXES; a++) {
		w.offset[a] = tap[a] * s->axis[a].dilation - s->axis[a].before;
		w.range[a] =
			window_inside(w.dense[a], s->axis[a].stride, w.offset[a], w.strided[a]);
	}
	return w;
}

static void add_row(int64_t count, float weight, const float *x, int64_t step, float *y)
{
	if (step == 1)
		add_scaled(count, weight, x, y);
	else
		for (int64_t i = 0; i < count; i++)
			y[i] += weight * x[i * step];
}

static void scatter_row(int64_t count, float weight, const float *x, float *y, int64_t step)
{
	if (step == 1)
		add_scaled(count, weight, x, y);
	else
		for (int64_t i = 0; i < count; i++)
			y[i * step] += weight * x[i];
}

/* y += weight * x, shifted by one tap of the window. */
static void add_tap(const struct shape *s, bool transposed, const int64_t tap[], float weight,
                    const float *x, float *y)
{
	struct sweep w = sweep_tap(s, transposed, tap);
	int64_t step = s->axis[2].stride, count = w.range[2].hi - w.range[2].lo;
	for (int64_t d = w.range[0].lo; d < w.range[0].hi; d++) {
		int64_t sd = d * s->axis[0].stride + w.offset[0];
		for (int64_t h = w.range[1].lo; h < w.range[1].hi; h++) {
			int64_t sh = h * s->axis[1].stride + w.offset[1];
			int64_t strided = (sd * w.strided[1] + sh) * w.strided[2] +
			                  w.range[2].lo * step + w.offset[2];
			int64_t dense = (d * w.dense[1] + h) * w.dense[2] + w.range[2].lo;
			if (count > 0 && transposed)
				scatter_row(count, weight, x + dense, y + strided, step);
			else if (count > 0)
				add_row(count, weight, x + strided, step, y + dense);
		}
	}
}

static void add_plane(const struct shape *s, bool transposed, const float *weights, const float *x,
                      float *y)
{
	int64_t tap[WINDOW_AXES];
	for (tap[0] = 0; tap[0] < s->axis[0].kernel; tap[0]++)
		for (tap[1] = 0; tap[1] < s->axis[1].kernel; tap[1]++)
			for (tap[2] = 0; tap[2] < s->axis[2].kernel; tap[2]++)
				add_tap(s, transposed, tap, *weights++, x, y);
}

static enum cnn_status convolve(const struct graph *g, const struct node *n, bool transposed,
                                float *y)
{
	const struct value *x = graph_in(g, n, 0), *w = graph_in(g, n, 1), *b = graph_in(g, n, 2);
	const struct value *out = graph_out(g, n);
	struct shape s = shape_of(g, n);
	int64_t group = n->attr.window.group;
	int64_t in = x->dim[1] / group, outs = out->dim[1] / group;
	for (int64_t plane = 0; plane < out->dim[0] * out->dim[1]; plane++, y += s.out_plane) {
		int64_t picture = plane / out->dim[1], o = plane % out->dim[1];
		int64_t first = o / outs * in; /* of the group's input channels */
		float bias = b ? ((const float *)b->data)[o] : 0;
		for (int64_t i = 0; i < s.out_plane; i++)
			y[i] = bias;
		for (int64_t c = 0; c < in; c++) {
			/* [out][in / group] taps, or [in][out / group] */
			int64_t at = transposed ? (first + c) * outs + o % outs : o * in + c;
			add_plane(&s, transposed, (const float *)w->data + at * s.taps,
			          (const float *)x->data +
			                  (picture * x->dim[1] + first + c) * s.in_plane,
			          y);
		}
	}
	return CNN_OK;
}

EVAL_RULE(eval_conv)
{
	(void)err;
	return convolve(g, n, false, out[0]);
}

EVAL_RULE(eval_conv_transpose)
{
	(void)err;
	return convolve(g, n, true, out[0]);
}
