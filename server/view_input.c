/* The picture as the network takes it. */
#include "server/model_json.h"
#include "server/see_json.h"
#include "server/view_inside.h"

#include <stdlib.h>

/* [channels][height][width], as cnn_session_run() makes it. */
static float *normalised(const struct image *picture, const struct cnn_preprocess *p)
{
	size_t pixels = (size_t)picture->width * (size_t)picture->height;
	size_t channels = (size_t)picture->channels;
	float *out = malloc(pixels * channels * sizeof *out);
	for (size_t c = 0; out && c < channels; c++) {
		size_t from = p->channels == CNN_CHANNELS_BGR ? channels - 1 - c : c;
		for (size_t i = 0; i < pixels; i++)
			out[c * pixels + i] =
				(float)((picture->px[i * channels + from] * p->scale - p->mean[c]) /
			                p->std[c]);
	}
	return out;
}

static enum cnn_status reply_numbers(const struct viewing *v, const struct image *picture,
                                     const struct heat_window *seen, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(v->model->model);
	const struct see_maps maps = {
		.channels = (size_t)picture->channels,
		.height = (size_t)picture->height,
		.width = (size_t)picture->width,
		.data = normalised(picture, &info->preprocess),
		.channel_step = (size_t)picture->height * (size_t)picture->width,
		.pixel_step = 1,
	};
	float *data = (float *)(uintptr_t)maps.data;
	struct see_stats stats[3];
	if (!data)
		return cnn_fail_memory(err, info->name, maps.channel_step);
	see_stats(&maps, stats);
	if (v->ask->form == VIEW_FLOATS) {
		view_reply_floats(v, &data, maps.channels * maps.channel_step,
		                  arena_printf(v->arena, "%zu,%zu,%zu", maps.channels, maps.height,
		                               maps.width));
		return CNN_OK;
	}
	json_t *list = json_array();
	for (size_t c = 0; c < maps.channels; c++)
		json_array_append_new(list, see_json_stats(&stats[c], true));
	json_t *window = json_pack("{s:f, s:f, s:f, s:f}", "left", seen->left, "top", seen->top,
	                           "right", seen->right, "bottom", seen->bottom);
	reply_json(v->reply, 200,
	           json_pack("{s:o, s:[I, I, I], s:o, s:{s:i, s:i}, s:o}", "model",
	                     model_json_id(v->model->model, v->model->name), "shape",
	                     (json_int_t)maps.channels, (json_int_t)maps.height,
	                     (json_int_t)maps.width, "seen", window, "image", "width",
	                     v->header->width, "height", v->header->height, "channels", list));
	free(data);
	return CNN_OK;
}

enum cnn_status view_input(const struct viewing *v, struct cnn_error *err)
{
	struct image picture = {0};
	struct heat_window seen;
	enum cnn_status status = view_read(v, &picture, err);
	if (status)
		return status;
	heat_window(&cnn_model_info(v->model->model)->preprocess.fit, v->header->width,
	            v->header->height, &seen);
	status = v->ask->form == VIEW_PNG ? view_reply_png(v, &picture, err)
	                                  : reply_numbers(v, &picture, &seen, err);
	if (!status)
		reply_header(v->reply, "X-Seen",
		             arena_printf(v->arena, "left=%.2f, top=%.2f, right=%.2f, bottom=%.2f",
		                          seen.left, seen.top, seen.right, seen.bottom));
	image_clear(&picture);
	return status;
}
