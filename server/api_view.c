/* What a network sees: the handlers read the query and hand it on to the views. */
#include "server/accept.h"
#include "server/admission.h"
#include "server/api.h"
#include "server/channel_list.h"
#include "server/form.h"
#include "server/layer_find.h"
#include "server/model_status.h"
#include "server/multipart.h"
#include "server/request.h"
#include "server/views.h"

#include <stdlib.h>
#include <string.h>

enum {
	THUMBNAIL = 96,
	MAX_THUMBNAIL = 512,
	MAX_COLUMNS = 1024,
	MAX_STRONGEST = 1000000,
	MAX_ZOOM = 256
};
#define OPACITY 0.75

/* What a kind of view lets be chosen. */
static const struct view_words {
	const char *const *known;
	bool layer, picture;
} words[VIEW_KINDS] = {
	[VIEW_INPUT] = {(const char *const[]){"format", NULL}, false, true},
	[VIEW_ACTIVATIONS] = {(const char *const[]){"format", "channels", "strongest", "scale",
                                                    "zoom", NULL},
                              true, true},
	[VIEW_FILTERS] = {(const char *const[]){"format", "channels", "strongest", "scale", "zoom",
                                                NULL},
                          true, false},
	[VIEW_STRIP] = {(const char *const[]){"format", "width", "height", "columns", NULL}, false,
                        true},
	[VIEW_EXPLAIN] = {(const char *const[]){"format", "class", "method", "opacity", NULL},
                          false, true},
};

/* A parameter that is one of several words; `fallback` when it is not given, -1 with the reply set when it is none. */
static int word_of(struct request *r, const char *name, const char *const list[], int n,
                   int fallback)
{
	const char *text = query_get(&r->query, name);
	if (!text)
		return fallback;
	char all[80] = "";
	for (int i = 0; i < n; i++) {
		if (strcmp(text, list[i]) == 0)
			return i;
		strcat(strcat(all, i ? ", " : ""), list[i]);
	}
	reply_error(&r->reply, 400, "bad_query", "%s=%.40s: must be one of %s", name, text, all);
	return -1;
}

/* A parameter that is a number from `min` on; false: the reply says what is wrong. */
static bool number_of(struct request *r, const char *name, uint64_t min, uint64_t max,
                      uint64_t *out)
{
	struct cnn_error err;
	const char *text = query_get(&r->query, name);
	if (!text || parse_number(name, text, min, max, out, &err) == CNN_OK)
		return true;
	request_bad_query(r, &err);
	return false;
}

static bool read_form(struct request *r, struct view_ask *ask)
{
	static const char *const names[] = {"png", "json", "raw"};
	static const char *const types[] = {"image/png", "application/json",
	                                    "application/octet-stream"};
	static const char *const filter_types[] = {"application/json", "application/octet-stream",
	                                           "image/png"};
	static const enum view_form filter_forms[] = {VIEW_JSON, VIEW_FLOATS, VIEW_PNG};
	bool json_first = ask->kind == VIEW_FILTERS && ask->form == VIEW_JSON;
	if (ask->kind == VIEW_FILTERS && ask->form == VIEW_PNG)
		return true; /* filters.png */
	int form = word_of(r, "format", names, 3, 3);
	if (form < 0)
		return false;
	if (form == 3) {
		size_t best = accept_best(r->accept, json_first ? filter_types : types, 3);
		if (best == 3) {
			reply_error(&r->reply, 406, "not_acceptable",
			            "there are image/png, application/json and "
			            "application/octet-stream");
			return false;
		}
		form = json_first ? (int)filter_forms[best] : (int)best;
	}
	ask->form = (enum view_form)form;
	if (ask->kind == VIEW_STRIP && ask->form == VIEW_FLOATS) {
		reply_error(&r->reply, 406, "not_acceptable",
		            "thumbnails are there as image/png and application/json");
		return false;
	}
	return true;
}

static bool read_channels(struct request *r, struct view_ask *ask)
{
	static const char *const scales[] = {"map", "layer"};
	const char *list = query_get(&r->query, "channels");
	uint64_t strongest = 0, zoom = 0;
	struct cnn_error err;
	if (list && query_get(&r->query, "strongest")) {
		reply_error(&r->reply, 400, "bad_query", "either channels or strongest");
		return false;
	}
	if (!number_of(r, "strongest", 1, MAX_STRONGEST, &strongest) ||
	    !number_of(r, "zoom", 1, MAX_ZOOM, &zoom))
		return false;
	int scale = word_of(r, "scale", scales, 2, 0);
	if (scale < 0)
		return false;
	ask->strongest = (size_t)strongest;
	ask->zoom = (int32_t)zoom;
	ask->shared_scale = scale == 1;
	if (list && channel_list_parse(list, &ask->channel, &ask->n_channel, &err) != CNN_OK) {
		reply_error(&r->reply, err.code == CNN_NO_MEMORY ? 503 : 400,
		            err.code == CNN_NO_MEMORY ? "out_of_memory" : "bad_query",
		            "channels: %s", err.text);
		return false;
	}
	return true;
}

