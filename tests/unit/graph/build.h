/* build.h - graphs by hand, in a line per value and node. */
#ifndef TESTS_UNIT_GRAPH_BUILD_H
#define TESTS_UNIT_GRAPH_BUILD_H
#include "engine/graph/graph.h"
#include "engine/operators/infer.h"
#include "tests/test.h"

#define LIST(...)                       \
	(const int64_t[]){__VA_ARGS__}, \
		(int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define IDS(...)                         \
	(const value_id[]){__VA_ARGS__}, \
		(uint32_t)(sizeof((value_id[]){__VA_ARGS__}) / sizeof(value_id))

__attribute__((unused)) static struct graph *build_graph(void)
{
	struct graph *g = graph_new();
	CHECK(g != NULL);
	g->input = arena_alloc(g->arena, 4, sizeof *g->input);
	g->output = arena_alloc(g->arena, 4, sizeof *g->output);
	CHECK(g->input && g->output);
	return g;
}

__attribute__((unused)) static value_id build_input(struct graph *g, enum cnn_dtype dtype,
                                                    const int64_t *dim, int32_t rank)
{
	value_id id = graph_add_value(g, "picture");
	struct value *v = &g->value[id];
	v->dtype = dtype;
	v->rank = rank;
	for (int32_t i = 0; i < rank; i++)
		v->dim[i] = dim[i];
	v->shaped = true;
	g->input[g->n_input++] = id;
	return id;
}

/* A constant whose elements are 1, 2, 3, ... */
__attribute__((unused)) static value_id build_weights(struct graph *g, const int64_t *dim,
                                                      int32_t rank)
{
	void *data;
	value_id id = graph_add_constant(g, "weights", CNN_F32, rank, dim, &data);
	CHECK(id != NO_VALUE);
	for (int64_t i = 0; i < graph_elements(&g->value[id]); i++)
		((float *)data)[i] = (float)(i + 1);
	return id;
}

/* A list of int64. */
__attribute__((unused)) static value_id build_ints(struct graph *g, const int64_t *list, int32_t n)
{
	void *data;
	int64_t dim = n;
	value_id id = graph_add_constant(g, "ints", CNN_S64, 1, &dim, &data);
	CHECK(id != NO_VALUE);
	memcpy(data, list, (size_t)n * sizeof *list);
	return id;
}

__attribute__((unused)) static struct node *
build_node(struct graph *g, enum op op, const value_id *in, uint32_t n_in, uint32_t n_out)
{
	char name[32];
	snprintf(name, sizeof name, "n%zu", g->n_node);
	node_id id = graph_add_node(g, op, name, n_in, n_out);
	CHECK(id != NO_NODE);
	for (uint32_t i = 0; i < n_in; i++)
		g->node[id].in[i] = in[i];
	for (uint32_t k = 0; k < n_out; k++) {
		value_id out = graph_add_value(g, "out");
		CHECK(out != NO_VALUE);
		g->value[out].producer = id;
		g->node[id].out[k] = out;
	}
	if (op == OP_CONV || op == OP_CONV_TRANSPOSE || op == OP_MAX_POOL ||
	    op == OP_AVERAGE_POOL || op == OP_LP_POOL)
		g->node[id].attr.window = (struct window_attr){
			.stride = {1, 1}, .dilation = {1, 1}, .depth = {0, 1, 1, 0, 0}, .group = 1};
	return &g->node[id];
}

__attribute__((unused)) static void build_output(struct graph *g, value_id id)
{
	g->output[g->n_output++] = id;
}

__attribute__((unused)) static void expect_dims(const struct graph *g, value_id id,
                                                const int64_t *dim, int32_t rank)
{
	const struct value *v = &g->value[id];
	CHECK(v->shaped);
	CHECK_INT(v->rank, rank);
	for (int32_t i = 0; i < rank; i++)
		CHECK_INT(v->dim[i], dim[i]);
}

__attribute__((unused)) static void expect_ints(const struct graph *g, value_id id,
                                                const int64_t *list, int32_t n)
{
	const struct value *v = &g->value[id];
	CHECK(v->data != NULL && v->dtype == CNN_S64);
	CHECK_INT(graph_elements(v), n);
	for (int32_t i = 0; i < n; i++)
		CHECK_INT(((const int64_t *)v->data)[i], list[i]);
}

__attribute__((unused)) static void infer(struct graph *g)
{
	struct cnn_error err = {0};
	if (graph_infer(g, &err) != CNN_OK)
		fprintf(stderr, "graph_infer: %s\n", err.text);
	CHECK_INT(err.code, CNN_OK);
	CHECK_INT(graph_check(g, &err), CNN_OK);
}

/* Inference fails, and its message has `part` in it. */
__attribute__((unused)) static void refuse(struct graph *g, enum cnn_status code, const char *part)
{
	struct cnn_error err = {0};
	enum cnn_status got = graph_infer(g, &err);
	if (got != code || !strstr(err.text, part))
		fprintf(stderr, "graph_infer: \"%s\", want \"%s\"\n", err.text, part);
	CHECK_INT(got, code);
	CHECK(strstr(err.text, part) != NULL);
	graph_free(g);
}

#endif
