/* differences.h - the gradients of a trained network against central differences of the reference. */
#ifndef TESTS_UNIT_TRAIN_DIFFERENCES_H
#define TESTS_UNIT_TRAIN_DIFFERENCES_H
#include "engine/base/cpu.h"
#include "engine/train/block.h"
#include "engine/train/loss.h"
#include "engine/train/network.h"
#include "tests/unit/train/reference.h"
#include "tests/unit/train/sketch.h"

/* A network from its input to a row of numbers. */
typedef void sketch_fn(struct sketch *s);

struct trial {
	const char *name;
	sketch_fn *draw;
	int32_t channels, height, width; /* of the input; 0: at random */
	size_t n;                        /* pictures */
	bool cross_entropy;              /* else a random sum of all outputs */
};

/* One graph, its input and what its loss is made of. */
struct problem {
	const struct trial *t;
	struct graph *g;
	struct reference r;
	uint64_t seed;
	size_t classes;
	double *target; /* [n][classes]: probabilities, or factors of the sum */
	double size;    /* sum of the magnitudes of the loss's terms */
	struct sample *sample;
	size_t n_samples;
	bool *used; /* kinds of convolution that were met */
};

/* A weight, in the order of the file, and the loss's derivative by it. */
struct sample {
	value_id value;
	size_t at;
	double slope;
};

enum {
	SAMPLES = 8,
	TRIES = 100
}; /* weights of each constant; seeds for a problem away from kinks */

/* Central differences are wrong across a kink, and the network's floats may fall on its other side. Their error is
 * less than this; reruns tell whether a difference has crossed one. */
static const double AWAY_FROM_KINKS = 3e-5;

static double loss_of(struct problem *p, const double *out)
{
	double loss = 0;
	p->size = 0;
	for (size_t i = 0; i < p->t->n; i++, out += p->classes) {
		const double *target = p->target + i * p->classes;
		double sum = 0;
		for (size_t c = 0; c < p->classes; c++)
			sum += exp(out[c]);
		for (size_t c = 0; c < p->classes; c++) {
			double term = p->t->cross_entropy
			                      ? target[c] * (log(sum) - out[c]) / (double)p->t->n
			                      : target[c] * out[c];
			loss += term;
			p->size += fabs(term);
		}
	}
	return loss;
}

static void draw_problem(struct problem *p)
{
	const struct trial *t = p->t;
	struct random random = random_seeded(p->seed, 1, 0);
	struct sketch sizes = {.random = random_seeded(p->seed, 2, 0)};
	int32_t channels = t->channels ? t->channels : between(&sizes, 1, 4);
	int32_t height = t->height ? t->height : between(&sizes, 3, 9);
	int32_t width = t->width ? t->width : between(&sizes, 3, 9);
	struct sketch s = sketch_new(p->seed, channels, height, width);
	t->draw(&s);
	build_output(s.g, s.at);
	p->g = s.g;
	p->classes = (size_t)graph_elements(&s.g->value[s.at]);
	p->r = reference_new(s.g, t->n, p->seed);
	double *x = p->r.whole[s.g->input[0]];
	for (size_t i = 0; i < t->n * elements(&p->r, s.g->input[0]); i++)
		x[i] = (double)(float)spread(&s);
	p->target = zeros(t->n * p->classes, sizeof *p->target);
	for (size_t i = 0; i < t->n * p->classes; i++)
		p->target[i] = t->cross_entropy ? random_unit(&random) + 0.1
		                                : random_unit(&random) * 2 - 1;
	for (size_t i = 0; i < t->n && t->cross_entropy; i++) {
		double sum = 0;
		for (size_t c = 0; c < p->classes; c++)
			sum += p->target[i * p->classes + c];
		for (size_t c = 0; c < p->classes; c++)
			p->target[i * p->classes + c] /= sum;
	}
	for (size_t i = 0; i < t->n * p->classes; i++)
		p->target[i] = (double)(float)p->target[i];
}

static void problem_free(struct problem *p)
{
	reference_free(&p->r);
	graph_free(p->g);
	free(p->target);
	free(p->sample);
}

/* The slope at one weight; NAN when even a short step crosses a kink. */
static double slope_at(struct problem *p, node_id node, value_id v, size_t i)
{
	double *w = &p->r.constant[v][i], was = *w, slope = NAN;
	for (double h = 1e-5; h > 5e-8 && isnan(slope); h /= 10) {
		*w = was + h;
		double above = loss_of(p, reference_rerun(&p->r, node));
		bool smooth = p->r.same_sides;
		*w = was - h;
		double below = loss_of(p, reference_rerun(&p->r, node));
		if (smooth && p->r.same_sides)
			slope = (above - below) / (2 * h);
	}
	*w = was;
	return slope;
}

/* Constants that are learned: all but clamps' bounds, dropouts' rates and running statistics. */
static bool is_learned(const struct graph *g, const struct node *n, uint32_t input)
{
	bool weighs = n->op == OP_CONV || n->op == OP_GEMM || n->op == OP_MATMUL ||
	              n->op == OP_BATCH_NORM;
	return weighs && input >= 1 && input <= 2 && graph_in(g, n, input) != NULL;
}

