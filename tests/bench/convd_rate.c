/* convd_rate - convd's side of the comparisons: runs a model on noise for as long as it is told.
 *
 *	convd_rate MODEL BATCH THREADS [ISA [OUTPUT]]
 *
 * ISA is the highest instruction set to use, or auto. Prints "ready SHAPE ISA PEAK MACS BEST" (the
 * input's shape as 1x3x224x224; peak GFLOP/s of a core; the largest output) or "error TEXT", and
 * leaves all outputs in the file OUTPUT. Tensors are made beforehand. */
#include "engine/base/cpu.h"
#include "engine/cnn.h"
#include "tests/bench/rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench {
	struct cnn_model *model;
	struct cnn_pool *pool;
	struct cnn_session *session;
	size_t batch, elements, classes; /* of one picture */
	float *input, *output;           /* [batch][elements], [batch][classes] */
};

static enum cnn_status run(void *context, struct cnn_error *err)
{
	struct bench *b = context;
	return cnn_session_run_tensor(b->session, b->input, b->batch, true, b->output, NULL, err);
}

static enum cnn_status make_tensors(struct bench *b, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(b->model);
	b->classes = info->classes;
	b->elements = 1;
	for (int32_t i = 0; i < info->input.rank; i++)
		b->elements *= (size_t)info->input.dim[i];
	b->input = calloc(b->batch * b->elements, sizeof *b->input);
	b->output = calloc(b->batch * b->classes, sizeof *b->output);
	if (!b->input || !b->output)
		return cnn_fail_memory(err, "the tensors", b->batch * b->elements);
	rate_noise(b->input, b->batch * b->elements);
	return CNN_OK;
}

static enum cnn_status prepare(struct bench *b, const char *path, size_t threads, enum cnn_isa isa,
                               struct cnn_error *err)
{
	struct cnn_load_options options = {.max_isa = isa, .max_batch = (int32_t)b->batch};
	enum cnn_status status = cnn_model_load(path, &options, &b->model, err);
	if (!status)
		status = make_tensors(b, err);
	if (!status && !(b->pool = cnn_pool_new(threads)))
		status = cnn_fail(err, CNN_NO_MEMORY, "no %zu threads", threads);
	if (!status)
		status = cnn_session_new(b->model, b->pool, &b->session, err);
	return status ? status : run(b, err);
}

static void print_ready(const struct bench *b)
{
	const struct cnn_model_info *info = cnn_model_info(b->model);
	enum cnn_isa isa = cnn_model_isa(b->model);
	printf("ready ");
	for (int32_t i = 0; i < info->input.rank; i++)
		printf("%s%lld", i ? "x" : "", (long long)info->input.dim[i]);
	printf(" %s %g %lld %g\n", cpu_isa_name(isa), cnn_peak_gflops(isa), (long long)info->macs,
	       (double)rate_largest(b->output, b->batch * b->classes));
}

static bool parse_isa(const char *text, enum cnn_isa *isa)
{
	*isa = cpu_isa();
	if (!text || strcmp(text, "auto") == 0)
		return true;
	return cpu_isa_parse(text, isa);
}

int main(int argc, char **argv)
{
	bool counted = argc >= 4 && argc <= 6;
	struct bench b = {.batch = counted ? strtoul(argv[2], NULL, 10) : 0};
	size_t threads = counted ? strtoul(argv[3], NULL, 10) : 0;
	struct cnn_error err;
	enum cnn_isa isa;
	if (b.batch < 1 || b.batch > 256 || threads < 1 || threads > 1024 ||
	    !parse_isa(argc > 4 ? argv[4] : NULL, &isa)) {
		fprintf(stderr, "usage: convd_rate MODEL BATCH THREADS [ISA [OUTPUT]]\n");
		return 2;
	}
	enum cnn_status status = prepare(&b, argv[1], threads, isa, &err);
	if (!status)
		status = rate_write(argc > 5 ? argv[5] : NULL, b.output, b.batch * b.classes, &err);
	if (!status)
		print_ready(&b);
	if (!status)
		status = rate_serve(run, &b, &err);
	if (status)
		printf("error %s\n", err.text);
	cnn_session_free(b.session);
	cnn_pool_free(b.pool);
	cnn_model_unref(b.model);
	free(b.input);
	free(b.output);
	return status ? 1 : 0;
}
