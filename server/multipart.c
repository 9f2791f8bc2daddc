#include "server/multipart.h"

#include <string.h>
#include <strings.h>

enum { MAX_PART_HEADER = 8192 };

bool multipart_is(const char *content_type)
{
	static const char type[] = "multipart/form-data";
	if (!content_type || strncasecmp(content_type, type, sizeof type - 1) != 0)
		return false;
	char next = content_type[sizeof type - 1];
	return next == '\0' || next == ';' || next == ' ' || next == '\t';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Find parameter `name` in `value; a=b; c="d"`. Its value goes to out, cut to size - 1 bytes; a backslash in a
 * quoted value escapes the next character. Returns the value's whole length, -1 when it is not there. */
static long header_param(const char *text, size_t len, const char *name, char *out, size_t size)
{
	const char *p = text, *end = text + len;
	while (p < end && *p != ';')
		p++;
	while (p < end) {
		while (p < end && (*p == ';' || is_blank(*p)))
			p++;
		const char *key = p;
		while (p < end && *p != '=' && *p != ';')
			p++;
		bool wanted = (size_t)(p - key) == strlen(name) &&
		              strncasecmp(key, name, (size_t)(p - key)) == 0;
		if (p == end || *p == ';')
			continue;
		p++;
		bool quoted = p < end && *p == '"';
		char stop = quoted ? '"' : ';';
		long got = 0, ink = 0; /* ink: up to the last character that is not blank */
		for (p += quoted; p < end && *p != stop; p++) {
			if (quoted && *p == '\\' && p + 1 < end)
				p++;
			if (wanted && (size_t)got + 1 < size)
				out[got] = *p;
			got++;
			if (quoted || !is_blank(*p))
				ink = got;
		}
		if (wanted) {
			out[(size_t)ink < size ? (size_t)ink : size - 1] = '\0';
			return ink;
		}
		while (p < end && *p != ';')
			p++;
	}
	return -1;
}

enum cnn_status multipart_boundary(const char *content_type, char boundary[71],
                                   struct cnn_error *err)
{
	long len = header_param(content_type, strlen(content_type), "boundary", boundary, 71);
	if (len < 1 || len > 70)
		return cnn_fail(err, CNN_BAD_ARG,
		                "multipart/form-data needs a boundary of 1 to 70 characters");
	return CNN_OK;
}

/* The value of header `name` in the lines of a part's header; NULL when it is not there. */
static const char *part_header(const char *lines, size_t len, const char *name, size_t *value_len)
{
	size_t name_len = strlen(name);
	for (const char *line = lines, *end = lines + len; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		const char *next = stop ? stop + 1 : end;
		if (!stop)
			stop = end;
		if (stop > line && stop[-1] == '\r')
			stop--;
		if ((size_t)(stop - line) > name_len && line[name_len] == ':' &&
		    strncasecmp(line, name, name_len) == 0) {
			const char *value = line + name_len + 1;
			while (value < stop && is_blank(*value))
				value++;
			*value_len = (size_t)(stop - value);
			return value;
		}
		line = next;
	}
	return NULL;
}

static enum cnn_status read_part_header(const char *lines, size_t len, struct multipart_part *out,
                                        struct cnn_error *err)
{
	size_t value_len;
	const char *value = part_header(lines, len, "Content-Disposition", &value_len);
	if (!value)
		return cnn_fail(err, CNN_BAD_ARG,
		                "a part of the multipart body has no Content-Disposition");
	char filename[8];
	header_param(value, value_len, "name", out->name, sizeof out->name);
	long filename_len = header_param(value, value_len, "filename", filename, sizeof filename);
	if (filename_len < 0)
		filename_len =
			header_param(value, value_len, "filename*", filename, sizeof filename);
	out->has_filename = filename_len >= 0;
	out->empty_filename = filename_len == 0;

	value = part_header(lines, len, "Content-Type", &value_len);
	out->is_image =
		value &&
		((value_len > 6 && strncasecmp(value, "image/", 6) == 0) ||
	         (value_len >= 24 && strncasecmp(value, "application/octet-stream", 24) == 0));
	value = part_header(lines, len, "Content-Transfer-Encoding", &value_len);
	if (value && !(value_len == 6 && strncasecmp(value, "binary", 6) == 0) &&
	    !(value_len == 4 &&
	      (strncasecmp(value, "8bit", 4) == 0 || strncasecmp(value, "7bit", 4) == 0)))
		return cnn_fail(err, CNN_BAD_ARG, "multipart transfer encoding '%.*s' is not read",
		                (int)(value_len > 40 ? 40 : value_len), value);
	return CNN_OK;
}

/* The first line of the body or a line end, then "--boundary". Returns the offset behind it; *start gets the
 * offset where the delimiter, with its line end, begins. SIZE_MAX when there is none. */
static size_t find_delimiter(const uint8_t *body, size_t len, size_t from, const char *boundary,
                             size_t *start)
{
	char delimiter[2 + 2 + 70 + 1] = "\r\n--";
	strncat(delimiter, boundary, 70);
	size_t n = strlen(delimiter);
	if (from == 0 && len >= n - 2 && memcmp(body, delimiter + 2, n - 2) == 0) {
		*start = 0;
		return n - 2;
	}
	const uint8_t *hit = memmem(body + from, len - from, delimiter, n);
	if (!hit)
		return SIZE_MAX;
	*start = (size_t)(hit - body);
	return *start + n;
}

enum cnn_status multipart_next(const uint8_t *body, size_t len, const char *boundary,
                               size_t *offset, struct multipart_part *out, bool *found,
                               struct cnn_error *err)
{
	*out = (struct multipart_part){0};
	*found = false;
	size_t start;
	size_t at = find_delimiter(body, len, *offset, boundary, &start);
	if (at == SIZE_MAX)
		return cnn_fail(err, CNN_BAD_ARG,
		                "the multipart body does not begin with its boundary");
	if (len - at >= 2 && body[at] == '-' && body[at + 1] == '-')
		return CNN_OK;
	while (at < len && is_blank((char)body[at]))
		at++;
	if (len - at < 2 || body[at] != '\r' || body[at + 1] != '\n')
		return cnn_fail(err, CNN_BAD_ARG,
		                "the multipart body is cut or broken at a boundary");
	/* The search starts at the line end of the boundary, so that a part without headers is found too. */
	size_t window = len - at < MAX_PART_HEADER ? len - at : MAX_PART_HEADER;
	const uint8_t *blank = memmem(body + at, window, "\r\n\r\n", 4);
	if (!blank)
		return cnn_fail(err, CNN_BAD_ARG,
		                "a part of the multipart body has no end of its header");
	at += 2;
	size_t header_end = (size_t)(blank - body) + 2;
	enum cnn_status status = read_part_header((const char *)body + at,
	                                          header_end > at ? header_end - at : 0, out, err);
	if (status != CNN_OK)
		return status;
	size_t data = (size_t)(blank - body) + 4;
	/* The part's data may be empty: then its blank line is also the line end before the boundary. */
	size_t end;
	if (find_delimiter(body, len, data - 2, boundary, &end) == SIZE_MAX)
		return cnn_fail(err, CNN_BAD_ARG,
		                "the multipart body ends before its closing boundary");
	if (end < data)
		data = end;
	out->bytes = body + data;
	out->len = end - data;
	*offset = end;
	*found = true;
	return CNN_OK;
}
