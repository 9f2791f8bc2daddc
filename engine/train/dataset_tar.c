/* What a .tar holds: ustar, with the long names of pax and of GNU tar. Nothing is unpacked; an entry is where
 * its bytes lie. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/train/dataset.h"

enum {
	BLOCK = 512,
	MAX_EXTENDED = 1 << 20, /* bytes of a long name or of pax records */
	MAX_PATH = 4096,
};

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
	char link[100], magic[8], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header fills its block");

struct tar {
	struct dataset_source *s;
	uint64_t size, at;
	struct cnn_error *err;
	/* of the next entry, said by the ones before it */
	char *long_name; /* malloc'ed, or NULL */
	bool has_size, sparse;
	uint64_t long_size;
};

static enum cnn_status broken(const struct tar *t, const char *why)
{
	return cnn_fail(t->err, CNN_IO, "%s: broken .tar: %s at byte %llu", t->s->path, why,
	                (unsigned long long)t->at);
}

static enum cnn_status read_at(const struct tar *t, uint64_t offset, void *to, size_t len)
{
	struct cnn_error why;
	enum cnn_status status = dataset_read_at(t->s->tar, offset, to, len, &why);
	return status ? cnn_fail(t->err, status, "%s: %s", t->s->path, why.text) : CNN_OK;
}

/* --- numbers -------------------------------------------------------------- */

