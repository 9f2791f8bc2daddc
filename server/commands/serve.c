#include "server/commands/commands.h"
#include "server/commands/model_path.h"
#include "server/server.h"

#include "engine/base/cpu.h"
#include "server/batcher.h"
#include "server/log.h"

#include <stdlib.h>
#include <string.h>

/* The models to serve, and the words they came from. */
struct serving {
	struct server_model *model;
	char **name, **path; /* from strdup(); a name may be NULL */
	size_t n;
};

/* Before the server runs its messages go straight to stderr. */
static const struct log *log_of(const struct config *config)
{
	static const struct log text = {LOG_TEXT, NULL}, json = {LOG_JSON, NULL};
	return config->log_format == 0 ? &text : &json;
}

static void log_model(const struct log *log, const char *name, const struct cnn_model *m, double ms)
{
	const struct cnn_model_info *info = cnn_model_info(m);
	char shape[CNN_MAX_RANK * 24] = "";
	size_t at = 0;
	for (int32_t i = 0; i < info->input.rank; i++)
		at += (size_t)snprintf(shape + at, sizeof shape - at, "%s%lld", i ? "×" : "",
		                       (long long)info->input.dim[i]);
	log_line(
		log, LOG_INFO,
		"model %s: %zu classes, %.2f M parameters, %.1f M MACs, input %s %s, %s, loaded in "
		"%.0f ms",
		name, info->classes, (double)info->parameters * 1e-6, (double)info->macs * 1e-6,
		info->input_name, shape, cpu_isa_name(cnn_model_isa(m)), ms);
	for (size_t i = 0; i < info->n_assumed; i++)
		log_line(log, LOG_INFO, "model %s: assumed %s", name, info->assumed[i]);
}

static const char *served_name(const struct server_model *m)
{
	return m->name ? m->name : cnn_model_info(m->model)->name;
}

static bool load_one(const struct config *config, struct serving *s, const char *word)
{
	struct server_model *m = &s->model[s->n];
	struct cnn_error err;
	if (!model_path_split(word, &s->name[s->n], &s->path[s->n])) {
		log_line(log_of(config), LOG_ERROR, "out of memory");
		return false;
	}
	struct cnn_load_options options = {
		.max_isa = model_path_isa(config),
		.max_batch = (int32_t)config->max_batch,
		.max_bytes = (size_t)config->max_model_memory,
	};
	uint64_t start = batcher_now_ns();
	if (cnn_model_load(s->path[s->n], &options, &m->model, &err) != CNN_OK) {
		log_line(log_of(config), LOG_ERROR, "%s", err.text);
		s->n++;
		return false;
	}
	m->name = s->name[s->n++];
	log_model(log_of(config), served_name(m), m->model,
	          (double)(batcher_now_ns() - start) * 1e-6);
	for (size_t i = 0; i + 1 < s->n; i++) {
		if (strcmp(served_name(&s->model[i]), served_name(m)) == 0) {
			log_line(log_of(config), LOG_ERROR,
			         "two models are called '%s'; name one: NAME=PATH", served_name(m));
			return false;
		}
	}
	return true;
}

static void free_serving(struct serving *s)
{
	for (size_t i = 0; i < s->n; i++) {
		cnn_model_unref(s->model[i].model);
		free(s->name[i]);
		free(s->path[i]);
	}
	free(s->model);
	free(s->name);
	free(s->path);
}

int command_serve(const struct config *config)
{
	char place[4200];
	const char *word = config->model;
	const char *const *words = config->args;
	size_t n = config->n_args;
	if (n == 0 && (word || model_path_default(place, sizeof place))) {
		word = word ? word : place;
		words = &word;
		n = 1;
	}
	struct serving s = {
		.model = calloc(n + 1, sizeof *s.model),
		.name = calloc(n + 1, sizeof *s.name),
		.path = calloc(n + 1, sizeof *s.path),
	};
	struct cnn_error err;
	bool ok = s.model && s.name && s.path;
	if (!ok)
		log_line(log_of(config), LOG_ERROR, "out of memory");
	for (size_t i = 0; i < n && ok; i++)
		ok = load_one(config, &s, words[i]);
	if (ok) {
		ok = server_run(config, s.model, s.n,
		                "no model is loaded: start with convd serve MODEL", &err) == CNN_OK;
		if (!ok)
			log_line(log_of(config), LOG_ERROR, "%s", err.text);
	}
	free_serving(&s);
	return ok ? 0 : 1;
}
