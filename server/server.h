/* server.h - one running server: loop, HTTP, models, batcher, metrics. All of it but the batcher's
 * workers lives on the loop thread. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H
#include "engine/cnn.h"
#include "server/config.h"

/* A model to serve. `name` is NULL when the command line gave none: the model's own is used. */
struct server_model {
	const char *name;
	const char *path; /* where a reload finds it */
	uint64_t stamp;   /* repository_stamp() before it was loaded */
	double load_seconds;
	struct cnn_model *model;
};

/* Serve until SIGTERM or SIGINT has been received and every accepted request is answered (or
 * drain_timeout_ms has passed). `no_model_reason` is shown by /health and /predict when n is 0.
 * Models are borrowed: the caller drops its references afterwards. Prints "listening on http://HOST:PORT" or https:// to
 * stderr. CNN_OK after a complete drain. */
enum cnn_status server_run(const struct config *config, const struct server_model *models, size_t n,
                           const char *no_model_reason, struct cnn_error *err);

#endif
