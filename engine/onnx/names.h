/* names.h - strings from the file: cleaned for people and JSON, and looked up. */
#ifndef ENGINE_ONNX_NAMES_H
#define ENGINE_ONNX_NAMES_H
#include "engine/graph/graph.h"

/* A copy with '?' for control characters and for bytes that are not UTF-8; NULL is "". Returns NULL
 * when memory runs out. */
char *names_clean(struct arena *arena, const char *text);
/* The same, but a text keeps its line ends and tabs. */
char *names_text(struct arena *arena, const char *text);
/* Like names_clean(), the middle of a long one left out: messages need room for the reason. */
char *names_short(struct arena *arena, const char *text);

/* Sorted instead of hashed: no file can choose names that make it slow. Keys are borrowed. */
struct name_entry {
	const char *key;
	uint32_t id, node; /* whatever the owner means by them */
};
struct name_table {
	struct name_entry *entry;
	size_t n, cap;
};
bool names_add(struct name_table *t, const char *key, uint32_t id, uint32_t node);
void names_sort(struct name_table *t);
/* In a sorted table: the first entry of that key, or NULL. */
const struct name_entry *names_find(const struct name_table *t, const char *key);
/* In a sorted table: a key that is there twice, or NULL. */
const char *names_duplicate(const struct name_table *t);
void names_free(struct name_table *t);

#endif
