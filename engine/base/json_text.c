#include "engine/base/json_text.h"

#include <stdlib.h>

static _Thread_local bool missed;

static void *allocate(size_t size)
{
	void *p = malloc(size);
	missed = missed || !p;
	return p;
}

void json_text_begin(void)
{
	json_set_alloc_funcs(allocate, free);
}

bool json_text_missed(void)
{
	bool was = missed;
	missed = false;
	return was;
}

char *json_text(const json_t *json, size_t flags)
{
	char *text = json ? json_dumps(json, flags) : NULL;
	if (!json_text_missed())
		return text;
	free(text);
	return NULL;
}

bool json_print(const json_t *json, FILE *file, size_t flags)
{
	char *text = json_text(json, flags);
	bool good = text && fputs(text, file) >= 0 && fputc('\n', file) >= 0;
	free(text);
	return good;
}