/* Octal digits, or GNU's big-endian binary for what is too large for them. */
static bool parse_number(const char *field, size_t n, uint64_t *out)
{
	const uint8_t *p = (const uint8_t *)field;
	uint64_t value = 0;
	size_t i = 0;
	if (p[0] & 0x80) {
		if (p[0] != 0x80)
			return false;
		for (i = 1; i < n; i++) {
			if (value >> 56)
				return false;
			value = value << 8 | p[i];
		}
		*out = value;
		return true;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(p[i] - '0');
	if (i < n && p[i] != 0 && p[i] != ' ')
		return false;
	*out = value;
	return true;
}

/* The sum of all bytes, those of the sum itself taken as spaces; old programs added signed ones. */
static bool checksum_is_right(const struct header *h)
{
	const uint8_t *p = (const uint8_t *)h;
	size_t from = offsetof(struct header, checksum), to = from + sizeof h->checksum;
	int64_t plain = 0, with_sign = 0;
	for (size_t i = 0; i < BLOCK; i++) {
		uint8_t byte = i >= from && i < to ? ' ' : p[i];
		plain += byte;
		with_sign += byte < 128 ? byte : byte - 256;
	}
	uint64_t said;
	return parse_number(h->checksum, sizeof h->checksum, &said) &&
	       ((int64_t)said == plain || (int64_t)said == with_sign);
}

static bool is_zero(const struct header *h)
{
	const char *p = (const char *)h;
	return p[0] == 0 && memcmp(p, p + 1, BLOCK - 1) == 0;
}

/* --- extended headers ----------------------------------------------------- */

static void forget_extended(struct tar *t)
{
	free(t->long_name);
	t->long_name = NULL;
	t->has_size = t->sparse = false;
}

static enum cnn_status set_long_name(struct tar *t, const char *name, size_t n)
{
	free(t->long_name);
	t->long_name = strndup(name, n);
	return t->long_name ? CNN_OK : cnn_fail_memory(t->err, "the names of files", n);
}

static enum cnn_status take_record(struct tar *t, const char *text, size_t n)
{
	const char *equals = memchr(text, '=', n);
	if (!equals)
		return broken(t, "pax record without '='");
	size_t key = (size_t)(equals - text), len = n - key - 1;
	const char *value = equals + 1;
	if (key == 4 && memcmp(text, "path", 4) == 0)
		return set_long_name(t, value, len);
	if (key > 10 && memcmp(text, "GNU.sparse", 10) == 0)
		t->sparse = true;
	if (key != 4 || memcmp(text, "size", 4) != 0)
		return CNN_OK;
	uint64_t size = 0;
	for (size_t i = 0; i < len; i++)
		if (value[i] < '0' || value[i] > '9' || __builtin_mul_overflow(size, 10, &size) ||
		    __builtin_add_overflow(size, (uint64_t)(value[i] - '0'), &size))
			return broken(t, "pax record with a wrong size");
	t->has_size = true;
	t->long_size = size;
	return CNN_OK;
}

/* Records of "LENGTH KEY=VALUE\n", the length being that of all of it. */
static enum cnn_status take_pax(struct tar *t, const char *text, size_t n)
{
	enum cnn_status status = CNN_OK;
	while (n > 0 && !status) {
		size_t len = 0, i = 0;
		for (; i < n && i < 8 && text[i] >= '0' && text[i] <= '9'; i++)
			len = len * 10 + (size_t)(text[i] - '0');
		if (i == 0 || i >= n || text[i] != ' ' || len > n || len < i + 2 ||
		    text[len - 1] != '\n')
			return broken(t, "pax record with a wrong length");
		status = take_record(t, text + i + 1, len - i - 2);
		text += len;
		n -= len;
	}
	return status;
}

/* The contents at `offset` say something about the next entry. */
static enum cnn_status take_extended(struct tar *t, char type, uint64_t offset, uint64_t size)
{
	if (size > MAX_EXTENDED)
		return broken(t, "extended header that is too long");
	char *text = malloc((size_t)size + 1);
	if (!text)
		return cnn_fail_memory(t->err, "the names of files", (size_t)size);
	text[size] = '\0';
	enum cnn_status status = read_at(t, offset, text, (size_t)size);
	if (!status)
		status = type == 'L' ? set_long_name(t, text, (size_t)size)
		                     : take_pax(t, text, (size_t)size);
	free(text);
	return status;
}

/* --- entries -------------------------------------------------------------- */

static size_t field_length(const char *field, size_t n)
{
	return strnlen(field, n);
}

/* The name as it is stored, in `to` of MAX_PATH bytes. */
static bool stored_name(const struct tar *t, const struct header *h, char *to)
{
	int n;
	if (t->long_name)
		n = snprintf(to, MAX_PATH, "%s", t->long_name);
	else if (memcmp(h->magic, "ustar\0", 6) == 0 && h->prefix[0])
		n = snprintf(to, MAX_PATH, "%.*s/%.*s",
		             (int)field_length(h->prefix, sizeof h->prefix), h->prefix,
		             (int)field_length(h->name, sizeof h->name), h->name);
	else
		n = snprintf(to, MAX_PATH, "%.*s", (int)field_length(h->name, sizeof h->name),
		             h->name);
	return n >= 0 && n < MAX_PATH;
}

/* In place, without "/" and "./" in front and "/" behind; false when any part is hidden (or is ".."). */
static bool clean_name(char *name)
{
	char *to = name;
	for (const char *from = name; *from;) {
		size_t n = strcspn(from, "/");
		bool here = n == 1 && from[0] == '.';
		if (from[0] == '.' && !here)
			return false;
		if (n > 0 && !here) {
			if (to != name)
				*to++ = '/';
			memmove(to, from, n);
			to += n;
		}
		from += n;
		from += *from == '/';
	}
	*to = '\0';
	return to != name;
}

static const char *why_refused(const struct tar *t, char type)
{
	switch (type) {
	case '\0':
	case '0':
	case '7':
		return t->sparse ? "a sparse file in a .tar" : NULL;
	case '1':
	case '2':
		return "a link in a .tar";
	case 'S':
		return "a sparse file in a .tar";
	default:
		return "not a regular file";
	}
}

static enum cnn_status take_entry(struct tar *t, const struct header *h, uint64_t offset,
                                  uint64_t size)
{
	char name[MAX_PATH];
	if (!stored_name(t, h, name))
		return broken(t, "name that is too long");
	size_t n = strlen(name);
	/* Before there was a type for folders, a slash told. */
	bool folder = h->type == '5' || (h->type == '\0' && n > 0 && name[n - 1] == '/');
	if (!clean_name(name))
		return CNN_OK;
	const struct dataset_entry e = {
		.path = arena_strdup(t->s->arena, name),
		.refused = folder ? NULL : why_refused(t, h->type),
		.offset = offset,
		.size = size,
		.folder = folder,
	};
	if (!e.path)
		return cnn_fail_memory(t->err, "the names of files", n);
	return dataset_add_entry(t->s, &e, t->err);
}

static bool has_no_bytes(char type)
{
	return type >= '1' && type <= '6';
}

static enum cnn_status take_header(struct tar *t, const struct header *h)
{
	uint64_t size, offset = t->at + BLOCK;
	bool extended = h->type == 'x' || h->type == 'X' || h->type == 'L';
	bool about_others = h->type == 'g' || h->type == 'K' || h->type == 'V';
	if (!parse_number(h->size, sizeof h->size, &size))
		return broken(t, "header with a wrong size");
	if (!extended && !about_others && t->has_size)
		size = t->long_size;
	if (has_no_bytes(h->type))
		size = 0;
	if (size > t->size - offset)
		return broken(t, "the archive ends within the entry");

	enum cnn_status status = CNN_OK;
	if (extended) {
		status = take_extended(t, h->type, offset, size);
	} else if (!about_others) {
		status = take_entry(t, h, offset, size);
		forget_extended(t);
	}
	/* The padding of the last entry may be missing. */
	uint64_t padded = (size + BLOCK - 1) / BLOCK * BLOCK;
	t->at = padded > t->size - offset ? t->size : offset + padded;
	return status;
}

static enum cnn_status not_a_tar(const struct tar *t, const uint8_t *start)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
	} packed[] = {
		{"gzip", "\x1f\x8b", 2},
		{"bzip2", "BZh", 3},
		{"xz",
	         "\xfd"
	         "7zXZ",
	         5},
		{"zstd", "\x28\xb5\x2f\xfd", 4},
		{"zip", "PK\3\4", 4},
	};
	for (size_t i = 0; i < sizeof packed / sizeof packed[0]; i++)
		if (memcmp(start, packed[i].bytes, packed[i].len) == 0)
			return cnn_fail(t->err, CNN_IO,
			                "%s: compressed with %s, only a plain .tar is read",
			                t->s->path, packed[i].name);
	return cnn_fail(t->err, CNN_IO, "%s: neither a folder nor a .tar", t->s->path);
}

