/* see_channels.h - "0,3,16-23" as a list. */
#ifndef SERVER_COMMANDS_SEE_CHANNELS_H
#define SERVER_COMMANDS_SEE_CHANNELS_H
#include "engine/base/status.h"
#include "engine/base/types.h"

/* *out is from malloc(), at least one number; CNN_BAD_ARG says what is wrong with the text. */
enum cnn_status see_channels_parse(const char *text, uint32_t **out, size_t *n,
                                   struct cnn_error *err);

#endif
