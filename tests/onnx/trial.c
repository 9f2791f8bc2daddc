#include "tests/onnx/trial.h"

#include "engine/base/cpu.h"
#include "engine/graph/layers.h"
#include "engine/onnx/import.h"
#include "engine/operators/infer.h"
#include "engine/passes/passes.h"
#include "engine/plan/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory that a run must write before it reads: NaN, and large as an integer. */
#define GARBAGE 0xff

/* One way to run a plan. */
struct way {
	const char *name;
	enum cnn_isa isa;
	size_t threads;
};

/* What the run of one plan needs. */
struct memory {
	void **input, **output;
	size_t n_input, n_output;
	char *arena, *scratch;
	struct cnn_pool *pool;
};

static struct outcome failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct outcome failed(const char *format, ...)
{
	struct outcome o = {.verdict = FAILED};
	va_list args;
	va_start(args, format);
	vsnprintf(o.text, sizeof o.text, format, args);
	va_end(args);
	return o;
}

/* To refuse a model is to say so in a line; any other error is a failure. */
static struct outcome refused(enum cnn_status status, const struct cnn_error *err)
{
	bool refusal = status == CNN_UNSUPPORTED || status == CNN_BAD_MODEL;
	if (err->code != status || !*err->text || strchr(err->text, '\n'))
		return failed("%s, without a line about it", cnn_status_name(status));
	if (!refusal)
		return failed("%s: %s", cnn_status_name(status), err->text);
	struct outcome o = {.verdict = REFUSED};
	snprintf(o.text, sizeof o.text, "%s", err->text);
	return o;
}

static struct outcome check_counts(const struct graph *g, const struct test_case *c)
{
	if (g->n_input != c->n_input)
		return failed("%zu inputs, and data for %zu", g->n_input, c->n_input);
	if (g->n_output != c->n_output)
		return failed("%zu outputs, and data for %zu", g->n_output, c->n_output);
	for (size_t i = 0; i < g->n_input; i++) {
		enum cnn_dtype got = g->value[g->input[i]].dtype, want = c->input[i].value.dtype;
		if (got != want)
			return failed("input %zu is %s, its data %s", i, cnn_dtype_name(got),
			              cnn_dtype_name(want));
	}
	return (struct outcome){PASSED, ""};
}

/* Shapes as the data has them, and constants out of what is bound. */
static enum cnn_status give_inputs(struct graph *g, const struct test_case *c, uint32_t bound,
                                   struct cnn_error *err)
{
	for (size_t i = 0; i < c->n_input; i++) {
		struct value *v = &g->value[g->input[i]];
		const struct value *data = &c->input[i].value;
		v->rank = data->rank;
		memcpy(v->dim, data->dim, sizeof v->dim);
		v->shaped = true;
	}
	enum cnn_status status = CNN_OK;
	for (size_t i = c->n_input; i-- > 0 && !status;)
		if (bound >> i & 1)
			status = graph_bind(g, i, c->input[i].value.data, err);
	return status;
}

/* --- outputs that are known without a run ----------------------------------------------- */

static size_t count_constants(const struct graph *g)
{
	size_t n = 0;
	for (size_t k = 0; k < g->n_output; k++)
		n += graph_is_constant(g, g->output[k]);
	return n;
}

static struct outcome compare_constants(const struct graph *g, const struct test_case *c)
{
	struct outcome o = {PASSED, ""};
	for (size_t k = 0; k < g->n_output && o.verdict == PASSED; k++) {
		const struct value *v = &g->value[g->output[k]];
		if (!tensor_matches(&c->output[k], v, v->data, o.text, sizeof o.text))
			o.verdict = FAILED;
	}
	return o;
}

/* --- a run ----------------------------------------------------------------------------- */

static void *filled(size_t bytes, const void *from)
{
	void *p = malloc(bytes + !bytes);
	if (p && from)
		memcpy(p, from, bytes);
	else if (p)
		memset(p, GARBAGE, bytes);
	return p;
}

static char *aligned(size_t bytes)
{
	size_t whole = (bytes + ARENA_ALIGN) / ARENA_ALIGN * ARENA_ALIGN;
	char *p = aligned_alloc(ARENA_ALIGN, whole);
	if (p)
		memset(p, GARBAGE, whole);
	return p;
}

static void memory_free(struct memory *m)
{
	for (size_t i = 0; m->input && i < m->n_input; i++)
		free(m->input[i]);
	for (size_t k = 0; m->output && k < m->n_output; k++)
		free(m->output[k]);
	free(m->input);
	free(m->output);
	free(m->arena);
	free(m->scratch);
	cnn_pool_free(m->pool);
}

