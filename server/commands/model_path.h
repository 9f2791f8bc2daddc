/* model_path.h - which model a command works on. */
#ifndef SERVER_COMMANDS_MODEL_PATH_H
#define SERVER_COMMANDS_MODEL_PATH_H
#include "engine/cnn.h"
#include "server/config.h"

/* Where the default model lies: beside the build (../models/scenes from the program's directory, or
 * from the one above it) or installed
 * (../share/convd/models/scenes). False when it is in neither place. */
bool model_path_default(char *out, size_t size);

/* "NAME=PATH" cut in two, in place of a copy from strdup(): *name is NULL when there is none. A word with a
 * slash before the "=" is a path. Returns false without memory. */
bool model_path_split(const char *word, char **name, char **path);

/* --isa as a level. */
enum cnn_isa model_path_isa(const struct config *config);

/* Load the model that `word` names (NULL: --model, then the default). On failure the reason is on
 * stderr and NULL comes back. */
struct cnn_model *model_path_load(const struct config *config, const char *command,
                                  const char *word, int32_t max_batch);

#endif
