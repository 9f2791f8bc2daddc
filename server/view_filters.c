/* The weights of a convolution. */
#include "server/model_json.h"
#include "server/view_inside.h"
#include "server/view_json.h"

#include <stdlib.h>

static void answer_picture(struct view *v, const struct see *see, const struct see_filters *f,
                           const struct see_picked *p)
{
	struct image shown = {0};
	struct see_layout at;
	struct cnn_error err;
	enum cnn_status status = see_filters_picture(see, f, p, &v->ask.look, &shown, &at, &err);
	if (status) {
		view_fail_status(v, status, &err);
		return;
	}
	view_header(v, "X-Shape", "%zu,%zu,%zu,%zu", f->filters, f->slices, f->height, f->width);
	view_header(v, "X-Mosaic", "%d,%d,%d,%d,%d,%d,%zu", (int)at.columns, (int)at.rows,
	            (int)at.gap, (int)at.width, (int)at.height, (int)at.zoom, at.shown);
	view_header_numbers(v, "X-Channels", p->channel, p->n);
	view_answer_png(v, &shown);
	image_clear(&shown);
}

static json_t *filter_json(const struct see *see, const struct see_filters *f,
                           const struct see_picked *p, size_t i)
{
	size_t plane = f->height * f->width, k = p->channel[i];
	float bias;
	bool known = see_filter_bias(see, f, k, &bias);
	const float *weights = p->maps + i * f->slices * plane;
	json_t *slices = json_array();
	for (size_t s = 0; s < f->slices; s++)
		json_array_append_new(slices,
		                      view_json_rows(weights + s * plane, f->height, f->width));
	/* A transposed one may have fewer filters than groups. */
	size_t a_group = f->filters / f->groups ? f->filters / f->groups : 1;
	return json_pack("{s:I, s:I, s:o, s:o, s:o}", "filter", (json_int_t)k, "first_channel",
	                 (json_int_t)(k / a_group * f->slices), "bias",
	                 known ? view_json_number((double)bias) : json_null(), "stats",
	                 view_json_stats(&p->stats[k], false), "weights", slices);
}

static json_t *numbers(const int32_t *n, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_integer(n[i]));
	return list;
}

static void answer_numbers(struct view *v, const struct see *see, const struct see_filters *f,
                           const struct see_picked *p)
{
	const struct cnn_layer *row = cnn_model_layer(v->model, f->layer);
	json_t *list = json_array();
	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(list, filter_json(see, f, p, i));
	view_answer_json(
		v,
		json_pack("{s:o, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:o, s:o, "
	                  "s:o, s:o}",
	                  "model", model_json_id(v->model, v->name), "layer", row->name, "index",
	                  (json_int_t)f->layer, "op", row->op, "filters", (json_int_t)f->filters,
	                  "slices", (json_int_t)f->slices, "height", (json_int_t)f->height, "width",
	                  (json_int_t)f->width, "groups", (json_int_t)f->groups, "transposed",
	                  (int)f->transposed, "quantised", (int)f->quantised, "stride",
	                  row->windowed ? numbers(row->stride, 2) : json_null(), "padding",
	                  row->windowed ? numbers(row->pad, 4) : json_null(), "dilation",
	                  row->windowed ? numbers(row->dilation, 2) : json_null(), "chosen", list));
}

void view_filters(struct view *v)
{
	const struct see_choice choice = {v->ask.channel, v->ask.n_channel, v->ask.top,
	                                  VIEW_ANSWER_BYTES};
	struct see_filters f;
	struct see_picked p = {0};
	struct cnn_error err;
	struct see *see = view_open(v);
	if (!see)
		return;
	enum cnn_status status = see_filters(see, v->ask.layer, &f, &err);
	if (status == CNN_BAD_ARG) {
		view_fail(v, 400, "not_a_convolution", "%s", err.text);
		return;
	}
	if (!status && !view_check_choice(v, "filter", f.filters,
	                                  f.slices * f.height * f.width * sizeof(float)))
		return;
	if (!status)
		status = see_pick_filters(see, &f, &choice, &p, &err);
	if (status) {
		view_fail_status(v, status, &err);
	} else if (v->ask.form == VIEW_AS_PNG) {
		answer_picture(v, see, &f, &p);
	} else if (v->ask.form == VIEW_AS_JSON) {
		answer_numbers(v, see, &f, &p);
	} else {
		view_header(v, "X-Shape", "%zu,%zu,%zu,%zu", p.n, f.slices, f.height, f.width);
		view_header_numbers(v, "X-Channels", p.channel, p.n);
		view_answer_floats(v, p.maps, p.n * f.slices * f.height * f.width);
		p.maps = NULL;
	}
	see_picked_clear(&p);
}
