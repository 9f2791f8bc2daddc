#include "engine/plan/plan.h"
#include "tests/test.h"

static size_t place(struct lifetime *life, size_t n, size_t align)
{
	size_t total;
	struct cnn_error err;
	CHECK_INT(memory_place(life, n, align, &total, &err), CNN_OK);
	return total;
}

static size_t live(const struct lifetime *life, size_t n)
{
	size_t most;
	struct cnn_error err;
	CHECK_INT(memory_live(life, n, &most, &err), CNN_OK);
	return most;
}

static void chain_needs_two_places(void)
{
	/* a -> b -> c -> d, each read by the next step */
	struct lifetime life[] = {{0, 1, 100, 0}, {1, 2, 100, 0}, {2, 3, 100, 0}, {3, 4, 100, 0}};
	CHECK_INT(place(life, 4, 1), 200);
	CHECK_INT(live(life, 4), 200);
	CHECK_INT(life[0].offset, 0);
	CHECK_INT(life[1].offset, 100);
	CHECK_INT(life[2].offset, 0);
	CHECK_INT(life[3].offset, 100);
}

static void large_ones_go_first_and_small_ones_fill_gaps(void)
{
	struct lifetime life[] = {{0, 9, 10, 0}, {0, 2, 300, 0}, {3, 9, 200, 0}, {3, 4, 50, 0}};
	CHECK_INT(place(life, 4, 1), 310);
	CHECK_INT(live(life, 4), 310);
	CHECK_INT(life[1].offset, 0);
	CHECK_INT(life[2].offset, 0);
	CHECK_INT(life[3].offset, 200);
	CHECK_INT(life[0].offset, 300);
}

static void offsets_are_aligned(void)
{
	struct lifetime life[] = {{0, 1, 1, 0}, {0, 1, 65, 0}, {0, 1, 64, 0}};
	CHECK_INT(place(life, 3, 64), 256);
	for (int i = 0; i < 3; i++)
		CHECK_INT(life[i].offset % 64, 0);
}

static void nothing_overlaps(void)
{
	enum { N = 200 };
	struct lifetime life[N];
	unsigned seed = 1;
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < N; i++) {
			seed = seed * 1664525 + 1013904223;
			life[i].first = seed >> 8 & 63;
			life[i].last = life[i].first + (seed >> 16 & 7);
			life[i].bytes = seed >> 20 & 1023;
		}
		size_t total = place(life, N, 16);
		size_t most = 0;
		for (uint32_t step = 0; step < 64; step++) {
			size_t sum = 0;
			for (int i = 0; i < N; i++)
				if (life[i].first <= step && step <= life[i].last)
					sum += life[i].bytes;
			most = sum > most ? sum : most;
		}
		CHECK_INT(live(life, N), most);
		for (int i = 0; i < N; i++) {
			CHECK(life[i].offset + life[i].bytes <= total);
			for (int k = 0; k < i; k++) {
				bool same_time = life[i].first <= life[k].last &&
				                 life[k].first <= life[i].last;
				bool same_place = life[i].offset < life[k].offset + life[k].bytes &&
				                  life[k].offset < life[i].offset + life[i].bytes;
				CHECK(!same_time || !same_place);
			}
		}
	}
	CHECK_INT(place(life, 0, 16), 0);
	CHECK_INT(live(life, 0), 0);
}

TEST_MAIN({"chain_needs_two_places", chain_needs_two_places},
          {"large_ones_go_first_and_small_ones_fill_gaps",
           large_ones_go_first_and_small_ones_fill_gaps},
          {"offsets_are_aligned", offsets_are_aligned}, {"nothing_overlaps", nothing_overlaps})
