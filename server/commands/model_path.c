#include "server/commands/model_path.h"

#include "engine/base/cpu.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool model_path_default(char *out, size_t size)
{
	static const char *const places[] = {"../models/scenes", "../../models/scenes",
	                                     "../share/convd/models/scenes"};
	char program[4096];
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
	if (n < 0)
		return false;
	program[n] = '\0';
	char *slash = strrchr(program, '/');
	if (!slash)
		return false;
	*slash = '\0';
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		int length = snprintf(out, size, "%s/%s", program, places[i]);
		if (length > 0 && (size_t)length < size && access(out, R_OK) == 0)
			return true;
	}
	return false;
}

bool model_path_split(const char *word, char **name, char **path)
{
	const char *equals = strchr(word, '='), *slash = strchr(word, '/');
	bool named = equals && equals > word && (!slash || equals < slash);
	*name = named ? strndup(word, (size_t)(equals - word)) : NULL;
	*path = strdup(named ? equals + 1 : word);
	if (*path && (*name || !named))
		return true;
	free(*name);
	free(*path);
	*name = *path = NULL;
	return false;
}

enum cnn_isa model_path_isa(const struct config *config)
{
	/* the choices of --isa are "auto" and then the levels, weakest first */
	return config->isa == 0 ? cpu_isa() : (enum cnn_isa)(config->isa - 1);
}

struct cnn_model *model_path_load(const struct config *config, const char *command,
                                  const char *word, int32_t max_batch)
{
	char place[4200], *name = NULL, *path = NULL;
	struct cnn_model *model = NULL;
	struct cnn_error err;
	if (!word)
		word = config->model;
	if (!word && model_path_default(place, sizeof place))
		word = place;
	if (!word) {
		fprintf(stderr, "convd %s: no model; name one with --model\n", command);
		return NULL;
	}
	struct cnn_load_options options = {.max_isa = model_path_isa(config),
	                                   .max_batch = max_batch,
	                                   .max_bytes = (size_t)config->max_model_memory};
	if (!model_path_split(word, &name, &path))
		fprintf(stderr, "convd %s: out of memory\n", command);
	else if (cnn_model_load(path, &options, &model, &err) != CNN_OK)
		fprintf(stderr, "convd %s: %s\n", command, err.text);
	free(name);
	free(path);
	return model;
}
