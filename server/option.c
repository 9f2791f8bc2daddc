#include "server/option.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct option option_table[] = {
#define ROW(type, f, meta, cmds, text_, ...)   \
	{.kind = type,                         \
	 .field = #f,                          \
	 .offset = offsetof(struct config, f), \
	 .metavar = meta,                      \
	 .commands = cmds,                     \
	 .help = text_,                        \
	 __VA_ARGS__},
#define OPT_STRING(f, def, meta, cmds, text_) ROW(OPTION_STRING, f, meta, cmds, text_, .text = def)
#define OPT_NUMBER(f, def, least, most, meta, cmds, text_) \
	ROW(OPTION_NUMBER, f, meta, cmds, text_, .number = def, .min = least, .max = most)
#define OPT_REAL(f, def, least, most, meta, cmds, text_) \
	ROW(OPTION_REAL, f, meta, cmds, text_, .real = def, .real_min = least, .real_max = most)
#define OPT_CHOICE(f, def, choices, cmds, text_) \
	ROW(OPTION_CHOICE, f, choices, cmds, text_, .number = def)
#define OPT_FLAG(f, def, cmds, text_) ROW(OPTION_FLAG, f, NULL, cmds, text_, .number = def)
#include "server/options.def"
#undef OPT_STRING
#undef OPT_NUMBER
#undef OPT_REAL
#undef OPT_CHOICE
#undef OPT_FLAG
#undef ROW
};
const size_t option_count = sizeof option_table / sizeof option_table[0];

void option_flag(const struct option *o, char out[OPTION_FLAG_BYTES])
{
	snprintf(out, OPTION_FLAG_BYTES, "%s", o->field);
	for (char *p = out; *p; p++)
		if (*p == '_')
			*p = '-';
}

size_t option_find(enum command command, const char *name)
{
	char flag[OPTION_FLAG_BYTES];
	for (size_t i = 0; i < option_count; i++) {
		option_flag(&option_table[i], flag);
		if ((option_table[i].commands & command) && strcmp(flag, name) == 0)
			return i;
	}
	return option_count;
}

/* Levenshtein's distance of two short words. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], n = strlen(b);
	if (n >= sizeof row / sizeof row[0])
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			size_t best = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best < change ? best : change;
		}
	}
	return row[n];
}

bool option_nearest(enum command command, const char *name, char out[64])
{
	char flag[OPTION_FLAG_BYTES];
	size_t best = 3;
	for (size_t i = 0; i < option_count; i++) {
		if (!(option_table[i].commands & command))
			continue;
		option_flag(&option_table[i], flag);
		size_t d = distance(name, flag);
		if (d < best) {
			best = d;
			memcpy(out, flag, sizeof flag);
		}
	}
	return best < 3;
}

static void *field_of(const struct option *o, struct config *config)
{
	return (char *)config + o->offset;
}

/* A whole number, with K, M or G for powers of 1024. */
static bool read_number(const char *text, int64_t *out)
{
	char *end;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	int shift = *end == 'K' || *end == 'k'   ? 10
	            : *end == 'M' || *end == 'm' ? 20
	            : *end == 'G' || *end == 'g' ? 30
	                                         : 0;
	if (end == text || errno || *text == ' ' || end[shift != 0] != '\0')
		return false;
	if (n > (INT64_MAX >> shift) || n < 0)
		return false;
	*out = (int64_t)n << shift;
	return true;
}

static enum cnn_status set_number(const struct option *o, struct config *config, const char *where,
                                  const char *text, struct cnn_error *err)
{
	int64_t n;
	if (!read_number(text, &n) || n < o->min || n > o->max)
		return cnn_fail(err, CNN_BAD_ARG, "%s=%s: must be %" PRId64 "..%" PRId64, where,
		                text, o->min, o->max);
	*(int64_t *)field_of(o, config) = n;
	return CNN_OK;
}

