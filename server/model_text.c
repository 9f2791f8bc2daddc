/* The layer table for people. */
#include "server/model_json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 9 };

struct table {
	char *(*cell)[COLUMNS]; /* [rows][COLUMNS], from malloc() */
	size_t rows;
};

/* Characters, not bytes: what a terminal shows. */
static size_t width_of(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

__attribute__((format(printf, 1, 2))) static char *format(const char *fmt, ...)
{
	va_list ap;
	char *text;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

static char *shape_text(const struct cnn_shape *s)
{
	char text[CNN_MAX_RANK * 22] = "";
	size_t at = 0;
	for (int32_t i = 0; i < s->rank; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%" PRId64, i ? "×" : "",
		                       s->dim[i]);
	return strdup(text);
}

/* 1234567 as 1,234,567 */
static char *count_text(int64_t n)
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

/* "3×3/2" and what pads it: kernel, stride, then padding and dilation where there is some. */
static char *window_text(const struct cnn_layer *l)
{
	if (!l->windowed)
		return strdup("");
	bool padded = l->pad[0] || l->pad[1] || l->pad[2] || l->pad[3];
	char stride[32], pad[64] = "", dilation[32] = "", groups[32] = "";
	if (l->stride[0] == l->stride[1])
		snprintf(stride, sizeof stride, "/%d", l->stride[0]);
	else
		snprintf(stride, sizeof stride, "/%d×%d", l->stride[0], l->stride[1]);
	if (padded && l->pad[0] == l->pad[1] && l->pad[0] == l->pad[2] && l->pad[0] == l->pad[3])
		snprintf(pad, sizeof pad, " p%d", l->pad[0]);
	else if (padded)
		snprintf(pad, sizeof pad, " p%d,%d,%d,%d", l->pad[0], l->pad[1], l->pad[2],
		         l->pad[3]);
	if (l->dilation[0] != 1 || l->dilation[1] != 1)
		snprintf(dilation, sizeof dilation, " d%d×%d", l->dilation[0], l->dilation[1]);
	if (l->groups > 1)
		snprintf(groups, sizeof groups, " g%d", l->groups);
	return format("%d×%d%s%s%s%s", l->kernel[0], l->kernel[1], stride, pad, dilation, groups);
}

static char *field_text(const struct cnn_layer *l)
{
	if (l->receptive_field[0] == 0)
		return strdup("all");
	return format("%d×%d", l->receptive_field[0], l->receptive_field[1]);
}

static void fill_row(char *cell[COLUMNS], const struct cnn_layer *l)
{
	cell[0] = strdup(l->name);
	cell[1] = strdup(l->op);
	cell[2] = window_text(l);
	cell[3] = shape_text(&l->output);
	cell[4] = field_text(l);
	cell[5] = count_text(l->parameters);
	cell[6] = count_text(l->macs);
	cell[7] = count_text(l->macs_if_dense);
	cell[8] = strdup(l->formula);
}

static void fill_heads(char *cell[COLUMNS])
{
	static const char *const heads[COLUMNS] = {
		"layer",      "op",   "kernel",        "output",     "sees",
		"parameters", "MACs", "MACs if dense", "output size"};
	for (size_t c = 0; c < COLUMNS; c++)
		cell[c] = strdup(heads[c]);
}

static bool is_number_column(size_t c)
{
	return c >= 5 && c <= 7;
}

static void print_table(const struct table *t, FILE *out)
{
	size_t width[COLUMNS] = {0};
	for (size_t r = 0; r < t->rows; r++)
		for (size_t c = 0; c < COLUMNS; c++)
			if (width_of(t->cell[r][c]) > width[c])
				width[c] = width_of(t->cell[r][c]);
	for (size_t r = 0; r < t->rows; r++) {
		for (size_t c = 0; c < COLUMNS; c++) {
			int gap = (int)(width[c] - width_of(t->cell[r][c]));
			bool last = c + 1 == COLUMNS;
			if (is_number_column(c))
				fprintf(out, "%*s%s", gap, "", t->cell[r][c]);
			else
				fprintf(out, "%s%*s", t->cell[r][c], last ? 0 : gap, "");
			fputs(last ? "\n" : "  ", out);
		}
	}
}

static void print_totals(const struct cnn_model *model, FILE *out)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	double dense = 0;
	for (size_t i = 0; i < cnn_model_layers(model); i++)
		dense += (double)cnn_model_layer(model, i)->macs_if_dense;
	char *parameters = count_text(info->parameters), *macs = count_text(info->macs);
	fprintf(out, "\n%zu layers, %s parameters, %s multiply-accumulates a picture",
	        cnn_model_layers(model), parameters ? parameters : "?", macs ? macs : "?");
	free(parameters);
	free(macs);
	if (info->macs > 0 && dense > 0)
		fprintf(out,
		        "; fully connected layers of the same sizes would need %.3g (%.0f times as "
		        "many)",
		        dense, dense / (double)info->macs);
	fputc('\n', out);
}

static bool complete(const struct table *t)
{
	for (size_t r = 0; r < t->rows; r++)
		for (size_t c = 0; c < COLUMNS; c++)
			if (!t->cell[r][c])
				return false;
	return true;
}

char *model_text_layers(const struct cnn_model *model, const char *name)
{
	struct table t = {.rows = cnn_model_layers(model) + 1};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	t.cell = calloc(t.rows, sizeof *t.cell);
	bool ok = out && t.cell;
	if (ok) {
		fill_heads(t.cell[0]);
		for (size_t r = 1; r < t.rows; r++)
			fill_row(t.cell[r], cnn_model_layer(model, r - 1));
		ok = complete(&t);
	}
	if (ok) {
		fprintf(out, "%s\n\n", name);
		print_table(&t, out);
		print_totals(model, out);
	}
	for (size_t r = 0; t.cell && r < t.rows; r++)
		for (size_t c = 0; c < COLUMNS; c++)
			free(t.cell[r][c]);
	free(t.cell);
	if (out && fclose(out) != 0)
		ok = false;
	if (!ok) {
		free(text);
		text = NULL;
	}
	return text;
}
