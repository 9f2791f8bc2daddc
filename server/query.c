#include "server/query.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_PARAMS = 32 };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int percent_byte(const char *text, size_t len)
{
	int high = len > 2 ? hex_digit(text[1]) : -1;
	int low = high >= 0 ? hex_digit(text[2]) : -1;
	return low < 0 ? -1 : high << 4 | low;
}

char *percent_decode(struct arena *arena, const char *text, size_t len, bool form,
                     struct cnn_error *err)
{
	char *out = arena_alloc(arena, len + 1, 1);
	if (!out) {
		cnn_fail_memory(err, "a request's address", len + 1);
		return NULL;
	}
	char *to = out;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '+' && form) {
			c = ' ';
		} else if (c == '%') {
			int byte = percent_byte(text + i, len - i);
			if (byte < 0) {
				cnn_fail(err, CNN_BAD_ARG, "broken escape at '%.*s'",
				         (int)(len - i > 8 ? 8 : len - i), text + i);
				return NULL;
			}
			c = (unsigned char)byte;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f) {
			cnn_fail(err, CNN_BAD_ARG, "control character 0x%02x in the address", c);
			return NULL;
		}
		*to++ = (char)c;
	}
	*to = '\0';
	return out;
}

enum cnn_status query_parse(struct arena *arena, const char *text, struct query *out,
                            struct cnn_error *err)
{
	*out = (struct query){0};
	if (!text || !*text)
		return CNN_OK;
	out->param = arena_alloc(arena, MAX_PARAMS, sizeof *out->param);
	if (!out->param)
		return cnn_fail_memory(err, "a query", MAX_PARAMS * sizeof *out->param);
	while (*text) {
		size_t len = strcspn(text, "&");
		size_t name_len = strcspn(text, "=&");
		if (len > 0) {
			if (out->n == MAX_PARAMS)
				return cnn_fail(err, CNN_BAD_ARG, "more than %d query parameters",
				                MAX_PARAMS);
			size_t value_at = name_len < len ? name_len + 1 : len;
			struct query_param p = {
				percent_decode(arena, text, name_len, true, err),
				NULL,
			};
			if (p.name)
				p.value = percent_decode(arena, text + value_at, len - value_at,
				                         true, err);
			if (!p.value)
				return err ? err->code : CNN_BAD_ARG;
			if (query_get(out, p.name))
				return cnn_fail(err, CNN_BAD_ARG,
				                "query parameter '%.60s' is given twice", p.name);
			out->param[out->n++] = p;
		}
		text += len + (text[len] == '&');
	}
	return CNN_OK;
}

const char *query_get(const struct query *query, const char *name)
{
	for (size_t i = 0; i < query->n; i++) {
		if (strcmp(query->param[i].name, name) == 0)
			return query->param[i].value;
	}
	return NULL;
}

enum cnn_status query_only(const struct query *query, const char *const known[],
                           struct cnn_error *err)
{
	for (size_t i = 0; i < query->n; i++) {
		bool found = false;
		for (size_t k = 0; known[k]; k++)
			found |= strcmp(known[k], query->param[i].name) == 0;
		if (!found)
			return cnn_fail(err, CNN_BAD_ARG, "unknown query parameter '%.60s'",
			                query->param[i].name);
	}
	return CNN_OK;
}

enum cnn_status parse_number(const char *name, const char *text, uint64_t min, uint64_t max,
                             uint64_t *out, struct cnn_error *err)
{
	uint64_t value = 0;
	bool good = *text != '\0';
	for (const char *p = text; good && *p; p++) {
		good = *p >= '0' && *p <= '9' && value <= (UINT64_MAX - 9) / 10;
		if (good)
			value = value * 10 + (uint64_t)(*p - '0');
	}
	if (!good || value < min || value > max)
		return cnn_fail(err, CNN_BAD_ARG,
		                "%s=%.40s: must be a whole number from %" PRIu64 " to %" PRIu64,
		                name, text, min, max);
	*out = value;
	return CNN_OK;
}
