/* network.h - small networks with seeded weights, and gradients by finite differences. */
#ifndef TESTS_UNIT_SEE_NETWORK_H
#define TESTS_UNIT_SEE_NETWORK_H
#include "engine/see/backward.h"
#include "engine/see/head.h"
#include "tests/unit/graph/build.h"

/* Between -1 and 1, never nearer to 0 than a tenth. */
__attribute__((unused)) static float seeded(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	float x = (float)(*state >> 8) / (float)(1 << 24) * 1.8f - 0.9f;
	return x < 0 ? x - 0.1f : x + 0.1f;
}

__attribute__((unused)) static value_id build_seeded(struct graph *g, const int64_t *dim,
                                                     int32_t rank)
{
	value_id id = build_weights(g, dim, rank);
	float *data = (float *)(uintptr_t)g->value[id].data;
	uint32_t state = 7u * id + 1;
	for (int64_t i = 0; i < graph_elements(&g->value[id]); i++)
		data[i] = seeded(&state);
	return id;
}

__attribute__((unused)) static value_id build_scalar(struct graph *g, float x)
{
	void *data;
	value_id id = graph_add_constant(g, "scalar", CNN_F32, 0, NULL, &data);
	CHECK(id != NO_VALUE);
	*(float *)data = x;
	return id;
}

/* A node of one result; its id. */
__attribute__((unused)) static value_id build_op(struct graph *g, enum op op, const value_id *in,
                                                 uint32_t n_in)
{
	return build_node(g, op, in, n_in, 1)->out[0];
}

/* All nodes from the picture to the output, as a head. */
__attribute__((unused)) static struct head whole_graph(const struct graph *g,
                                                       enum backward_kind *kind)
{
	struct head h = {.maps = g->input[0], .scores = g->output[0]};
	bool *varies = calloc(g->n_value, sizeof *varies);
	h.node = calloc(g->n_node, sizeof *h.node);
	CHECK(varies && h.node);
	varies[h.maps] = true;
	*kind = BACKWARD_AFFINE;
	for (size_t i = 0; i < g->n_node; i++) {
		if (g->node[i].dead)
			continue;
		enum backward_kind k = backward_kind(g, &g->node[i], varies);
		if (k == BACKWARD_NONE || *kind == BACKWARD_NONE)
			*kind = BACKWARD_NONE;
		else if (k == BACKWARD_CURVED)
			*kind = k;
		h.node[h.n_node++] = (node_id)i;
		varies[g->node[i].out[0]] = true;
	}
	h.affine = *kind == BACKWARD_AFFINE;
	free(varies);
	return h;
}

__attribute__((unused)) static double score_at(const struct graph *g, const struct head *h,
                                               const float *maps, size_t cls)
{
	struct cnn_error err;
	int64_t classes = graph_elements(&g->value[h->scores]);
	float *scores = calloc((size_t)classes, sizeof *scores);
	float *gradient = calloc((size_t)graph_elements(&g->value[h->maps]), sizeof *gradient);
	CHECK(scores && gradient);
	CHECK_INT(head_gradient(g, h, maps, cls, (size_t)1 << 28, gradient, scores, &err), CNN_OK);
	double score = (double)scores[cls];
	free(scores);
	free(gradient);
	return score;
}

/* The gradient is that of central differences, to within `tolerance` of its largest element. */
__attribute__((unused)) static void compare_differences(const struct graph *g, const struct head *h,
                                                        float *maps, size_t cls, double step,
                                                        double tolerance)
{
	struct cnn_error err;
	size_t n = (size_t)graph_elements(&g->value[h->maps]);
	float *gradient = calloc(n, sizeof *gradient);
	double largest = 1e-6;
	CHECK(gradient != NULL);
	CHECK_INT(head_gradient(g, h, maps, cls, (size_t)1 << 28, gradient, NULL, &err), CNN_OK);
	for (size_t i = 0; i < n; i++)
		largest = fmax(largest, fabs((double)gradient[i]));
	for (size_t i = 0; i < n; i++) {
		float x = maps[i];
		maps[i] = (float)((double)x + step);
		double above = score_at(g, h, maps, cls), to = (double)maps[i];
		maps[i] = (float)((double)x - step);
		double below = score_at(g, h, maps, cls);
		double slope = (above - below) / (to - (double)maps[i]);
		maps[i] = x;
		if (fabs(slope - (double)gradient[i]) > tolerance * largest)
			fprintf(stderr, "element %zu of class %zu, largest %g\n", i, cls, largest);
		CHECK_NEAR(gradient[i], slope, tolerance * largest);
	}
	free(gradient);
}

#endif
