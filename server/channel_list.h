/* channel_list.h - "0,3,16-23" as a list. */
#ifndef SERVER_CHANNEL_LIST_H
#define SERVER_CHANNEL_LIST_H
#include "engine/base/status.h"
#include "engine/base/types.h"

/* *out is from malloc(), at least one number; CNN_BAD_ARG says what is wrong with the text. */
enum cnn_status channel_list_parse(const char *text, uint32_t **out, size_t *n,
                                   struct cnn_error *err);

#endif
