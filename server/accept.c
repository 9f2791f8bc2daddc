#include "server/accept.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* How closely a range, "image/png", fits the type: 0 not at all, 3 best. */
static int closeness(const char *range, size_t len, const char *type)
{
	const char *slash = strchr(type, '/');
	size_t main_len = (size_t)(slash - type) + 1;
	if (len == strlen(type) && strncasecmp(range, type, len) == 0)
		return 3;
	if (len == main_len + 1 && range[len - 1] == '*' && strncasecmp(range, type, main_len) == 0)
		return 2;
	return len == 3 && memcmp(range, "*/*", 3) == 0;
}

/* The q of the parameters behind a range, in thousandths; what is no number counts as 1. */
static int quality(const char *text, size_t len)
{
	for (size_t i = 0; i + 2 < len; i++) {
		if (text[i] != ';')
			continue;
		size_t at = i + 1;
		while (at < len && is_blank(text[at]))
			at++;
		if (at + 2 > len || (text[at] != 'q' && text[at] != 'Q') || text[at + 1] != '=')
			continue;
		if (text[at + 2] == '1' || text[at + 2] != '0')
			return 1000;
		int q = 0;
		for (size_t k = 0; k < 3; k++) {
			char c = at + 4 + k < len ? text[at + 4 + k] : '0';
			q = q * 10 + (c >= '0' && c <= '9' ? c - '0' : 0);
		}
		return q;
	}
	return 1000;
}

/* The quality that the closest range of the list gives a type. */
static int quality_of(const char *accept, const char *type)
{
	int best = 0, found = 0;
	while (*accept) {
		while (is_blank(*accept) || *accept == ',')
			accept++;
		size_t len = strcspn(accept, ","), range = strcspn(accept, ",; \t");
		int close = range ? closeness(accept, range, type) : 0;
		if (close > best) {
			best = close;
			found = quality(accept, len);
		}
		accept += len;
	}
	return found;
}

size_t accept_choose(const char *accept, const char *const type[], size_t n)
{
	if (!accept || !accept[strspn(accept, " \t")])
		return 0;
	size_t chosen = n;
	int best = 0;
	for (size_t i = 0; i < n; i++) {
		int q = quality_of(accept, type[i]);
		if (q > best) {
			best = q;
			chosen = i;
		}
	}
	return chosen;
}
