/* layer_csv.c - the layer table for spreadsheets. */
#include "server/layer_table.h"
#include "server/layer_totals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char head[] =
	"index,name,op,inputs,input_shape,output_shape,kernel_height,kernel_width,stride_height,"
	"stride_width,padding_top,padding_left,padding_bottom,padding_right,dilation_height,"
	"dilation_width,groups,parameters,weight_bytes,output_bytes,macs,macs_if_dense,macs_ratio,"
	"receptive_field_height,receptive_field_width,receptive_field_start_y,"
	"receptive_field_start_x,jump_y,jump_x,formula,fused_into";

/* A spreadsheet takes what begins with one of these for a formula of its own, and a name may come from anywhere. */
static bool would_run(const char *text)
{
	return *text && strchr("=+-@", *text);
}

static void put_inside(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
}

static void put_text(const char *text, FILE *out)
{
	fputs(would_run(text) ? "\"'" : "\"", out);
	put_inside(text, out);
	fputc('"', out);
}

static void put_shape(const struct cnn_shape *s, FILE *out)
{
	fputc(',', out);
	for (int32_t i = 0; i < s->rank; i++)
		fprintf(out, "%s%" PRId64, i ? "x" : "", s->dim[i]);
}

static void put_integers(const int32_t *n, size_t count, bool known, FILE *out)
{
	for (size_t i = 0; i < count; i++) {
		fputc(',', out);
		if (known)
			fprintf(out, "%" PRId32, n[i]);
	}
}

static void put_reals(const double *n, size_t count, bool known, FILE *out)
{
	for (size_t i = 0; i < count; i++) {
		fputc(',', out);
		if (known)
			fprintf(out, "%.10g", n[i]);
	}
}

static void put_inputs(const struct cnn_model *model, const struct cnn_layer *l, FILE *out)
{
	fputs(",\"", out);
	for (size_t i = 0; i < l->n_inputs; i++) {
		const char *name = l->inputs[i] == CNN_LAYER_PICTURE
		                           ? "input"
		                           : cnn_model_layer(model, l->inputs[i])->name;
		fputs(i ? " " : would_run(name) ? "'" : "", out);
		put_inside(name, out);
	}
	fputc('"', out);
}

static void put_row(const struct cnn_model *model, size_t i, FILE *out)
{
	const struct cnn_layer *l = cnn_model_layer(model, i);
	double ratio = layer_ratio(l->macs, l->macs_if_dense);
	bool part = l->receptive_field[0] != 0;
	int32_t groups = l->windowed ? l->groups : 1;
	fprintf(out, "%zu,", i);
	put_text(l->name, out);
	fprintf(out, ",%s", l->op);
	put_inputs(model, l, out);
	put_shape(&l->input, out);
	put_shape(&l->output, out);
	put_integers(l->kernel, 2, l->windowed, out);
	put_integers(l->stride, 2, l->windowed, out);
	put_integers(l->pad, 4, l->windowed, out);
	put_integers(l->dilation, 2, l->windowed, out);
	put_integers(&groups, 1, true, out);
	fprintf(out, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64, l->parameters,
	        l->weight_bytes, l->output_bytes, l->macs, l->macs_if_dense);
	put_reals(&ratio, 1, ratio > 0, out);
	put_integers(l->receptive_field, 2, part, out);
	put_reals(l->receptive_field_start, 2, part, out);
	put_reals(l->jump, 2, part, out);
	fputc(',', out);
	put_text(l->formula, out);
	fputc(',', out);
	put_text(l->fused_into ? l->fused_into : "", out);
}

char *layer_table_csv(const struct cnn_model *model, const double *us)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	fprintf(out, "%s%s\r\n", head, us ? ",measured_us" : "");
	for (size_t i = 0; i < cnn_model_layers(model); i++) {
		put_row(model, i, out);
		if (us)
			put_reals(&us[i], 1, us[i] >= 0, out);
		fputs("\r\n", out);
	}
	bool ok = !ferror(out);
	if (fclose(out) != 0 || !ok) {
		free(text);
		return NULL;
	}
	return text;
}
