/* random.h - random numbers that are the same everywhere: splitmix64, and a stream for each purpose.
 *
 * What depends on chance asks for a generator of its own by (seed, stream, index), the index being the
 * epoch, the picture or the class. So the numbers do not depend on the order in which threads ask, and a run
 * that goes on from a checkpoint needs no generator's state. */
#ifndef ENGINE_TRAIN_RANDOM_H
#define ENGINE_TRAIN_RANDOM_H
#include "engine/base/types.h"

struct random {
	uint64_t state;
};

/* Purposes, so that no two share their numbers. */
enum random_stream {
	RANDOM_HOLD_OUT, /* index: the class */
	RANDOM_WEIGHTS,
	RANDOM_ORDER,
	RANDOM_AUGMENT,
	RANDOM_MIX,
	RANDOM_DROPOUT,
};

/* Every bit of the result depends on every bit of x, and no two x have the same. */
static inline uint64_t random_mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline uint64_t random_next(struct random *r)
{
	r->state += UINT64_C(0x9e3779b97f4a7c15);
	return random_mix(r->state);
}

static inline struct random random_seeded(uint64_t seed, uint64_t stream, uint64_t index)
{
	struct random r = {seed};
	r.state = random_next(&r) ^ stream;
	r.state = random_next(&r) ^ index;
	r.state = random_next(&r);
	return r;
}

/* In [0, 1), all 53 bits of a double. */
static inline double random_unit(struct random *r)
{
	return (double)(random_next(r) >> 11) * 0x1p-53;
}

/* 0 .. n-1; 0 for n = 0. Unequal by less than n in 2^32. */
static inline uint32_t random_below(struct random *r, uint32_t n)
{
	return (uint32_t)((random_next(r) >> 32) * n >> 32);
}

#endif
