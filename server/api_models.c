#include "server/api.h"
#include "server/layer_find.h"
#include "server/model_json.h"
#include "server/model_status.h"
#include "server/request.h"

#include <string.h>

static const char *const no_parameters[] = {NULL};

/* The model of the path; NULL: the reply says why there is none. */
static const struct registry_model *find_model(struct request *r)
{
	const struct registry_model *m = registry_find(&r->server->registry, r->value[0]);
	if (!m)
		model_status_reply(r, r->value[0], NULL);
	return m;
}

void api_models(struct request *r)
{
	if (!request_query_only(r, no_parameters))
		return;
	const struct registry *registry = &r->server->registry;
	const char *last = NULL;
	json_t *list = json_array();
	for (size_t i = 0; list && i < registry->n_entries; i++) {
		const char *name = registry->entry[i]->name;
		if (last && strcmp(last, name) == 0)
			continue;
		last = name;
		const struct registry_entry *e = registry_look(registry, name);
		if (json_array_append_new(list, model_status_json(registry, e)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	reply_json(&r->reply, 200, list ? json_pack("{s:o}", "models", list) : NULL);
}

void api_model(struct request *r)
{
	if (!request_query_only(r, no_parameters))
		return;
	const struct registry *registry = &r->server->registry;
	const struct registry_entry *e = registry_look(registry, r->value[0]);
	if (e)
		reply_json(&r->reply, 200, model_status_json(registry, e));
	else
		model_status_reply(r, r->value[0], NULL);
}

void api_model_layers(struct request *r)
{
	static const char *const known[] = {"format", NULL};
	if (!request_query_only(r, known))
		return;
	const struct registry_model *m = find_model(r);
	if (!m)
		return;
	const char *format = query_get(&r->query, "format");
	if (!format || strcmp(format, "json") == 0) {
		reply_json(&r->reply, 200, model_json_layers(m->model, m->name));
	} else if (strcmp(format, "text") == 0) {
		char *text = model_text_layers(m->model, m->name);
		reply_text(&r->reply, 200, "text/plain; charset=utf-8", text,
		           text ? strlen(text) : 0);
	} else {
		reply_error(&r->reply, 400, "bad_query", "format=%.40s: must be json or text",
		            format);
	}
}

void api_model_layer(struct request *r)
{
	if (!request_query_only(r, no_parameters))
		return;
	const struct registry_model *m = find_model(r);
	if (!m)
		return;
	size_t layer;
	if (layer_find_or_reply(r, m, r->value[1], &layer))
		reply_json(&r->reply, 200, model_json_layer(m->model, layer));
}
