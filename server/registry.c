#include "server/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum cnn_status registry_add(struct registry *r, struct batcher *b, const char *name,
                             struct cnn_model *model, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	if (!name)
		name = info->name;
	if (!*name)
		return cnn_fail(err, CNN_BAD_ARG,
		                "'%s': the model has no name, give one with NAME=PATH", info->path);
	if (r->n > 0 && registry_find(r, name))
		return cnn_fail(
			err, CNN_BAD_ARG,
			"'%s': a model called '%s' is served already, give another name with "
			"NAME=PATH",
			info->path, name);
	struct registry_model *grown = realloc(r->model, (r->n + 1) * sizeof *grown);
	if (!grown)
		return cnn_fail_memory(err, "the list of models", (r->n + 1) * sizeof *grown);
	r->model = grown;
	struct registry_model added = {.name = strdup(name)};
	if (!added.name)
		return cnn_fail_memory(err, "a model's name", strlen(name) + 1);
	enum cnn_status status = batcher_add_model(b, model, &added.queue, err);
	if (status != CNN_OK) {
		free(added.name);
		return status;
	}
	added.model = cnn_model_ref(model);
	r->model[r->n++] = added;
	return CNN_OK;
}

const struct registry_model *registry_find(const struct registry *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++) {
		if (!name || strcmp(r->model[i].name, name) == 0)
			return &r->model[i];
	}
	return NULL;
}

void registry_names(const struct registry *r, char *out, size_t size)
{
	size_t len = 0;
	out[0] = '\0';
	for (size_t i = 0; i < r->n; i++) {
		size_t need = (i ? 2 : 0) + strlen(r->model[i].name);
		if (len + need + sizeof ", ..." > size) {
			snprintf(out + len, size - len, "%s...", i ? ", " : "");
			return;
		}
		len += (size_t)snprintf(out + len, size - len, "%s%s", i ? ", " : "",
		                        r->model[i].name);
	}
}

void registry_clear(struct registry *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->model[i].name);
		cnn_model_unref(r->model[i].model);
	}
	free(r->model);
	*r = (struct registry){0};
}
