/* viewers.h - the models that are open to be looked into. One thread only, but for viewers_new(), viewers_free() and
 * viewers_read(). */
#ifndef SERVER_VIEWERS_H
#define SERVER_VIEWERS_H
#include "engine/see.h"

struct viewers;

struct viewers_options {
	size_t max_bytes; /* of memory, for all of them */
	enum cnn_isa max_isa;
	uint64_t idle_ns; /* after which one is closed */
};

struct viewers *viewers_new(const struct viewers_options *options); /* NULL: memory ran out */
void viewers_free(struct viewers *viewers);                         /* NULL-safe */

/* The model's viewer, opened when it is not; others are closed for it, those first that were not used for longest. It
 * stays open during the call of a task. Errors are see_open()'s. */
enum cnn_status viewers_open(struct viewers *viewers, struct cnn_model *model, struct see **out,
                             struct cnn_error *err);
/* Likewise a session of the model itself, for runs that nobody looks into. */
enum cnn_status viewers_session(struct viewers *viewers, struct cnn_model *model,
                                struct cnn_session **out, struct cnn_error *err);

void viewers_close_idle(struct viewers *viewers);
void viewers_close(struct viewers *viewers, const struct cnn_model *model);

/* Any thread. */
void viewers_read(const struct viewers *viewers, size_t *n, size_t *bytes);

#endif