/* The end of the archive is a block of zeros, or that of the file. */
static enum cnn_status read_headers(struct tar *t)
{
	struct header h;
	enum cnn_status status = CNN_OK;
	while (!status && t->at < t->size) {
		size_t n = t->size - t->at < BLOCK ? (size_t)(t->size - t->at) : BLOCK;
		memset(&h, 0, sizeof h);
		status = read_at(t, t->at, &h, n);
		if (status)
			return status;
		bool good = n == BLOCK && checksum_is_right(&h);
		if (t->at == 0 && !good)
			return not_a_tar(t, (const uint8_t *)&h);
		if (is_zero(&h))
			return CNN_OK;
		if (!good)
			return broken(t, n < BLOCK ? "the archive ends within the header"
			                           : "wrong checksum of the header");
		status = take_header(t, &h);
	}
	return status;
}

enum cnn_status dataset_list_tar(struct dataset_source *s, struct cnn_error *err)
{
	struct stat st;
	if (fstat(s->tar, &st) != 0 || st.st_size <= 0)
		return cnn_fail(err, CNN_IO, "%s: empty, not a .tar", s->path);
	struct tar t = {.s = s, .size = (uint64_t)st.st_size, .err = err};
	enum cnn_status status = read_headers(&t);
	forget_extended(&t);
	return status;
}
