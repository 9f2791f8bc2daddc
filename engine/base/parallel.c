#include "engine/base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* Before it sleeps, a thread looks out for so long for the next loop, which mostly follows at once. */
enum { PATIENCE_NS = 50000, LOOKS = 32 };

/* A loop's ticket: which loop of the slot, and its next item. Taking an item is one compare-and-swap of both, so
 * that a thread which comes late cannot take one of a later loop by what it knew of an earlier one. */
#define CLOSED UINT32_MAX
static uint64_t ticket(uint64_t loop, uint32_t item)
{
	return loop << 32 | item;
}

/* One caller's loop. What the ticket does not hold is written while the slot is closed. */
struct slot {
	_Alignas(64) atomic_uint_fast64_t ticket;
	atomic_bool taken; /* by a caller */
	atomic_size_t n;
	void (*body)(void *ctx, size_t i, size_t thread);
	void *ctx;
	atomic_size_t done;
	atomic_bool waiting; /* the caller sleeps until done == n */
	pthread_cond_t finished;
};

struct cnn_pool {
	pthread_mutex_t lock;
	pthread_cond_t start;
	size_t n_helpers, n_started, n_slots;
	atomic_size_t busy;     /* callers between begin and end, and helpers that work */
	atomic_size_t sleepers; /* helpers that wait for `start` */
	atomic_bool stop;
	struct slot *slot; /* [n_slots] */
	struct helper {
		struct cnn_pool *pool;
		pthread_t thread;
		size_t index;
	} helper[];
};

static void look_away(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- items ------------------------------------------------------------------------------------------ */

/* Is there an item to take? */
static bool is_open(struct slot *s)
{
	uint32_t item = (uint32_t)atomic_load(&s->ticket);
	return item != CLOSED && item < atomic_load(&s->n);
}

/* Take one item and do it; false when there is none. */
static bool do_item(struct cnn_pool *pool, struct slot *s, size_t thread)
{
	uint64_t seen = atomic_load(&s->ticket);
	size_t n;
	do {
		n = atomic_load(&s->n);
		if ((uint32_t)seen == CLOSED || (uint32_t)seen >= n)
			return false;
	} while (!atomic_compare_exchange_weak(&s->ticket, &seen, seen + 1));
	/* From here on the loop cannot end before this item. */
	s->body(s->ctx, (uint32_t)seen, thread);
	if (atomic_fetch_add(&s->done, 1) + 1 == n && atomic_load(&s->waiting)) {
		pthread_mutex_lock(&pool->lock);
		pthread_cond_signal(&s->finished);
		pthread_mutex_unlock(&pool->lock);
	}
	return true;
}

/* --- helpers ---------------------------------------------------------------------------------------- */

static struct slot *find_open(struct cnn_pool *pool)
{
	for (size_t i = 0; i < pool->n_slots; i++)
		if (is_open(&pool->slot[i]))
			return &pool->slot[i];
	return NULL;
}

/* Become busy, unless all that may be are. */
static bool engage(struct cnn_pool *pool)
{
	if (atomic_fetch_add(&pool->busy, 1) < pool->n_helpers + 1)
		return true;
	atomic_fetch_sub(&pool->busy, 1);
	return false;
}

/* Work while there is some and a core for it; false when there was nothing to do. */
static bool help(struct helper *self)
{
	struct cnn_pool *pool = self->pool;
	struct slot *s = find_open(pool);
	bool helped = false;
	if (!s || !engage(pool))
		return false;
	while (s && atomic_load(&pool->busy) <= pool->n_helpers + 1) {
		while (atomic_load(&pool->busy) <= pool->n_helpers + 1 &&
		       do_item(pool, s, self->index))
			helped = true;
		s = find_open(pool);
	}
	atomic_fetch_sub(&pool->busy, 1);
	return helped;
}

static bool wants_help(struct cnn_pool *pool)
{
	return find_open(pool) && atomic_load(&pool->busy) <= pool->n_helpers;
}

static void sleep_until_needed(struct cnn_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	atomic_fetch_add(&pool->sleepers, 1);
	/* A caller that did not see this sleeper opened its loop before this look. */
	while (!atomic_load(&pool->stop) && !wants_help(pool))
		pthread_cond_wait(&pool->start, &pool->lock);
	atomic_fetch_sub(&pool->sleepers, 1);
	pthread_mutex_unlock(&pool->lock);
}

static void *helper_main(void *arg)
{
	struct helper *self = arg;
	struct cnn_pool *pool = self->pool;
	uint64_t last = now_ns();
	while (!atomic_load(&pool->stop)) {
		if (help(self)) {
			last = now_ns();
			continue;
		}
		for (int i = 0; i < LOOKS && !find_open(pool); i++)
			look_away();
		if (now_ns() - last < PATIENCE_NS)
			continue;
		sleep_until_needed(pool);
		last = now_ns();
	}
	return NULL;
}

/* --- the pool --------------------------------------------------------------------------------------- */

struct cnn_pool *cnn_pool_new(size_t threads)
{
	size_t helpers = threads > 1 ? threads - 1 : 0;
	struct cnn_pool *pool = calloc(1, sizeof *pool + helpers * sizeof pool->helper[0]);
	if (!pool)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->start, NULL);
	/* More callers than threads have nobody to help them anyway. */
	size_t slots = helpers + 1;
	pool->slot = aligned_alloc(_Alignof(struct slot), slots * sizeof *pool->slot);
	for (size_t i = 0; pool->slot && i < slots; i++, pool->n_slots++) {
		struct slot *s = &pool->slot[i];
		*s = (struct slot){.body = NULL};
		atomic_init(&s->ticket, ticket(0, CLOSED));
		pthread_cond_init(&s->finished, NULL);
	}
	pool->n_helpers = helpers;
	for (size_t i = 0; pool->slot && i < helpers; i++, pool->n_started++) {
		struct helper *h = &pool->helper[i];
		h->pool = pool;
		h->index = i + 1;
		if (pthread_create(&h->thread, NULL, helper_main, h) != 0)
			break;
	}
	if (pool->slot && pool->n_started == helpers)
		return pool;
	cnn_pool_free(pool);
	return NULL;
}

