/* parallel.h - a parallel loop over independent items. */
#ifndef ENGINE_BASE_PARALLEL_H
#define ENGINE_BASE_PARALLEL_H
#include <stddef.h>

struct cnn_pool; /* a fixed set of threads; one parallel loop at a time */

/* threads >= 1, counting the caller. NULL when memory or threads run out. */
struct cnn_pool *cnn_pool_new(size_t threads);
void cnn_pool_free(struct cnn_pool *pool);            /* NULL-safe; joins its threads */
size_t cnn_pool_threads(const struct cnn_pool *pool); /* 1 for NULL */

/* Parallel form of
 *	for (size_t i = 0; i < n; i++) body(ctx, i, 0);
 * Returns when every item is done. Items are taken one by one, so that a slow
 * core takes fewer. `thread` is 0 .. cnn_pool_threads()-1 and picks the scratch
 * that belongs to the thread. A NULL pool runs the loop on the caller, so serial
 * and parallel code are the same code. Idle threads sleep. */
void cnn_parallel_for(struct cnn_pool *pool, size_t n,
                      void (*body)(void *ctx, size_t i, size_t thread), void *ctx);

#endif