static void sample_slopes(struct problem *p)
{
	const struct graph *g = p->g;
	struct random random = random_seeded(p->seed, 3, 0);
	p->sample = zeros(2 * SAMPLES * g->n_node, sizeof *p->sample);
	for (node_id i = 0; i < g->n_node; i++)
		for (uint32_t k = 1; k < g->node[i].n_in; k++) {
			value_id v = g->node[i].in[k];
			if (!is_learned(g, &g->node[i], k))
				continue;
			size_t all = elements(&p->r, v), n = all < SAMPLES ? all : SAMPLES;
			for (size_t s = 0; s < n; s++) {
				size_t at =
					all <= SAMPLES ? s : random_below(&random, (uint32_t)all);
				double slope = slope_at(p, i, v, at);
				if (!isnan(slope))
					p->sample[p->n_samples++] = (struct sample){v, at, slope};
			}
		}
}

static struct problem problem_of(const struct trial *t, uint64_t seed)
{
	struct problem p = {.t = t};
	for (uint64_t attempt = 0; attempt < TRIES; attempt++) {
		p.seed = seed * TRIES + attempt;
		draw_problem(&p);
		loss_of(&p, reference_run(&p.r));
		/* A norm over numbers that are nearly equal is nearly a kink. */
		if (p.r.nearest > AWAY_FROM_KINKS && p.r.variance > 0.02) {
			sample_slopes(&p);
			return p;
		}
		problem_free(&p);
	}
	fprintf(stderr, "%s: no seed is away from kinks\n", t->name);
	exit(TEST_EXIT_FAILED);
}

/* --- the network ------------------------------------------------------------------------------------- */

static struct network *network_of(const struct problem *p, enum cnn_isa isa, struct cnn_pool *pool)
{
	struct network *net = NULL;
	struct cnn_error err = {0};
	enum cnn_status status = network_new(p->g, p->t->n + p->seed % 3, isa, pool, &net, &err);
	if (status)
		fprintf(stderr, "%s: %s\n", p->t->name, err.text);
	CHECK_INT(status, CNN_OK);
	return net;
}

/* ONNX's order to the network's. */
static void fill_input(const struct problem *p, struct network *net)
{
	const struct feature *in = &net->feature[net->input];
	const double *x = p->r.whole[p->g->input[0]];
	size_t c = (size_t)in->c, pixels = in->floats / c;
	for (size_t i = 0; i < p->t->n * in->floats; i++) {
		size_t k = i % in->floats;
		in->x[i] = (float)x[i / in->floats * in->floats + k % c * pixels + k / c];
	}
}

static void fill_gradient(const struct problem *p, struct network *net)
{
	const struct feature *out = &net->feature[net->output];
	for (size_t i = 0; i < p->t->n * p->classes; i++)
		out->g[i] = (float)p->target[i];
	for (size_t i = 0; i < p->t->n && p->t->cross_entropy; i++) {
		float *g = out->g + i * p->classes;
		float target[64];
		CHECK(p->classes <= 64);
		memcpy(target, g, p->classes * sizeof *g);
		cross_entropy(p->classes, out->x + i * p->classes, target, 1 / (float)p->t->n, g);
	}
}

static void step(const struct problem *p, struct network *net)
{
	const struct pass_run run = {.n = p->t->n, .training = true, .seed = p->seed};
	fill_input(p, net);
	network_prepare(net, true);
	network_forward(net, &run);
	fill_gradient(p, net);
	network_backward(net, &run);
}

static void fail(const struct problem *p, enum cnn_isa isa, const char *what, double got,
                 double want)
{
	fprintf(stderr, "%s, seed %llu, %s: %s is %.9g, want %.9g\n", p->t->name,
	        (unsigned long long)p->seed, cpu_isa_name(isa), what, got, want);
	for (size_t i = 0; i < p->g->n_node; i++) {
		const struct node *n = &p->g->node[i];
		const struct value *x = &p->g->value[n->in[0]];
		const struct window_attr *w = &n->attr.window;
		fprintf(stderr, "  %s of %lldx%lldx%lld", op_table[n->op].onnx_name,
		        (long long)x->dim[1], (long long)x->dim[2], (long long)x->dim[3]);
		if (n->op == OP_CONV || n->op == OP_MAX_POOL || n->op == OP_AVERAGE_POOL)
			fprintf(stderr,
			        ", %dx%d, stride %d,%d, dilation %d,%d, pad %d,%d,%d,%d, group %d",
			        w->kernel[0], w->kernel[1], w->stride[0], w->stride[1],
			        w->dilation[0], w->dilation[1], w->pad[0], w->pad[1], w->pad[2],
			        w->pad[3], w->group);
		fprintf(stderr, "\n");
	}
	exit(TEST_EXIT_FAILED);
}

