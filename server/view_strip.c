/* A thumbnail of every layer. */
#include "server/model_json.h"
#include "server/see_json.h"
#include "server/view_inside.h"

#include "engine/image/encode_png.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

/* "data:image/png;base64,...", from malloc(); NULL without memory. */
static char *data_url(const uint8_t *bytes, size_t len)
{
	static const char head[] = "data:image/png;base64,";
	size_t digits = BASE64_ENCODE_RAW_LENGTH(len);
	char *text = malloc(sizeof head + digits);
	if (!text)
		return NULL;
	memcpy(text, head, sizeof head - 1);
	base64_encode_raw(text + sizeof head - 1, len, bytes);
	text[sizeof head - 1 + digits] = '\0';
	return text;
}

static json_t *layers_json(const struct viewing *v, const struct see_strip *strip)
{
	json_t *list = json_array();
	for (size_t i = 0; i < strip->n; i++) {
		const struct cnn_layer *row = cnn_model_layer(v->model->model, strip->layer[i]);
		json_array_append_new(list, json_pack("{s:I, s:s, s:o}", "index",
		                                      (json_int_t)strip->layer[i], "name",
		                                      row->name, "strongest",
		                                      see_json_stats(&strip->strong[i], true)));
	}
	return list;
}

static enum cnn_status reply_strip(const struct viewing *v, const struct see_strip *strip,
                                   const float *scores, struct cnn_error *err)
{
	if (v->ask->form == VIEW_PNG) {
		enum cnn_status status = view_reply_png(v, &strip->sheet, err);
		if (!status)
			reply_header(v->reply, "X-Strip",
			             arena_printf(v->arena,
			                          "columns=%zu, width=%d, height=%d, shown=%zu",
			                          strip->columns, (int)v->ask->width,
			                          (int)v->ask->height, strip->n));
		return status;
	}
	uint8_t *png;
	size_t len;
	enum cnn_status status = image_encode_png(&strip->sheet, &png, &len, err);
	if (status)
		return status;
	char *sheet = data_url(png, len);
	free(png);
	size_t classes = cnn_model_info(v->model->model)->classes;
	json_t *top = model_json_top(v->model->model, scores, classes < 5 ? classes : 5);
	reply_json(v->reply, 200,
	           sheet ? json_pack("{s:o, s:I, s:i, s:i, s:o, s:o, s:s}", "model",
	                             model_json_id(v->model->model, v->model->name), "columns",
	                             (json_int_t)strip->columns, "width", (int)v->ask->width,
	                             "height", (int)v->ask->height, "predictions", top, "layers",
	                             layers_json(v, strip), "sheet", sheet)
	                 : NULL);
	free(sheet);
	return CNN_OK;
}

enum cnn_status view_strip(const struct viewing *v, struct cnn_error *err)
{
	const struct see_strip_options options = {NULL, v->ask->width, v->ask->height,
	                                          v->ask->columns};
	struct image picture = {0};
	struct see_strip strip = {0};
	size_t classes = cnn_model_info(v->model->model)->classes;
	float *scores = calloc(classes, sizeof *scores);
	enum cnn_status status = scores ? view_read(v, &picture, err)
	                                : cnn_fail_memory(err, v->model->name, classes);
	const struct cnn_item item = {.picture = &picture};
	if (!status)
		status = see_strip(v->see, &item, &options, scores, &strip, err);
	if (!status)
		status = cnn_scores_check(v->model->model, scores, err);
	if (!status)
		status = reply_strip(v, &strip, scores, err);
	see_strip_clear(&strip);
	image_clear(&picture);
	free(scores);
	return status;
}
