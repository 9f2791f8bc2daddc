/* The Open Inference Protocol: version 2, and the three paths of version 1. */
#include "engine/base/version.h"
#include "server/admission.h"
#include "server/api.h"
#include "server/infer.h"
#include "server/model_stats.h"
#include "server/model_status.h"
#include "server/models.h"
#include "server/oip_model.h"
#include "server/oip_request.h"
#include "server/request.h"

#include <string.h>

/* The model of the path, {model} and where there is one {version}; NULL: the reply says why there is none. */
static const struct registry_model *find_model(struct request *r)
{
	const struct registry *registry = &r->server->registry;
	const char *name = r->value[0], *version = r->value[1];
	const struct registry_model *m = version ? registry_find_version(registry, name, version)
	                                         : registry_find(registry, name);
	if (!m)
		model_status_reply(r, name, version);
	return m;
}

static bool is_ready(const struct server *s)
{
	return !s->draining && s->registry.n > 0 && !models_are_starting(s->models, NULL, 0);
}

/* --- the server ------------------------------------------------------------------------------- */

void api_v2_server(struct request *r)
{
	const char *repository = models_take_orders(r->server->models) ? "model_repository" : NULL;
	reply_json(&r->reply, 200,
	           json_pack("{s:s, s:s, s:[s, s, s, s, s*]}", "name", "convd", "version",
	                     convd_version, "extensions", "binary_tensor_data", "classification",
	                     "model_configuration", "statistics", repository));
}

void api_v2_live(struct request *r)
{
	reply_json(&r->reply, 200, json_pack("{s:b}", "live", 1));
}

void api_v2_ready(struct request *r)
{
	bool ready = is_ready(r->server);
	reply_json(&r->reply, ready ? 200 : 503,
	           json_pack("{s:b, s:b}", "ready", ready, "live", 1));
}

void api_v2_models(struct request *r)
{
	const struct registry *registry = &r->server->registry;
	json_t *names = json_array();
	for (size_t i = 0; names && i < registry->n; i++) {
		if (json_array_append_new(names, json_string(registry->model[i].name)) != 0) {
			json_decref(names);
			names = NULL;
		}
	}
	reply_json(&r->reply, 200, names ? json_pack("{s:o}", "models", names) : NULL);
}

/* --- one model ------------------------------------------------------------------------------ */

void api_v2_model(struct request *r)
{
	const struct registry_model *m = find_model(r);
	if (!m)
		return;
	json_t *json = oip_model_metadata(m->model, m->name);
	json_t *versions = model_status_versions(&r->server->registry, m->name);
	if (json_object_set_new(json, "versions", versions) != 0) {
		json_decref(json);
		json = NULL;
	}
	reply_json(&r->reply, 200, json);
}

void api_v2_model_ready(struct request *r)
{
	const struct registry_model *m = find_model(r);
	if (m)
		reply_json(&r->reply, 200, json_pack("{s:s, s:b}", "name", m->name, "ready", 1));
}

void api_v2_model_config(struct request *r)
{
	const struct registry_model *m = find_model(r);
	if (m)
		reply_json(&r->reply, 200, oip_model_config(m->model, m->name));
}

static json_t *stats_of(struct server *s, const struct registry_model *m)
{
	return model_stats_json(
		model_stats_get(&s->model_stats, m->name, cnn_model_info(m->model)->version));
}

void api_v2_model_stats(struct request *r)
{
	const struct registry_model *m = find_model(r);
	if (!m)
		return;
	json_t *stats = stats_of(r->server, m);
	reply_json(&r->reply, 200, stats ? json_pack("{s:[o]}", "model_stats", stats) : NULL);
}

void api_v2_stats(struct request *r)
{
	const struct registry *registry = &r->server->registry;
	json_t *list = json_array();
	for (size_t i = 0; list && i < registry->n; i++) {
		json_t *stats = stats_of(r->server, &registry->model[i]);
		if (json_array_append_new(list, stats) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	reply_json(&r->reply, 200, list ? json_pack("{s:o}", "model_stats", list) : NULL);
}

/* --- inference ---------------------------------------------------------------------------------- */

void api_infer_begin(struct request *r)
{
	struct cnn_error err;
	size_t json_len;
	const struct registry_model *m = find_model(r);
	if (!m || !admission_wishes(r) || !admission_check(r, m, 1, r->body_expected))
		return;
	if (r->inference_header && oip_json_bytes(r->inference_header, &json_len, &err) != CNN_OK)
		reply_error(&r->reply, 400, "bad_request", "%s", err.text);
}

static void start(struct request *r, bool v1)
{
	struct infer_form form = {.v1 = v1, .json_len = r->body_len};
	const struct registry_model *m = find_model(r);
	struct cnn_error err;
	if (!m)
		return;
	if (r->inference_header && !v1) {
		if (oip_json_bytes(r->inference_header, &form.json_len, &err) != CNN_OK) {
			reply_error(&r->reply, 400, "bad_request", "%s", err.text);
			return;
		}
		form.raw = form.json_len == 0;
	}
	if (r->body_len == 0)
		reply_error(&r->reply, 400, "empty_body", "the body is empty");
	else if (form.json_len > r->body_len)
		reply_error(&r->reply, 400, "bad_request",
		            "Inference-Header-Content-Length is %zu, the body has %zu bytes",
		            form.json_len, r->body_len);
	else
		infer_start(r, m, &form);
}

void api_v2_infer(struct request *r)
{
	start(r, false);
}

/* --- version 1 ------------------------------------------------------------------------------------ */

void api_v1_predict(struct request *r)
{
	start(r, true);
}
