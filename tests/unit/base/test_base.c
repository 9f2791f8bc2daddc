#include "engine/base/arena.h"
#include "engine/base/cpu.h"
#include "engine/base/parallel.h"
#include "engine/base/status.h"
#include "tests/test.h"

#include <pthread.h>
#include <stdatomic.h>

static void every_status_has_a_text(void)
{
	CHECK_STR(cnn_status_name(CNN_OK), "success");
	CHECK_STR(cnn_status_name(CNN_UNSUPPORTED), "operator or attribute unsupported");
	CHECK_STR(cnn_status_name((enum cnn_status)99), "unknown status");
}

static void errors_are_one_clean_line(void)
{
	struct cnn_error err;
	CHECK_INT(cnn_fail(&err, CNN_IO, "a\nb\x7f%s", "\x01"), CNN_IO);
	CHECK_STR(err.text, "a?b??");
	CHECK_INT(err.code, CNN_IO);
	CHECK_INT(cnn_fail(NULL, CNN_IO, "nobody listens"), CNN_IO);
	char text[2000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	cnn_fail(&err, CNN_IO, "%s", text);
	CHECK_INT(strlen(err.text), sizeof err.text - 1);
	memcpy(text + sizeof err.text - 3, "\xe2\x82\xac", 3); /* a character across the end */
	cnn_fail(&err, CNN_IO, "%s", text);
	CHECK_INT(strlen(err.text), sizeof err.text - 3);
	memcpy(text + sizeof err.text - 4, "\xe2\x82\xac", 3); /* one that ends there */
	cnn_fail(&err, CNN_IO, "%s", text);
	CHECK_INT(strlen(err.text), sizeof err.text - 1);
}

static void arena_gives_aligned_zeroed_memory(void)
{
	struct arena *a = arena_new();
	CHECK(a != NULL);
	for (size_t i = 1; i < 3000; i += 7) {
		unsigned char *p = arena_alloc(a, i, 100);
		CHECK(p != NULL);
		CHECK_INT((uintptr_t)p % ARENA_ALIGN, 0);
		for (size_t k = 0; k < i * 100; k++)
			CHECK_INT(p[k], 0);
		memset(p, 0xff, i * 100);
	}
	CHECK(arena_alloc(a, 0, 8) != NULL);
	CHECK(arena_alloc(a, SIZE_MAX / 4, 8) == NULL);
	CHECK(arena_alloc(a, SIZE_MAX / 2, 1) == NULL);
	CHECK_STR(arena_printf(a, "%d-%s", 7, "seven"), "7-seven");
	CHECK_STR(arena_strndup(a, "abcdef", 3), "abc");
	arena_free(a);
	arena_free(NULL);
}

struct sums {
	atomic_int seen[1000];
	atomic_size_t most_threads;
};

static void count_item(void *ctx, size_t i, size_t thread)
{
	struct sums *s = ctx;
	atomic_fetch_add(&s->seen[i], 1);
	size_t most = atomic_load(&s->most_threads);
	while (thread > most && !atomic_compare_exchange_weak(&s->most_threads, &most, thread))
		;
}

static void parallel_loop_runs_every_item_once(void)
{
	for (size_t threads = 0; threads <= 4; threads++) {
		struct cnn_pool *pool = threads ? cnn_pool_new(threads) : NULL;
		CHECK(!threads || pool);
		CHECK_INT(cnn_pool_threads(pool), threads ? threads : 1);
		static struct sums sums;
		memset(&sums, 0, sizeof sums);
		for (int round = 1; round <= 200; round++) {
			size_t n = (size_t)round * 5 % 1000;
			for (size_t i = 0; i < 1000; i++)
				atomic_store(&sums.seen[i], 0);
			cnn_parallel_for(pool, n, count_item, &sums);
			for (size_t i = 0; i < 1000; i++)
				CHECK_INT(atomic_load(&sums.seen[i]), i < n);
		}
		CHECK(atomic_load(&sums.most_threads) < (threads ? threads : 1));
		cnn_pool_free(pool);
	}
}

/* Several callers at once share the pool's threads; each sees all of its own items done. */
struct caller {
	struct cnn_pool *pool;
	pthread_t thread;
	atomic_size_t in_use[8]; /* by index of the thread: no two items of a loop at once */
	size_t wrong;
};

static void use_index(void *ctx, size_t i, size_t thread)
{
	struct caller *c = ctx;
	(void)i;
	if (thread >= cnn_pool_threads(c->pool) || atomic_fetch_add(&c->in_use[thread], 1) != 0)
		c->wrong++;
	atomic_fetch_sub(&c->in_use[thread], 1);
}

static void *call_often(void *arg)
{
	struct caller *c = arg;
	static struct sums sums[3];
	struct sums *mine = &sums[c->wrong];
	c->wrong = 0;
	for (size_t round = 0; round < 2000; round++) {
		size_t n = 2 + round % 17;
		for (size_t i = 0; i < n; i++)
			atomic_store(&mine->seen[i], 0);
		cnn_pool_begin(c->pool);
		cnn_parallel_for(c->pool, n, count_item, mine);
		cnn_parallel_for(c->pool, n, use_index, c);
		cnn_pool_end(c->pool);
		for (size_t i = 0; i < n; i++)
			c->wrong += atomic_load(&mine->seen[i]) != 1;
	}
	return NULL;
}

static void callers_share_a_pool(void)
{
	struct cnn_pool *pool = cnn_pool_new(2);
	struct caller caller[3] = {0};
	CHECK(pool != NULL);
	for (size_t i = 0; i < 3; i++) {
		caller[i].pool = pool;
		caller[i].wrong = i; /* which sums it takes */
		CHECK(pthread_create(&caller[i].thread, NULL, call_often, &caller[i]) == 0);
	}
	for (size_t i = 0; i < 3; i++) {
		CHECK(pthread_join(caller[i].thread, NULL) == 0);
		CHECK_INT(caller[i].wrong, 0);
	}
	cnn_pool_free(pool);
}

struct nested {
	struct cnn_pool *pool;
	atomic_size_t items;
};

static void count_one(void *ctx, size_t i, size_t thread)
{
	struct nested *n = ctx;
	(void)i;
	(void)thread;
	atomic_fetch_add(&n->items, 1);
}

static void loop_inside(void *ctx, size_t i, size_t thread)
{
	struct nested *n = ctx;
	(void)i;
	(void)thread;
	cnn_parallel_for(n->pool, 10, count_one, n);
}

static void a_loop_may_hold_loops(void)
{
	struct nested n = {.pool = cnn_pool_new(3)};
	CHECK(n.pool != NULL);
	for (int round = 0; round < 100; round++)
		cnn_parallel_for(n.pool, 20, loop_inside, &n);
	CHECK_INT(atomic_load(&n.items), 100 * 20 * 10);
	cnn_pool_free(n.pool);
}

static void isa_names_round_trip(void)
{
	for (int i = 0; i < CNN_ISA_COUNT; i++) {
		enum cnn_isa isa;
		CHECK(cpu_isa_parse(cpu_isa_name((enum cnn_isa)i), &isa));
		CHECK_INT(isa, i);
	}
	enum cnn_isa isa;
	CHECK(!cpu_isa_parse("sse9", &isa));
	CHECK(cpu_count() >= 1);
	CHECK(cpu_l2_bytes() > 0);
}

TEST_MAIN({"every_status_has_a_text", every_status_has_a_text},
          {"errors_are_one_clean_line", errors_are_one_clean_line},
          {"arena_gives_aligned_zeroed_memory", arena_gives_aligned_zeroed_memory},
          {"parallel_loop_runs_every_item_once", parallel_loop_runs_every_item_once},
          {"callers_share_a_pool", callers_share_a_pool},
          {"a_loop_may_hold_loops", a_loop_may_hold_loops},
          {"isa_names_round_trip", isa_names_round_trip})
