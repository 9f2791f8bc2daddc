/* loader.h - one thread beside the loop for what takes long: looking at folders, reading models, giving memory
 * back; another one for views. One task at a time, in the order in which they came; the thread gives way to those that answer. */
#ifndef SERVER_LOADER_H
#define SERVER_LOADER_H
#include "engine/base/status.h"

#include <stdbool.h>
#include <uv.h>

struct loader;

enum { LOADER_NICE = 5, VIEWS_NICE = 10 };

/* Embedded in its owner, who keeps it alive until done(). */
struct loader_task {
	void (*work)(struct loader_task *task); /* on the loader's thread */
	void (*done)(struct loader_task *task); /* on the loop, afterwards */
	bool worked;                            /* false in done(): the loader stopped before */
	struct loader_task *next;
};

/* `nice`: how far it gives way to the workers, whose value is 0; 5: a quarter of a
 * core while they need all of them, 10: a tenth. */
enum cnn_status loader_new(uv_loop_t *loop, int nice, struct loader **out, struct cnn_error *err);
/* Any thread, and never blocks. */
void loader_submit(struct loader *loader, struct loader_task *task);
/* Wait for the task that runs, then call done() for all that are left, and at once for those that come later.
 * Loop thread; NULL-safe. */
void loader_stop(struct loader *loader);
/* Stop, and free once the loop has run on; NULL-safe. */
void loader_free(struct loader *loader);

#endif
