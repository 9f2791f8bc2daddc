/* guarded.h - buffers between pages that cannot be touched: an access past an end is a crash. */
#ifndef TESTS_KERNELS_GUARDED_H
#define TESTS_KERNELS_GUARDED_H
#include "tests/test.h"

#include <sys/mman.h>

enum { GUARD_PAGE = 4096 };

/* Where a buffer lies in its zone: its end, or its start, touches a forbidden page. */
enum flush { FLUSH_END, FLUSH_START };

/* `count` zones of `bytes` (whole pages), a forbidden page before, between and after them. */
struct zones {
	char *map;
	size_t count, bytes;
};

__attribute__((unused)) static struct zones zones_new(size_t count, size_t floats)
{
	struct zones z = {NULL, count, 0};
	z.bytes = (floats * sizeof(float) + GUARD_PAGE) / GUARD_PAGE * GUARD_PAGE;
	size_t total = count * (z.bytes + GUARD_PAGE) + GUARD_PAGE;
	void *map = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(map != MAP_FAILED);
	z.map = map;
	for (size_t i = 0; i < count; i++)
		CHECK(mprotect(z.map + GUARD_PAGE + i * (z.bytes + GUARD_PAGE), z.bytes,
		               PROT_READ | PROT_WRITE) == 0);
	return z;
}

__attribute__((unused)) static void zones_free(struct zones *z)
{
	munmap(z->map, z->count * (z->bytes + GUARD_PAGE) + GUARD_PAGE);
}

/* Room for size bytes in zone i. */
__attribute__((unused)) static void *zone_place(const struct zones *z, size_t i, size_t size,
                                                enum flush flush)
{
	CHECK(i < z->count && size <= z->bytes);
	char *zone = z->map + GUARD_PAGE + i * (z->bytes + GUARD_PAGE);
	return zone + (flush == FLUSH_END ? z->bytes - size : 0);
}

/* Canaries: all of a zone is set to a NaN no computation gives, then only what was to be
 * written may differ. */
static const uint32_t canary = 0x7fbadbad;

__attribute__((unused)) static void zone_fill(const struct zones *z, size_t i)
{
	char *zone = zone_place(z, i, z->bytes, FLUSH_END);
	for (size_t at = 0; at < z->bytes; at += sizeof canary)
		memcpy(zone + at, &canary, sizeof canary);
}

__attribute__((unused)) static bool is_canary(const float *x)
{
	return memcmp(x, &canary, sizeof canary) == 0;
}

/* Canaries left in zone i. */
__attribute__((unused)) static size_t zone_canaries(const struct zones *z, size_t i)
{
	const char *zone = zone_place(z, i, z->bytes, FLUSH_END);
	size_t left = 0;
	for (size_t at = 0; at < z->bytes; at += sizeof canary)
		left += memcmp(zone + at, &canary, sizeof canary) == 0;
	return left;
}

/* Numbers in [-1, 1), the same in every run. */
__attribute__((unused)) static float next_number(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return (float)(*state >> 8) / (1 << 23) - 1;
}

/* What arithmetic finds difficult. Each kind is one of the four: in [-1, 1); so small that products are
 * subnormal; so large that sums overflow; zeros, infinities and NaNs among others. */
enum number_kind { NUMBER_PLAIN, NUMBER_TINY, NUMBER_HUGE, NUMBER_SPECIAL, NUMBER_KINDS };

__attribute__((unused)) static float next_of_kind(enum number_kind kind, uint32_t *state)
{
	static const float special[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 1e-42f, 3e38f, -1};
	float x = next_number(state);
	switch (kind) {
	case NUMBER_TINY:
		return x * 0x1p-66f;
	case NUMBER_HUGE:
		return x * 0x1p+64f;
	case NUMBER_SPECIAL: /* one of eight, so that not every sum is a NaN */
		return *state >> 29 ? x : special[*state >> 26 & 7];
	default:
		return x;
	}
}

/* Equal to the last bit; any NaN equals any NaN. */
__attribute__((unused)) static bool same_float(float a, float b)
{
	return (a != a && b != b) || memcmp(&a, &b, sizeof a) == 0;
}

/* One step of a sum as the level does it, and the clamp of the epilogue. */
__attribute__((unused)) static float add_product(bool fused, float a, float b, float sum)
{
	return fused ? fmaf(a, b, sum) : sum + a * b;
}

__attribute__((unused)) static float clamped(float x, float lo, float hi)
{
	if (x != x)
		return x;
	x = x < lo ? lo : x;
	return x > hi ? hi : x;
}

#endif
