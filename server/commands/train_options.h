/* train_options.h - what `convd train` was asked for, as engine/train.h takes it. */
#ifndef SERVER_COMMANDS_TRAIN_OPTIONS_H
#define SERVER_COMMANDS_TRAIN_OPTIONS_H
#include "engine/train.h"
#include "server/config.h"

#include <jansson.h>

/* Everything that is left to be decided (0) is decided. Strings are config's; the callbacks of `data` are left NULL.
 * CNN_BAD_ARG for what was asked for wrongly; reads the model that --from names. */
enum cnn_status train_options_decide(const struct config *config, const char *data_path,
                                     struct dataset_options *data, struct train_options *train,
                                     struct cnn_error *err);

/* {"arch": ..., "lr": ...}: what decides about the weights, and nothing of this machine. NULL without memory. */
json_t *train_options_json(const struct train_options *train, const struct dataset_options *data);

#endif
