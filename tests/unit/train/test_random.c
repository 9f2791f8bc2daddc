#include "engine/train/random.h"
#include "tests/test.h"

/* The published sequence of splitmix64 from state 1234567. */
static void is_splitmix64(void)
{
	struct random r = {1234567};
	CHECK(random_next(&r) == UINT64_C(6457827717110365317));
	CHECK(random_next(&r) == UINT64_C(3203168211198807973));
	CHECK(random_next(&r) == UINT64_C(9817491932198370423));
}

static void streams_differ(void)
{
	uint64_t seen[3 * 3 * 3];
	size_t n = 0;
	for (uint64_t seed = 0; seed < 3; seed++)
		for (uint64_t stream = 0; stream < 3; stream++)
			for (uint64_t index = 0; index < 3; index++) {
				struct random r = random_seeded(seed, stream, index);
				struct random again = random_seeded(seed, stream, index);
				seen[n] = random_next(&r);
				CHECK(random_next(&again) == seen[n]);
				for (size_t i = 0; i < n; i++)
					CHECK(seen[i] != seen[n]);
				n++;
			}
}

static void numbers_are_spread_evenly(void)
{
	struct random r = random_seeded(1, 2, 3);
	enum { N = 100000 };
	double sum = 0, squares = 0;
	size_t count[7] = {0};
	for (int i = 0; i < N; i++) {
		double x = random_unit(&r);
		CHECK(x >= 0 && x < 1);
		sum += x;
		squares += x * x;
		count[random_below(&r, 7)]++;
	}
	CHECK_NEAR(sum / N, 0.5, 0.005);
	CHECK_NEAR(squares / N, 1.0 / 3, 0.005);
	for (int i = 0; i < 7; i++)
		CHECK_NEAR(count[i], N / 7.0, 500);
	CHECK_INT(random_below(&r, 1), 0);
	CHECK_INT(random_below(&r, 0), 0);
}

TEST_MAIN({"is_splitmix64", is_splitmix64}, {"streams_differ", streams_differ},
          {"numbers_are_spread_evenly", numbers_are_spread_evenly})