static enum cnn_status set_real(const struct option *o, struct config *config, const char *where,
                                const char *text, struct cnn_error *err)
{
	char *end;
	double x = strtod(text, &end);
	/* strtod() also takes spaces, "inf" and hexadecimal; the last two are meant by nobody */
	bool plain = end != text && !*end && strspn(text, "+-.0123456789eE") == strlen(text);
	if (!plain || !isfinite(x) || x < o->real_min || x > o->real_max)
		return cnn_fail(err, CNN_BAD_ARG, "%s=%s: must be %g..%g", where, text, o->real_min,
		                o->real_max);
	*(double *)field_of(o, config) = x;
	return CNN_OK;
}

static enum cnn_status set_choice(const struct option *o, struct config *config, const char *where,
                                  const char *text, struct cnn_error *err)
{
	size_t length = strlen(text);
	int index = 0;
	for (const char *p = o->metavar; *p; index++) {
		size_t n = strcspn(p, "|");
		if (n == length && memcmp(p, text, n) == 0) {
			*(int *)field_of(o, config) = index;
			return CNN_OK;
		}
		p += n + (p[n] == '|');
	}
	return cnn_fail(err, CNN_BAD_ARG, "%s=%s: must be one of %s", where, text, o->metavar);
}

static enum cnn_status set_flag(const struct option *o, struct config *config, const char *where,
                                const char *text, struct cnn_error *err)
{
	bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "yes") == 0;
	bool no = strcmp(text, "false") == 0 || strcmp(text, "0") == 0 || strcmp(text, "no") == 0;
	if (!yes && !no)
		return cnn_fail(err, CNN_BAD_ARG, "%s=%s: must be true or false", where, text);
	*(bool *)field_of(o, config) = yes;
	return CNN_OK;
}

enum cnn_status option_set(const struct option *o, struct config *config, const char *where,
                           const char *text, struct cnn_error *err)
{
	switch (o->kind) {
	case OPTION_NUMBER:
		return set_number(o, config, where, text, err);
	case OPTION_REAL:
		return set_real(o, config, where, text, err);
	case OPTION_CHOICE:
		return set_choice(o, config, where, text, err);
	case OPTION_FLAG:
		return set_flag(o, config, where, text, err);
	case OPTION_STRING:
		break;
	}
	if (!*text)
		return cnn_fail(err, CNN_BAD_ARG, "%s: must not be empty", where);
	*(const char **)field_of(o, config) = text;
	return CNN_OK;
}

void option_default(const struct option *o, struct config *config)
{
	switch (o->kind) {
	case OPTION_STRING:
		*(const char **)field_of(o, config) = o->text;
		break;
	case OPTION_NUMBER:
		*(int64_t *)field_of(o, config) = o->number;
		break;
	case OPTION_REAL:
		*(double *)field_of(o, config) = o->real;
		break;
	case OPTION_CHOICE:
		*(int *)field_of(o, config) = (int)o->number;
		break;
	case OPTION_FLAG:
		*(bool *)field_of(o, config) = o->number != 0;
		break;
	}
}

void option_print_values(const struct option *o, FILE *out)
{
	if (o->kind == OPTION_STRING && o->text)
		fprintf(out, " [%s]", o->text);
	if (o->kind == OPTION_NUMBER)
		fprintf(out, " [%" PRId64 "; %" PRId64 "..%" PRId64 "]", o->number, o->min, o->max);
	if (o->kind == OPTION_REAL)
		fprintf(out, " [%g; %g..%g]", o->real, o->real_min, o->real_max);
	if (o->kind == OPTION_FLAG && o->number)
		fputs(" [on]", out);
	if (o->kind == OPTION_CHOICE)
		fprintf(out, " [%.*s]", (int)strcspn(o->metavar, "|"), o->metavar);
}

void config_print_options(enum command command, FILE *out)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];
		char flag[OPTION_FLAG_BYTES], head[128];
		if (!(o->commands & command))
			continue;
		option_flag(o, flag);
		snprintf(head, sizeof head, "--%s%s%s", flag, o->metavar ? " " : "",
		         o->metavar ? o->metavar : "");
		fprintf(out, "  %-30s %s", head, o->help);
		option_print_values(o, out);
		fputc('\n', out);
	}
	fprintf(out, "  %-30s show this\n", "--help");
}
