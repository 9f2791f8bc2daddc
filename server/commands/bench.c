#include "server/commands/commands.h"
#include "server/commands/model_path.h"
#include "server/commands/photo.h"
#include "server/commands/profile.h"
#include "server/commands/trace.h"

#include "engine/base/cpu.h"
#include "server/batcher.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { TRACE_RUNS = 3 };
#define MAX_RUNS ((size_t)1 << 20) /* times kept for the percentiles */

struct benching {
	const struct config *config;
	struct cnn_model *model;
	struct cnn_pool *pool;
	struct cnn_session *session;
	size_t threads, batch;
	struct image *picture; /* [batch] */
	uint8_t *photo;        /* --photo: decoded anew for each picture of each run */
	size_t photo_len;
	const struct image **pictures; /* [batch], of the same */
	float *tensor, *scores;        /* [batch][...]; tensor: for models that take no pictures */
	double *ms;                    /* [MAX_RUNS] */
	size_t runs;
	double seconds, peak; /* measured time; peak GFLOP/s of the cores that the threads have */
};

/* The same noise in every run of the program. */
static uint8_t noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (uint8_t)(*seed >> 24);
}

static size_t elements(const struct cnn_shape *s)
{
	size_t n = 1;
	for (int32_t i = 0; i < s->rank; i++)
		n *= (size_t)s->dim[i];
	return n;
}

static bool make_input(struct benching *b)
{
	const struct cnn_model_info *info = cnn_model_info(b->model);
	const struct image_fit *fit = &info->preprocess.fit;
	uint32_t seed = 1;
	b->scores = calloc(b->batch, info->classes * sizeof *b->scores);
	b->ms = malloc(MAX_RUNS * sizeof *b->ms);
	if (!b->scores || !b->ms)
		return false;
	if (!info->takes_pictures) {
		size_t n = b->batch * elements(&info->input);
		b->tensor = malloc(n * sizeof *b->tensor);
		for (size_t i = 0; b->tensor && i < n; i++)
			b->tensor[i] = (float)noise(&seed) / 255;
		return b->tensor != NULL;
	}
	b->picture = calloc(b->batch, sizeof *b->picture);
	b->pictures = calloc(b->batch, sizeof *b->pictures);
	if (!b->picture || !b->pictures)
		return false;
	for (size_t i = 0; i < b->batch; i++) {
		size_t bytes = (size_t)fit->width * (size_t)fit->height * (size_t)fit->channels;
		b->picture[i] =
			(struct image){malloc(bytes), fit->width, fit->height, fit->channels};
		b->pictures[i] = &b->picture[i];
		if (!b->picture[i].px)
			return false;
		for (size_t k = 0; k < bytes; k++)
			b->picture[i].px[k] = noise(&seed);
	}
	return true;
}

/* As the server does for each picture, from nothing to the model's pixels. */
static enum cnn_status decode(struct benching *b, struct cnn_error *err)
{
	const struct image_limits limits = {.max_side = 65535, .max_pixels = b->config->max_pixels};
	const struct image_fit *fit = &cnn_model_info(b->model)->preprocess.fit;
	enum cnn_status status = CNN_OK;
	for (size_t i = 0; i < b->batch && !status; i++) {
		struct image_header header;
		image_clear(&b->picture[i]);
		status = image_read(b->photo, b->photo_len, &limits, b->config->jpeg_scaling == 0,
		                    fit, &b->picture[i], &header, err);
	}
	return status;
}

static bool run_once(struct benching *b, const struct cnn_observer *observer)
{
	struct cnn_error err;
	enum cnn_status status = b->photo ? decode(b, &err) : CNN_OK;
	if (status)
		fprintf(stderr, "convd bench: %s: %s\n", b->config->photo, err.text);
	if (status)
		return false;
	if (b->tensor)
		status = cnn_session_run_tensor(b->session, b->tensor, b->batch, false, b->scores,
		                                observer, &err);
	else
		status = cnn_session_run(b->session, b->pictures, b->batch, b->scores, observer,
		                         &err);
	if (status != CNN_OK)
		fprintf(stderr, "convd bench: %s\n", err.text);
	return status == CNN_OK;
}

