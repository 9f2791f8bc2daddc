#include "engine/plan/plan.h"

#include <stdlib.h>

static int larger_first(const void *a, const void *b)
{
	const struct lifetime *x = *(struct lifetime *const *)a, *y = *(struct lifetime *const *)b;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x < y ? -1 : x > y; /* the same order on every machine */
}

/* The lowest offset at which `life` fits between the placed ones that live at the same time;
 * placed[] is sorted by offset. */
static size_t lowest_gap(const struct lifetime *life, struct lifetime *const *placed, size_t n)
{
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		const struct lifetime *p = placed[i];
		if (p->last < life->first || p->first > life->last)
			continue;
		if (p->offset > at && p->offset - at >= life->bytes)
			return at;
		if (p->offset + p->bytes > at)
			at = p->offset + p->bytes;
	}
	return at;
}

enum cnn_status memory_place(struct lifetime *life, size_t n, size_t align, size_t *total,
                             struct cnn_error *err)
{
	struct lifetime **order = malloc((n + 1) * sizeof *order);
	struct lifetime **placed = malloc((n + 1) * sizeof *placed);
	size_t n_placed = 0;
	enum cnn_status status = CNN_OK;
	*total = 0;
	if (!order || !placed) {
		free(order);
		free(placed);
		return cnn_fail_memory(err, "the memory plan", n * sizeof *order);
	}
	for (size_t i = 0; i < n; i++) {
		life[i].bytes = (life[i].bytes + align - 1) / align * align;
		life[i].offset = 0;
		order[i] = &life[i];
	}
	qsort(order, n, sizeof *order, larger_first);
	for (size_t i = 0; i < n && order[i]->bytes > 0; i++) {
		struct lifetime *l = order[i];
		size_t end;
		l->offset = lowest_gap(l, placed, n_placed);
		if (__builtin_add_overflow(l->offset, l->bytes, &end)) {
			status = cnn_fail(err, CNN_NO_MEMORY,
			                  "the tensors together are too large to address");
			break;
		}
		size_t k = n_placed++;
		for (; k > 0 && placed[k - 1]->offset > l->offset; k--)
			placed[k] = placed[k - 1];
		placed[k] = l;
		if (end > *total)
			*total = end;
	}
	free(order);
	free(placed);
	return status;
}

enum cnn_status memory_live(const struct lifetime *life, size_t n, size_t *most,
                            struct cnn_error *err)
{
	size_t steps = 1, sum = 0;
	for (size_t i = 0; i < n; i++)
		if (life[i].last >= steps)
			steps = (size_t)life[i].last + 1;
	/* What begins with a step and what has ended before it; differences may wrap around, sums do not. */
	size_t *change = calloc(steps + 1, sizeof *change);
	*most = 0;
	if (!change)
		return cnn_fail_memory(err, "the memory plan", steps * sizeof *change);
	for (size_t i = 0; i < n; i++) {
		change[life[i].first] += life[i].bytes;
		change[life[i].last + 1] -= life[i].bytes;
	}
	for (size_t i = 0; i < steps; i++) {
		sum += change[i];
		*most = sum > *most ? sum : *most;
	}
	free(change);
	return CNN_OK;
}
