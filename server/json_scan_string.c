/* Strings of JSON: their escapes, their UTF-8. */
#include "server/json_scan.h"

#include <string.h>

/* How many bytes the UTF-8 character at p has; 0: it is none. */
static size_t utf8_bytes(const unsigned char *p, const unsigned char *end)
{
	static const struct {
		unsigned char first, last; /* of the first byte */
		unsigned char low, high;   /* of the second */
		size_t bytes;
	} forms[] = {
		{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		if (*p < forms[i].first || *p > forms[i].last)
			continue;
		if ((size_t)(end - p) < forms[i].bytes)
			return 0;
		if (forms[i].bytes > 1 && (p[1] < forms[i].low || p[1] > forms[i].high))
			return 0;
		for (size_t k = 2; k < forms[i].bytes; k++) {
			if (p[k] < 0x80 || p[k] > 0xbf)
				return 0;
		}
		return forms[i].bytes;
	}
	return 0;
}

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 63));
		*to++ = (char)(0x80 | (c & 63));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 63));
		*to++ = (char)(0x80 | (c >> 6 & 63));
		*to++ = (char)(0x80 | (c & 63));
	}
	return to;
}

/* The four digits after "\u"; false: they are none. */
static bool read_hex(struct json_scan *r, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++, r->at++) {
		static const char digits[] = "0123456789abcdefABCDEF";
		const char *d = r->at < r->end && *r->at ? strchr(digits, *r->at) : NULL;
		if (!d)
			return false;
		uint32_t value = (uint32_t)(d - digits);
		*out = *out << 4 | (value > 15 ? value - 6 : value);
	}
	return true;
}

/* What follows a backslash. *to may be NULL: only check. */
static enum cnn_status read_escape(struct json_scan *r, char **to)
{
	static const char names[] = "\"\\/bfnrt", stand_for[] = "\"\\/\b\f\n\r\t";
	uint32_t c, low;
	const char *name = r->at < r->end && *r->at ? strchr(names, *r->at) : NULL;
	if (name) {
		c = (unsigned char)stand_for[name - names];
		r->at++;
	} else if (r->at < r->end && *r->at == 'u') {
		r->at++;
		if (!read_hex(r, &c))
			return scan_wrong(r, "\\u needs four hexadecimal digits");
		if (c >= 0xdc00 && c < 0xe000)
			return scan_wrong(r, "half a character");
		if (c >= 0xd800 && c < 0xdc00) {
			if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
				return scan_wrong(r, "half a character");
			r->at += 2;
			if (!read_hex(r, &low) || low < 0xdc00 || low > 0xdfff)
				return scan_wrong(r, "half a character");
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
	} else {
		return scan_wrong(r, "an unknown escape");
	}
	if (*to && c == 0)
		return scan_wrong(r, "a NUL in a string");
	if (*to)
		*to = put_utf8(*to, c);
	return CNN_OK;
}

/* The string's end; the text between the quotes becomes `to` where that is not NULL. */
enum cnn_status scan_text(struct json_scan *r, char **to)
{
	if (scan_peek(r) != '"')
		return scan_wrong(r, "a string is expected");
	r->at++;
	while (r->at < r->end && *r->at != '"') {
		if (*r->at == '\\') {
			r->at++;
			enum cnn_status status = read_escape(r, to);
			if (status)
				return status;
			continue;
		}
		size_t n = utf8_bytes((const unsigned char *)r->at, (const unsigned char *)r->end);
		if (n == 0)
			return scan_wrong(r, "a string is not UTF-8");
		if ((unsigned char)*r->at < 0x20)
			return scan_wrong(r, "a control character in a string");
		if (*to) {
			memcpy(*to, r->at, n);
			*to += n;
		}
		r->at += n;
	}
	if (r->at == r->end)
		return scan_wrong(r, "a string does not end");
	r->at++;
	return CNN_OK;
}

enum cnn_status scan_string(struct json_scan *r, struct arena *arena, const char **out, size_t *len)
{
	/* What escapes stand for is never longer than they are. */
	struct json_scan ahead = *r;
	char *none = NULL;
	enum cnn_status status = scan_text(&ahead, &none);
	if (status)
		return status;
	size_t room = (size_t)(ahead.at - r->at);
	char *text = arena_alloc(arena, room, 1), *to = text;
	if (!text)
		return cnn_fail_memory(r->err, "a string", room);
	status = scan_text(r, &to);
	if (status)
		return status;
	*to = '\0';
	*out = text;
	if (len)
		*len = (size_t)(to - text);
	return CNN_OK;
}

enum cnn_status scan_key(struct json_scan *r, char out[SCAN_MAX_KEY])
{
	struct json_scan ahead = *r;
	char *none = NULL, *to = out;
	enum cnn_status status = scan_text(&ahead, &none);
	if (status)
		return status;
	bool fits = ahead.at - r->at < SCAN_MAX_KEY;
	status = scan_text(r, fits ? &to : &none);
	if (status)
		return status;
	*to = '\0';
	scan_blanks(r);
	if (r->at == r->end || *r->at != ':')
		return scan_wrong(r, "':' is expected");
	r->at++;
	return CNN_OK;
}
