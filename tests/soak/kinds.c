#include "tests/soak/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_statuses(struct kind *k, const char *text)
{
	while (k->n_statuses < MAX_STATUSES) {
		char *end;
		long status = strtol(text, &end, 10);
		if (end == text || status < 0 || status >= STATUS_CODES)
			return false;
		k->status[k->n_statuses++] = (int)status;
		if (*end == '\0')
			return true;
		text = end + 1;
	}
	return false;
}

static bool read_bytes(FILE *f, size_t len, char **out)
{
	*out = malloc(len + 1);
	if (!*out || fread(*out, 1, len, f) != len)
		return false;
	(*out)[len] = '\0';
	return true;
}

static bool read_kind(FILE *f, struct kind *k)
{
	char statuses[64], flags[16];
	if (fscanf(f, "%63s %lf %u %63s %15s %ld %ld %zu %zu", k->name, &k->weight, &k->answers,
	           statuses, flags, &k->cut, &k->leave, &k->len, &k->contained_len) != 9 ||
	    fgetc(f) != '\n' || !read_statuses(k, statuses))
		return false;
	k->head = strchr(flags, 'h') != NULL;
	k->fresh = strchr(flags, 'f') != NULL;
	k->shut = strchr(flags, 's') != NULL;
	k->reset = strchr(flags, 'r') != NULL;
	return read_bytes(f, k->len, &k->bytes) && read_bytes(f, k->contained_len, &k->contained) &&
	       fgetc(f) == '\n';
}

bool kinds_read(struct kind_list *list, const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return false;
	bool good = fscanf(f, "%zu", &list->n) == 1 && fgetc(f) == '\n' && list->n > 0;
	list->kind = good ? calloc(list->n, sizeof *list->kind) : NULL;
	good = good && list->kind;
	for (size_t i = 0; good && i < list->n; i++) {
		good = read_kind(f, &list->kind[i]);
		list->weight += list->kind[i].weight;
	}
	fclose(f);
	return good;
}

void kinds_free(struct kind_list *list)
{
	for (size_t i = 0; list->kind && i < list->n; i++) {
		free(list->kind[i].bytes);
		free(list->kind[i].contained);
	}
	free(list->kind);
}

bool kind_allows(const struct kind *kind, int status)
{
	for (size_t i = 0; i < kind->n_statuses; i++)
		if (kind->status[i] == status)
			return true;
	return false;
}
