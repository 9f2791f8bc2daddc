#include "server/accept.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One "type/subtype;q=0.5" of the list. */
struct range {
	const char *type;
	size_t len;
	double quality;
};

/* Take the next one off the list; NULL at its end. */
static const char *next_range(const char *text, struct range *out)
{
	text += strspn(text, ", \t");
	if (!*text)
		return NULL;
	size_t whole = strcspn(text, ",");
	out->type = text;
	out->len = strcspn(text, ",; \t");
	out->quality = 1;
	for (const char *p = text + out->len; p < text + whole; p++) {
		if (*p != ';')
			continue;
		const char *name = p + 1 + strspn(p + 1, " \t");
		if ((*name == 'q' || *name == 'Q') && name[1] == '=')
			out->quality = strtod(name + 2, NULL);
	}
	return text + whole;
}

/* How exactly a range names the type: 3 itself, 2 its first half, 1 anything, 0 not at all. */
static int fit(const struct range *range, const char *type)
{
	size_t half = strcspn(type, "/") + 1;
	if (range->len == strlen(type) && strncasecmp(range->type, type, range->len) == 0)
		return 3;
	if (range->len == half + 1 && range->type[half] == '*' &&
	    strncasecmp(range->type, type, half) == 0)
		return 2;
	return range->len == 3 && strncmp(range->type, "*/*", 3) == 0;
}

static double quality_of(const char *accept, const char *type)
{
	struct range range;
	int best = 0;
	double quality = 0;
	while ((accept = next_range(accept, &range)) != NULL) {
		int how = fit(&range, type);
		if (how > best) {
			best = how;
			quality = range.quality;
		}
	}
	return quality;
}

size_t accept_best(const char *accept, const char *const types[], size_t n)
{
	if (!accept || !accept[strspn(accept, ", \t")])
		return 0;
	size_t found = n;
	double most = 0;
	for (size_t i = 0; i < n; i++) {
		double quality = quality_of(accept, types[i]);
		if (quality > most) {
			most = quality;
			found = i;
		}
	}
	return found;
}
