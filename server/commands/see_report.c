#include "server/commands/see_report.h"

#include "server/commands/commands.h"
#include "server/model_json.h"

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

static json_t *stats_json(const struct see_stats *s, bool place)
{
	json_t *o = json_pack("{s:i, s:f, s:f, s:f, s:f, s:f}", "channel", (int)s->channel, "min",
	                      (double)s->min, "max", (double)s->max, "mean", (double)s->mean,
	                      "strength", (double)s->strength, "sparsity", (double)s->sparsity);
	if (place)
		json_object_set_new(o, "max_at", json_pack("[i, i]", (int)s->max_y, (int)s->max_x));
	if (s->not_finite)
		json_object_set_new(o, "not_finite", json_integer((json_int_t)s->not_finite));
	return o;
}

static json_t *layout_json(const struct see_layout *l)
{
	return json_pack("{s:I, s:i, s:i, s:i, s:i, s:i}", "tiles", (json_int_t)l->shown, "columns",
	                 (int)l->columns, "gap", (int)l->gap, "tile_width", (int)l->width,
	                 "tile_height", (int)l->height, "zoom", (int)l->zoom);
}

static int print_json(json_t *all)
{
	int failed = command_print_json("see", all, JSON_INDENT(1));
	json_decref(all);
	return failed;
}

int see_report_json(const struct see_report *r)
{
	const struct cnn_model *model = see_model(r->see);
	const struct see_picked *p = r->picked;
	json_t *list = json_array(), *shape;
	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(list, stats_json(&p->stats[p->channel[i]], !r->filters));
	if (r->filters)
		shape = json_pack("[I, I, I, I]", (json_int_t)r->filters->filters,
		                  (json_int_t)r->filters->slices, (json_int_t)r->filters->height,
		                  (json_int_t)r->filters->width);
	else
		shape = json_pack("[I, I, I]", (json_int_t)p->channels, (json_int_t)p->height,
		                  (json_int_t)p->width);
	json_t *all = json_pack("{s:o, s:o, s:o, s:b, s:o}", "model",
	                        model_json_id(model, cnn_model_info(model)->name), "layer",
	                        model_json_layer(model, p->layer), "shape", shape, "quantised",
	                        (int)p->quantised, r->filters ? "filters" : "channels", list);
	if (all && r->layout)
		json_object_set_new(all, "picture", layout_json(r->layout));
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
		json_array_append_new(rows,
		                      json_pack("{s:s, s:o}", "layer",
		                                cnn_model_layer(model, strip->layer[i])->name,
		                                "strongest", stats_json(&strip->strong[i], true)));
	return print_json(json_pack("{s:o, s:I, s:o}", "model",
	                            model_json_id(model, cnn_model_info(model)->name), "columns",
	                            (json_int_t)strip->columns, "thumbnails", rows));
}
