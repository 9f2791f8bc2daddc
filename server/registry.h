/* registry.h - the models that are served, by name. Loop thread only. */
#ifndef SERVER_REGISTRY_H
#define SERVER_REGISTRY_H
#include "engine/cnn.h"
#include "server/batcher.h"

struct registry_model {
	char *name;
	struct cnn_model *model; /* holds one reference */
	struct batch_queue *queue;
};

struct registry {
	struct registry_model *model;
	size_t n;
};

/* Make a queue for the model and serve it as `name` (NULL: the model's own). Two models of one name are an
 * error that says how to tell them apart. */
enum cnn_status registry_add(struct registry *r, struct batcher *b, const char *name,
                             struct cnn_model *model, struct cnn_error *err);
/* NULL when there is no such model; a NULL name means the first one. */
const struct registry_model *registry_find(const struct registry *r, const char *name);
/* The names, "a, b, c", cut with "..." when they do not fit. */
void registry_names(const struct registry *r, char *out, size_t size);
void registry_clear(struct registry *r);

#endif
