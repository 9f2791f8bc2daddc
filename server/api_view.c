/* What a network sees: the requests' parameters, read. */
#include "server/accept.h"
#include "server/admission.h"
#include "server/api.h"
#include "server/channel_list.h"
#include "server/find_layer.h"
#include "server/form.h"
#include "server/model_status.h"
#include "server/request.h"
#include "server/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { THUMBNAIL = 96, MAX_THUMBNAIL = 512, MAX_COLUMNS = 1000, MAX_ZOOM = 256 };
#define MAX_CHANNELS 1000000
#define OPACITY      0.75

static bool bad_query(struct request *r, const char *text)
{
	reply_error(&r->reply, 400, "bad_query", "%s", text);
	return false;
}

/* The model of the path; NULL: the reply says why there is none. */
static const struct registry_model *find_model(struct request *r)
{
	const struct registry_model *m = registry_find(&r->server->registry, r->value[0]);
	if (!r->server->views)
		reply_error(&r->reply, 404, "views_off",
		            "this server was started with --view-bytes 0");
	else if (!m)
		model_status_reply(r, r->value[0], NULL);
	return r->server->views ? m : NULL;
}

/* A number of the query; `none` when it is not given. */
static bool read_number(struct request *r, const char *name, uint64_t min, uint64_t max,
                        uint64_t none, uint64_t *out)
{
	const char *text = query_get(&r->query, name);
	struct cnn_error err;
	*out = none;
	if (!text || parse_number(name, text, min, max, out, &err) == CNN_OK)
		return true;
	request_bad_query(r, &err);
	return false;
}

/* One of the words; the first when it is not given. */
static bool read_word(struct request *r, const char *name, const char *const word[], size_t n,
                      size_t *out)
{
	const char *text = query_get(&r->query, name);
	for (*out = 0; text && *out < n && strcmp(text, word[*out]) != 0;)
		++*out;
	if (*out < n)
		return true;
	reply_error(&r->reply, 400, "bad_query", "%s=%.40s: must be %s, or another of %zu words",
	            name, text, word[0], n);
	return false;
}

/* Which form of the answer; `types` in the order of `form`. */
static bool choose_form(struct request *r, const char *const type[], const enum view_form form[],
                        size_t n, enum view_form *out)
{
	size_t i = accept_choose(r->accept, type, n);
	if (i < n) {
		*out = form[i];
		return true;
	}
	reply_error(&r->reply, 406, "not_acceptable",
	            "Accept names no form that there is: %s, %s%s%s", type[0], n > 1 ? type[1] : "",
	            n > 2 ? ", " : "", n > 2 ? type[2] : "");
	return false;
}

/* channels, strongest, scale and zoom. */
static bool read_choice(struct request *r, struct view_ask *ask)
{
	static const char *const scales[] = {"map", "layer"};
	const char *list = query_get(&r->query, "channels");
	struct cnn_error err;
	uint64_t top, zoom;
	size_t scale;
	if (!read_number(r, "strongest", 1, MAX_CHANNELS, 0, &top) ||
	    !read_number(r, "zoom", 1, MAX_ZOOM, 0, &zoom) ||
	    !read_word(r, "scale", scales, 2, &scale))
		return false;
	if (list && top)
		return bad_query(r, "either channels or strongest");
	ask->top = (size_t)top;
	ask->look.zoom = (int32_t)zoom;
	ask->look.shared = scale == 1;
	if (!list || channel_list_parse(list, &ask->channel, &ask->n_channel, &err) == CNN_OK)
		return true;
	request_bad_query(r, &err);
	return false;
}

/* The body's picture, alone or in a form. */
static bool read_picture(struct request *r, struct view_ask *ask)
{
	struct picture_bytes picture = {r->body, r->body_len};
	if (r->body_len > 0 && multipart_is(r->content_type) &&
	    form_pictures(r, &picture, 1, NULL, NULL) == 0)
		return false;
	ask->picture = picture.bytes;
	ask->len = picture.len;
	if (picture.len == 0)
		reply_error(&r->reply, 400, "empty_body",
		            "the body is empty, a picture is expected");
	return picture.len > 0;
}

/* Before the body: whatever else is wrong with the request is said then too, but more is read first. */
void api_view_begin(struct request *r)
{
	const struct registry_model *m = admission_wishes(r) ? find_model(r) : NULL;
	size_t layer;
	if (!m)
		return;
	if (!cnn_model_info(m->model)->takes_pictures)
		reply_error(&r->reply, 400, "model_takes_no_pictures",
		            "the input of model '%.100s' is not a picture", m->name);
	else if (!strstr(r->route->pattern, "{layer}") || find_layer(r, m, r->value[1], &layer))
		view_admit(r);
}

static const char *const png_first[] = {"image/png", "application/json",
                                        "application/octet-stream"};
static const enum view_form png_first_form[] = {VIEW_AS_PNG, VIEW_AS_JSON, VIEW_AS_FLOATS};

