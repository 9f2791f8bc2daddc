/* pages.h - memory for what is large. */
#ifndef ENGINE_BASE_PAGES_H
#define ENGINE_BASE_PAGES_H
#include <stddef.h>

/* `bytes` at a multiple of ARENA_ALIGN; NULL when there is none; the caller frees with pages_free(). Whole huge pages of
 * it are asked for as such: a network's weights are more than the processor's table of small pages reaches over, and
 * taking them one by one costs as much as reading the file. Any thread. */
void *pages_alloc(size_t bytes);

/* What pages_alloc() or malloc() gave; NULL-safe. What is large goes back to the system at once: in the C library's heaps
 * the pages around what is in use would stay, and huge ones come back whole at a touch. */
void pages_free(void *p);

#endif
