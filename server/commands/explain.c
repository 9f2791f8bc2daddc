#include "engine/see_heat.h"
#include "server/commands/commands.h"
#include "server/commands/model_path.h"
#include "server/commands/photo.h"
#include "server/model_json.h"

#include "engine/base/cpu.h"
#include "engine/base/file.h"
#include "engine/image/encode_png.h"

#include <stdlib.h>
#include <unistd.h>

/* Pictures that occlusion runs together. */
#define TOGETHER 8
/* Of the picture that is written, pixels and the opacity of the hottest place. */
#define MAX_SIDE 1600
#define OPACITY  0.75

struct explained {
	const struct config *config;
	struct cnn_model *model;
	struct cnn_pool *pool;
	struct cnn_session *session;
	struct see *see;
	uint8_t *bytes;
	size_t len;
	struct image_header header;
	struct heat heat;
	struct heat_window window; /* in the photo as it was sent */
	struct heat_peak peak;
};

static bool on_progress(void *ctx, size_t done, size_t total)
{
	(void)ctx;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\rocclusion: %zu of %zu runs%s", done, total,
		        done == total ? "\n" : "");
	return true;
}

/* A model that does not have a viewer can still be explained by occlusion. */
static enum cnn_status open_viewer(struct explained *e, struct cnn_error *err)
{
	const struct cnn_model_info *info = cnn_model_info(e->model);
	const struct see_options options = {
		.max_isa = model_path_isa(e->config),
		.max_bytes = (size_t)e->config->max_model_memory,
		.pool = e->pool,
	};
	if (e->config->method == HEAT_OCCLUSION)
		return CNN_OK;
	enum cnn_status status = see_open(info->path, info->sha256, &options, &e->see, err);
	return status && e->config->method == HEAT_AUTO ? CNN_OK : status;
}

static enum cnn_status explain(struct explained *e, struct cnn_error *err)
{
	const struct config *config = e->config;
	const struct image_limits limits = {.max_side = 65535, .max_pixels = config->max_pixels};
	const struct image_fit *fit = &cnn_model_info(e->model)->preprocess.fit;
	struct heat_options options = {.method = (enum heat_method)config->method,
	                               .on_progress = on_progress};
	struct image picture = {0};
	enum cnn_status status = heat_class(e->model, config->class, &options.cls, err);
	if (!status)
		status = image_read(e->bytes, e->len, &limits, config->jpeg_scaling == 0, fit,
		                    &picture, &e->header, err);
	if (!status)
		status = cnn_session_new(e->model, e->pool, &e->session, err);
	if (!status)
		status = open_viewer(e, err);
	if (!status)
		status = heat_explain(e->see, e->model, e->session, &picture, &options, &e->heat,
		                      err);
	image_clear(&picture);
	if (status)
		return status;
	heat_window(fit, e->header.width, e->header.height, &e->window);
	heat_find_peak(&e->heat, &e->window, &e->peak);
	return CNN_OK;
}

static enum cnn_status write_picture(const struct explained *e, struct cnn_error *err)
{
	const struct image_limits limits = {.max_side = 65535, .max_pixels = e->config->max_pixels};
	const struct image_fit *fit = &cnn_model_info(e->model)->preprocess.fit;
	struct image photo = {0}, over = {0};
	struct image_header header;
	uint8_t *png = NULL;
	size_t len = 0;
	enum cnn_status status =
		heat_photo(e->bytes, e->len, &limits, MAX_SIDE, &photo, &header, err);
	double x = status ? 1 : (double)photo.width / header.width;
	double y = status ? 1 : (double)photo.height / header.height;
	struct heat_window window;
	heat_window(fit, e->header.width, e->header.height, &window);
	window.left *= x;
	window.right *= x;
	window.top *= y;
	window.bottom *= y;
	if (!status)
		status = heat_overlay(&e->heat, &photo, &window, OPACITY, &over, err);
	if (!status)
		status = image_encode_png(&over, &png, &len, err);
	if (!status)
		status = file_replace(e->config->out, png, len, err);
	image_clear(&photo);
	image_clear(&over);
	free(png);
	return status;
}

