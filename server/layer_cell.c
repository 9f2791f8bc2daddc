#include "server/layer_cell.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool starts_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

size_t cell_width(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += starts_character(*text);
	return n;
}

char *cell_format(const char *fmt, ...)
{
	va_list ap;
	char *text;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

/* Where character n begins. */
static const char *character(const char *text, size_t n)
{
	for (; *text; text++)
		if (starts_character(*text) && n-- == 0)
			break;
	return text;
}

char *cell_short(const char *text, size_t most)
{
	size_t all = cell_width(text), tail = (most - 1) / 2, head = most - 1 - tail;
	if (all <= most)
		return strdup(text);
	return cell_format("%.*s…%s", (int)(character(text, head) - text), text,
	                   character(text, all - tail));
}

char *cell_shape(const struct cnn_shape *s)
{
	char text[CNN_MAX_RANK * 24] = "";
	size_t at = 0;
	int32_t first = s->rank > 1 && s->dim[0] == 1;
	for (int32_t i = first; i < s->rank; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%" PRId64,
		                       i > first ? "×" : "", s->dim[i]);
	return strdup(text);
}

char *cell_count(int64_t n)
{
	char plain[32], grouped[48];
	int length = snprintf(plain, sizeof plain, "%" PRId64, n), at = 0;
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			grouped[at++] = ',';
		grouped[at++] = plain[i];
	}
	grouped[at] = '\0';
	return strdup(grouped);
}

char *cell_rounded(double n)
{
	static const char letters[] = " kMGTPE";
	size_t at = 0;
	for (; n >= 999.5 && letters[at + 1]; at++)
		n /= 1000;
	int decimals = n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2;
	return at == 0 ? cell_format("%.0f", n) : cell_format("%.*f%c", decimals, n, letters[at]);
}

/* "/2", or "/2×1" where the axes differ; "" for 1. */
static void steps_text(char *text, size_t size, double height, double width)
{
	text[0] = '\0';
	if (height == width && height != 1)
		snprintf(text, size, "/%.4g", height);
	else if (height != width)
		snprintf(text, size, "/%.4g×%.4g", height, width);
}

char *cell_window(const struct cnn_layer *l)
{
	if (!l->windowed)
		return strdup("");
	char stride[64], groups[32] = "";
	steps_text(stride, sizeof stride, l->stride[0], l->stride[1]);
	if (l->groups > 1)
		snprintf(groups, sizeof groups, " g%" PRId32, l->groups);
	return cell_format("%" PRId32 "×%" PRId32 "%s%s", l->kernel[0], l->kernel[1], stride,
	                   groups);
}

char *cell_field(const struct cnn_layer *l)
{
	if (l->receptive_field[0] == 0 && l->receptive_field[1] == 0)
		return strdup("all");
	char jump[64];
	steps_text(jump, sizeof jump, l->jump[0], l->jump[1]);
	return cell_format("%" PRId32 "×%" PRId32 "%s", l->receptive_field[0],
	                   l->receptive_field[1], jump);
}

char *cell_inputs(const struct cnn_layer *l, size_t row)
{
	enum { SHOWN = 8 };
	char text[SHOWN * 32] = "reads ";
	size_t at = strlen(text), n = l->n_inputs < SHOWN ? l->n_inputs : SHOWN;
	uint32_t above = row ? (uint32_t)row - 1 : CNN_LAYER_PICTURE;
	if (l->n_inputs == 0 || (l->n_inputs == 1 && l->inputs[0] == above))
		return strdup("");
	for (size_t i = 0; i < n; i++) {
		const char *gap = i == 0 ? "" : i + 1 == l->n_inputs ? " and " : ", ";
		at += (size_t)(l->inputs[i] == CNN_LAYER_PICTURE
		                       ? snprintf(text + at, sizeof text - at, "%sthe picture", gap)
		                       : snprintf(text + at, sizeof text - at, "%s%" PRIu32, gap,
		                                  l->inputs[i]));
	}
	if (n < l->n_inputs)
		snprintf(text + at, sizeof text - at, " and %zu more", l->n_inputs - n);
	return strdup(text);
}
