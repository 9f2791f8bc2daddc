/* reference.h - a graph in double precision, picture by picture in ONNX's order: what the trained network's numbers are
 * compared with. It goes by the operators' formulas alone and shares no code with the network. */
#ifndef TESTS_UNIT_TRAIN_REFERENCE_H
#define TESTS_UNIT_TRAIN_REFERENCE_H
#include "engine/train/random.h"
#include "tests/unit/graph/build.h"

struct reference {
	const struct graph *g;
	size_t n; /* pictures */
	bool training;
	uint64_t seed;     /* of the dropouts */
	double **constant; /* [values] copies, to be changed */
	/* [values][n][elements] of the last whole run, and of the last run from a node on. */
	double **whole, **part;
	node_id first; /* of the part */
	/* Which side of its kink each number is on, a digest for each node, of the last whole run. */
	uint64_t *sides;
	bool same_sides; /* in the last part as in the whole */
	/* In the last whole run: the least distance from a kink, and the least variance of a norm. */
	double nearest, variance;
};

static void *zeros(size_t n, size_t size)
{
	void *p = calloc(n + 1, size);
	CHECK(p != NULL);
	return p;
}

static size_t elements(const struct reference *r, value_id v)
{
	return (size_t)graph_elements(&r->g->value[v]);
}

static struct reference reference_new(const struct graph *g, size_t n, uint64_t seed)
{
	struct reference r = {.g = g, .n = n, .training = true, .seed = seed};
	r.constant = zeros(g->n_value, sizeof *r.constant);
	r.whole = zeros(g->n_value, sizeof *r.whole);
	r.part = zeros(g->n_value, sizeof *r.part);
	r.sides = zeros(g->n_node, sizeof *r.sides);
	for (value_id v = 0; v < g->n_value; v++) {
		const float *data = g->value[v].dtype == CNN_F32 ? g->value[v].data : NULL;
		r.constant[v] = data ? zeros(elements(&r, v), sizeof **r.constant) : NULL;
		for (size_t i = 0; data && i < elements(&r, v); i++)
			r.constant[v][i] = (double)data[i];
		if (g->value[v].data)
			continue;
		r.whole[v] = zeros(n * elements(&r, v), sizeof **r.whole);
		r.part[v] = zeros(n * elements(&r, v), sizeof **r.part);
	}
	return r;
}

static void reference_free(struct reference *r)
{
	for (value_id v = 0; v < r->g->n_value; v++) {
		free(r->constant[v]);
		free(r->whole[v]);
		free(r->part[v]);
	}
	free(r->constant);
	free(r->whole);
	free(r->part);
	free(r->sides);
}

/* What node `at` reads. */
static const double *reads(const struct reference *r, value_id v)
{
	if (r->constant[v])
		return r->constant[v];
	node_id producer = r->g->value[v].producer;
	return producer == NO_NODE || producer < r->first ? r->whole[v] : r->part[v];
}

/* --- kinks ------------------------------------------------------------------------------------------ */

struct kinks {
	uint64_t sides;
	double nearest;
};

static void pass_kink(struct kinks *k, uint64_t side, double distance)
{
	k->sides = random_mix(k->sides * 5 + side + 1);
	if (distance < k->nearest)
		k->nearest = distance;
}

/* --- operators: from the inputs to `out`, of all pictures ------------------------------------------- */

struct window {
	int64_t c, h, w, out_h, out_w;
	const struct window_attr *a;
};

static struct window window_of(const struct reference *r, const struct node *n)
{
	const struct value *x = &r->g->value[n->in[0]], *y = &r->g->value[n->out[0]];
	return (struct window){x->dim[1], x->dim[2], x->dim[3],
	                       y->dim[2], y->dim[3], &n->attr.window};
}

/* Where a tap is in a map of the input; -1 outside. *counts: an average that counts padding counts it. */
static int64_t tap_at(const struct window *w, int64_t oy, int64_t ox, int64_t ky, int64_t kx,
                      bool *counts)
{
	int64_t y = oy * w->a->stride[0] - w->a->pad[0] + ky * w->a->dilation[0];
	int64_t x = ox * w->a->stride[1] - w->a->pad[1] + kx * w->a->dilation[1];
	*counts = y < w->h + w->a->pad[2] && x < w->w + w->a->pad[3];
	return y < 0 || x < 0 || y >= w->h || x >= w->w ? -1 : y * w->w + x;
}

