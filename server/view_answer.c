/* What the thread's functions have in common: the picture, the viewer, and the answer's making. */
#include "engine/base/json_text.h"
#include "server/error_code.h"
#include "server/view_inside.h"

#include "engine/image/encode_png.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 65535 }; /* what JPEG can say */

void view_fail(struct view *v, unsigned status, const char *code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(v->answer.error.text, sizeof v->answer.error.text, fmt, ap);
	va_end(ap);
	v->answer.status = status;
	v->answer.code = code;
}

void view_fail_status(struct view *v, enum cnn_status status, const struct cnn_error *err)
{
	const struct error_code *code = error_code(status);
	if (status == CNN_BAD_ARG)
		view_fail(v, 400, "bad_request", "%s", err->text);
	else
		view_fail(v, code->http_status, code->code, "%s", err->text);
}

bool view_decode(struct view *v)
{
	const struct config *config = v->views->server->config;
	const struct image_limits limits = {MAX_SIDE, config->max_pixels};
	struct cnn_error err;
	enum cnn_status status = image_read(
		v->ask.picture, v->ask.len, &limits, config->jpeg_scaling == 0,
		&cnn_model_info(v->model)->preprocess.fit, &v->pixels, &v->picture, &err);
	v->decoded_ns = batcher_now_ns();
	v->item.picture = &v->pixels;
	if (status)
		view_fail_status(v, status, &err);
	return status == CNN_OK;
}

struct see *view_open(struct view *v)
{
	struct see *see = NULL;
	struct cnn_error err;
	enum cnn_status status = viewers_open(v->views->viewers, v->model, &see, &err);
	if (status == CNN_IO || status == CNN_BAD_MODEL)
		view_fail(v, 409, "model_changed", "%s", err.text);
	else if (status)
		view_fail_status(v, status, &err);
	return see;
}

void view_answer_png(struct view *v, const struct image *picture)
{
	struct cnn_error err;
	uint8_t *bytes;
	enum cnn_status status = image_encode_png(picture, &bytes, &v->answer.len, &err);
	if (status) {
		view_fail_status(v, status, &err);
		return;
	}
	v->answer.body = (char *)bytes;
	v->answer.content_type = "image/png";
}

void view_answer_json(struct view *v, json_t *json)
{
	v->answer.body = json_text(json, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(json);
	v->answer.content_type = "application/json";
	if (v->answer.body)
		v->answer.len = strlen(v->answer.body);
	else
		view_fail(v, 503, "out_of_memory", "out of memory for this answer");
}

void view_answer_floats(struct view *v, float *floats, size_t n)
{
	v->answer.body = (char *)floats;
	v->answer.len = n * sizeof *floats;
	v->answer.content_type = "application/octet-stream";
}

static void add_header(struct view *v, const char *name, char *value)
{
	struct view_answer *a = &v->answer;
	if (value && a->n_headers < VIEW_HEADERS)
		a->header[a->n_headers++] = (struct view_header){name, value};
	else
		free(value);
}

void view_header(struct view *v, const char *name, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	add_header(v, name, strdup(text));
}

void view_header_numbers(struct view *v, const char *name, const uint32_t *number, size_t n)
{
	enum { DIGITS = 11, MOST = 4096 };
	/* Some clients take no longer lines. */
	if (n > MOST)
		return;
	char *text = malloc(n * DIGITS + 1), *to = text;
	if (!text)
		return;
	*to = '\0';
	for (size_t i = 0; i < n; i++)
		to += snprintf(to, DIGITS + 1, "%s%u", i ? "," : "", number[i]);
	add_header(v, name, text);
}

void view_shape(const struct cnn_shape *shape, size_t *channels, size_t *height, size_t *width)
{
	const int64_t *dim = shape->dim;
	int32_t rank = shape->rank;
	if (rank > 1 && dim[0] == 1) {
		dim++;
		rank--;
	}
	*channels = rank > 0 ? (size_t)dim[0] : 1;
	*width = rank > 1 ? (size_t)dim[rank - 1] : 1;
	*height = 1;
	for (int32_t i = 1; i < rank - 1; i++)
		*height *= (size_t)dim[i];
}

bool view_check_choice(struct view *v, const char *what, size_t n, size_t bytes)
{
	const struct view_ask *ask = &v->ask;
	const char *layer = cnn_model_layer(v->model, ask->layer)->name;
	size_t chosen = n, all;
	for (size_t i = 0; i < ask->n_channel; i++) {
		if (ask->channel[i] < n)
			continue;
		view_fail(v, 404, "channel_not_found",
		          "layer '%.100s' has no %s %u: it has %zu, counted from 0", layer, what,
		          ask->channel[i], n);
		return false;
	}
	if (ask->n_channel)
		chosen = ask->n_channel;
	else if (ask->top && ask->top < n)
		chosen = ask->top;
	size_t max = ask->form == VIEW_AS_JSON ? VIEW_JSON_BYTES : VIEW_ANSWER_BYTES;
	if (!__builtin_mul_overflow(chosen, bytes, &all) && all <= max)
		return true;
	view_fail(v, 413, "answer_too_large",
	          "layer '%.100s': %zu %ss of %zu bytes are more than %zu; choose some with "
	          "channels or strongest",
	          layer, chosen, what, bytes, max);
	return false;
}
