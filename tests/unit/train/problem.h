/* problem.h - a random graph, its input and a loss, and the network that is made of it. */
#ifndef TESTS_UNIT_TRAIN_PROBLEM_H
#define TESTS_UNIT_TRAIN_PROBLEM_H
#include "engine/base/cpu.h"
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

#endif