static void run_conv(const struct reference *r, const struct node *n, double *out)
{
	const struct window w = window_of(r, n);
	const struct value *kernel = &r->g->value[n->in[1]];
	int64_t outs = kernel->dim[0], depth = kernel->dim[1], kh = w.a->kernel[0],
		kw = w.a->kernel[1];
	const double *x = reads(r, n->in[0]), *k = reads(r, n->in[1]);
	const double *bias = n->n_in > 2 && n->in[2] != NO_VALUE ? reads(r, n->in[2]) : NULL;
	for (int64_t p = 0; p < (int64_t)r->n; p++)
		for (int64_t o = 0; o < outs; o++)
			for (int64_t at = 0; at < w.out_h * w.out_w; at++) {
				int64_t first = o / (outs / w.a->group) * depth;
				double sum = bias ? bias[o] : 0;
				for (int64_t t = 0; t < kh * kw; t++) {
					bool counts;
					int64_t from = tap_at(&w, at / w.out_w, at % w.out_w,
					                      t / kw, t % kw, &counts);
					for (int64_t c = 0; c < depth && from >= 0; c++)
						sum += k[(o * depth + c) * kh * kw + t] *
						       x[(p * w.c + first + c) * w.h * w.w + from];
				}
				*out++ = sum;
			}
}

static void run_pool(const struct reference *r, const struct node *n, double *out, struct kinks *k)
{
	struct window w = window_of(r, n);
	const struct window_attr all = {
		.kernel = {(int32_t)w.h, (int32_t)w.w}, .stride = {1, 1}, .dilation = {1, 1}};
	if (n->op == OP_GLOBAL_AVERAGE_POOL || n->op == OP_GLOBAL_MAX_POOL)
		w.a = &all;
	bool average = n->op == OP_AVERAGE_POOL || n->op == OP_GLOBAL_AVERAGE_POOL;
	const double *x = reads(r, n->in[0]);
	for (int64_t map = 0; map < (int64_t)r->n * w.c; map++, x += w.h * w.w)
		for (int64_t at = 0; at < w.out_h * w.out_w; at++) {
			double sum = 0, most = -INFINITY, second = -INFINITY;
			int64_t count = 0, best = 0;
			for (int64_t t = 0; t < (int64_t)w.a->kernel[0] * w.a->kernel[1]; t++) {
				bool counts;
				int64_t from =
					tap_at(&w, at / w.out_w, at % w.out_w, t / w.a->kernel[1],
				               t % w.a->kernel[1], &counts);
				count += from >= 0 || (counts && w.a->count_include_pad);
				if (from < 0)
					continue;
				sum += x[from];
				second = fmax(second, fmin(most, x[from]));
				best = x[from] > most ? from : best;
				most = fmax(most, x[from]);
			}
			*out++ = average ? count ? sum / (double)count : 0 : most;
			/* Equal numbers are zeros that a clamp made, whose gradient goes nowhere. */
			if (!average)
				pass_kink(k, (uint64_t)best,
				          most > second ? most - second : INFINITY);
		}
}

static void run_norm(const struct reference *r, const struct node *n, double *out, double *least)
{
	const struct value *v = &r->g->value[n->in[0]];
	size_t channels = (size_t)v->dim[1], pixels = elements(r, n->in[0]) / channels;
	const double *x = reads(r, n->in[0]), *gamma = reads(r, n->in[1]),
		     *beta = reads(r, n->in[2]);
	for (size_t c = 0; c < channels; c++) {
		double sum = 0, squares = 0, count = (double)(r->n * pixels);
		for (size_t i = 0; i < r->n * pixels; i++)
			sum += x[(i / pixels * channels + c) * pixels + i % pixels];
		double mean = sum / count;
		for (size_t i = 0; i < r->n * pixels; i++)
			squares +=
				pow(x[(i / pixels * channels + c) * pixels + i % pixels] - mean, 2);
		double variance = squares / count;
		if (!r->training) {
			mean = reads(r, n->in[3])[c];
			variance = reads(r, n->in[4])[c];
		}
		*least = fmin(*least, variance);
		for (size_t i = 0; i < r->n * pixels; i++) {
			size_t at = (i / pixels * channels + c) * pixels + i % pixels;
			out[at] = (x[at] - mean) / sqrt(variance + (double)n->attr.norm.epsilon) *
			                  gamma[c] +
			          beta[c];
		}
	}
}

static void run_clamp(const struct reference *r, const struct node *n, double *out, struct kinks *k)
{
	const double *x = reads(r, n->in[0]);
	double lo = n->op == OP_RELU ? 0 : -INFINITY, hi = INFINITY;
	if (n->op == OP_CLIP && n->in[1] != NO_VALUE)
		lo = reads(r, n->in[1])[0];
	if (n->op == OP_CLIP && n->n_in > 2 && n->in[2] != NO_VALUE)
		hi = reads(r, n->in[2])[0];
	for (size_t i = 0; i < r->n * elements(r, n->in[0]); i++) {
		out[i] = fmin(fmax(x[i], lo), hi);
		pass_kink(k, (uint64_t)(x[i] > lo) + (uint64_t)(x[i] > hi),
		          fmin(fabs(x[i] - lo), fabs(x[i] - hi)));
	}
}

