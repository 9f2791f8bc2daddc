/* pages.h - memory for what is large. */
#ifndef ENGINE_BASE_PAGES_H
#define ENGINE_BASE_PAGES_H
#include <stddef.h>

/* `bytes` at a multiple of ARENA_ALIGN; NULL when there is none; the caller frees with free(). Whole huge pages of it
 * are asked for as such: a network's weights are more than the processor's table of small pages reaches over, and
 * taking them one by one costs as much as reading the file. */
void *pages_alloc(size_t bytes);

#endif
