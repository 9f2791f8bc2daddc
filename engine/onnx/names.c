#include "engine/onnx/names.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the well-formed UTF-8 sequence at s, 0 when there is none (Unicode table 3-7). */
static size_t utf8_length(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	/* No overlong forms, surrogates, or code points above U+10FFFF. */
	unsigned char lo = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char hi = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
	if (s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* `kept`: control characters that may stay. */
static char *clean(struct arena *arena, const char *text, const char *kept)
{
	char *copy = arena_strdup(arena, text ? text : "");
	for (unsigned char *p = (unsigned char *)copy; p && *p;) {
		size_t n = utf8_length(p);
		/* C1 control characters are C2 80 .. C2 9F. */
		bool control = (*p < 0x20 && !strchr(kept, *p)) || *p == 0x7f ||
		               (*p == 0xc2 && p[1] < 0xa0);
		if (n == 0 || control) {
			n = n ? n : 1;
			memset(p, '?', n);
		}
		p += n;
	}
	return copy;
}

char *names_clean(struct arena *arena, const char *text)
{
	return clean(arena, text, "");
}

char *names_text(struct arena *arena, const char *text)
{
	return clean(arena, text, "\n\r\t");
}

/* Is p in the middle of a character? */
static bool inside_character(const char *p)
{
	return ((unsigned char)*p & 0xc0) == 0x80;
}

char *names_short(struct arena *arena, const char *text)
{
	enum { MOST = 128, KEPT = 60 };
	char *name = names_clean(arena, text);
	size_t n = name ? strlen(name) : 0;
	if (n <= MOST)
		return name;
	char *head = name + KEPT, *tail = name + n - KEPT;
	while (inside_character(head))
		head--;
	while (inside_character(tail))
		tail++;
	memcpy(head, "...", 3);
	memmove(head + 3, tail, strlen(tail) + 1);
	return name;
}

bool names_add(struct name_table *t, const char *key, uint32_t id, uint32_t node)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 256;
		struct name_entry *grown = realloc(t->entry, cap * sizeof *grown);
		if (!grown)
			return false;
		t->entry = grown;
		t->cap = cap;
	}
	t->entry[t->n++] = (struct name_entry){key, id, node};
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct name_entry *x = a, *y = b;
	int order = strcmp(x->key, y->key);
	return order ? order : (x->node > y->node) - (x->node < y->node);
}

void names_sort(struct name_table *t)
{
	if (t->n)
		qsort(t->entry, t->n, sizeof *t->entry, compare);
}

const struct name_entry *names_find(const struct name_table *t, const char *key)
{
	size_t lo = 0, hi = t->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (strcmp(t->entry[mid].key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->n && strcmp(t->entry[lo].key, key) == 0 ? &t->entry[lo] : NULL;
}

const char *names_duplicate(const struct name_table *t)
{
	for (size_t i = 1; i < t->n; i++)
		if (strcmp(t->entry[i - 1].key, t->entry[i].key) == 0)
			return t->entry[i].key;
	return NULL;
}

void names_free(struct name_table *t)
{
	free(t->entry);
	*t = (struct name_table){0};
}