/* The place of each weight in its file, told by copying numbers that count. */
static size_t *places(struct problem *p, struct network *net)
{
	size_t *place = zeros(net->n_w, sizeof *place);
	for (size_t k = 0; k < net->n_weights; k++)
		for (size_t i = 0; i < net->weights[k].n; i++)
			((float *)(uintptr_t)p->g->value[net->weights[k].value].data)[i] = (float)i;
	network_from_graph(net, p->g);
	for (size_t i = 0; i < net->n_w; i++)
		place[i] = (size_t)net->w[i];
	for (size_t k = 0; k < net->n_weights; k++) {
		const struct weights *w = &net->weights[k];
		for (size_t i = 0; i < w->n; i++)
			((float *)(uintptr_t)p->g->value[w->value].data)[i] =
				(float)p->r.constant[w->value][i];
	}
	network_from_graph(net, p->g);
	return place;
}

static const struct weights *weights_of(const struct network *net, value_id v)
{
	for (size_t k = 0; k < net->n_weights; k++)
		if (net->weights[k].value == v)
			return &net->weights[k];
	return NULL;
}

static double worst; /* of a test's relative errors */

static void compare_gradients(struct problem *p, struct network *net, enum cnn_isa isa,
                              const size_t *place)
{
	for (size_t s = 0; s < p->n_samples; s++) {
		const struct sample *sample = &p->sample[s];
		const struct weights *w = weights_of(net, sample->value);
		CHECK(w != NULL);
		double largest = 0, got = NAN;
		for (size_t i = 0; i < w->n; i++) {
			largest = fmax(largest, fabs((double)net->grad[w->at + i]));
			if (place[w->at + i] == sample->at)
				got = (double)net->grad[w->at + i];
		}
		/* A gradient is a sum of products whose floats round in proportion to their magnitudes, not to what
		 * is left of them: those are about as large as the largest gradient of the same weights. The second
		 * term is for gradients that are nothing but rounding, as those of a bias before a norm, of the
		 * differences: 1e-16 of the loss, divided by the step. */
		double scale = fmax(0.2 * largest, 1e-6 * p->size);
		scale = fmax(scale, fmax(fabs(got), fabs(sample->slope)));
		double error = fabs(got - sample->slope) / scale;
		worst = fmax(worst, error);
		if (!(error < 1e-4)) {
			fprintf(stderr, "gradient %zu of constant %u, the largest %.9g\n",
			        sample->at, sample->value, largest);
			fail(p, isa, "a gradient", got, sample->slope);
		}
	}
}

static void compare_outputs(const struct problem *p, struct network *net, enum cnn_isa isa)
{
	const float *out = net->feature[net->output].x;
	const double *want = p->r.whole[p->g->output[0]];
	double largest = 0;
	for (size_t i = 0; i < p->t->n * p->classes; i++)
		largest = fmax(largest, fabs(want[i]));
	for (size_t i = 0; i < p->t->n * p->classes; i++)
		if (!(fabs((double)out[i] - want[i]) <= 2e-5 * largest))
			fail(p, isa, "an output", (double)out[i], want[i]);
}

enum { USED_PLAIN, USED_WINOGRAD, USED_WINOGRAD_BACK, USED_DEPTHWISE, USED_KINDS };

static void note_kinds(const struct problem *p, const struct network *net)
{
	for (size_t i = 0; i < net->n_layer && p->used; i++) {
		const struct block *b = net->layer[i].detail;
		if (net->layer[i].kind != &block_kind || !b->has_conv)
			continue;
		p->used[USED_PLAIN] |= !b->conv.winograd && !b->conv.depthwise;
		p->used[USED_WINOGRAD] |= b->conv.winograd;
		p->used[USED_WINOGRAD_BACK] |= b->conv.winograd_back;
		p->used[USED_DEPTHWISE] |= b->conv.depthwise;
	}
}

/* One level: outputs and gradients, and the same bits when the same step is made again. */
static void check_level(struct problem *p, enum cnn_isa isa, struct cnn_pool *pool)
{
	struct network *net = network_of(p, isa, pool);
	size_t *place = places(p, net);
	float *first = zeros(net->n_w, sizeof *first);
	note_kinds(p, net);
	step(p, net);
	compare_outputs(p, net, isa);
	compare_gradients(p, net, isa, place);
	memcpy(first, net->grad, net->n_w * sizeof *first);
	step(p, net);
	CHECK(memcmp(first, net->grad, net->n_w * sizeof *first) == 0);
	free(first);
	free(place);
	network_free(net);
}

/* `count` random networks at every level that runs here. used: [levels][USED_KINDS], or NULL. */
static void check_gradients(const struct trial *t, uint64_t seed, size_t count,
                            bool (*used)[USED_KINDS])
{
	worst = 0;
	struct cnn_pool *pool = cnn_pool_new(2);
	CHECK(pool != NULL);
	for (size_t i = 0; i < count; i++) {
		struct problem p = problem_of(t, seed + i);
		for (int isa = 0; isa <= (int)cpu_isa(); isa++) {
			p.used = used ? used[isa] : NULL;
			check_level(&p, (enum cnn_isa)isa, i % 2 ? pool : NULL);
		}
		problem_free(&p);
	}
	cnn_pool_free(pool);
	if (getenv("CONVD_TEST_ERRORS"))
		printf("%s: largest relative error %.2g\n", t->name, worst);
}

#endif
