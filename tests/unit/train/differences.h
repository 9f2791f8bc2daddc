/* differences.h - the gradients of a trained network against central differences of the reference: of weights behind a
 * layer and before it, so that the gradient of its input is covered as well. */
#ifndef TESTS_UNIT_TRAIN_DIFFERENCES_H
#define TESTS_UNIT_TRAIN_DIFFERENCES_H
#include "engine/train/block.h"
#include "tests/unit/train/problem.h"

/* A weight, in the order of the file, and the loss's derivative by it. */
struct sample {
	value_id value;
	size_t at;
	double slope;
};

enum { SAMPLES = 8 }; /* weights of each constant */
enum { TRIES = 100 }; /* seeds for a problem away from kinks */

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
	size_t tried = 0;
	p->sample = zeros(2 * SAMPLES * g->n_node, sizeof *p->sample);
	for (node_id i = 0; i < g->n_node; i++)
		for (uint32_t k = 1; k < g->node[i].n_in; k++) {
			value_id v = g->node[i].in[k];
			if (!is_learned(g, &g->node[i], k))
				continue;
			size_t all = elements(&p->r, v), n = all < SAMPLES ? all : SAMPLES;
			for (size_t s = 0; s < n; s++, tried++) {
				size_t at =
					all <= SAMPLES ? s : random_below(&random, (uint32_t)all);
				double slope = slope_at(p, i, v, at);
				if (!isnan(slope))
					p->sample[p->n_samples++] = (struct sample){v, at, slope};
			}
		}
	CHECK(p->n_samples > 0 && p->n_samples >= tried * 3 / 4);
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

/* --- what is tested stands between these ---------------------------------------------------------------- */

/* What takes the gradient of its input. */
static void before(struct sketch *s, int64_t channels)
{
	draw_conv(s, channels, square_window(1, 1, 0), true);
}

/* Another factor for each number, so that a gradient in the wrong place shows. */
static void behind(struct sketch *s)
{
	draw_flatten(s);
	draw_gemm(s, 3, true, true);
}

#endif