void cnn_pool_free(struct cnn_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	atomic_store(&pool->stop, true);
	pthread_cond_broadcast(&pool->start);
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < pool->n_started; i++)
		pthread_join(pool->helper[i].thread, NULL);
	for (size_t i = 0; i < pool->n_slots; i++)
		pthread_cond_destroy(&pool->slot[i].finished);
	pthread_cond_destroy(&pool->start);
	pthread_mutex_destroy(&pool->lock);
	free(pool->slot);
	free(pool);
}

size_t cnn_pool_threads(const struct cnn_pool *pool)
{
	return pool ? pool->n_helpers + 1 : 1;
}

void cnn_pool_begin(struct cnn_pool *pool)
{
	if (pool)
		atomic_fetch_add(&pool->busy, 1);
}

void cnn_pool_end(struct cnn_pool *pool)
{
	if (pool)
		atomic_fetch_sub(&pool->busy, 1);
}

/* --- loops ------------------------------------------------------------------------------------------ */

static struct slot *take_slot(struct cnn_pool *pool)
{
	for (size_t i = 0; i < pool->n_slots; i++) {
		bool taken = false;
		if (atomic_compare_exchange_strong(&pool->slot[i].taken, &taken, true))
			return &pool->slot[i];
	}
	return NULL;
}

static void open_loop(struct cnn_pool *pool, struct slot *s, size_t n)
{
	uint64_t loop = (atomic_load(&s->ticket) >> 32) + 1;
	atomic_store(&s->n, n);
	atomic_store(&s->done, 0);
	atomic_store(&s->ticket, ticket(loop, 0));
	/* Those who look out see it by themselves. */
	if (atomic_load(&pool->sleepers) == 0 || atomic_load(&pool->busy) > pool->n_helpers)
		return;
	pthread_mutex_lock(&pool->lock);
	if (n > 2)
		pthread_cond_broadcast(&pool->start);
	else
		pthread_cond_signal(&pool->start);
	pthread_mutex_unlock(&pool->lock);
}

/* The items that others have begun are short; but one of these may have lost its core. */
static void await(struct cnn_pool *pool, struct slot *s, size_t n)
{
	uint64_t start = now_ns();
	while (atomic_load(&s->done) < n && now_ns() - start < PATIENCE_NS)
		for (int i = 0; i < LOOKS && atomic_load(&s->done) < n; i++)
			look_away();
	if (atomic_load(&s->done) < n) {
		pthread_mutex_lock(&pool->lock);
		atomic_store(&s->waiting, true);
		while (atomic_load(&s->done) < n)
			pthread_cond_wait(&s->finished, &pool->lock);
		atomic_store(&s->waiting, false);
		pthread_mutex_unlock(&pool->lock);
	}
	/* Nobody may take items by what was true of this loop. */
	atomic_store(&s->ticket, ticket((atomic_load(&s->ticket) >> 32) + 1, CLOSED));
}

void cnn_parallel_for(struct cnn_pool *pool, size_t n,
                      void (*body)(void *ctx, size_t i, size_t thread), void *ctx)
{
	struct slot *s = pool && pool->n_helpers && n > 1 && n < CLOSED ? take_slot(pool) : NULL;
	if (!s) {
		for (size_t i = 0; i < n; i++)
			body(ctx, i, 0);
		return;
	}
	s->body = body;
	s->ctx = ctx;
	open_loop(pool, s, n);
	while (do_item(pool, s, 0))
		;
	await(pool, s, n);
	atomic_store(&s->taken, false);
}
