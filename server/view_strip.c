/* A thumbnail of every layer, of one run. */
#include "server/model_json.h"
#include "server/view_inside.h"
#include "server/view_json.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

static double ms(uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) * 1e-6 : 0;
}

/* The PNG that the answer holds as "data:..." ; NULL: memory ran out. */
static json_t *data_url(const struct view_answer *a)
{
	static const char head[] = "data:image/png;base64,";
	size_t len = sizeof head - 1 + BASE64_ENCODE_RAW_LENGTH(a->len);
	char *text = malloc(len + 1);
	if (!text)
		return NULL;
	memcpy(text, head, sizeof head);
	base64_encode_raw(text + sizeof head - 1, a->len, (const uint8_t *)a->body);
	json_t *json = json_stringn(text, len);
	free(text);
	return json;
}

static json_t *layer_json(const struct view *v, const struct see_strip *strip, size_t i)
{
	const struct cnn_layer *row = cnn_model_layer(v->model, strip->layer[i]);
	size_t channels, height, width;
	view_shape(&row->output, &channels, &height, &width);
	json_t *o = view_json_stats(&strip->strong[i], true);
	json_object_set_new(o, "index", json_integer((json_int_t)strip->layer[i]));
	json_object_set_new(o, "name", json_string(row->name));
	json_object_set_new(o, "shape", view_json_shape(channels, height, width));
	return o;
}

static void answer_json(struct view *v, const struct see_strip *strip, const float *scores)
{
	json_t *rows = json_array(), *sheet = data_url(&v->answer);
	for (size_t i = 0; i < strip->n; i++)
		json_array_append_new(rows, layer_json(v, strip, i));
	free(v->answer.body);
	v->answer.body = NULL;
	uint64_t now = batcher_now_ns();
	json_t *times = json_pack("{s:f, s:f, s:f, s:f}", "queue", ms(v->started_ns, v->began_ns),
	                          "decode", ms(v->began_ns, v->decoded_ns), "run",
	                          ms(v->decoded_ns, v->run_ns), "total", ms(v->started_ns, now));
	view_answer_json(v, json_pack("{s:o, s:I, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "model",
	                              model_json_id(v->model, v->name), "columns",
	                              (json_int_t)strip->columns, "width", (int)v->ask.width,
	                              "height", (int)v->ask.height, "layers", rows, "sheet", sheet,
	                              "predictions", view_json_top(v->model, scores, 5), "image",
	                              view_json_image(&v->picture), "timing_ms", times));
}

void view_strip(struct view *v)
{
	const struct see_strip_options options = {v->ask.wanted, v->ask.width, v->ask.height,
	                                          v->ask.columns};
	struct see_strip strip = {0};
	struct cnn_error err;
	struct see *see = view_decode(v) ? view_open(v) : NULL;
	if (!see)
		return;
	size_t classes = cnn_model_info(v->model)->classes;
	float *scores = calloc(classes + 1, sizeof *scores);
	enum cnn_status status = scores ? see_strip(see, &v->item, &options, scores, &strip, &err)
	                                : cnn_fail_memory(&err, v->name, classes * sizeof *scores);
	v->run_ns = batcher_now_ns();
	if (status) {
		view_fail_status(v, status, &err);
	} else {
		view_header(v, "X-Strip", "%zu,%zu,%d,%d", strip.n, strip.columns,
		            (int)v->ask.width, (int)v->ask.height);
		view_answer_png(v, &strip.sheet);
		if (v->ask.form == VIEW_AS_JSON && !v->answer.code)
			answer_json(v, &strip, scores);
	}
	see_strip_clear(&strip);
	free(scores);
}
