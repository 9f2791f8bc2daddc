#include "server/view_inside.h"

#include "engine/image/encode_png.h"
#include "server/error_code.h"

#include <stdlib.h>
#include <string.h>

const char *view_kind_name(enum view_kind kind)
{
	static const char *const names[VIEW_KINDS] = {"input", "activations", "filters", "strip",
	                                              "explain"};
	return names[kind];
}

void view_ask_clear(struct view_ask *ask)
{
	free(ask->layer);
	free(ask->channel);
	free(ask->class);
	free(ask->body);
	*ask = (struct view_ask){.kind = ask->kind};
}

void view_fail(enum cnn_status status, const char *text, struct reply *reply)
{
	const struct error_code *code = error_code(status);
	reply_clear(reply);
	if (status == CNN_BAD_ARG || status == CNN_UNSUPPORTED)
		reply_error(reply, 400, "bad_request", "%s", text);
	else if (status == CNN_IO)
		reply_error(reply, 409, "model_changed", "%s", text);
	else
		reply_error(reply, code->http_status, code->code, "%s", text);
}

enum cnn_status view_read(const struct viewing *v, struct image *picture, struct cnn_error *err)
{
	const struct cnn_preprocess *p = &cnn_model_info(v->model->model)->preprocess;
	return image_read(v->ask->picture, v->ask->picture_len, &v->model->limits,
	                  v->model->jpeg_scaling, &p->fit, picture, v->header, err);
}

enum cnn_status view_reply_png(const struct viewing *v, const struct image *picture,
                               struct cnn_error *err)
{
	uint8_t *png;
	size_t len;
	enum cnn_status status = image_encode_png(picture, &png, &len, err);
	if (!status)
		reply_text(v->reply, 200, "image/png", (char *)png, len);
	return status;
}

void view_reply_floats(const struct viewing *v, float **data, size_t count, const char *shape)
{
	reply_text(v->reply, 200, "application/octet-stream", (char *)*data, count * sizeof **data);
	reply_header(v->reply, "X-Shape", shape);
	*data = NULL;
}

void view_reply_channels(const struct viewing *v, const uint32_t *channel, size_t n)
{
	enum {
		DIGITS = 11,
		MOST = 512
	}; /* a header's lines have a limit; more are seldom looked up there */
	if (n > MOST)
		return;
	char *text = arena_alloc(v->arena, n + 1, DIGITS);
	size_t at = 0;
	for (size_t i = 0; text && i < n; i++)
		at += (size_t)sprintf(text + at, i ? ",%u" : "%u", (unsigned)channel[i]);
	if (text && n)
		reply_header(v->reply, "X-Channels", text);
}

void view_run(const struct view_ask *ask, const struct view_model *model, struct see *see,
              const struct view_progress *progress, struct arena *arena, struct reply *reply)
{
	struct image_header header = {0};
	const struct viewing v = {
		.ask = ask,
		.model = model,
		.see = see,
		.progress = progress,
		.arena = arena,
		.reply = reply,
		.header = &header,
	};
	static enum cnn_status (*const make[VIEW_KINDS])(const struct viewing *,
	                                                 struct cnn_error *) = {
		[VIEW_INPUT] = view_input,     [VIEW_ACTIVATIONS] = view_activations,
		[VIEW_FILTERS] = view_filters, [VIEW_STRIP] = view_strip,
		[VIEW_EXPLAIN] = view_explain,
	};
	struct cnn_error err = {0};
	enum cnn_status status = make[ask->kind](&v, &err);
	if (status)
		view_fail(status, err.text, reply);
}