static json_t *map_json(const struct heat *heat)
{
	json_t *rows = json_array();
	for (int32_t y = 0; rows && y < heat->height; y++) {
		json_t *row = json_array();
		for (int32_t x = 0; row && x < heat->width; x++)
			json_array_append_new(row,
			                      json_real((double)heat->map[y * heat->width + x]));
		json_array_append_new(rows, row);
	}
	return json_pack("{s:i, s:i, s:o}", "height", heat->height, "width", heat->width, "values",
	                 rows);
}

static int print_json(const struct explained *e)
{
	const struct heat *heat = &e->heat;
	json_t *peak = e->peak.found ? json_pack("{s:f, s:f, s:f}", "x", e->peak.x, "y", e->peak.y,
	                                         "value", (double)e->peak.value)
	                             : json_null();
	json_t *seen =
		json_pack("{s:f, s:f, s:f, s:f}", "left", e->window.left, "top", e->window.top,
	                  "right", e->window.right, "bottom", e->window.bottom);
	json_t *image = json_pack("{s:s, s:i, s:i}", "format", image_format_name(e->header.format),
	                          "width", e->header.width, "height", e->header.height);
	json_t *all = json_pack("{s:o, s:i, s:s, s:f, s:s, s:s, s:o, s:o, s:o, s:o}", "model",
	                        model_json_id(e->model, cnn_model_info(e->model)->name), "class",
	                        (int)heat->cls, "label", cnn_model_label(e->model, heat->cls),
	                        "probability", (double)heat->share, "method",
	                        heat_method_name(heat->method), "layer", heat->layer, "peak", peak,
	                        "seen", seen, "image", image, "map", map_json(heat));
	int failed = command_print_json("explain", all, JSON_INDENT(1));
	json_decref(all);
	return failed;
}

static int print_text(const struct explained *e)
{
	const struct heat *heat = &e->heat;
	printf("%s\n  %5.1f%%  %4u  %s\n  %s%s%s, %d x %d\n", e->config->photo,
	       100 * (double)heat->share, heat->cls, cnn_model_label(e->model, heat->cls),
	       heat_method_name(heat->method), *heat->layer ? " of " : "", heat->layer,
	       (int)heat->height, (int)heat->width);
	if (e->peak.found)
		printf("  most at pixel %.0f, %.0f of %d x %d\n", e->peak.x, e->peak.y,
		       (int)e->header.width, (int)e->header.height);
	else
		puts("  nothing in the picture speaks for it");
	return 0;
}

int command_explain(const struct config *config)
{
	struct cnn_error err = {0};
	if (config->n_args > 1 || !config->photo) {
		fprintf(stderr, "convd explain: %s\nTry 'convd explain --help'\n",
		        config->photo ? "one model at a time" : "no photo is named, --photo FILE");
		return 2;
	}
	struct explained e = {.config = config};
	e.model = model_path_load(config, "explain", config->n_args ? config->args[0] : NULL,
	                          TOGETHER);
	if (!e.model)
		return 1;
	enum cnn_status status = CNN_OK;
	e.pool = cnn_pool_new(config->threads ? (size_t)config->threads : cpu_count());
	e.bytes = photo_read(config->photo, &e.len, &err);
	if (!e.bytes)
		status = err.code;
	if (!status)
		status = explain(&e, &err);
	if (!status && config->out)
		status = write_picture(&e, &err);
	int code = 1;
	if (status)
		fprintf(stderr, "convd explain: %s: %s\n", config->photo, err.text);
	else
		code = config->json ? print_json(&e) : print_text(&e);
	heat_clear(&e.heat);
	see_close(e.see);
	cnn_session_free(e.session);
	cnn_pool_free(e.pool);
	cnn_model_unref(e.model);
	free(e.bytes);
	return code;
}
