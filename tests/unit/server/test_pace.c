#include "server/pace.h"
#include "tests/test.h"

static struct pace p;

/* What a crowd leads to, when a picture in a batch of n takes each(n). */
static void learn(double (*each)(size_t n), int batches)
{
	for (int i = 0; i < batches; i++) {
		size_t n = pace_next(&p, 1000);
		pace_add(&p, n, (uint64_t)(each(n) * (double)n));
	}
}

static double falls(size_t n)
{
	return 1000 + 4000.0 / (double)n;
}

static double rises(size_t n)
{
	return 1000 + 100 * (double)n;
}

static double falls_then_rises(size_t n)
{
	return n <= 8 ? 5000.0 / (double)n : 100 * (double)n;
}

static void sizes_are_powers_of_two_and_the_largest(void)
{
	pace_init(&p, 12);
	CHECK_INT(p.n, 5);
	CHECK_INT(p.size[3], 8);
	CHECK_INT(p.size[4], 12);
	pace_init(&p, 256);
	CHECK_INT(p.n, 9);
	CHECK_INT(p.size[8], 256);
	pace_init(&p, 1);
	CHECK_INT(p.n, 1);
	CHECK_INT(pace_next(&p, 1000), 1);
	pace_init(&p, 0);
	CHECK_INT(pace_next(&p, 1000), 1);
}

static void the_size_that_pays_is_found(void)
{
	pace_init(&p, 64);
	learn(falls, 200);
	CHECK(pace_best(&p) >= 32);
	pace_init(&p, 64);
	learn(rises, 200);
	CHECK_INT(pace_best(&p), 1);
	/* It never went far from there: large batches would cost everybody's latency. */
	CHECK_NEAR(p.ns[5], 0, 0);
	pace_init(&p, 64);
	learn(falls_then_rises, 400);
	CHECK_INT(pace_best(&p), 8);
	CHECK_NEAR(pace_ns(&p, 8), 625, 1);
	CHECK_NEAR(pace_ns(&p, 11), 625, 1);
}

static void it_follows_what_changes(void)
{
	pace_init(&p, 16);
	learn(rises, 300);
	CHECK_INT(pace_best(&p), 1);
	learn(falls, 20000);
	CHECK_INT(pace_best(&p), 16);
}

static void few_pictures_are_not_tried_with(void)
{
	pace_init(&p, 64);
	for (int i = 0; i < 1000; i++) {
		size_t n = pace_next(&p, 3);
		CHECK_INT(n, 1);
		pace_add(&p, n, 1000);
	}
}

static void one_stall_says_little(void)
{
	pace_init(&p, 4);
	learn(rises, 100);
	double before = pace_ns(&p, 1);
	pace_add(&p, 1, 1000000000);
	CHECK(pace_ns(&p, 1) < 2 * before);
}

static void nothing_is_known_at_first(void)
{
	pace_init(&p, 8);
	CHECK_NEAR(pace_ns(&p, 1), 0, 0);
	CHECK_INT(pace_best(&p), 1);
	pace_add(&p, 3, 1000); /* between the sizes: not kept */
	CHECK_NEAR(pace_ns(&p, 3), 0, 0);
}

TEST_MAIN({"sizes_are_powers_of_two_and_the_largest", sizes_are_powers_of_two_and_the_largest},
          {"the_size_that_pays_is_found", the_size_that_pays_is_found},
          {"it_follows_what_changes", it_follows_what_changes},
          {"few_pictures_are_not_tried_with", few_pictures_are_not_tried_with},
          {"one_stall_says_little", one_stall_says_little},
          {"nothing_is_known_at_first", nothing_is_known_at_first})
