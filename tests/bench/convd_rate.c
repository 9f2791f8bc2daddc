/* convd_rate - convd's side of bench.py: runs a model on noise for as long as it is told.
 *
 *	convd_rate MODEL BATCH THREADS
 *
 * Prints "ready SHAPE ISA PEAK MACS BEST" (the input's shape as 1x3x224x224; peak GFLOP/s of a
 * core; the largest output) or "error TEXT". Then each line of standard input is a number of
 * milliseconds to run for, answered by "RUNS SECONDS". Tensors are made beforehand. */
#include "engine/base/cpu.h"
#include "engine/cnn.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct bench {
	struct cnn_model *model;
	struct cnn_pool *pool;
	struct cnn_session *session;
	size_t batch, elements, classes; /* of one picture */
	float *input, *output;           /* [batch][elements], [batch][classes] */
};

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum cnn_status run(struct bench *b, struct cnn_error *err)
{
	return cnn_session_run_tensor(b->session, b->input, b->batch, true, b->output, NULL, err);
}

/* onnxruntime_rate.mjs makes the same numbers. */
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
	for (size_t i = 0; i < b->batch * b->elements; i++)
		b->input[i] = (float)((uint32_t)i * 2654435761u >> 8) / 16777216;
	return CNN_OK;
}

static enum cnn_status prepare(struct bench *b, const char *path, size_t threads,
                               struct cnn_error *err)
{
	struct cnn_load_options options = {.max_isa = cpu_isa(), .max_batch = (int32_t)b->batch};
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
	float best = b->output[0];
	for (size_t i = 1; i < b->batch * b->classes; i++)
		best = b->output[i] > best ? b->output[i] : best;
	printf("ready ");
	for (int32_t i = 0; i < info->input.rank; i++)
		printf("%s%lld", i ? "x" : "", (long long)info->input.dim[i]);
	printf(" %s %g %lld %g\n", cpu_isa_name(isa), cnn_peak_gflops(isa), (long long)info->macs,
	       (double)best);
}

static enum cnn_status run_for(struct bench *b, double wanted, struct cnn_error *err)
{
	size_t runs = 0;
	double start = seconds(), spent;
	do {
		enum cnn_status status = run(b, err);
		if (status)
			return status;
		runs++;
		spent = seconds() - start;
	} while (spent < wanted);
	printf("%zu %.9f\n", runs, spent);
	return CNN_OK;
}

int main(int argc, char **argv)
{
	struct bench b = {.batch = argc == 4 ? strtoul(argv[2], NULL, 10) : 0};
	size_t threads = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	struct cnn_error err;
	char line[64];
	if (b.batch < 1 || b.batch > 256 || threads < 1 || threads > 1024) {
		fprintf(stderr, "usage: convd_rate MODEL BATCH THREADS\n");
		return 2;
	}
	enum cnn_status status = prepare(&b, argv[1], threads, &err);
	if (!status)
		print_ready(&b);
	while (!status && fflush(stdout) == 0 && fgets(line, sizeof line, stdin))
		status = run_for(&b, atof(line) * 1e-3, &err);
	if (status)
		printf("error %s\n", err.text);
	cnn_session_free(b.session);
	cnn_pool_free(b.pool);
	cnn_model_unref(b.model);
	free(b.input);
	free(b.output);
	return status ? 1 : 0;
}
