/* parallel.h - parallel loops over independent items.
 *
 * One pool serves any number of callers. Each works on its own loop; threads that have nothing else to do take
 * items of the loops that are running, as long as no more threads are busy than the pool has. A caller waits for the
 * items that others have begun, never for a thread to wake up: a core that is taken away costs its share only. */
#ifndef ENGINE_BASE_PARALLEL_H
#define ENGINE_BASE_PARALLEL_H
#include <stddef.h>

struct cnn_pool;

/* threads >= 1: how many may be busy at once, a caller among them. NULL when memory or threads run out. */
struct cnn_pool *cnn_pool_new(size_t threads);
void cnn_pool_free(struct cnn_pool *pool);            /* NULL-safe; joins its threads */
size_t cnn_pool_threads(const struct cnn_pool *pool); /* 1 for NULL */

/* Parallel form of
 *	for (size_t i = 0; i < n; i++) body(ctx, i, 0);
 * Returns when every item is done. Items are taken one by one, so that a slow core takes fewer. `thread` is
 * 0 .. cnn_pool_threads()-1, no two alike within a loop at a time, and picks the scratch that belongs to it. A NULL pool
 * runs the loop on the caller, so serial and parallel code are the same code. Idle threads sleep. */
void cnn_parallel_for(struct cnn_pool *pool, size_t n,
                      void (*body)(void *ctx, size_t i, size_t thread), void *ctx);

/* Around the loops of one caller among several: until the end it counts as busy, so that helpers leave it a core.
 * NULL-safe. */
void cnn_pool_begin(struct cnn_pool *pool);
void cnn_pool_end(struct cnn_pool *pool);

#endif
