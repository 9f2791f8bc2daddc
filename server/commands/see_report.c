#include "server/commands/see_report.h"

#include "server/model_json.h"
#include "server/see_json.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ROWS 12 /* of text: the picture shows the rest */

static void print_heading(const struct see_report *r)
{
	const struct cnn_layer *row = cnn_model_layer(see_model(r->see), r->picked->layer);
	const struct see_picked *p = r->picked;
	printf("%s, %s: ", row->name, row->op);
	if (r->filters)
		printf("%zu filters of %zu x %zu x %zu", r->filters->filters, r->filters->slices,
		       r->filters->height, r->filters->width);
	else
		printf("%zu maps of %zu x %zu", p->channels, p->height, p->width);
	if (p->quantised)
		fputs(", quantised", stdout);
	fputs("\n\n", stdout);
}

static void print_row(const struct see_stats *s, bool place)
{
	printf("%7u  %8.4g  %9.4g  %9.4g  %9.4g  %5.1f%%", s->channel, (double)s->strength,
	       (double)s->mean, (double)s->min, (double)s->max, 100 * (double)s->sparsity);
	if (place)
		printf("  %u, %u", s->max_y, s->max_x);
	if (s->not_finite)
		printf("  %zu not finite", s->not_finite);
	putchar('\n');
}

int see_report_text(const struct see_report *r)
{
	const struct see_picked *p = r->picked;
	struct see_stats *chosen = calloc(p->n + 1, sizeof *chosen);
	if (!chosen) {
		fprintf(stderr, "convd see: out of memory\n");
		return 1;
	}
	for (size_t i = 0; i < p->n; i++)
		chosen[i] = p->stats[p->channel[i]];
	see_order(chosen, p->n);
	print_heading(r);
	bool place = !r->filters && p->height * p->width > 1;
	printf("%s  strength       mean        min        max   zeros%s\n",
	       r->filters ? " filter" : "channel", place ? "  largest at y, x" : "");
	for (size_t i = 0; i < p->n && i < MOST_ROWS; i++)
		print_row(&chosen[i], place);
	if (p->n > MOST_ROWS)
		printf("and %zu weaker ones\n", p->n - MOST_ROWS);
	if (r->layout)
		printf("\n%s: %zu tiles, %d in a row, %d x %d pixels each\n", r->out,
		       r->layout->shown, (int)r->layout->columns, (int)r->layout->width,
		       (int)r->layout->height);
	free(chosen);
	return 0;
}

static int print_json(json_t *all)
{
	int failed = !all || json_dumpf(all, stdout, JSON_INDENT(1)) != 0 || putchar('\n') < 0;
	if (!all)
		fprintf(stderr, "convd see: out of memory\n");
	json_decref(all);
	return failed;
}

int see_report_json(const struct see_report *r)
{
	const struct cnn_model *model = see_model(r->see);
	const struct see_picked *p = r->picked;
	json_t *all = see_json_layer(model, cnn_model_info(model)->name, p, r->filters);
	if (all && r->layout)
		json_object_set_new(all, "picture", see_json_layout(r->layout));
	return print_json(all);
}

int see_report_strip_text(const struct see *see, const struct see_strip *strip, const char *out)
{
	puts("layer  strongest  output");
	for (size_t i = 0; i < strip->n; i++) {
		const struct cnn_layer *row = cnn_model_layer(see_model(see), strip->layer[i]);
		printf("%5zu  %9u  %s, %s\n", strip->layer[i], strip->strong[i].channel, row->name,
		       row->op);
	}
	printf("\n%s: %zu thumbnails, %zu in a row\n", out, strip->n, strip->columns);
	return 0;
}

int see_report_strip_json(const struct see *see, const struct see_strip *strip)
{
	const struct cnn_model *model = see_model(see);
	json_t *rows = json_array();
	for (size_t i = 0; i < strip->n; i++)
		json_array_append_new(rows, json_pack("{s:s, s:o}", "layer",
		                                      cnn_model_layer(model, strip->layer[i])->name,
		                                      "strongest",
		                                      see_json_stats(&strip->strong[i], true)));
	return print_json(json_pack("{s:o, s:I, s:o}", "model",
	                            model_json_id(model, cnn_model_info(model)->name), "columns",
	                            (json_int_t)strip->columns, "thumbnails", rows));
}
