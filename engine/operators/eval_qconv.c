/* eval_qconv.c - convolutions of byte tensors, exact in 32 bits. */
#include "engine/operators/eval.h"
#include "engine/operators/quantised.h"

/* Positions and output channels computed at once; the inner loop is over LANES, which the compiler knows. */
#define POSITIONS 256
#define CHANNELS  4
#define LANES     16

struct tile {
	uint32_t sum[CHANNELS][POSITIONS];
	int16_t x[POSITIONS];
};

struct problem {
	const struct value *x, *w, *x_zero, *w_zero, *bias, *y_zero;
	const float *w_scale; /* NULL: ConvInteger, whose sums are the result */
	int64_t n_scale;
	float x_scale, y_scale;
	struct quantised_window at;
	int64_t batch, in_channels, out_channels; /* of one group */
	int64_t groups;
	const struct value *y;
	void *out;
};

/* Where the windows of `n` positions lie for one tap: positions lo .. hi-1 are inside, and position i reads
 * element from + i * step of the channel's plane. */
struct reach {
	int64_t lo, hi, from, step;
};

static void clear_sums(struct tile *t, int64_t n)
{
	for (int c = 0; c < CHANNELS; c++)
		memset(t->sum[c], 0, (size_t)n * sizeof t->sum[c][0]);
}

static void load(struct tile *t, int64_t n, const struct value *x, int64_t plane, int32_t zero,
                 struct reach r)
{
	for (int64_t i = 0; i < n; i++)
		t->x[i] = 0;
	if (x->dtype == CNN_U8) {
		const uint8_t *from = (const uint8_t *)x->data + plane + r.from;
		for (int64_t i = r.lo; i < r.hi; i++)
			t->x[i] = (int16_t)(from[i * r.step] - zero);
	} else {
		const int8_t *from = (const int8_t *)x->data + plane + r.from;
		for (int64_t i = r.lo; i < r.hi; i++)
			t->x[i] = (int16_t)(from[i * r.step] - zero);
	}
}

/* Unsigned sums wrap where signed ones would be undefined. */
static void add_products(struct tile *t, int64_t n, int c, int16_t w)
{
	for (int64_t i = 0; i < n; i += LANES)
		for (int64_t k = 0; k < LANES; k++)
			t->sum[c][i + k] += (uint32_t)((int32_t)t->x[i + k] * w);
}

/* One tap of a row of positions that begins at out[]; empty when it is all padding. */
static struct reach reach_of(const struct quantised_window *q, const int64_t out[WINDOW_AXES],
                             int64_t n, const int64_t tap[WINDOW_AXES])
{
	int64_t in[WINDOW_AXES];
	for (int i = 0; i < WINDOW_AXES; i++)
		in[i] = out[i] * q->axis[i].stride - q->axis[i].before +
		        tap[i] * q->axis[i].dilation;
	if (in[0] < 0 || in[0] >= q->in[0] || in[1] < 0 || in[1] >= q->in[1])
		return (struct reach){0};
	int64_t step = q->axis[2].stride;
	struct window_range range = window_inside(n, step, in[2], q->in[2]);
	if (range.lo >= range.hi)
		return (struct reach){0};
	int64_t from = (in[0] * q->in[1] + in[1]) * q->in[2] + in[2];
	return (struct reach){range.lo, range.hi, from, step};
}

static void store(const struct problem *p, const struct tile *t, int64_t n, int c, int64_t channel,
                  int64_t to)
{
	uint32_t bias = p->bias ? (uint32_t)((const int32_t *)p->bias->data)[channel] : 0;
	if (!p->w_scale) {
		memcpy((int32_t *)p->out + to, t->sum[c], (size_t)n * sizeof(int32_t));
		return;
	}
	float scale = p->x_scale * p->w_scale[p->n_scale == 1 ? 0 : channel] / p->y_scale;
	struct quantised_range r = quantised_range(p->y->dtype, quantised_zero(p->y_zero, 0));
	uint8_t *y = (uint8_t *)p->out + to;
	for (int64_t i = 0; i < n; i++)
		y[i] = (uint8_t)quantised_store((float)(int32_t)(t->sum[c][i] + bias) * scale, r);
}

