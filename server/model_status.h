/* model_status.h - what clients are told of a model's state. */
#ifndef SERVER_MODEL_STATUS_H
#define SERVER_MODEL_STATUS_H
#include "server/registry.h"
#include <jansson.h>

struct request;

/* The object of /models/{m}: model_json_info() and "state", "reason", "versions", "loaded_at", "last_error"; of a
 * model that is not served the state alone. A new reference, NULL when memory runs out. */
json_t *model_status_json(const struct registry *registry, const struct registry_entry *e);
/* The rows of /v2/repository/index; `ready`: only those that serve. */
json_t *model_status_index(const struct registry *registry, bool ready);
/* The versions of a name that serve, as strings. */
json_t *model_status_versions(const struct registry *registry, const char *name);
/* Answer that no model of this name (NULL: the first) and version (NULL: any) is served: 404 for one that is not
 * known, else 503. */
void model_status_reply(struct request *request, const char *name, const char *version);

#endif
