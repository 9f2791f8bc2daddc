/* Where the network looked. */
#include "server/model_json.h"
#include "server/view_inside.h"
#include "server/view_json.h"

#include <stdlib.h>

enum { MAX_PIXELS_SIDE = 65535, MAX_SIDE = 1600 }; /* of the photo; of the picture that is sent */

/* Occlusion runs the model as it is served; the other methods look into it. */
static enum cnn_status occlude(struct view *v, struct heat_options *options, struct heat *heat,
                               struct cnn_error *err)
{
	struct cnn_session *session;
	enum cnn_status status = viewers_session(v->views->viewers, v->model, &session, err);
	options->method = HEAT_OCCLUSION;
	return status ? status
	              : heat_explain(NULL, v->model, session, &v->pixels, options, heat, err);
}

static bool explain(struct view *v, struct heat *heat)
{
	struct heat_options options = {
		.method = v->ask.method, .cls = v->ask.cls, .on_progress = view_progress, .ctx = v};
	struct cnn_error err;
	enum cnn_status status = CNN_UNSUPPORTED;
	if (options.method != HEAT_OCCLUSION) {
		struct see *see = view_open(v);
		if (!see)
			return false;
		status = heat_explain(see, v->model, NULL, &v->pixels, &options, heat, &err);
	}
	if (options.method == HEAT_OCCLUSION ||
	    (options.method == HEAT_AUTO && status == CNN_UNSUPPORTED))
		status = occlude(v, &options, heat, &err);
	v->run_ns = batcher_now_ns();
	if (status == CNN_UNSUPPORTED)
		view_fail(v, 400, "method_unsupported", "%s", err.text);
	else if (status)
		view_fail_status(v, status, &err);
	return status == CNN_OK;
}

static void answer_overlay(struct view *v, const struct heat *heat, const struct heat_peak *peak)
{
	const struct image_limits limits = {MAX_PIXELS_SIDE, v->views->server->config->max_pixels};
	struct image photo = {0}, over = {0};
	struct image_header header;
	struct heat_window window;
	struct cnn_error err;
	enum cnn_status status =
		heat_photo(v->ask.picture, v->ask.len, &limits, MAX_SIDE, &photo, &header, &err);
	/* The window in the pixels of the photo that is drawn on. */
	if (!status) {
		double x = (double)photo.width / header.width,
		       y = (double)photo.height / header.height;
		heat_window(&cnn_model_info(v->model)->preprocess.fit, header.width, header.height,
		            &window);
		window.left *= x;
		window.right *= x;
		window.top *= y;
		window.bottom *= y;
		status = heat_overlay(heat, &photo, &window, v->ask.opacity, &over, &err);
	}
	if (status) {
		view_fail_status(v, status, &err);
	} else {
		view_header(v, "X-Method", "%s", heat_method_name(heat->method));
		view_header(v, "X-Class", "%u", heat->cls);
		if (peak->found)
			view_header(v, "X-Peak", "%.1f,%.1f", peak->x, peak->y);
		view_answer_png(v, &over);
	}
	image_clear(&photo);
	image_clear(&over);
}

static void answer_json(struct view *v, const struct heat *heat, const struct heat_window *window,
                        const struct heat_peak *peak)
{
	view_answer_json(
		v, json_pack("{s:o, s:s, s:s, s:i, s:s, s:o, s:i, s:i, s:o, s:o, s:o, s:o}",
	                     "model", model_json_id(v->model, v->name), "method",
	                     heat_method_name(heat->method), "layer", heat->layer, "class",
	                     (int)heat->cls, "label", cnn_model_label(v->model, heat->cls),
	                     "probability", view_json_number((double)heat->share), "height",
	                     (int)heat->height, "width", (int)heat->width, "map",
	                     view_json_rows(heat->map, (size_t)heat->height, (size_t)heat->width),
	                     "window", view_json_window(window), "peak", view_json_peak(peak),
	                     "image", view_json_image(&v->picture)));
}

void view_explain(struct view *v)
{
	struct heat heat = {0};
	struct heat_window window;
	struct heat_peak peak;
	if (!view_decode(v) || !explain(v, &heat))
		return;
	heat_window(&cnn_model_info(v->model)->preprocess.fit, v->picture.width, v->picture.height,
	            &window);
	heat_find_peak(&heat, &window, &peak);
	if (v->ask.form == VIEW_AS_PNG)
		answer_overlay(v, &heat, &peak);
	else
		answer_json(v, &heat, &window, &peak);
	heat_clear(&heat);
}
