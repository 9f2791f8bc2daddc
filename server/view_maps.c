/* The maps of one layer, and the picture as the network takes it. */
#include "server/model_json.h"
#include "server/view_inside.h"
#include "server/view_json.h"

#include <stdlib.h>

static void answer_mosaic(struct view *v, const struct see_picked *p)
{
	struct image shown = {0};
	struct see_layout at;
	struct cnn_error err;
	enum cnn_status status = see_mosaic(p->maps, p->n, p->height, p->width, SEE_RAMP,
	                                    &v->ask.look, &shown, &at, &err);
	if (status) {
		view_fail_status(v, status, &err);
		return;
	}
	view_header(v, "X-Mosaic", "%d,%d,%d,%d,%d,%d,%zu", (int)at.columns, (int)at.rows,
	            (int)at.gap, (int)at.width, (int)at.height, (int)at.zoom, at.shown);
	view_header_numbers(v, "X-Channels", p->channel, at.shown);
	view_answer_png(v, &shown);
	image_clear(&shown);
}

static void answer_stats(struct view *v, const struct see_picked *p)
{
	json_t *list = json_array();
	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(list, view_json_stats(&p->stats[p->channel[i]], true));
	view_answer_json(v, json_pack("{s:o, s:s, s:I, s:o, s:s, s:b, s:o}", "model",
	                              model_json_id(v->model, v->name), "layer",
	                              cnn_model_layer(v->model, p->layer)->name, "index",
	                              (json_int_t)p->layer, "shape",
	                              view_json_shape(p->channels, p->height, p->width), "dtype",
	                              cnn_dtype_name(p->dtype), "quantised", (int)p->quantised,
	                              "channels", list));
}

/* In numbers: nothing but the statistics is kept. */
struct counting {
	struct view *view;
	struct see_picked picked;
	bool failed;
};

static bool count(void *ctx, const struct see_maps *maps)
{
	struct counting *c = ctx;
	const struct view_ask *ask = &c->view->ask;
	struct see_picked *p = &c->picked;
	size_t n = ask->n_channel ? ask->n_channel : maps->channels;
	p->layer = maps->layer;
	p->channels = maps->channels;
	p->height = maps->height;
	p->width = maps->width;
	p->dtype = maps->dtype;
	p->quantised = maps->quantised;
	p->stats = calloc(maps->channels + 1, sizeof *p->stats);
	p->channel = calloc(n + 1, sizeof *p->channel);
	struct see_stats *order = calloc(maps->channels + 1, sizeof *order);
	c->failed = !p->stats || !p->channel || !order;
	if (!c->failed) {
		see_stats(maps, p->stats);
		for (size_t i = 0; i < maps->channels; i++)
			order[i] = p->stats[i];
		if (ask->top)
			see_order(order, maps->channels);
		p->n = ask->top && ask->top < n ? ask->top : n;
		for (size_t i = 0; i < p->n; i++)
			p->channel[i] = ask->n_channel ? ask->channel[i] : order[i].channel;
	}
	free(order);
	return false;
}

static enum cnn_status count_layer(struct view *v, struct see *see, struct counting *c,
                                   struct cnn_error *err)
{
	size_t n = cnn_model_layers(v->model);
	bool *wanted = calloc(n, sizeof *wanted);
	if (!wanted)
		return cnn_fail_memory(err, v->name, n);
	wanted[v->ask.layer] = true;
	const struct see_watch watch = {count, c, wanted};
	enum cnn_status status = see_run(see, &v->item, NULL, &watch, err);
	free(wanted);
	if (!status && c->failed)
		status = cnn_fail_memory(err, v->name, n);
	if (!status && !c->picked.stats)
		status = cnn_fail(err, CNN_UNSUPPORTED, "layer '%s': its output cannot be seen",
		                  cnn_model_layer(v->model, v->ask.layer)->name);
	return status;
}

