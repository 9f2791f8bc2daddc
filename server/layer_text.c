/* layer_text.c - the layer table for people. */
#include "server/layer_cell.h"
#include "server/layer_table.h"
#include "server/layer_totals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW, NAME, OP, KERNEL, OUTPUT, SEES, PARAMETERS, MACS, DENSE, BYTES, TIME, COLUMNS };
enum { LINE = 100, NAME_LEAST = 12, OP_MOST = 12 };

struct table {
	char *(*cell)[COLUMNS]; /* [rows][COLUMNS], from malloc() */
	size_t rows, columns;
};

static char *time_text(const double *us, size_t row)
{
	return us[row] < 0 ? strdup("·") : cell_format(us[row] < 10 ? "%.1f" : "%.0f", us[row]);
}

static char *ratio_text(const struct cnn_layer *l)
{
	double ratio = layer_ratio(l->macs, l->macs_if_dense);
	char *rounded = ratio > 0 ? cell_rounded(ratio) : NULL;
	char *text = ratio > 0 ? rounded ? cell_format("×%s", rounded) : NULL : strdup("");
	free(rounded);
	return text;
}

static void fill_row(char *cell[COLUMNS], const struct cnn_layer *l, size_t row, const double *us)
{
	cell[ROW] = cell_format("%zu", row);
	cell[NAME] = strdup(l->name);
	cell[OP] = cell_short(l->op, OP_MOST);
	cell[KERNEL] = cell_window(l);
	cell[OUTPUT] = cell_shape(&l->output);
	cell[SEES] = cell_field(l);
	cell[PARAMETERS] = l->parameters ? cell_rounded((double)l->parameters) : strdup("");
	cell[MACS] = l->macs ? cell_rounded((double)l->macs) : strdup("");
	cell[DENSE] = ratio_text(l);
	cell[BYTES] = cell_rounded((double)l->output_bytes);
	cell[TIME] = us ? time_text(us, row) : strdup("");
}

static void fill_heads(char *cell[COLUMNS])
{
	static const char *const heads[COLUMNS] = {"#",      "layer", "op",     "kernel",
	                                           "output", "sees",  "params", "MACs",
	                                           "dense",  "bytes", "µs"};
	for (size_t c = 0; c < COLUMNS; c++)
		cell[c] = strdup(heads[c]);
}

static bool is_number_column(size_t c)
{
	return c == ROW || c >= PARAMETERS;
}

static size_t column_width(const struct table *t, size_t c)
{
	size_t width = 0;
	for (size_t r = 0; r < t->rows; r++)
		if (cell_width(t->cell[r][c]) > width)
			width = cell_width(t->cell[r][c]);
	return width;
}

/* Names take the room that the other columns leave. */
static bool shorten_names(struct table *t)
{
	size_t others = 0;
	for (size_t c = 0; c < t->columns; c++)
		others += c == NAME ? 2 : column_width(t, c) + (c > 0 ? 2 : 0);
	size_t most = others + NAME_LEAST < LINE ? LINE - others : NAME_LEAST;
	bool ok = true;
	for (size_t r = 1; r < t->rows && ok; r++) {
		char *name = cell_short(t->cell[r][NAME], most);
		ok = name != NULL;
		free(t->cell[r][NAME]);
		t->cell[r][NAME] = name;
	}
	return ok;
}

/* Below a row: how its size comes about, and what it reads. */
static bool print_below(const struct cnn_layer *l, size_t row, size_t indent, FILE *out)
{
	char *reads = cell_inputs(l, row);
	if (!reads)
		return false;
	bool both = *l->formula && *reads;
	size_t width = indent + cell_width(l->formula) + cell_width(reads) + 2;
	const char *between = !both ? "" : width <= LINE ? "; " : NULL;
	if (*l->formula || *reads)
		fprintf(out, "%*s%s", (int)indent, "", l->formula);
	if (between)
		fprintf(out, "%s%s", between, reads);
	else
		fprintf(out, "\n%*s%s", (int)indent, "", reads);
	if (*l->formula || *reads)
		fputc('\n', out);
	free(reads);
	return true;
}

