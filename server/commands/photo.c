#include "server/commands/photo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_BYTES ((size_t)1 << 30)

/* All of a file or of stdin, from malloc(). */
static uint8_t *read_stream(FILE *f, size_t *len)
{
	size_t size = 1 << 16;
	uint8_t *bytes = malloc(size);
	*len = 0;
	while (bytes) {
		*len += fread(bytes + *len, 1, size - *len, f);
		if (*len < size)
			return bytes;
		uint8_t *wider = size < MAX_FILE_BYTES ? realloc(bytes, size *= 2) : NULL;
		if (!wider)
			free(bytes);
		bytes = wider;
	}
	return NULL;
}

uint8_t *photo_read(const char *path, size_t *len, struct cnn_error *err)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *f = standard ? stdin : fopen(path, "rb");
	if (!f) {
		cnn_fail(err, CNN_IO, "%s", strerror(errno));
		return NULL;
	}
	uint8_t *bytes = read_stream(f, len);
	if (!bytes) {
		cnn_fail(err, CNN_NO_MEMORY, "larger than memory or 1 GiB");
	} else if (ferror(f)) {
		cnn_fail(err, CNN_IO, "%s", strerror(errno));
		free(bytes);
		bytes = NULL;
	}
	if (!standard)
		fclose(f);
	return bytes;
}
