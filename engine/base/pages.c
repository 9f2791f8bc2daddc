#include "engine/base/pages.h"
#include "engine/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

void *pages_alloc(size_t bytes)
{
	if (bytes > SIZE_MAX - HUGE_PAGE)
		return NULL;
	if (bytes < HUGE_PAGE)
		return aligned_alloc(ARENA_ALIGN,
		                     (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN);
	void *p = NULL;
	if (posix_memalign(&p, HUGE_PAGE, bytes) != 0)
		return NULL;
#ifdef MADV_HUGEPAGE
	/* The rest at the end stays small pages, so that nothing is occupied beyond it. A refusal costs nothing. */
	(void)madvise(p, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
	return p;
}
