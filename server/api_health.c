#include "engine/base/version.h"
#include "server/api.h"
#include "server/models.h"
#include "server/request.h"

static json_t *model_names(const struct registry *registry)
{
	json_t *names = json_array();
	for (size_t i = 0; names && i < registry->n; i++) {
		if (json_array_append_new(names, json_string(registry->model[i].name)) != 0) {
			json_decref(names);
			names = NULL;
		}
	}
	return names;
}

static void reply_health(struct request *r, bool live)
{
	static const char *const no_parameters[] = {NULL};
	const struct server *s = r->server;
	if (!request_query_only(r, no_parameters))
		return;
	double uptime = (double)(batcher_now_ns() - s->started_ns) * 1e-9;
	const char *status = "ok";
	unsigned code = 200;
	const char *reason = s->registry.n == 0 ? s->no_model_reason : NULL;
	char starting[300];
	bool loading = models_are_starting(s->models, starting, sizeof starting);
	if (loading)
		reason = starting;
	if (!live && (s->draining || loading || s->registry.n == 0)) {
		status = s->draining ? "draining" : loading ? "loading" : "no_model";
		code = 503;
	}
	json_t *names = model_names(&s->registry);
	json_t *json = names ? json_pack("{s:s, s:o, s:s, s:f}", "status", status, "models", names,
	                                 "version", convd_version, "uptime_seconds", uptime)
	                     : NULL;
	if (json && reason) {
		/* A reason that is not UTF-8 quotes a path: leave it out. */
		json_object_set_new(json, "reason", json_string(reason));
	}
	reply_json(&r->reply, code, json);
}

void api_health(struct request *r)
{
	reply_health(r, false);
}

void api_health_live(struct request *r)
{
	reply_health(r, true);
}