/* `count` channels from `channel` on, `n` positions from out[] on, which is element `to` of their planes. */
static void compute_tile(const struct problem *p, struct tile *t, int64_t image, int64_t group,
                         int64_t channel, int count, const int64_t out[WINDOW_AXES], int64_t n,
                         int64_t to)
{
	const struct quantised_window *q = &p->at;
	int64_t whole = (n + LANES - 1) / LANES * LANES, tap[WINDOW_AXES];
	int32_t x_zero = quantised_zero(p->x_zero, 0), w_zero[CHANNELS];
	for (int c = 0; c < count; c++)
		w_zero[c] = quantised_zero(p->w_zero, channel + c);
	clear_sums(t, whole);
	for (int64_t i = 0; i < p->in_channels; i++) {
		int64_t plane = ((image * p->groups + group) * p->in_channels + i) * q->inputs;
		int64_t k = 0;
		for (tap[0] = 0; tap[0] < q->axis[0].kernel; tap[0]++) {
			for (tap[1] = 0; tap[1] < q->axis[1].kernel; tap[1]++) {
				for (tap[2] = 0; tap[2] < q->axis[2].kernel; tap[2]++, k++) {
					struct reach r = reach_of(q, out, n, tap);
					if (r.lo == r.hi)
						continue;
					load(t, whole, p->x, plane, x_zero, r);
					for (int c = 0; c < count; c++) {
						int64_t at = ((channel + c) * p->in_channels + i) *
						                     q->taps +
						             k;
						int64_t w = resolve_int(p->w, at) - w_zero[c];
						add_products(t, whole, c, (int16_t)w);
					}
				}
			}
		}
	}
	for (int c = 0; c < count; c++)
		store(p, t, n, c, channel + c,
		      (image * p->groups * p->out_channels + channel + c) * q->outputs + to);
}

static void compute_channels(const struct problem *p, struct tile *t, int64_t image, int64_t group,
                             int64_t channel, int count)
{
	const struct quantised_window *q = &p->at;
	int64_t at[WINDOW_AXES], to = 0;
	for (at[0] = 0; at[0] < q->out[0]; at[0]++) {
		for (at[1] = 0; at[1] < q->out[1]; at[1]++) {
			for (at[2] = 0; at[2] < q->out[2]; at[2] += POSITIONS) {
				int64_t n = q->out[2] - at[2];
				n = n < POSITIONS ? n : POSITIONS;
				compute_tile(p, t, image, group, channel, count, at, n, to);
				to += n;
			}
		}
	}
}

/* A kernel of one tap that moves by one makes the picture one long row. */
static void flatten(struct quantised_window *q)
{
	for (int i = 0; i < WINDOW_AXES; i++)
		if (q->axis[i].kernel != 1 || q->axis[i].stride != 1 || q->axis[i].before != 0 ||
		    q->in[i] != q->out[i])
			return;
	q->in[0] = q->in[1] = q->out[0] = q->out[1] = 1;
	q->in[2] = q->inputs;
	q->out[2] = q->outputs;
}

static void convolve(struct problem *p, const struct node *n)
{
	struct tile tile;
	p->at = quantised_window(&n->attr.window, p->x, p->y);
	flatten(&p->at);
	p->groups = n->attr.window.group;
	p->batch = p->x->dim[0];
	p->in_channels = p->x->dim[1] / p->groups;
	p->out_channels = p->w->dim[0] / p->groups;
	for (int64_t b = 0; b < p->batch; b++) {
		for (int64_t i = 0; i < p->groups; i++) {
			int64_t end = (i + 1) * p->out_channels;
			for (int64_t c = i * p->out_channels; c < end; c += CHANNELS)
				compute_channels(p, &tile, b, i, c,
				                 (int)(end - c < CHANNELS ? end - c : CHANNELS));
		}
	}
}

EVAL_RULE(eval_qlinear_conv)
{
	(void)err;
	const struct value *w_scale = graph_in(g, n, 4);
	struct problem p = {
		.x = graph_in(g, n, 0),
		.x_scale = quantised_scale_of(g, n, 1),
		.x_zero = graph_in(g, n, 2),
		.w = graph_in(g, n, 3),
		.w_scale = w_scale->data,
		.n_scale = graph_elements(w_scale),
		.w_zero = graph_in(g, n, 5),
		.y_scale = quantised_scale_of(g, n, 6),
		.y_zero = graph_in(g, n, 7),
		.bias = graph_in(g, n, 8),
		.y = graph_out(g, n),
		.out = out[0],
	};
	convolve(&p, n);
	return CNN_OK;
}

EVAL_RULE(eval_conv_integer)
{
	(void)err;
	struct problem p = {.x = graph_in(g, n, 0),
	                    .w = graph_in(g, n, 1),
	                    .x_zero = graph_in(g, n, 2),
	                    .w_zero = graph_in(g, n, 3),
	                    .y = graph_out(g, n),
	                    .out = out[0]};
	convolve(&p, n);
	return CNN_OK;
}
