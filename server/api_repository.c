/* Triton's model repository extension. Its errors are {"error": "text"}. */
#include "engine/base/json_text.h"
#include "server/api.h"
#include "server/model_status.h"
#include "server/models.h"
#include "server/request.h"

#include <string.h>

/* Read the body, which may be empty: false when there is one that is no order, or when the server takes none; then the
 * reply says so. *out may be NULL, and is the caller's. */
static bool read_order(struct request *r, json_t **out)
{
	static const char *const no_parameters[] = {NULL};
	struct cnn_error err;
	*out = NULL;
	if (!models_take_orders(r->server->models)) {
		reply_error(&r->reply, 404, "not_found",
		            "this server does not load models over HTTP: --repository-api on");
		return false;
	}
	if (r->from_page && !r->cors_origin) {
		/* No reply is shown to it, but its order would be carried out. */
		reply_error(&r->reply, 403, "forbidden",
		            "pages of this origin may not load models: see --cors-origin");
		return false;
	}
	if (query_only(&r->query, no_parameters, &err) != CNN_OK) {
		reply_error(&r->reply, 400, "bad_request", "%s", err.text);
		return false;
	}
	if (r->body_len == 0)
		return true;
	json_error_t where;
	*out = json_loadb((const char *)r->body, r->body_len, JSON_REJECT_DUPLICATES, &where);
	if (json_text_missed()) {
		reply_text(&r->reply, 503, NULL, NULL, 0);
		json_decref(*out);
		return false;
	}
	if (!json_is_object(*out)) {
		reply_error(&r->reply, 400, "bad_request", "the body is no JSON object: %s",
		            *out ? "another value" : where.text);
		json_decref(*out);
		return false;
	}
	const json_t *parameters = json_object_get(*out, "parameters");
	if (parameters && !json_is_null(parameters) && !json_is_object(parameters)) {
		reply_error(&r->reply, 400, "bad_request", "\"parameters\" must be an object");
		json_decref(*out);
		return false;
	}
	return true;
}

void api_repository_index(struct request *r)
{
	json_t *order;
	if (!read_order(r, &order))
		return;
	const json_t *ready = json_object_get(order, "ready");
	if (ready && !json_is_boolean(ready))
		reply_error(&r->reply, 400, "bad_request", "\"ready\" must be true or false");
	else
		reply_json(&r->reply, 200,
		           model_status_index(&r->server->registry, json_is_true(ready)));
	json_decref(order);
}

void api_repository_load(struct request *r)
{
	json_t *order;
	if (!read_order(r, &order))
		return;
	/* A configuration or files in the request in place of the repository's would be ignored: refuse them. */
	const char *parameter;
	json_t *value;
	bool good = true;
	json_object_foreach(json_object_get(order, "parameters"), parameter, value)
	{
		if (good)
			reply_error(&r->reply, 400, "bad_request",
			            "parameter '%.100s' is not supported", parameter);
		good = false;
	}
	json_decref(order);
	if (good)
		models_load(r->server->models, r, r->value[0]);
}

void api_repository_unload(struct request *r)
{
	json_t *order;
	if (!read_order(r, &order))
		return;
	json_decref(order); /* "unload_dependents": no model depends on another */
	models_unload(r->server->models, r, r->value[0]);
}
