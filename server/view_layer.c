/* One layer: its feature maps, or its filters. */
#include "server/see_json.h"
#include "server/view_inside.h"

#include <stdlib.h>

static struct see_choice choice_of(const struct view_ask *ask)
{
	return (struct see_choice){
		.channel = ask->channel,
		.n_channel = ask->n_channel,
		.top = ask->strongest,
		.max_bytes = VIEW_MAX_BYTES,
	};
}

static struct see_look look_of(const struct view_ask *ask)
{
	return (struct see_look){.shared = ask->shared_scale, .zoom = ask->zoom};
}

static enum cnn_status reply_mosaic(const struct viewing *v, const struct image *shown,
                                    const struct see_layout *l, struct cnn_error *err)
{
	enum cnn_status status = view_reply_png(v, shown, err);
	if (status)
		return status;
	reply_header(v->reply, "X-Mosaic",
	             arena_printf(v->arena,
	                          "columns=%d, rows=%d, gap=%d, width=%d, height=%d, zoom=%d, "
	                          "shown=%zu",
	                          (int)l->columns, (int)l->rows, (int)l->gap, (int)l->width,
	                          (int)l->height, (int)l->zoom, l->shown));
	return CNN_OK;
}

static enum cnn_status reply_maps(const struct viewing *v, struct see_picked *p,
                                  struct cnn_error *err)
{
	const struct see_look look = look_of(v->ask);
	struct see_layout layout;
	struct image shown = {0};
	const char *shape = arena_printf(v->arena, "%zu,%zu,%zu", p->n, p->height, p->width);
	enum cnn_status status = CNN_OK;
	if (v->ask->form == VIEW_JSON) {
		reply_json(v->reply, 200, see_json_layer(v->model->model, v->model->name, p, NULL));
	} else if (v->ask->form == VIEW_FLOATS) {
		view_reply_floats(v, &p->maps, p->n * p->height * p->width, shape);
	} else {
		status = see_mosaic(p->maps, p->n, p->height, p->width, SEE_RAMP, &look, &shown,
		                    &layout, err);
		if (!status)
			status = reply_mosaic(v, &shown, &layout, err);
		if (!status)
			reply_header(v->reply, "X-Shape", shape);
	}
	if (!status && v->ask->form != VIEW_JSON)
		view_reply_channels(v, p->channel, p->n);
	image_clear(&shown);
	return status;
}

enum cnn_status view_activations(const struct viewing *v, struct cnn_error *err)
{
	const struct see_choice choice = choice_of(v->ask);
	struct image picture = {0};
	struct see_picked picked = {0};
	size_t layer;
	enum cnn_status status = see_find(v->see, v->ask->layer, &layer, err);
	if (!status)
		status = view_read(v, &picture, err);
	const struct cnn_item item = {.picture = &picture};
	if (!status)
		status = see_pick(v->see, &item, layer, &choice, &picked, err);
	if (!status)
		status = reply_maps(v, &picked, err);
	see_picked_clear(&picked);
	image_clear(&picture);
	return status;
}

/* [slices][height][width] */
static json_t *weights_json(const float *w, const struct see_filters *f)
{
	json_t *slices = json_array();
	for (size_t s = 0; s < f->slices; s++) {
		json_t *rows = json_array();
		for (size_t y = 0; y < f->height; y++) {
			json_t *row = json_array();
			for (size_t x = 0; x < f->width; x++)
				json_array_append_new(row, json_real((double)*w++));
			json_array_append_new(rows, row);
		}
		json_array_append_new(slices, rows);
	}
	return slices;
}

/* The statistics, and for each filter its numbers. */
static json_t *filters_json(const struct viewing *v, const struct see_picked *p,
                            const struct see_filters *f)
{
	json_t *all = see_json_layer(v->model->model, v->model->name, p, f);
	json_t *list = json_object_get(all, "filters");
	size_t count = f->slices * f->height * f->width, in_group = f->filters / f->groups;
	for (size_t i = 0; i < p->n; i++) {
		json_t *one = json_array_get(list, i);
		float bias;
		bool known = see_filter_bias(v->see, f, p->channel[i], &bias);
		json_object_set_new(
			one, "first_channel",
			json_integer((json_int_t)(p->channel[i] / in_group * f->slices)));
		json_object_set_new(one, "bias", known ? json_real((double)bias) : json_null());
		json_object_set_new(one, "weights", weights_json(p->maps + i * count, f));
	}
	json_object_set_new(all, "transposed", json_boolean(f->transposed));
	return all;
}

static enum cnn_status reply_filters(const struct viewing *v, const struct see_filters *f,
                                     struct see_picked *p, struct cnn_error *err)
{
	const struct see_look look = look_of(v->ask);
	struct see_layout layout;
	struct image shown = {0};
	size_t count = p->n * f->slices * f->height * f->width;
	const char *shape =
		arena_printf(v->arena, "%zu,%zu,%zu,%zu", p->n, f->slices, f->height, f->width);
	if (v->ask->form == VIEW_JSON) {
		enum { MOST = 1 << 20 };
		if (count > MOST)
			return cnn_fail(
				err, CNN_BAD_ARG,
				"%zu numbers are too many for JSON: choose some filters with "
				"channels=, or ask for application/octet-stream",
				count);
		reply_json(v->reply, 200, filters_json(v, p, f));
		return CNN_OK;
	}
	enum cnn_status status = CNN_OK;
	if (v->ask->form == VIEW_FLOATS) {
		view_reply_floats(v, &p->maps, count, shape);
	} else {
		status = see_filters_picture(v->see, f, p, &look, &shown, &layout, err);
		if (!status)
			status = reply_mosaic(v, &shown, &layout, err);
		if (!status)
			reply_header(v->reply, "X-Shape", shape);
	}
	if (!status)
		view_reply_channels(v, p->channel, p->n);
	image_clear(&shown);
	return status;
}

enum cnn_status view_filters(const struct viewing *v, struct cnn_error *err)
{
	const struct see_choice choice = choice_of(v->ask);
	struct see_filters filters;
	struct see_picked picked = {0};
	size_t layer;
	enum cnn_status status = see_find(v->see, v->ask->layer, &layer, err);
	if (!status)
		status = see_filters(v->see, layer, &filters, err);
	if (!status)
		status = see_pick_filters(v->see, &filters, &choice, &picked, err);
	if (!status)
		status = reply_filters(v, &filters, &picked, err);
	see_picked_clear(&picked);
	return status;
}
