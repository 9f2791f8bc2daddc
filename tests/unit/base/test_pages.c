/* Memory of all sizes, from several threads: all of it is there, and none is another's. */
#include "engine/base/arena.h"
#include "engine/base/pages.h"
#include "tests/test.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum { HUGE_PAGE = 2 << 20 };

static const size_t size_of[] = {0,
                                 1,
                                 4096,
                                 HUGE_PAGE - 1,
                                 HUGE_PAGE,
                                 HUGE_PAGE + 1,
                                 3 * HUGE_PAGE - 1,
                                 5 * HUGE_PAGE + 12345};
enum { SIZES = sizeof size_of / sizeof size_of[0], THREADS = 3 };

static void fill(uint8_t *p, size_t n, uint8_t mark)
{
	for (size_t at = 0; at < n; at += 1000)
		p[at] = mark;
	if (n)
		p[n - 1] = mark;
}

static void check_filled(const uint8_t *p, size_t n, uint8_t mark)
{
	for (size_t at = 0; at < n; at += 1000)
		CHECK_INT(p[at], mark);
	CHECK(n == 0 || p[n - 1] == mark);
}

static void *take_and_free(void *arg)
{
	const uint8_t *thread = arg;
	uint8_t *p[SIZES] = {0};
	size_t n[SIZES] = {0};
	for (size_t i = 0; i < 40 * SIZES; i++) {
		/* Blocks go in another order than they came. */
		size_t at = i * 5 % SIZES;
		uint8_t mark = (uint8_t)(*thread + at);
		check_filled(p[at], n[at], mark);
		pages_free(p[at]);
		n[at] = size_of[i * 3 % SIZES];
		p[at] = pages_alloc(n[at]);
		CHECK(p[at] && (uintptr_t)p[at] % ARENA_ALIGN == 0);
		fill(p[at], n[at], mark);
	}
	for (size_t i = 0; i < SIZES; i++)
		pages_free(p[i]);
	return NULL;
}

static void blocks_are_whole_and_apart(void)
{
	pthread_t thread[THREADS];
	uint8_t mark[THREADS];
	for (size_t i = 0; i < THREADS; i++) {
		mark[i] = (uint8_t)(50 * i);
		CHECK_INT(pthread_create(&thread[i], NULL, take_and_free, &mark[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

static void what_malloc_gave_is_freed_too(void)
{
	pages_free(NULL);
	pages_free(malloc(100));
	void *p = NULL;
	CHECK_INT(posix_memalign(&p, HUGE_PAGE, 100), 0); /* looks like a large one */
	pages_free(p);
}

static void too_much_is_refused(void)
{
	CHECK(!pages_alloc(SIZE_MAX));
	CHECK(!pages_alloc(SIZE_MAX - 3 * (size_t)HUGE_PAGE));
	CHECK(!pages_alloc(SIZE_MAX / 2));
}

TEST_MAIN({"blocks_are_whole_and_apart", blocks_are_whole_and_apart},
          {"what_malloc_gave_is_freed_too", what_malloc_gave_is_freed_too},
          {"too_much_is_refused", too_much_is_refused})