static bool measure(struct benching *b)
{
	size_t cores = b->threads < cpu_count() ? b->threads : cpu_count();
	uint64_t wanted = (uint64_t)b->config->seconds * 1000000000u;
	b->peak = cnn_peak_gflops(cnn_model_isa(b->model)) * (double)cores;
	uint64_t warm = batcher_now_ns();
	do {
		if (!run_once(b, NULL))
			return false;
	} while (batcher_now_ns() - warm < wanted / 10);
	uint64_t start = batcher_now_ns(), last = start, now;
	do {
		if (!run_once(b, NULL))
			return false;
		now = batcher_now_ns();
		b->ms[b->runs++] = (double)(now - last) * 1e-6;
		last = now;
	} while (now - start < wanted && b->runs < MAX_RUNS);
	b->seconds = (double)(now - start) * 1e-9;
	return true;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double percentile(const struct benching *b, double p)
{
	return b->ms[(size_t)(p * (double)(b->runs - 1) + 0.5)];
}

static int print_results(struct benching *b)
{
	const struct cnn_model_info *info = cnn_model_info(b->model);
	qsort(b->ms, b->runs, sizeof *b->ms, ascending);
	double rate = (double)b->runs * (double)b->batch / b->seconds;
	double gflops = 2e-9 * (double)info->macs * rate, p50 = percentile(b, 0.5),
	       p99 = percentile(b, 0.99);
	const char *isa = cpu_isa_name(cnn_model_isa(b->model));
	if (b->config->json) {
		json_t *all = json_pack("{s:s, s:i, s:i, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f}",
		                        "model", info->name, "threads", (int)b->threads, "batch",
		                        (int)b->batch, "precision", info->precision, "isa", isa,
		                        "images_per_second", rate, "ms_p50", p50, "ms_p99", p99,
		                        "gflops", gflops, "peak_gflops", b->peak, "percent_of_peak",
		                        100 * gflops / b->peak);
		int failed =
			command_print_json("bench", all, JSON_COMPACT | JSON_REAL_PRECISION(6));
		json_decref(all);
		return failed;
	}
	printf("%s: %s, %s, %zu thread%s, batch %zu\n", info->name, info->precision, isa,
	       b->threads, b->threads == 1 ? "" : "s", b->batch);
	printf("  %.1f images/s; a batch takes %.3f ms (p50), %.3f ms (p99)\n", rate, p50, p99);
	printf("  %.1f GFLOP/s, %.0f%% of this machine's measured peak of %.0f\n", gflops,
	       100 * gflops / b->peak, b->peak);
	return 0;
}

static bool read_photo(struct benching *b)
{
	const char *path = b->config->photo;
	struct cnn_error err;
	if (!path)
		return true;
	if (b->tensor)
		cnn_fail(&err, CNN_BAD_ARG, "the model takes no pictures");
	else
		b->photo = photo_read(path, &b->photo_len, &err);
	if (!b->photo)
		fprintf(stderr, "convd bench: %s: %s\n", path, err.text);
	return b->photo != NULL;
}

static bool prepare(struct benching *b)
{
	struct cnn_error err = {.text = "out of memory"};
	b->pool = cnn_pool_new(b->threads);
	bool ok = b->pool && make_input(b) &&
	          cnn_session_new(b->model, b->pool, &b->session, &err) == CNN_OK;
	if (!ok)
		fprintf(stderr, "convd bench: %s\n", err.text);
	return ok;
}

static void clear(struct benching *b)
{
	for (size_t i = 0; b->picture && i < b->batch; i++)
		image_clear(&b->picture[i]);
	free(b->picture);
	free(b->photo);
	free(b->pictures);
	free(b->tensor);
	free(b->scores);
	free(b->ms);
	cnn_session_free(b->session);
	cnn_pool_free(b->pool);
	cnn_model_unref(b->model);
}

/* The runs that are watched are not those that were measured. */
static int print_profile(struct benching *b)
{
	struct profile *profile = profile_new(b->model);
	if (!profile) {
		fprintf(stderr, "convd bench: out of memory\n");
		return 1;
	}
	bool ok = true;
	for (int i = 0; i < PROFILE_RUNS && ok; i++)
		ok = run_once(b, profile_observer(profile));
	if (ok)
		profile_print(profile, b->batch, b->peak, b->config->json ? stderr : stdout);
	profile_free(profile);
	return ok ? 0 : 1;
}

static int write_trace(struct benching *b)
{
	const char *path = b->config->trace;
	struct trace *trace = trace_open(b->model, path);
	if (!trace) {
		fprintf(stderr, "convd bench: %s: %s\n", path, strerror(errno));
		return 1;
	}
	bool ok = true;
	for (int i = 0; i < TRACE_RUNS && ok; i++)
		ok = run_once(b, trace_observer(trace));
	if (!trace_close(trace)) {
		fprintf(stderr, "convd bench: %s: cannot write all of it\n", path);
		ok = false;
	}
	return ok ? 0 : 1;
}

int command_bench(const struct config *config)
{
	if (config->n_args > 1) {
		fprintf(stderr, "convd bench: one model at a time\n");
		return 2;
	}
	size_t batch = config->batch ? (size_t)config->batch : 1;
	struct benching b = {
		.config = config,
		.threads = config->threads ? (size_t)config->threads : cpu_count(),
		.batch = batch,
	};
	b.model = model_path_load(config, "bench", config->n_args ? config->args[0] : NULL,
	                          (int32_t)batch);
	int code = 1;
	if (b.model && prepare(&b) && read_photo(&b) && measure(&b)) {
		code = print_results(&b);
		if (code == 0 && config->profile)
			code = print_profile(&b);
		if (code == 0 && config->trace)
			code = write_trace(&b);
	}
	clear(&b);
	return code;
}
