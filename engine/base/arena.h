/* arena.h - many small allocations with one owner and one free. Not thread-safe. */
#ifndef ENGINE_BASE_ARENA_H
#define ENGINE_BASE_ARENA_H
#include <stddef.h>

#define ARENA_ALIGN 64 /* bytes: a cache line and a zmm register */

struct arena;

struct arena *arena_new(void);        /* NULL when memory runs out */
void arena_free(struct arena *arena); /* and all that it gave out; NULL-safe */

/* Zeroed, aligned to ARENA_ALIGN, alive until arena_free(). NULL when memory
 * runs out or count * size overflows; a size of 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);

/* Copies of a string, of at most n of its bytes, and of printf's text. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t n);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

size_t arena_bytes(const struct arena *arena); /* asked from the system so far */

/* Never ask the system for more than `bytes` in all; what would is refused like memory that runs out. */
void arena_limit(struct arena *arena, size_t bytes);

#endif
