#include "engine/run/label_text.h"

#include <string.h>

#define MAX_TEXT_BYTES ((size_t)16 << 20)

/* One reading. What is read is written to `to`, which has room for all of the text: nothing becomes longer. */
struct scan {
	const char *at;
	char *to;
	const char **label; /* [most + 1] */
	size_t n, most;
};

static void skip_space(struct scan *s)
{
	s->at += strspn(s->at, " \t\r\n");
}

static bool take(struct scan *s, char c)
{
	skip_space(s);
	if (*s->at != c)
		return false;
	s->at++;
	return true;
}

/* `digits` hexadecimal ones. */
static bool take_hex(struct scan *s, int digits, uint32_t *out)
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";
	*out = 0;
	for (int i = 0; i < digits; i++) {
		const char *digit = *s->at ? strchr(hex, *s->at) : NULL;
		if (!digit)
			return false;
		*out = *out << 4 | (uint32_t)((digit - hex) & 15);
		s->at++;
	}
	return true;
}

static void put_utf8(struct scan *s, uint32_t code)
{
	int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
	*s->to++ = (char)(first[more] | code >> (6 * more));
	while (more-- > 0)
		*s->to++ = (char)(0x80 | (code >> (6 * more) & 0x3f));
}

/* Behind a backslash. Code points that are none become '?' with all that is not valid. */
static bool take_escape(struct scan *s)
{
	char c = *s->at++;
	uint32_t code, low;
	if (c == 'n' || c == 'r' || c == 't') {
		*s->to++ = ' ';
	} else if (c == 'u' || c == 'x') {
		if (!take_hex(s, c == 'u' ? 4 : 2, &code) || code == 0)
			return false;
		if (code >> 10 == 0xd800 >> 10 && s->at[0] == '\\' && s->at[1] == 'u') {
			s->at += 2;
			if (!take_hex(s, 4, &low))
				return false;
			code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
		}
		put_utf8(s, code);
	} else if (!c) {
		return false;
	} else {
		*s->to++ = c;
	}
	return true;
}

static bool take_string(struct scan *s, const char **out)
{
	skip_space(s);
	char quote = *s->at;
	if (quote != '"' && quote != '\'')
		return false;
	s->at++;
	char *start = s->to;
	while (*s->at != quote) {
		if (!*s->at)
			return false;
		if (*s->at != '\\') {
			*s->to++ = *s->at++;
			continue;
		}
		s->at++;
		if (!take_escape(s))
			return false;
	}
	s->at++;
	*s->to++ = '\0';
	text_clean(start);
	*out = start;
	return true;
}

/* 12, or "12". */
static bool take_index(struct scan *s, size_t *out)
{
	skip_space(s);
	char quote = *s->at == '"' || *s->at == '\'' ? *s->at++ : '\0';
	size_t digits = strspn(s->at, "0123456789");
	if (digits < 1 || digits > 9)
		return false;
	for (*out = 0; digits--; s->at++)
		*out = *out * 10 + (size_t)(*s->at - '0');
	return quote == '\0' || *s->at++ == quote;
}

/* A list or an object, up to the end of the text. */
static bool take_all(struct scan *s)
{
	bool object = *s->at == '{';
	char end = object ? '}' : *s->at == '[' ? ']' : ')';
	s->at++;
	while (!take(s, end)) {
		size_t index = s->n;
		if (object && (!take_index(s, &index) || !take(s, ':')))
			return false;
		if (s->n == s->most || index >= s->most || s->label[index] ||
		    !take_string(s, &s->label[index]))
			return false;
		s->n++;
		skip_space(s);
		if (*s->at != end && !take(s, ','))
			return false;
	}
	skip_space(s);
	for (size_t i = 0; i < s->n; i++)
		if (!s->label[i])
			return false;
	return *s->at == '\0';
}

/* Each line, or what is between commas, without space around it. */
static bool take_pieces(struct scan *s)
{
	char separator = strchr(s->at, '\n') ? '\n' : ',';
	while (*s->at) {
		skip_space(s);
		const char *end = strchr(s->at, separator);
		size_t n = end ? (size_t)(end - s->at) : strlen(s->at), kept = n;
		while (kept && strchr(" \t\r", s->at[kept - 1]))
			kept--;
		if (!end && !kept)
			break; /* behind the last line's end */
		if (s->n == s->most)
			return false;
		memcpy(s->to, s->at, kept);
		s->label[s->n++] = s->to;
		s->to[kept] = '\0';
		text_clean(s->to);
		s->to += kept + 1;
		s->at += n + (end != NULL);
	}
	return true;
}

enum cnn_status label_text_read(const char *text, size_t most, struct arena *arena,
                                struct label_list *out, struct cnn_error *err)
{
	size_t len = strlen(text), commas = 1;
	*out = (struct label_list){0};
	if (len > MAX_TEXT_BYTES)
		return CNN_OK;
	for (size_t i = 0; i < len; i++)
		commas += text[i] == ',' || text[i] == '\n';
	struct scan s = {.at = text, .most = most < commas ? most : commas};
	s.to = arena_alloc(arena, len + 2, 1);
	s.label = arena_alloc(arena, s.most + 1, sizeof *s.label);
	if (!s.to || !s.label)
		return cnn_fail_memory(err, "labels", len);
	skip_space(&s);
	if (*s.at && strchr("[{(", *s.at) ? take_all(&s) : take_pieces(&s))
		*out = (struct label_list){.label = s.label, .n = s.n};
	return CNN_OK;
}
