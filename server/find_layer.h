/* find_layer.h - the layer that a client names. */
#ifndef SERVER_FIND_LAYER_H
#define SERVER_FIND_LAYER_H
#include "server/registry.h"

struct request;

/* By name, else by number. False: the reply says that there is no such layer. */
bool find_layer(struct request *request, const struct registry_model *model, const char *layer,
                size_t *out);

#endif
