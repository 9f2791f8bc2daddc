#include "server/commands/commands.h"
#include "server/commands/model_path.h"
#include "server/server.h"

#include "server/batcher.h"
#include "server/log.h"
#include "server/model_log.h"
#include "server/repository.h"

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
	m->path = s->path[s->n];
	m->stamp = repository_stamp(m->path, NULL);
	if (cnn_model_load(s->path[s->n], &options, &m->model, &err) != CNN_OK) {
		log_line(log_of(config), LOG_ERROR, "%s", err.text);
		s->n++;
		return false;
	}
	m->name = s->name[s->n++];
	m->load_seconds = (double)(batcher_now_ns() - start) * 1e-9;
	model_log(log_of(config), served_name(m), m->model, "loaded", m->load_seconds * 1e3);
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
	if (n == 0 &&
	    (word || (!config->model_repository && model_path_default(place, sizeof place)))) {
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
		const char *reason =
			config->model_repository
				? "the model repository has no model that can be served"
				: "no model is loaded: start with convd serve MODEL";
		ok = server_run(config, s.model, s.n, reason, &err) == CNN_OK;
		if (!ok)
			log_line(log_of(config), LOG_ERROR, "%s", err.text);
	}
	free_serving(&s);
	return ok ? 0 : 1;
}
