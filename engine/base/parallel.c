#include "engine/base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct cnn_pool {
	pthread_mutex_t lock;
	pthread_cond_t start, finished;
	size_t n_helpers; /* threads besides the caller */
	size_t busy;      /* helpers that have not left the present loop */
	unsigned long round;
	bool stop;
	/* the present loop; written under the lock before `round` moves on */
	void (*body)(void *ctx, size_t i, size_t thread);
	void *ctx;
	size_t n;
	atomic_size_t next;
	struct helper {
		struct cnn_pool *pool;
		pthread_t thread;
		size_t index;
	} helper[];
};

static void take_items(struct cnn_pool *pool, size_t thread)
{
	for (;;) {
		size_t i = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
		if (i >= pool->n)
			return;
		pool->body(pool->ctx, i, thread);
	}
}

static void *helper_main(void *arg)
{
	struct helper *self = arg;
	struct cnn_pool *pool = self->pool;
	unsigned long seen = 0;
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!pool->stop && pool->round == seen)
			pthread_cond_wait(&pool->start, &pool->lock);
		if (pool->stop)
			break;
		seen = pool->round;
		pthread_mutex_unlock(&pool->lock);
		take_items(pool, self->index);
		pthread_mutex_lock(&pool->lock);
		if (--pool->busy == 0)
			pthread_cond_signal(&pool->finished);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct cnn_pool *cnn_pool_new(size_t threads)
{
	size_t helpers = threads > 1 ? threads - 1 : 0;
	struct cnn_pool *pool = calloc(1, sizeof *pool + helpers * sizeof pool->helper[0]);
	if (!pool)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->start, NULL);
	pthread_cond_init(&pool->finished, NULL);
	for (size_t i = 0; i < helpers; i++) {
		struct helper *h = &pool->helper[i];
		h->pool = pool;
		h->index = i + 1;
		if (pthread_create(&h->thread, NULL, helper_main, h) != 0) {
			cnn_pool_free(pool);
			return NULL;
		}
		pool->n_helpers++;
	}
	return pool;
}

void cnn_pool_free(struct cnn_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->start);
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < pool->n_helpers; i++)
		pthread_join(pool->helper[i].thread, NULL);
	pthread_cond_destroy(&pool->finished);
	pthread_cond_destroy(&pool->start);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

size_t cnn_pool_threads(const struct cnn_pool *pool)
{
	return pool ? pool->n_helpers + 1 : 1;
}

void cnn_parallel_for(struct cnn_pool *pool, size_t n,
                      void (*body)(void *ctx, size_t i, size_t thread), void *ctx)
{
	if (!pool || pool->n_helpers == 0 || n < 2) {
		for (size_t i = 0; i < n; i++)
			body(ctx, i, 0);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	pool->body = body;
	pool->ctx = ctx;
	pool->n = n;
	atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
	pool->busy = pool->n_helpers;
	pool->round++;
	pthread_cond_broadcast(&pool->start);
	pthread_mutex_unlock(&pool->lock);

	take_items(pool, 0);

	pthread_mutex_lock(&pool->lock);
	while (pool->busy > 0)
		pthread_cond_wait(&pool->finished, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}