static bool read_strip(struct request *r, struct view_ask *ask)
{
	uint64_t width = THUMBNAIL, height = 0, columns = 0;
	if (!number_of(r, "width", 1, MAX_THUMBNAIL, &width) ||
	    !number_of(r, "height", 1, MAX_THUMBNAIL, &height) ||
	    !number_of(r, "columns", 1, MAX_COLUMNS, &columns))
		return false;
	ask->width = (int32_t)width;
	ask->height = (int32_t)(height ? height : width);
	ask->columns = (int32_t)columns;
	return true;
}

static bool read_explain(struct request *r, struct view_ask *ask)
{
	static const char *const methods[] = {"auto", "cam", "gradcam", "occlusion"};
	const char *opacity = query_get(&r->query, "opacity");
	const char *class = query_get(&r->query, "class");
	char *end = NULL;
	int method = word_of(r, "method", methods, 4, 0);
	if (method < 0)
		return false;
	ask->method = (enum heat_method)method;
	ask->opacity = opacity ? strtod(opacity, &end) : OPACITY;
	if (opacity && (!*opacity || *end || !(ask->opacity >= 0 && ask->opacity <= 1))) {
		reply_error(&r->reply, 400, "bad_query", "opacity=%.40s: must be 0 to 1", opacity);
		return false;
	}
	ask->class = class ? strdup(class) : NULL;
	if (class && !ask->class)
		reply_text(&r->reply, 503, NULL, NULL, 0);
	return !class || ask->class;
}

/* The model of the path, whose layer there is; NULL: the reply says why not. */
static const struct registry_model *find_model(struct request *r, bool layer, bool picture)
{
	const struct registry_model *m = registry_find(&r->server->registry, r->value[0]);
	if (!m) {
		model_status_reply(r, r->value[0], NULL);
	} else if (picture && !cnn_model_info(m->model)->takes_pictures) {
		reply_error(&r->reply, 400, "model_takes_no_pictures",
		            "the input of model '%.100s' is not a picture", m->name);
		m = NULL;
	} else if (layer && !layer_find_or_reply(r, m, r->value[1], NULL)) {
		m = NULL;
	}
	return m;
}

/* What is asked for, but for the picture. NULL: the reply says what is wrong, and *ask needs no clearing. */
static const struct registry_model *read_ask(struct request *r, enum view_kind kind,
                                             enum view_form form, struct view_ask *ask)
{
	*ask = (struct view_ask){.kind = kind, .form = form};
	if (!request_query_only(r, words[kind].known) || !admission_wishes(r))
		return NULL;
	const struct registry_model *m = find_model(r, words[kind].layer, words[kind].picture);
	bool good = m && read_form(r, ask);
	if (good && words[kind].layer)
		good = read_channels(r, ask);
	if (good && kind == VIEW_STRIP)
		good = read_strip(r, ask);
	if (good && kind == VIEW_EXPLAIN)
		good = read_explain(r, ask);
	if (good && words[kind].layer && !(ask->layer = strdup(r->value[1]))) {
		reply_text(&r->reply, 503, NULL, NULL, 0);
		good = false;
	}
	if (good && views_check(r->server->views, r))
		return m;
	view_ask_clear(ask);
	return NULL;
}

/* Before the body: what is wrong anyway is said at once. */
static void begin(struct request *r, enum view_kind kind)
{
	struct view_ask ask;
	if (read_ask(r, kind, VIEW_PNG, &ask))
		view_ask_clear(&ask);
}

static bool find_picture(struct request *r, struct view_ask *ask)
{
	struct picture_bytes picture = {r->body, r->body_len};
	if (r->body_len > 0 && multipart_is(r->content_type) &&
	    form_read(r, NULL, 0, &picture, 1) == 0)
		return false;
	if (picture.len == 0) {
		reply_error(&r->reply, 400, "empty_body",
		            "the body is empty, a picture is expected");
		return false;
	}
	ask->picture = picture.bytes;
	ask->picture_len = picture.len;
	return true;
}

static void start(struct request *r, enum view_kind kind, enum view_form form)
{
	struct view_ask ask;
	const struct registry_model *m = read_ask(r, kind, form, &ask);
	if (!m)
		return;
	if (words[kind].picture && !find_picture(r, &ask))
		view_ask_clear(&ask);
	else
		views_start(r->server->views, r, m, &ask);
}

void api_view_filters_png(struct request *r)
{
	start(r, VIEW_FILTERS, VIEW_PNG);
}

void api_view_filters(struct request *r)
{
	start(r, VIEW_FILTERS, VIEW_JSON);
}

void api_view_activations_begin(struct request *r)
{
	begin(r, VIEW_ACTIVATIONS);
}

void api_view_activations(struct request *r)
{
	start(r, VIEW_ACTIVATIONS, VIEW_PNG);
}

void api_view_input_begin(struct request *r)
{
	begin(r, VIEW_INPUT);
}

void api_view_input(struct request *r)
{
	start(r, VIEW_INPUT, VIEW_PNG);
}

void api_view_strip_begin(struct request *r)
{
	begin(r, VIEW_STRIP);
}

void api_view_strip(struct request *r)
{
	start(r, VIEW_STRIP, VIEW_PNG);
}

void api_view_explain_begin(struct request *r)
{
	begin(r, VIEW_EXPLAIN);
}

void api_view_explain(struct request *r)
{
	start(r, VIEW_EXPLAIN, VIEW_PNG);
}
