#include "server/pace.h"

/* A size is known after so many runs: the first ones are cold. */
enum { KNOWN_RUNS = 3, LOOK_EVERY = 64, REACH = 2 };
#define NEWEST  0.2  /* its share of the smoothed time */
#define PAYS    1.02 /* a size within this of the fastest is as good */
#define OUTLIER 4.0  /* a run that lost its core says little of the size */

void pace_init(struct pace *p, size_t max_batch)
{
	*p = (struct pace){.n = 0};
	for (size_t size = 1; size < max_batch && p->n < PACE_SIZES - 1; size *= 2)
		p->size[p->n++] = size;
	p->size[p->n++] = max_batch ? max_batch : 1;
}

void pace_add(struct pace *p, size_t n, uint64_t ns)
{
	size_t i = 0;
	while (i < p->n && p->size[i] != n)
		i++;
	if (i == p->n)
		return;
	double each = (double)ns / (double)n, old = p->ns[i];
	if (p->runs[i] < KNOWN_RUNS)
		p->ns[i] = old > 0 && old < each ? old : each;
	else
		p->ns[i] += ((each > old * OUTLIER ? old * OUTLIER : each) - old) * NEWEST;
	if (p->runs[i] < KNOWN_RUNS)
		p->runs[i]++;
}

static size_t best_index(const struct pace *p)
{
	double fastest = 0;
	for (size_t i = 0; i < p->n; i++) {
		if (p->ns[i] > 0 && (fastest <= 0 || p->ns[i] < fastest))
			fastest = p->ns[i];
	}
	for (size_t i = 0; i < p->n; i++) {
		if (p->ns[i] > 0 && p->ns[i] <= fastest * PAYS)
			return i;
	}
	return 0;
}

size_t pace_best(const struct pace *p)
{
	return p->size[best_index(p)];
}

size_t pace_next(struct pace *p, size_t waiting)
{
	size_t best = best_index(p);
	size_t from = best > REACH ? best - REACH : 0;
	size_t to = best + REACH < p->n ? best + REACH : p->n - 1;
	/* Only a crowd is asked to try out a size: a few pictures would wait for each other. */
	for (size_t i = from; i <= to && 2 * p->size[i] <= waiting; i++) {
		if (p->runs[i] < KNOWN_RUNS)
			return p->size[i];
	}
	if (++p->since_look < LOOK_EVERY)
		return p->size[best];
	p->since_look = 0;
	p->look = p->look < from || p->look >= to ? from : p->look + 1;
	return 2 * p->size[p->look] <= waiting ? p->size[p->look] : p->size[best];
}

double pace_ns(const struct pace *p, size_t n)
{
	double ns = 0;
	for (size_t i = 0; i < p->n; i++) {
		if (p->ns[i] > 0 && (ns <= 0 || p->size[i] <= n))
			ns = p->ns[i];
	}
	return ns;
}
