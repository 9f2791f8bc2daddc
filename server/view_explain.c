/* Where a class was seen. */
#include "server/heat_json.h"
#include "server/view_inside.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 1600 /* of the picture that is sent, pixels */

struct explaining {
	const struct viewing *v;
	struct heat heat;
	struct heat_window window;
	struct heat_peak peak;
};

static enum cnn_status reply_overlay(const struct explaining *e, struct cnn_error *err)
{
	const struct viewing *v = e->v;
	struct image photo = {0}, over = {0};
	struct image_header header;
	enum cnn_status status = heat_photo(v->ask->picture, v->ask->picture_len, &v->model->limits,
	                                    MAX_SIDE, &photo, &header, err);
	struct heat_window window = {0};
	if (!status) {
		double x = (double)photo.width / header.width;
		double y = (double)photo.height / header.height;
		window = (struct heat_window){e->window.left * x, e->window.top * y,
		                              e->window.right * x, e->window.bottom * y};
		status = heat_overlay(&e->heat, &photo, &window, v->ask->opacity, &over, err);
	}
	if (!status)
		status = view_reply_png(v, &over, err);
	image_clear(&photo);
	image_clear(&over);
	return status;
}

static enum cnn_status reply_heat(struct explaining *e, struct cnn_error *err)
{
	const struct viewing *v = e->v;
	struct heat *heat = &e->heat;
	enum cnn_status status = CNN_OK;
	if (v->ask->form == VIEW_JSON) {
		const struct heat_told told = {heat, &e->window, &e->peak, v->header};
		reply_json(v->reply, 200, heat_json(v->model->model, v->model->name, &told));
	} else if (v->ask->form == VIEW_FLOATS) {
		size_t bytes = (size_t)heat->height * (size_t)heat->width * sizeof(float);
		float *map = malloc(bytes);
		if (!map)
			return cnn_fail_memory(err, v->model->name, bytes);
		memcpy(map, heat->map, bytes);
		view_reply_floats(
			v, &map, bytes / sizeof *map,
			arena_printf(v->arena, "%d,%d", (int)heat->height, (int)heat->width));
	} else {
		status = reply_overlay(e, err);
	}
	if (status)
		return status;
	reply_header(v->reply, "X-Method", heat_method_name(heat->method));
	reply_header(v->reply, "X-Class", arena_printf(v->arena, "%u", (unsigned)heat->cls));
	if (e->peak.found)
		reply_header(v->reply, "X-Peak",
		             arena_printf(v->arena, "x=%.1f, y=%.1f", e->peak.x, e->peak.y));
	return CNN_OK;
}

enum cnn_status view_explain(const struct viewing *v, struct cnn_error *err)
{
	struct explaining e = {.v = v};
	struct heat_options options = {
		.method = v->ask->method,
		.on_progress = v->progress->on,
		.ctx = v->progress->ctx,
	};
	struct image picture = {0};
	struct cnn_session *session = NULL;
	enum cnn_status status = heat_class(v->model->model, v->ask->class, &options.cls, err);
	if (!status)
		status = view_read(v, &picture, err);
	bool occlusion = options.method == HEAT_OCCLUSION;
	if (!status && !occlusion) {
		status = heat_explain(v->see, v->model->model, NULL, &picture, &options, &e.heat,
		                      err);
		occlusion = status == CNN_UNSUPPORTED && options.method == HEAT_AUTO;
	}
	/* It runs batches; the others have all they need in the viewer. */
	if (occlusion && (!status || status == CNN_UNSUPPORTED)) {
		status = cnn_session_new(v->model->model, NULL, &session, err);
		options.method = HEAT_OCCLUSION;
		if (!status)
			status = heat_explain(v->see, v->model->model, session, &picture, &options,
			                      &e.heat, err);
	}
	if (!status) {
		heat_window(&cnn_model_info(v->model->model)->preprocess.fit, v->header->width,
		            v->header->height, &e.window);
		heat_find_peak(&e.heat, &e.window, &e.peak);
		status = reply_heat(&e, err);
	}
	heat_clear(&e.heat);
	cnn_session_free(session);
	image_clear(&picture);
	return status;
}
