/* A thumbnail of every layer, in one run. */
#include "engine/image/pixels.h"
#include "engine/see/layout.h"
#include "engine/see/tile.h"
#include "engine/see/viewer.h"

#include <math.h>
#include <stdlib.h>

#define MAX_THUMBNAIL 512
#define MAX_SHEET     16384

static const uint8_t background[3] = {255, 255, 255};

struct drawing {
	const struct see_strip_options *options;
	struct see_strip *out;
	struct tile_paint paint;
	size_t *place;           /* [layers]: which thumbnail */
	struct see_stats *stats; /* [most channels] */
};

/* The largest rectangle of the map's shape in the middle of thumbnail i. */
static struct tile_place fit(const struct drawing *d, size_t i, size_t height, size_t width)
{
	int32_t w = d->options->width, h = d->options->height;
	double scale = fmin((double)w / (double)width, (double)h / (double)height);
	struct tile_place p = {.picture = &d->out->sheet};
	p.width = (int32_t)((double)width * scale + 0.5);
	p.height = (int32_t)((double)height * scale + 0.5);
	p.width = p.width < 1 ? 1 : p.width > w ? w : p.width;
	p.height = p.height < 1 ? 1 : p.height > h ? h : p.height;
	p.left = (int32_t)(i % d->out->columns) * w + (w - p.width) / 2;
	p.top = (int32_t)(i / d->out->columns) * h + (h - p.height) / 2;
	return p;
}

/* Single numbers, folded into rows of about the same length; the places that are left over stay as they are. */
static void draw_numbers(struct drawing *d, size_t i, const struct see_maps *maps)
{
	struct see_layout l;
	layout_choose(maps->channels, 1, 1, 0, &(struct see_look){0}, &l);
	struct tile_place all = fit(d, i, (size_t)l.rows, (size_t)l.columns);
	size_t rows = maps->channels / (size_t)l.columns;
	d->paint.scale = colour_scale_of(maps->data, maps->channels, maps->channel_step, false);
	struct tile_map map = {maps->data, rows, (size_t)l.columns, maps->channel_step, 0};
	int32_t height = (int32_t)((double)all.height * (double)rows / l.rows + 0.5);
	struct tile_place whole = all;
	whole.height = height;
	if (rows > 0)
		tile_draw(&d->paint, &map, &whole);
	map.data += rows * (size_t)l.columns * maps->channel_step;
	map.height = 1;
	map.width = maps->channels % (size_t)l.columns;
	all.top += height;
	all.height -= height;
	all.width = (int32_t)((double)all.width * (double)map.width / l.columns + 0.5);
	if (map.width > 0)
		tile_draw(&d->paint, &map, &all);
}

static bool on_layer(void *ctx, const struct see_maps *maps)
{
	struct drawing *d = ctx;
	size_t i = d->place[maps->layer], strong = 0;
	if (maps->channels == 0 || maps->height * maps->width == 0)
		return true;
	see_stats(maps, d->stats);
	for (size_t c = 1; c < maps->channels; c++)
		if (d->stats[c].strength > d->stats[strong].strength)
			strong = c;
	d->out->strong[i] = d->stats[strong];
	if (maps->height * maps->width == 1) {
		draw_numbers(d, i, maps);
		return true;
	}
	struct tile_map map = {.data = maps->data + strong * maps->channel_step,
	                       .height = maps->height,
	                       .width = maps->width,
	                       .step = maps->pixel_step};
	struct tile_place place = fit(d, i, maps->height, maps->width);
	d->paint.scale = colour_scale_of(map.data, map.height * map.width, map.step, false);
	tile_draw(&d->paint, &map, &place);
	return true;
}

static size_t most_channels(const struct see *see)
{
	size_t most = 1;
	for (size_t i = 0; i < see->n; i++) {
		struct see_maps maps;
		if (see->row[i].value == NO_VALUE)
			continue;
		see_shape(&see->model->graph->value[see->row[i].value], &maps);
		most = maps.channels > most ? maps.channels : most;
	}
	return most;
}

/* The sheet, empty, and where on it each layer is. */
static enum cnn_status prepare(const struct see *see, struct drawing *d, struct cnn_error *err)
{
	const struct see_strip_options *o = d->options;
	struct see_strip *out = d->out;
	d->place = calloc(see->n + 1, sizeof *d->place);
	d->stats = calloc(most_channels(see), sizeof *d->stats);
	out->layer = calloc(see->n + 1, sizeof *out->layer);
	out->strong = calloc(see->n + 1, sizeof *out->strong);
	if (!d->place || !d->stats || !out->layer || !out->strong)
		return cnn_fail_memory(err, "the thumbnails", see->n * sizeof *out->strong);
	for (size_t i = 0; i < see->n; i++) {
		if (o->wanted && !o->wanted[i])
			continue;
		d->place[i] = out->n;
		out->layer[out->n++] = i;
	}
	size_t most = (size_t)(MAX_SHEET / o->width);
	out->columns = o->columns > 0 ? (size_t)o->columns : out->n;
	out->columns = out->columns < most ? out->columns : most;
	if (out->n == 0)
		return cnn_fail(err, CNN_BAD_ARG, "thumbnails of no layers");
	size_t rows = (out->n + out->columns - 1) / out->columns;
	if (rows > (size_t)(MAX_SHEET / o->height))
		return cnn_fail(err, CNN_BAD_ARG,
		                "%zu thumbnails of %d x %d in %zu columns make a sheet of more "
		                "than %d pixels",
		                out->n, (int)o->width, (int)o->height, out->columns, MAX_SHEET);
	enum cnn_status status = pixels_new(&out->sheet, (int32_t)out->columns * o->width,
	                                    (int32_t)rows * o->height, 3, "the thumbnails", err);
	const struct tile_place all = {&out->sheet, 0, 0, out->sheet.width, out->sheet.height};
	if (!status)
		tile_fill(&all, background);
	return status;
}

enum cnn_status see_strip(struct see *see, const struct cnn_item *item,
                          const struct see_strip_options *options, float *scores,
                          struct see_strip *out, struct cnn_error *err)
{
	struct drawing d = {.options = options, .out = out, .paint = {.colours = SEE_RAMP}};
	*out = (struct see_strip){0};
	if (options->width < 1 || options->width > MAX_THUMBNAIL || options->height < 1 ||
	    options->height > MAX_THUMBNAIL)
		return cnn_fail(err, CNN_BAD_ARG, "thumbnails of %d x %d: 1 to %d pixels",
		                (int)options->width, (int)options->height, MAX_THUMBNAIL);
	colour_ramp_of(SEE_RAMP, &d.paint.ramp);
	struct see_watch watch = {on_layer, &d, options->wanted};
	enum cnn_status status = prepare(see, &d, err);
	if (!status)
		status = see_run(see, item, scores, &watch, err);
	free(d.place);
	free(d.stats);
	if (status)
		see_strip_clear(out);
	return status;
}

void see_strip_clear(struct see_strip *strip)
{
	if (!strip)
		return;
	free(strip->layer);
	free(strip->strong);
	image_clear(&strip->sheet);
	*strip = (struct see_strip){0};
}
