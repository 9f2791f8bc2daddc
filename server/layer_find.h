/* layer_find.h - a layer of a served model by what a path calls it. */
#ifndef SERVER_LAYER_FIND_H
#define SERVER_LAYER_FIND_H
#include "server/registry.h"

struct request;

/* By name, else by number. False: the reply says that there is none. `out` may be NULL. */
bool layer_find_or_reply(struct request *request, const struct registry_model *model,
                         const char *layer, size_t *out);

#endif