static void run_dense(const struct reference *r, const struct node *n, double *out)
{
	size_t depth = elements(r, n->in[0]), wide = elements(r, n->out[0]);
	bool by_rows = n->op == OP_GEMM && n->attr.gemm.trans_b;
	const double *x = reads(r, n->in[0]), *w = reads(r, n->in[1]);
	const double *bias = n->n_in > 2 && n->in[2] != NO_VALUE ? reads(r, n->in[2]) : NULL;
	for (size_t p = 0; p < r->n; p++, x += depth)
		for (size_t j = 0; j < wide; j++) {
			double sum = bias ? bias[j] : 0;
			for (size_t i = 0; i < depth; i++)
				sum += x[i] * w[by_rows ? j * depth + i : i * wide + j];
			*out++ = sum;
		}
}

static void run_concat(const struct reference *r, const struct node *n, double *out)
{
	for (size_t p = 0; p < r->n; p++)
		for (uint32_t i = 0; i < n->n_in; i++) {
			size_t floats = elements(r, n->in[i]);
			memcpy(out, reads(r, n->in[i]) + p * floats, floats * sizeof *out);
			out += floats;
		}
}

/* The shape of what was flattened into v, or v's own. */
static const struct value *map_of(const struct reference *r, value_id v)
{
	const struct value *value = &r->g->value[v];
	while (value->rank == 2 && value->producer != NO_NODE) {
		const struct node *n = &r->g->node[value->producer];
		if (n->op != OP_FLATTEN && n->op != OP_RELU && n->op != OP_DROPOUT)
			break;
		value = &r->g->value[n->in[0]];
	}
	return value;
}

/* The network asks for its random numbers in the order in which its maps lie, [h][w][c]. */
static void run_dropout(const struct reference *r, const struct node *n, uint64_t stream,
                        double *out)
{
	const struct value *map = map_of(r, n->in[0]);
	size_t floats = elements(r, n->in[0]), c = (size_t)map->dim[1], pixels = floats / c;
	const double *x = reads(r, n->in[0]);
	double rate = r->training ? reads(r, n->in[1])[0] : 0;
	for (size_t p = 0; p < r->n; p++) {
		struct random random = random_seeded(r->seed, stream, p);
		for (size_t i = 0; i < floats; i++) {
			size_t at = p * floats + i % c * pixels + i / c;
			bool dropped = random_unit(&random) < rate;
			out[at] = dropped ? 0 : x[at] / (1 - rate);
		}
	}
}

static void run_node(struct reference *r, const struct node *n, uint64_t *stream, double *out,
                     struct kinks *k)
{
	size_t total = r->n * elements(r, n->out[0]);
	switch (n->op) {
	case OP_CONV:
		run_conv(r, n, out);
		break;
	case OP_MAX_POOL:
	case OP_AVERAGE_POOL:
	case OP_GLOBAL_MAX_POOL:
	case OP_GLOBAL_AVERAGE_POOL:
		run_pool(r, n, out, k);
		break;
	case OP_BATCH_NORM:
		run_norm(r, n, out, &r->variance);
		break;
	case OP_RELU:
	case OP_CLIP:
		run_clamp(r, n, out, k);
		break;
	case OP_GEMM:
	case OP_MATMUL:
		run_dense(r, n, out);
		break;
	case OP_CONCAT:
		run_concat(r, n, out);
		break;
	case OP_DROPOUT:
		run_dropout(r, n, (*stream)++, out);
		break;
	case OP_ADD:
		for (size_t i = 0; i < total; i++)
			out[i] = reads(r, n->in[0])[i] + reads(r, n->in[1])[i];
		break;
	default: /* the same numbers under another shape */
		memcpy(out, reads(r, n->in[0]), total * sizeof *out);
		break;
	}
}

static const double *run_from(struct reference *r, node_id first, bool whole)
{
	uint64_t stream = 0;
	r->first = first;
	r->same_sides = true;
	for (node_id i = 0; i < r->g->n_node; i++) {
		const struct node *n = &r->g->node[i];
		struct kinks k = {0, INFINITY};
		if (i < first) {
			stream += n->op == OP_DROPOUT;
			continue;
		}
		run_node(r, n, &stream, r->part[n->out[0]], &k);
		r->same_sides &= k.sides == r->sides[i];
		if (!whole)
			continue;
		memcpy(r->whole[n->out[0]], r->part[n->out[0]],
		       r->n * elements(r, n->out[0]) * sizeof **r->whole);
		r->sides[i] = k.sides;
		r->nearest = fmin(r->nearest, k.nearest);
	}
	return r->part[r->g->output[0]];
}

/* Returns the output, [n][classes]. */
static const double *reference_run(struct reference *r)
{
	r->nearest = r->variance = INFINITY;
	return run_from(r, 0, true);
}

/* The same after constants of nodes from `first` on have changed. */
__attribute__((unused)) static const double *reference_rerun(struct reference *r, node_id first)
{
	double variance = r->variance;
	const double *out = run_from(r, first, false);
	r->variance = variance;
	return out;
}

#endif