/* Inputs and outputs are as large as they are and no larger, so that a sanitizer sees what is beyond. */
static bool memory_new(struct memory *m, const struct graph *g, const struct test_case *c,
                       uint32_t bound, const struct plan *plan, const struct way *way)
{
	*m = (struct memory){.n_output = g->n_output};
	m->input = calloc(c->n_input + 1, sizeof *m->input);
	m->output = calloc(g->n_output + 1, sizeof *m->output);
	m->arena = aligned(plan->run_bytes);
	m->scratch = aligned(way->threads * plan->scratch_bytes);
	m->pool = way->threads > 1 ? cnn_pool_new(way->threads) : NULL;
	bool good =
		m->input && m->output && m->arena && m->scratch && (way->threads == 1 || m->pool);
	for (size_t i = 0; i < c->n_input && good; i++) {
		const struct value *v = &c->input[i].value;
		if (bound >> i & 1)
			continue;
		m->input[m->n_input] = filled(graph_value_bytes(v), v->data);
		good = m->input[m->n_input++] != NULL;
	}
	for (size_t k = 0; k < g->n_output && good; k++) {
		m->output[k] = filled(graph_value_bytes(&g->value[g->output[k]]), NULL);
		good = m->output[k] != NULL;
	}
	return good;
}

static struct outcome run_plan(const struct graph *g, const struct test_case *c, uint32_t bound,
                               const struct plan *plan, const struct way *way)
{
	struct outcome o = {PASSED, ""};
	struct memory m;
	struct cnn_error err = {0};
	if (!memory_new(&m, g, c, bound, plan, way)) {
		memory_free(&m);
		return failed("out of memory for a run");
	}
	struct run run = {.arena = m.arena,
	                  .scratch = m.scratch,
	                  .scratch_stride = plan->scratch_bytes,
	                  .pool = m.pool,
	                  .input = (const void *const *)m.input,
	                  .output = m.output};
	enum cnn_status status = plan_run(plan, &run, 1, NULL, NULL, &err);
	if (status)
		o = refused(status, &err);
	for (size_t k = 0; k < g->n_output && o.verdict == PASSED; k++) {
		const struct value *v = &g->value[g->output[k]];
		char why[512];
		if (!tensor_matches(&c->output[k], v, m.output[k], why, sizeof why))
			o = failed("%s: %s", way->name, why);
	}
	memory_free(&m);
	return o;
}

static struct outcome plan_and_run(const struct graph *g, const struct test_case *c, uint32_t bound,
                                   const struct way *way)
{
	struct plan_options options = {.kernels = kernels_for(way->isa),
	                               .max_batch = 1,
	                               .threads_hint = way->threads,
	                               .l2_bytes = cpu_l2_bytes()};
	struct plan *plan = NULL;
	struct cnn_error err = {0};
	enum cnn_status status = plan_new(g, &options, &plan, &err);
	if (status)
		return refused(status, &err);
	struct outcome o = run_plan(g, c, bound, plan, way);
	plan_free(plan);
	return o;
}

static struct outcome run_ways(struct graph *g, const struct test_case *c, uint32_t bound)
{
	const struct way ways[] = {{cpu_isa_name(CNN_ISA_PORTABLE), CNN_ISA_PORTABLE, 1},
	                           {cpu_isa_name(cpu_isa()), cpu_isa(), 2}};
	struct outcome o = {PASSED, ""};
	struct graph_layers layers;
	struct pass_log log = {0};
	struct cnn_error err = {0};
	enum cnn_status status = graph_build_layers(g, &layers, &err);
	if (!status)
		status = passes_run(g, false, &log, &err);
	if (status)
		return refused(status, &err);
	for (size_t i = 0; i < sizeof ways / sizeof ways[0] && o.verdict == PASSED; i++)
		o = plan_and_run(g, c, bound, &ways[i]);
	return o;
}

/* --- from import to result --------------------------------------------------------------- */

static struct outcome try_graph(struct graph *g, const struct test_case *c, uint32_t bound)
{
	struct cnn_error err = {0};
	struct outcome o = check_counts(g, c);
	if (o.verdict != PASSED)
		return o;
	enum cnn_status status = give_inputs(g, c, bound, &err);
	if (!status)
		status = graph_infer(g, &err);
	if (status)
		return refused(status, &err);
	graph_sweep(g);
	if (count_constants(g) == g->n_output)
		return compare_constants(g, c);
	if (g->n_input > 0)
		return run_ways(g, c, bound);
	cnn_fail(&err, CNN_UNSUPPORTED, "not computed while loading");
	return refused(CNN_UNSUPPORTED, &err);
}

struct outcome trial(const struct test_case *c, uint32_t bound)
{
	struct graph *g = NULL;
	struct cnn_error err = {0};
	enum cnn_status status = onnx_import(c->model, c->model_len, "model.onnx", &g, NULL, &err);
	if (status)
		return refused(status, &err);
	struct outcome o = try_graph(g, c, bound);
	graph_free(g);
	return o;
}
