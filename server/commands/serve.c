#include "server/commands/commands.h"
#include "server/commands/model_path.h"
#include "server/server.h"

#include "engine/base/cpu.h"
#include "server/batcher.h"

#include <stdlib.h>
#include <string.h>

/* The models to serve, and the words they came from. */
struct serving {
	struct server_model *model;
	char **name, **path; /* from strdup(); a name may be NULL */
	size_t n;
};

static void print_model(const char *name, const struct cnn_model *m, double ms)
{
	const struct cnn_model_info *info = cnn_model_info(m);
	fprintf(stderr, "model %s: %zu classes, %.2f M parameters, %.1f M MACs, input %s", name,
	        info->classes, (double)info->parameters * 1e-6, (double)info->macs * 1e-6,
	        info->input_name);
	for (int32_t i = 0; i < info->input.rank; i++)
		fprintf(stderr, "%s%lld", i ? "×" : " ", (long long)info->input.dim[i]);
	fprintf(stderr, ", %s, loaded in %.0f ms\n", cpu_isa_name(cnn_model_isa(m)), ms);
	for (size_t i = 0; i < info->n_assumed; i++)
		fprintf(stderr, "model %s: assumed %s\n", name, info->assumed[i]);
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
		fprintf(stderr, "convd: out of memory\n");
		return false;
	}
	struct cnn_load_options options = {
		.max_isa = model_path_isa(config),
		.max_batch = (int32_t)config->max_batch,
	};
	uint64_t start = batcher_now_ns();
	if (cnn_model_load(s->path[s->n], &options, &m->model, &err) != CNN_OK) {
		fprintf(stderr, "convd: %s\n", err.text);
		s->n++;
		return false;
	}
	m->name = s->name[s->n++];
	print_model(served_name(m), m->model, (double)(batcher_now_ns() - start) * 1e-6);
	for (size_t i = 0; i + 1 < s->n; i++) {
		if (strcmp(served_name(&s->model[i]), served_name(m)) == 0) {
			fprintf(stderr, "convd: two models are called '%s'; name one: NAME=PATH\n",
			        served_name(m));
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
		fprintf(stderr, "convd: out of memory\n");
	for (size_t i = 0; i < n && ok; i++)
		ok = load_one(config, &s, words[i]);
	if (ok) {
		ok = server_run(config, s.model, s.n,
		                "no model is loaded: start with convd serve MODEL", &err) == CNN_OK;
		if (!ok)
			fprintf(stderr, "convd: %s\n", err.text);
	}
	free_serving(&s);
	return ok ? 0 : 1;
}
