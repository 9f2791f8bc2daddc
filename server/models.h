/* models.h - lets the models that are served follow their files. Loop thread only; looking at files, reading and
 * freeing models is the loader's, so that nobody waits for it.
 *
 *	a look at the files -> what changed is due -> loaded, checked, warmed up -> takes the old one's place
 *	                                                                           -> which drains and is freed
 * A model that cannot be loaded leaves what is served as it is. */
#ifndef SERVER_MODELS_H
#define SERVER_MODELS_H
#include "server/context.h"
#include "server/server.h"

#include <stdio.h>

struct models;
struct request;

enum cnn_status models_new(struct server *server, struct models **out, struct cnn_error *err);
/* Serve a model that the command line names, already loaded. */
enum cnn_status models_adopt(struct models *m, const struct server_model *model,
                             struct cnn_error *err);
/* Begin to load the repository's. CNN_IO when there is none where the options say. */
enum cnn_status models_start(struct models *m, struct cnn_error *err);
/* Whether those of the start are still being loaded; then `reason` (may be NULL) says which. */
bool models_are_starting(const struct models *m, char *reason, size_t size);

/* Look for changes, and load again what failed. */
void models_reload(struct models *m);

/* Whether --repository-api lets clients load and unload. */
bool models_take_orders(const struct models *m);
/* Look for changes of one model, load it, and answer the request afterwards, as Triton does: {} or
 * {"error": "why"}. */
void models_load(struct models *m, struct request *request, const char *name);
/* Stop serving it until it is loaded the same way; those who use it finish. Sets the request's reply. */
void models_unload(struct models *m, struct request *request, const char *name);

/* Rows for the page of metrics. */
void models_write_metrics(const struct registry *registry, FILE *out);

/* After batcher_stop(): wait for the load that runs, take nothing up any more, and free once the loop has run on.
 * NULL-safe. */
void models_free(struct models *m);

#endif