static void answer_activations(struct view *v, struct see *see)
{
	const struct see_choice choice = {v->ask.channel, v->ask.n_channel, v->ask.top,
	                                  VIEW_ANSWER_BYTES};
	struct counting c = {.view = v};
	struct see_picked *p = &c.picked;
	struct cnn_error err;
	enum cnn_status status = v->ask.form == VIEW_AS_JSON
	                                 ? count_layer(v, see, &c, &err)
	                                 : see_pick(see, &v->item, v->ask.layer, &choice, p, &err);
	if (status == CNN_UNSUPPORTED) {
		view_fail(v, 400, "layer_unseen", "%s", err.text);
	} else if (status) {
		view_fail_status(v, status, &err);
	} else if (v->ask.form == VIEW_AS_JSON) {
		answer_stats(v, p);
	} else if (v->ask.form == VIEW_AS_PNG) {
		view_header(v, "X-Shape", "%zu,%zu,%zu", p->channels, p->height, p->width);
		answer_mosaic(v, p);
	} else {
		view_header(v, "X-Shape", "%zu,%zu,%zu", p->n, p->height, p->width);
		view_header_numbers(v, "X-Channels", p->channel, p->n);
		view_answer_floats(v, p->maps, p->n * p->height * p->width);
		p->maps = NULL;
	}
	see_picked_clear(p);
}

void view_activations(struct view *v)
{
	size_t channels, height, width;
	view_shape(&cnn_model_layer(v->model, v->ask.layer)->output, &channels, &height, &width);
	size_t bytes = v->ask.form == VIEW_AS_JSON ? 1 : height * width * sizeof(float);
	if (!view_check_choice(v, "channel", channels, bytes) || !view_decode(v))
		return;
	struct see *see = view_open(v);
	if (see)
		answer_activations(v, see);
}

/* --- the picture as the network takes it ---------------------------------------------------------------- */

/* As a session makes it of pixels; ONNX's order. */
static void normalise(const struct cnn_preprocess *pre, const struct image *img, float *out)
{
	size_t n = (size_t)img->width * (size_t)img->height, channels = (size_t)img->channels;
	for (size_t c = 0; c < channels; c++) {
		size_t from = pre->channels == CNN_CHANNELS_BGR ? channels - 1 - c : c;
		for (size_t i = 0; i < n; i++)
			*out++ = (float)(((double)img->px[i * channels + from] * pre->scale -
			                  pre->mean[c]) /
			                 pre->std[c]);
	}
}

static void answer_input_stats(struct view *v, const float *floats,
                               const struct heat_window *window)
{
	const struct image *img = &v->pixels;
	size_t n = (size_t)img->width * (size_t)img->height;
	struct see_stats stats[3];
	const struct see_maps maps = {
		.channels = (size_t)img->channels,
		.height = (size_t)img->height,
		.width = (size_t)img->width,
		.data = floats,
		.channel_step = n,
		.pixel_step = 1,
	};
	see_stats(&maps, stats);
	json_t *list = json_array();
	for (size_t i = 0; i < maps.channels; i++)
		json_array_append_new(list, view_json_stats(&stats[i], true));
	view_answer_json(v, json_pack("{s:o, s:o, s:o, s:o, s:o}", "model",
	                              model_json_id(v->model, v->name), "shape",
	                              view_json_shape(maps.channels, maps.height, maps.width),
	                              "channels", list, "window", view_json_window(window), "image",
	                              view_json_image(&v->picture)));
}

void view_input(struct view *v)
{
	const struct cnn_preprocess *pre = &cnn_model_info(v->model)->preprocess;
	struct heat_window window;
	if (!view_decode(v))
		return;
	size_t n = (size_t)v->pixels.width * (size_t)v->pixels.height * (size_t)v->pixels.channels;
	heat_window(&pre->fit, v->picture.width, v->picture.height, &window);
	if (v->ask.form != VIEW_AS_JSON) {
		view_header(v, "X-Shape", "%d,%d,%d", (int)v->pixels.channels,
		            (int)v->pixels.height, (int)v->pixels.width);
		view_header(v, "X-Window", "%.2f,%.2f,%.2f,%.2f", window.left, window.top,
		            window.right, window.bottom);
	}
	if (v->ask.form == VIEW_AS_PNG) {
		view_answer_png(v, &v->pixels);
		return;
	}
	float *floats = malloc(n * sizeof *floats);
	if (!floats) {
		view_fail(v, 503, "out_of_memory", "out of memory for the network's input");
		return;
	}
	normalise(pre, &v->pixels, floats);
	if (v->ask.form == VIEW_AS_FLOATS) {
		view_answer_floats(v, floats, n);
		return;
	}
	answer_input_stats(v, floats, &window);
	free(floats);
}
