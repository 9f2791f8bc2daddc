#include "engine/base/pages.h"
#include "engine/run/describe.h"
#include "engine/run/file.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LABEL_BYTES ((size_t)16 << 20)

/* Bytes of the valid UTF-8 sequence at p (RFC 3629), 0 when there is none. */
static size_t utf8_length(const unsigned char *p)
{
	static const struct {
		unsigned char first, last, second_low, second_high;
		size_t length;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	if (*p < 0x80)
		return *p >= 0x20 && *p != 0x7f;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		if (*p < forms[i].first || *p > forms[i].last)
			continue;
		if (p[1] < forms[i].second_low || p[1] > forms[i].second_high)
			return 0;
		for (size_t k = 2; k < forms[i].length; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

void text_clean(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p;) {
		size_t n = utf8_length(p);
		if (n == 0)
			*p = '?';
		p += n ? n : 1;
	}
}

/* Cut text[0..len) into lines; the last one may lack its newline. */
static size_t cut_lines(char *text, size_t len, const char **line)
{
	size_t n = 0;
	for (size_t at = 0; at < len; n++) {
		char *start = text + at, *end = memchr(start, '\n', len - at);
		size_t length = end ? (size_t)(end - start) : len - at;
		at += length + 1;
		if (!line)
			continue;
		start[length] = '\0';
		if (length && start[length - 1] == '\r')
			start[length - 1] = '\0';
		text_clean(start);
		line[n] = start;
	}
	return n;
}

enum cnn_status labels_read(const char *dir, const char *name, bool required, struct arena *arena,
                            struct label_list *out, struct cnn_error *err)
{
	*out = (struct label_list){0};
	if (*name == '/' || strstr(name, ".."))
		return cnn_fail(err, CNN_BAD_MODEL,
		                "%s/model.json: \"labels\" must name a file of this directory",
		                dir);
	const char *path = arena_printf(arena, "%s/%s", dir, name);
	if (!path)
		return cnn_fail_memory(err, "labels", strlen(dir));
	uint8_t *bytes;
	size_t len;
	enum cnn_status status = file_read(path, MAX_LABEL_BYTES, !required, &bytes, &len, err);
	if (status || !bytes)
		return status;
	size_t skip =
		len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* a byte order mark */
	size_t n = cut_lines((char *)bytes + skip, len - skip, NULL);
	char *text = arena_alloc(arena, len - skip + 1, 1);
	const char **line = arena_alloc(arena, n + 1, sizeof *line);
	if (text && line) {
		memcpy(text, bytes + skip, len - skip);
		cut_lines(text, len - skip, line);
		*out = (struct label_list){.label = line, .n = n, .by = name};
	} else {
		status = cnn_fail_memory(err, path, len);
	}
	pages_free(bytes);
	return status;
}
