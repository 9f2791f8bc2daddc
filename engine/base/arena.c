#include "engine/base/arena.h"
#include "engine/base/pages.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (64u * 1024)

struct block {
	struct block *next;
	size_t used, size; /* bytes, counted from the block's own start */
};

struct arena {
	struct block *head; /* the block that small requests are served from */
	size_t bytes, limit;
};

static size_t align_up(size_t n)
{
	return (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
}

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof *arena);
	if (arena)
		arena->limit = SIZE_MAX;
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	for (struct block *b = arena->head, *next; b; b = next) {
		next = b->next;
		pages_free(b);
	}
	free(arena);
}

/* A block with room for `bytes` (already aligned). A large request gets a block
 * of its own behind the head, so that the head's free room is not lost. */
static struct block *new_block(struct arena *arena, size_t bytes)
{
	size_t header = align_up(sizeof(struct block));
	size_t size = header + (bytes > BLOCK_BYTES - header ? bytes : BLOCK_BYTES - header);
	if (arena->bytes > arena->limit || size > arena->limit - arena->bytes)
		return NULL;
	struct block *b = pages_alloc(size);
	if (!b)
		return NULL;
	*b = (struct block){.used = header, .size = size};
	if (bytes > BLOCK_BYTES / 4 && arena->head) {
		b->next = arena->head->next;
		arena->head->next = b;
	} else {
		b->next = arena->head;
		arena->head = b;
	}
	arena->bytes += size;
	return b;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
	if (size && count > (SIZE_MAX / 2) / size)
		return NULL;
	size_t bytes = align_up(count * size);
	if (bytes == 0)
		bytes = ARENA_ALIGN;
	struct block *b = arena->head;
	if (!b || b->size - b->used < bytes) {
		b = new_block(arena, bytes);
		if (!b)
			return NULL;
	}
	void *p = (char *)b + b->used;
	b->used += bytes;
	return memset(p, 0, bytes);
}

char *arena_strndup(struct arena *arena, const char *text, size_t n)
{
	size_t len = strnlen(text, n);
	char *copy = arena_alloc(arena, len + 1, 1);
	if (copy)
		memcpy(copy, text, len);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, SIZE_MAX);
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return NULL;
	char *text = arena_alloc(arena, (size_t)len + 1, 1);
	if (!text)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return text;
}

size_t arena_bytes(const struct arena *arena)
{
	return arena->bytes;
}

void arena_limit(struct arena *arena, size_t bytes)
{
	arena->limit = bytes;
}