static bool print_table(const struct table *t, const struct cnn_model *model, FILE *out)
{
	size_t width[COLUMNS];
	bool ok = true;
	for (size_t c = 0; c < t->columns; c++)
		width[c] = column_width(t, c);
	for (size_t r = 0; r < t->rows && ok; r++) {
		for (size_t c = 0; c < t->columns; c++) {
			int gap = (int)(width[c] - cell_width(t->cell[r][c]));
			bool number = is_number_column(c);
			fprintf(out, "%s%*s%s%*s", c ? "  " : "", number ? gap : 0, "",
			        t->cell[r][c], number ? 0 : gap, "");
		}
		fputc('\n', out);
		if (r > 0)
			ok = print_below(cnn_model_layer(model, r - 1), r - 1, width[ROW] + 2, out);
	}
	return ok;
}

static bool print_totals(const struct cnn_model *model, const double *us, FILE *out)
{
	struct layer_totals t = layer_totals(model);
	char *parameters = cell_count(t.parameters), *macs = cell_count(t.macs);
	char *dense = cell_rounded((double)t.macs_if_dense),
	     *ratio = cell_rounded(layer_ratio(t.macs, t.macs_if_dense));
	char *weights = cell_rounded((double)t.weight_bytes),
	     *largest = cell_rounded((double)t.largest_output_bytes);
	bool ok = parameters && macs && dense && ratio && weights && largest;
	if (ok) {
		fprintf(out, "\n%zu layers, %s parameters in %s bytes, %s multiply-accumulates\n",
		        t.layers, parameters, weights, macs);
		if (t.macs > 0 && t.macs_if_dense > 0)
			fprintf(out,
			        "fully connected layers of the same sizes: %s, %s times as many\n",
			        dense, ratio);
		if (t.layers)
			fprintf(out, "largest output: %s bytes, of row %zu\n", largest, t.largest);
		fputs("\nkernel: height × width / stride, g groups; "
		      "sees: input pixels / from one value to the next\n"
		      "dense: MACs of a fully connected layer of the same sizes, in MACs of this "
		      "one\n",
		      out);
		if (us)
			fputs("µs: median for a picture; · computed along with another layer\n",
			      out);
	}
	free(parameters);
	free(macs);
	free(dense);
	free(ratio);
	free(weights);
	free(largest);
	return ok;
}

static bool complete(const struct table *t)
{
	for (size_t r = 0; r < t->rows; r++)
		for (size_t c = 0; c < COLUMNS; c++)
			if (!t->cell[r][c])
				return false;
	return true;
}

static bool fill(struct table *t, const struct cnn_model *model, const double *us)
{
	t->rows = cnn_model_layers(model) + 1;
	t->columns = us ? COLUMNS : TIME;
	t->cell = calloc(t->rows, sizeof *t->cell);
	if (!t->cell)
		return false;
	fill_heads(t->cell[0]);
	for (size_t r = 1; r < t->rows; r++)
		fill_row(t->cell[r], cnn_model_layer(model, r - 1), r - 1, us);
	return complete(t) && shorten_names(t);
}

static void clear(struct table *t)
{
	for (size_t r = 0; t->cell && r < t->rows; r++)
		for (size_t c = 0; c < COLUMNS; c++)
			free(t->cell[r][c]);
	free(t->cell);
}

char *layer_table_text(const struct cnn_model *model, const char *name, const double *us)
{
	struct table t = {0};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool ok = out && fill(&t, model, us);
	if (ok) {
		fprintf(out, "%s\n\n", name);
		ok = print_table(&t, model, out) && print_totals(model, us, out) && !ferror(out);
	}
	clear(&t);
	if (out && fclose(out) != 0)
		ok = false;
	if (!ok) {
		free(text);
		text = NULL;
	}
	return text;
}
