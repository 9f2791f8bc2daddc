#include "server/channel_list.h"

#include <stdlib.h>

#define MOST 1000000 /* numbers in a list, and the largest of them */

static bool read_number(const char **text, uint32_t *out)
{
	char *end;
	unsigned long x = strtoul(*text, &end, 10);
	bool digit = **text >= '0' && **text <= '9';
	*text = end;
	*out = (uint32_t)x;
	return digit && x <= MOST;
}

/* "3" or "16-23", and the comma behind it; false: it is neither. */
static bool read_range(const char **text, uint32_t *first, uint32_t *last)
{
	if (!read_number(text, first))
		return false;
	*last = *first;
	if (**text == '-') {
		++*text;
		if (!read_number(text, last) || *last < *first)
			return false;
	}
	if (**text == ',')
		return *++*text != '\0';
	return **text == '\0';
}

enum cnn_status channel_list_parse(const char *text, uint32_t **out, size_t *n,
                                   struct cnn_error *err)
{
	uint32_t *list = NULL;
	const char *at = text;
	size_t count = 0;
	do {
		uint32_t first, last;
		if (!read_range(&at, &first, &last) || count + last - first >= MOST) {
			free(list);
			return cnn_fail(err, CNN_BAD_ARG,
			                "'%.64s' is no list of numbers, as in 0,3,16-23", text);
		}
		uint32_t *wider = realloc(list, (count + last - first + 1) * sizeof *list);
		if (!wider) {
			free(list);
			return cnn_fail_memory(err, "the list of channels", count * sizeof *list);
		}
		list = wider;
		for (uint32_t i = first; i <= last; i++)
			list[count++] = i;
	} while (*at);
	*out = list;
	*n = count;
	return CNN_OK;
}
