#include "engine/base/pages.h"
#include "engine/base/arena.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined __SANITIZE_ADDRESS__
#	define CHECKED_HEAP
#elif defined __has_feature
#	if __has_feature(address_sanitizer)
#		define CHECKED_HEAP
#	endif
#endif

#define HUGE_PAGE ((size_t)2 << 20)
#define STEP      ((size_t)64 << 10) /* small pages are as large as this, or less */

static void *take_from_heap(size_t bytes)
{
	return aligned_alloc(ARENA_ALIGN, (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN);
}

#ifdef CHECKED_HEAP
/* The sanitizer watches the heap alone. */
void *pages_alloc(size_t bytes)
{
	return bytes > SIZE_MAX - ARENA_ALIGN ? NULL : take_from_heap(bytes);
}

void pages_free(void *p)
{
	free(p);
}
#else
/* In pages of its own before each large block, which begins at a huge page. */
struct large {
	struct large *next;
	size_t bytes; /* with this */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct large *first;

/* The part [from, from + bytes) of a mapping of `all` bytes is kept. */
static void cut(char *mapping, size_t all, const char *from, size_t bytes)
{
	size_t before = (size_t)(from - mapping), after = all - before - bytes;
	if (before)
		munmap(mapping, before);
	if (after)
		munmap(mapping + before + bytes, after);
}

void *pages_alloc(size_t bytes)
{
	if (bytes > SIZE_MAX - 2 * HUGE_PAGE)
		return NULL;
	if (bytes < HUGE_PAGE)
		return take_from_heap(bytes);
	size_t kept = STEP + (bytes + STEP - 1) / STEP * STEP;
	size_t all = kept + HUGE_PAGE;
	char *mapping = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapping == MAP_FAILED)
		return NULL;
	size_t before = HUGE_PAGE - STEP - (uintptr_t)mapping % HUGE_PAGE;
	if (before >= HUGE_PAGE) /* less than nothing */
		before += HUGE_PAGE;
	struct large *block = (struct large *)(void *)(mapping + before);
	cut(mapping, all, mapping + before, kept);
	char *p = mapping + before + STEP;
#	ifdef MADV_HUGEPAGE
	/* The rest at the end stays small pages, so that nothing is occupied beyond it. A refusal costs nothing. */
	(void)madvise(p, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#	endif
	pthread_mutex_lock(&lock);
	*block = (struct large){first, kept};
	first = block;
	pthread_mutex_unlock(&lock);
	return p;
}

/* Takes the large block that begins at p out of the list; NULL when there is none. */
static struct large *take_out(const char *p)
{
	struct large *block = NULL;
	pthread_mutex_lock(&lock);
	for (struct large **at = &first; *at && !block; at = block ? at : &(*at)->next) {
		if ((const char *)*at + STEP == p) {
			block = *at;
			*at = block->next;
		}
	}
	pthread_mutex_unlock(&lock);
	return block;
}

void pages_free(void *p)
{
	/* Few others begin there, too. */
	struct large *block = p && (uintptr_t)p % HUGE_PAGE == 0 ? take_out(p) : NULL;
	if (block)
		munmap(block, block->bytes);
	else
		free(p);
}
#endif
