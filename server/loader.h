/* loader.h - one thread beside the loop for what takes long: looking at folders, reading models, giving memory
 * back. One task at a time, in the order in which they came; the thread gives way to those that answer. */
#ifndef SERVER_LOADER_H
#define SERVER_LOADER_H
#include "engine/base/status.h"

#include <stdbool.h>
#include <uv.h>

struct loader;

/* Embedded in its owner, who keeps it alive until done(). */
struct loader_task {
	void (*work)(struct loader_task *task); /* on the loader's thread */
	void (*done)(struct loader_task *task); /* on the loop, afterwards */
	bool worked;                            /* false in done(): the loader stopped before */
	struct loader_task *next;
};

enum cnn_status loader_new(uv_loop_t *loop, struct loader **out, struct cnn_error *err);
/* Any thread, and never blocks. */
void loader_submit(struct loader *loader, struct loader_task *task);
/* Wait for the task that runs, then call done() for all that are left, and at once for those that come later.
 * Loop thread; NULL-safe. */
void loader_stop(struct loader *loader);
/* Stop, and free once the loop has run on; NULL-safe. */
void loader_free(struct loader *loader);

#endif
