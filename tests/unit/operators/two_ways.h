/* two_ways.h - one node on given numbers, computed at load (all inputs constant) and at run time (all fed, after all
 * passes, twice in a batch); both must give what is wanted. */
#ifndef TESTS_UNIT_OPERATORS_TWO_WAYS_H
#define TESTS_UNIT_OPERATORS_TWO_WAYS_H
#include "engine/base/cpu.h"
#include "engine/passes/passes.h"
#include "engine/plan/plan.h"
#include "tests/unit/graph/build.h"

/* Input k of the node, n->in[k]. Elements are of `dtype`, given as double. */
struct given {
	enum cnn_dtype dtype;
	int32_t rank;
	int64_t dim[CNN_MAX_RANK];
	const double *x;
};
#define DIMS(...)                                                      \
	(int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
	{                                                              \
		__VA_ARGS__                                            \
	}
#define NUMBERS(...) ((const double[]){__VA_ARGS__})
/* 1, 2, 3, ... */
static const double counting[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                  13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};

struct trial {
	enum op op;
	union node_attr attr;
	struct given in[3];
	uint32_t n_in, n_out;
	struct given out[3]; /* wanted */
};

static void two_ways_store(void *data, enum cnn_dtype dtype, int64_t i, double x)
{
	switch (dtype) {
	case CNN_F32:
		((float *)data)[i] = (float)x;
		break;
	case CNN_U8:
		((uint8_t *)data)[i] = (uint8_t)x;
		break;
	case CNN_S8:
		((int8_t *)data)[i] = (int8_t)x;
		break;
	case CNN_S32:
		((int32_t *)data)[i] = (int32_t)x;
		break;
	case CNN_U32:
		((uint32_t *)data)[i] = (uint32_t)x;
		break;
	default:
		((int64_t *)data)[i] = (int64_t)x;
	}
}

static struct value two_ways_value(const struct given *v)
{
	struct value shape = {.dtype = v->dtype, .rank = v->rank, .shaped = true};
	memcpy(shape.dim, v->dim, sizeof shape.dim);
	return shape;
}

static void *two_ways_data(const struct given *v)
{
	struct value shape = two_ways_value(v);
	void *data = calloc(graph_value_bytes(&shape) + 1, 1);
	CHECK(data != NULL);
	for (int64_t i = 0; i < graph_elements(&shape); i++)
		two_ways_store(data, v->dtype, i, v->x[i]);
	return data;
}

static struct graph *two_ways_graph(const struct trial *t, bool constant)
{
	struct graph *g = build_graph();
	value_id in[3];
	for (uint32_t k = 0; k < t->n_in; k++) {
		in[k] = build_input(g, t->in[k].dtype, t->in[k].dim, t->in[k].rank);
	}
	struct node *n = build_node(g, t->op, in, t->n_in, t->n_out);
	n->attr = t->attr;
	for (uint32_t k = 0; k < t->n_out; k++)
		build_output(g, n->out[k]);
	for (uint32_t k = t->n_in; k-- > 0 && constant;) {
		void *data = two_ways_data(&t->in[k]);
		CHECK_INT(graph_bind(g, k, data, NULL), CNN_OK);
		free(data);
	}
	return g;
}

static void two_ways_compare(const char *way, const struct given *want, const struct value *got,
                             const void *data)
{
	struct value shape = two_ways_value(want);
	CHECK_INT(got->dtype, want->dtype);
	CHECK_INT(got->rank, want->rank);
	for (int32_t i = 0; i < got->rank; i++)
		CHECK_INT(got->dim[i], want->dim[i]);
	void *wanted = two_ways_data(want);
	size_t size = cnn_dtype_size(want->dtype);
	for (int64_t i = 0; i < graph_elements(&shape); i++) {
		const char *a = (const char *)data + (size_t)i * size;
		const char *b = (const char *)wanted + (size_t)i * size;
		bool same = want->dtype == CNN_F32
		                    ? fabsf(*(const float *)(const void *)a -
		                            *(const float *)(const void *)b) <=
		                              1e-5f * (1 + fabsf(*(const float *)(const void *)b))
		                    : memcmp(a, b, size) == 0;
		if (!same && want->dtype == CNN_F32)
			fprintf(stderr, "%g instead of %g\n",
			        (double)*(const float *)(const void *)a,
			        (double)*(const float *)(const void *)b);
		if (!same)
			fprintf(stderr, "%s: element %lld is wrong\n", way, (long long)i);
		CHECK(same);
	}
	free(wanted);
}

static void two_ways_fold(const struct trial *t)
{
	struct graph *g = two_ways_graph(t, true);
	infer(g);
	for (uint32_t k = 0; k < t->n_out; k++) {
		const struct value *y = &g->value[g->output[k]];
		CHECK(y->data != NULL);
		two_ways_compare("at load", &t->out[k], y, y->data);
	}
	graph_free(g);
}

enum { TWO_WAYS_BATCH = 2 };

static void two_ways_run(const struct trial *t)
{
	struct graph *g = two_ways_graph(t, false);
	struct cnn_error err = {0};
	struct plan *plan = NULL;
	const struct plan_options options = {
		.kernels = kernels_for(cpu_isa()), .max_batch = TWO_WAYS_BATCH, .threads_hint = 1};
	void *in[3] = {0}, *out[3] = {0};
	struct value y[3];
	infer(g);
	if (passes_run(g, false, NULL, &err) || plan_new(g, &options, &plan, &err))
		fprintf(stderr, "%s\n", err.text);
	CHECK(plan != NULL);
	for (uint32_t k = 0; k < t->n_in; k++) {
		struct value v = two_ways_value(&t->in[k]);
		size_t bytes = graph_value_bytes(&v);
		void *one = two_ways_data(&t->in[k]);
		in[k] = malloc(TWO_WAYS_BATCH * bytes + 1);
		CHECK(in[k] != NULL);
		for (size_t i = 0; i < TWO_WAYS_BATCH; i++)
			memcpy((char *)in[k] + i * bytes, one, bytes);
		free(one);
	}
	for (uint32_t k = 0; k < t->n_out; k++) {
		y[k] = g->value[g->output[k]];
		out[k] = malloc(TWO_WAYS_BATCH * graph_value_bytes(&y[k]) + 1);
		CHECK(out[k] != NULL);
	}
	/* what the plan keeps of the graph are copies */
	graph_free(g);
	struct run run = {.scratch_stride = plan->scratch_bytes,
	                  .input = (const void *const *)in,
	                  .output = out};
	run.arena = aligned_alloc(ARENA_ALIGN, plan->run_bytes + ARENA_ALIGN);
	run.scratch = aligned_alloc(ARENA_ALIGN, plan->scratch_bytes + ARENA_ALIGN);
	CHECK(run.arena && run.scratch);
	memset(run.arena, 0xff, plan->run_bytes);
	CHECK_INT(plan_run(plan, &run, TWO_WAYS_BATCH, NULL, NULL, &err), CNN_OK);
	for (uint32_t k = 0; k < t->n_out; k++)
		for (size_t i = 0; i < TWO_WAYS_BATCH; i++)
			two_ways_compare("at run time", &t->out[k], &y[k],
			                 (const char *)out[k] + i * graph_value_bytes(&y[k]));
	for (int k = 0; k < 3; k++) {
		free(in[k]);
		free(out[k]);
	}
	free(run.arena);
	free(run.scratch);
	plan_free(plan);
}

__attribute__((unused)) static void two_ways(struct trial t)
{
	t.n_out = t.n_out ? t.n_out : 1;
	for (t.n_in = 0; t.n_in < 3 && t.in[t.n_in].x;)
		t.n_in++;
	two_ways_fold(&t);
	two_ways_run(&t);
}

/* The shape rule refuses the node, with `part` in its message. */
__attribute__((unused)) static void two_ways_refuse(struct trial t, enum cnn_status code,
                                                    const char *part)
{
	t.n_out = t.n_out ? t.n_out : 1;
	for (t.n_in = 0; t.n_in < 3 && t.in[t.n_in].x;)
		t.n_in++;
	refuse(two_ways_graph(&t, false), code, part);
}

#endif
