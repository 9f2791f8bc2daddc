/* pace.h - how long a picture takes in batches of each size on this machine, and which size pays.
 *
 * Larger batches cost latency, and where they push the feature maps out of the cache they are slower for each
 * picture too. So a batch grows only as far as measured times say. Not thread-safe: its queue's lock protects it. */
#ifndef SERVER_PACE_H
#define SERVER_PACE_H
#include "engine/base/types.h"

enum { PACE_SIZES = 10 }; /* 1, 2, 4 ... 256, and the largest itself when it is none of them */

struct pace {
	size_t size[PACE_SIZES]; /* ascending; the last is the largest batch */
	size_t n;
	double ns[PACE_SIZES]; /* of one picture, smoothed; 0: unknown */
	unsigned runs[PACE_SIZES];
	unsigned since_look; /* batches since another size was tried */
	size_t look;
};

void pace_init(struct pace *p, size_t max_batch);
/* A batch of n pictures took ns while every core was busy. Sizes between those that are watched are not kept. */
void pace_add(struct pace *p, size_t n, uint64_t ns);
/* The size that pays: the smallest that is about as fast for each picture as any. */
size_t pace_best(const struct pace *p);
/* How many of `waiting` to take at most: the best size, now and then another to learn about it. */
size_t pace_next(struct pace *p, size_t waiting);
/* What one picture in a batch of n takes; 0 when nothing is known. */
double pace_ns(const struct pace *p, size_t n);

#endif