void api_filters(struct request *r)
{
	static const char *const known[] = {"channels", "strongest", "scale", "zoom", NULL};
	static const char *const type[] = {"application/json", "application/octet-stream"};
	static const enum view_form form[] = {VIEW_AS_JSON, VIEW_AS_FLOATS};
	struct view_ask ask = {.kind = VIEW_FILTERS};
	bool picture = strstr(r->route->pattern, ".png") != NULL;
	if (!request_query_only(r, known) || !admission_wishes(r))
		return;
	const struct registry_model *m = find_model(r);
	if (!m || !find_layer(r, m, r->value[1], &ask.layer))
		return;
	if (!picture && !choose_form(r, type, form, 2, &ask.form))
		return;
	if (!read_choice(r, &ask)) {
		view_ask_clear(&ask);
		return;
	}
	/* The rest of what the answer depends on is the address. */
	static const char *const suffix[] = {"png", "json", "floats"};
	ask.etag = arena_printf(r->arena, "\"%.32s-%s\"", cnn_model_info(m->model)->sha256,
	                        suffix[ask.form]);
	if (ask.etag && r->if_none_match && strstr(r->if_none_match, ask.etag)) {
		view_ask_clear(&ask);
		reply_static(&r->reply, 304, NULL, "", 0);
		r->reply.cache_control = "no-cache";
		reply_header(&r->reply, "ETag", ask.etag);
		return;
	}
	view_start(r, m, &ask);
}

void api_activations(struct request *r)
{
	static const char *const known[] = {"channels", "strongest", "scale", "zoom", NULL};
	struct view_ask ask = {.kind = VIEW_ACTIVATIONS};
	const struct registry_model *m = request_query_only(r, known) ? find_model(r) : NULL;
	if (m && find_layer(r, m, r->value[1], &ask.layer) &&
	    choose_form(r, png_first, png_first_form, 3, &ask.form) && read_choice(r, &ask) &&
	    read_picture(r, &ask))
		view_start(r, m, &ask);
	else
		view_ask_clear(&ask);
}

void api_input(struct request *r)
{
	static const char *const known[] = {NULL};
	struct view_ask ask = {.kind = VIEW_INPUT};
	const struct registry_model *m = request_query_only(r, known) ? find_model(r) : NULL;
	if (m && choose_form(r, png_first, png_first_form, 3, &ask.form) && read_picture(r, &ask))
		view_start(r, m, &ask);
}

/* "a,b": names or numbers, of which the first are looked for as they stand, a comma in a name included. */
static bool read_layers(struct request *r, const struct registry_model *m, struct view_ask *ask)
{
	const char *list = query_get(&r->query, "layers");
	size_t n = cnn_model_layers(m->model);
	if (!list)
		return true;
	ask->wanted = calloc(n + 1, sizeof *ask->wanted);
	if (!ask->wanted) {
		reply_text(&r->reply, 503, NULL, NULL, 0);
		return false;
	}
	for (;;) {
		size_t len = strcspn(list, ","), layer;
		const char *name = arena_strndup(r->arena, list, len);
		if (!name) {
			reply_text(&r->reply, 503, NULL, NULL, 0);
			return false;
		}
		if (!find_layer(r, m, name, &layer))
			return false;
		ask->wanted[layer] = true;
		if (!list[len])
			return true;
		list += len + 1;
	}
}

void api_strip(struct request *r)
{
	static const char *const known[] = {"width", "height", "columns", "layers", NULL};
	struct view_ask ask = {.kind = VIEW_STRIP};
	uint64_t width, height, columns;
	const struct registry_model *m = request_query_only(r, known) ? find_model(r) : NULL;
	if (!m || !choose_form(r, png_first, png_first_form, 2, &ask.form) ||
	    !read_number(r, "width", 1, MAX_THUMBNAIL, THUMBNAIL, &width) ||
	    !read_number(r, "height", 1, MAX_THUMBNAIL, THUMBNAIL, &height) ||
	    !read_number(r, "columns", 0, MAX_COLUMNS, 0, &columns))
		return;
	ask.width = (int32_t)width;
	ask.height = (int32_t)height;
	ask.columns = (int32_t)columns;
	if (read_layers(r, m, &ask) && read_picture(r, &ask))
		view_start(r, m, &ask);
	else
		view_ask_clear(&ask);
}

static bool read_opacity(struct request *r, double *out)
{
	const char *text = query_get(&r->query, "opacity");
	char *end = NULL;
	*out = text ? strtod(text, &end) : OPACITY;
	if (!text || (*text >= '0' && *text <= '9' && !*end && *out >= 0 && *out <= 1))
		return true;
	reply_error(&r->reply, 400, "bad_query", "opacity=%.40s: must be a number from 0 to 1",
	            text);
	return false;
}

void api_explain(struct request *r)
{
	static const char *const known[] = {"class", "method", "opacity", NULL};
	static const char *const type[] = {"image/png", "application/json", "text/event-stream"};
	static const enum view_form form[] = {VIEW_AS_PNG, VIEW_AS_JSON, VIEW_AS_EVENTS};
	static const char *const methods[] = {"auto", "cam", "gradcam", "occlusion"};
	struct view_ask ask = {.kind = VIEW_EXPLAIN};
	struct cnn_error err;
	size_t method;
	const struct registry_model *m = request_query_only(r, known) ? find_model(r) : NULL;
	if (!m || !choose_form(r, type, form, 3, &ask.form) ||
	    !read_word(r, "method", methods, 4, &method) || !read_opacity(r, &ask.opacity))
		return;
	ask.method = (enum heat_method)method;
	if (heat_class(m->model, query_get(&r->query, "class"), &ask.cls, &err) != CNN_OK) {
		reply_error(&r->reply, 404, "class_not_found", "%s", err.text);
		return;
	}
	if (read_picture(r, &ask))
		view_start(r, m, &ask);
}
