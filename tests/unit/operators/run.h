/* run.h - what a graph computes when it runs, and constants of any type. */
#ifndef TESTS_UNIT_OPERATORS_RUN_H
#define TESTS_UNIT_OPERATORS_RUN_H
#include "engine/passes/passes.h"
#include "engine/plan/plan.h"
#include "tests/unit/graph/build.h"

#define CONSTANT(g, dtype, type, ...)                      \
	constant_of(g, dtype, (const type[]){__VA_ARGS__}, \
	            (int64_t)(sizeof((type[]){__VA_ARGS__}) / sizeof(type)))

/* A list. */
__attribute__((unused)) static value_id constant_of(struct graph *g, enum cnn_dtype dtype,
                                                    const void *from, int64_t n)
{
	void *data;
	value_id id = graph_add_constant(g, "constant", dtype, 1, &n, &data);
	CHECK(id != NO_VALUE);
	memcpy(data, from, (size_t)n * cnn_dtype_size(dtype));
	return id;
}

/* The value was computed at load, has this type, and these bytes. */
#define EXPECT(g, id, dtype, type, ...)                            \
	expect_constant(g, id, dtype, (const type[]){__VA_ARGS__}, \
	                (int64_t)(sizeof((type[]){__VA_ARGS__}) / sizeof(type)))

__attribute__((unused)) static void expect_constant(const struct graph *g, value_id id,
                                                    enum cnn_dtype dtype, const void *want,
                                                    int64_t n)
{
	const struct value *v = &g->value[id];
	size_t size = cnn_dtype_size(dtype);
	CHECK_STR(cnn_dtype_name(v->dtype), cnn_dtype_name(dtype));
	CHECK_INT(graph_elements(v), n);
	CHECK(v->data != NULL);
	for (int64_t i = 0; i < n; i++) {
		const char *got = (const char *)v->data + (size_t)i * size;
		if (memcmp(got, (const char *)want + (size_t)i * size, size) != 0)
			fprintf(stderr, "element %lld differs\n", (long long)i);
		CHECK(memcmp(got, (const char *)want + (size_t)i * size, size) == 0);
	}
}

/* Passes, a plan, and a run on the tensors; output k is written to out[k]. The graph is freed. */
__attribute__((unused)) static enum cnn_status run_graph(struct graph *g, const void *const *in,
                                                         void *const *out, struct cnn_error *err)
{
	struct pass_log log = {0};
	struct plan *plan;
	struct run run = {.input = in, .output = out};
	const struct plan_options options = {
		.kernels = kernels_for(CNN_ISA_PORTABLE), .max_batch = 1, .threads_hint = 1};
	for (size_t i = 0; i < g->n_node; i++)
		g->node[i].layer = NO_LAYER;
	CHECK_INT(passes_run(g, false, &log, err), CNN_OK);
	CHECK_INT(plan_new(g, &options, &plan, err), CNN_OK);
	graph_free(g);
	run.scratch_stride = plan->scratch_bytes;
	run.arena = aligned_alloc(ARENA_ALIGN, plan->run_bytes + ARENA_ALIGN);
	run.scratch = aligned_alloc(ARENA_ALIGN, plan->scratch_bytes + ARENA_ALIGN);
	CHECK(run.arena && run.scratch);
	/* What was never written must not reach the result. */
	memset(run.arena, 0xff, plan->run_bytes);
	enum cnn_status s = plan_run(plan, &run, 1, NULL, NULL, err);
	free(run.arena);
	free(run.scratch);
	plan_free(plan);
	return s;
}

#endif
