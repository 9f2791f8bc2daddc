#include "server/commands/commands.h"
#include "server/commands/model_path.h"
#include "server/commands/photo.h"
#include "server/error_code.h"
#include "server/model_json.h"

#include "engine/base/cpu.h"
#include "server/batcher.h"

#include <stdlib.h>
#include <string.h>

struct classifying {
	const struct config *config;
	struct cnn_model *model;
	struct cnn_session *session;
	float *scores;
	uint32_t *best;
	json_t *results; /* NULL: text */
	bool failed;
};

static void report_error(struct classifying *c, const char *photo, const struct cnn_error *err)
{
	c->failed = true;
	if (c->results) {
		const char *code =
			err->code == CNN_IO ? "file_unreadable" : error_code(err->code)->code;
		json_array_append_new(c->results, json_pack("{s:{s:s, s:s}}", "error", "code", code,
		                                            "message", err->text));
	} else {
		fprintf(stderr, "convd classify: %s: %s\n", photo, err->text);
	}
}

static void report(struct classifying *c, const char *photo, const struct image_header *header,
                   const struct prediction_timing *timing)
{
	const struct cnn_model_info *info = cnn_model_info(c->model);
	size_t top = (size_t)c->config->top;
	if (c->results) {
		json_array_append_new(c->results,
		                      model_json_prediction(c->model, info->name, header, c->scores,
		                                            top, 1, timing));
		return;
	}
	size_t n = cnn_top(c->scores, info->classes, top < info->classes ? top : info->classes,
	                   c->best);
	printf("%s\n", photo);
	for (size_t i = 0; i < n; i++)
		printf("  %5.1f%%  %4u  %s\n", 100 * (double)c->scores[c->best[i]], c->best[i],
		       cnn_model_label(c->model, c->best[i]));
}

static void classify_photo(struct classifying *c, const char *photo)
{
	const struct image_limits limits = {.max_side = 65535, .max_pixels = c->config->max_pixels};
	struct cnn_error err = {0};
	struct image picture = {0};
	struct image_header header;
	size_t len;
	uint8_t *bytes = photo_read(photo, &len, &err);
	if (!bytes) {
		report_error(c, photo, &err);
		return;
	}
	uint64_t start = batcher_now_ns();
	enum cnn_status status =
		image_read(bytes, len, &limits, c->config->jpeg_scaling == 0,
	                   &cnn_model_info(c->model)->preprocess.fit, &picture, &header, &err);
	uint64_t decoded = batcher_now_ns();
	const struct image *const pictures[] = {&picture};
	if (!status)
		status = cnn_session_run(c->session, pictures, 1, c->scores, NULL, &err);
	if (!status)
		status = cnn_scores_check(c->model, c->scores, &err);
	uint64_t end = batcher_now_ns();
	struct prediction_timing timing = {
		.decode_ms = (double)(decoded - start) * 1e-6,
		.inference_ms = (double)(end - decoded) * 1e-6,
		.total_ms = (double)(end - start) * 1e-6,
	};
	if (status)
		report_error(c, photo, &err);
	else
		report(c, photo, &header, &timing);
	image_clear(&picture);
	free(bytes);
}

static bool prepare(struct classifying *c, struct cnn_pool *pool)
{
	const struct cnn_model_info *info = cnn_model_info(c->model);
	struct cnn_error err;
	if (!info->takes_pictures) {
		fprintf(stderr, "convd classify: model '%s' does not take pictures\n", info->name);
		return false;
	}
	if (cnn_session_new(c->model, pool, &c->session, &err) != CNN_OK) {
		fprintf(stderr, "convd classify: %s\n", err.text);
		return false;
	}
	c->scores = calloc(info->classes, sizeof *c->scores);
	c->best = calloc(info->classes, sizeof *c->best);
	if (c->config->json)
		c->results = json_array();
	if (!c->scores || !c->best || (c->config->json && !c->results)) {
		fprintf(stderr, "convd classify: out of memory\n");
		return false;
	}
	return true;
}

static int print_results(const struct classifying *c)
{
	json_t *all = json_pack("{s:O}", "results", c->results);
	int failed = command_print_json("classify", all, JSON_INDENT(1));
	json_decref(all);
	return failed;
}

int command_classify(const struct config *config)
{
	if (config->n_args == 0) {
		fprintf(stderr, "convd classify: no photo is named\nTry 'convd classify --help'\n");
		return 2;
	}
	struct classifying c = {.config = config};
	c.model = model_path_load(config, "classify", NULL, 1);
	if (!c.model)
		return 1;
	struct cnn_pool *pool =
		cnn_pool_new(config->threads ? (size_t)config->threads : cpu_count());
	int code = 1;
	if (prepare(&c, pool)) {
		for (size_t i = 0; i < config->n_args; i++)
			classify_photo(&c, config->args[i]);
		code = c.failed || (c.results && print_results(&c));
	}
	json_decref(c.results);
	free(c.best);
	free(c.scores);
	cnn_session_free(c.session);
	cnn_pool_free(pool);
	cnn_model_unref(c.model);
	return code;
}
