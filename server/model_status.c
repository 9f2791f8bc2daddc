#include "server/model_status.h"

#include "server/model_json.h"
#include "server/models.h"
#include "server/request.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* RFC 3339, or null. */
static json_t *time_json(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm utc;
	char day[32] = "", text[48];
	if (ms == 0 || !gmtime_r(&seconds, &utc))
		return json_null();
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, sizeof text, "%s.%03dZ", day, (int)(ms % 1000));
	return json_string(text);
}

/* Text that may quote a path, which need not be UTF-8: else its ASCII. */
static json_t *text_json(const char *text)
{
	json_t *json = json_string(text);
	if (json)
		return json;
	char ascii[512];
	snprintf(ascii, sizeof ascii, "%s", text);
	for (char *p = ascii; *p; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
	return json_string(ascii);
}

static json_t *error_json(const struct registry_entry *e)
{
	if (!e->last_error[0])
		return json_null();
	return json_pack("{s:o, s:o}", "message", text_json(e->last_error), "at",
	                 time_json(e->last_error_ms));
}

static json_t *versions_json(const struct registry *r, const char *name)
{
	const struct registry_entry *served = registry_look(r, name);
	json_t *list = json_array();
	for (size_t i = 0; list && i < r->n_entries; i++) {
		const struct registry_entry *e = r->entry[i];
		if (strcmp(e->name, name) != 0)
			continue;
		json_array_append_new(
			list, json_pack("{s:o, s:s, s:o, s:b, s:o, s:o}", "version",
		                        text_json(e->version), "state", model_state_name(e->state),
		                        "reason", text_json(e->reason), "default",
		                        e == served && e->state == MODEL_READY, "loaded_at",
		                        time_json(e->loaded_at_ms), "last_error", error_json(e)));
	}
	return list;
}

json_t *model_status_json(const struct registry *r, const struct registry_entry *e)
{
	json_t *json = e->served.model ? model_json_info(e->served.model, e->name)
	                               : json_pack("{s:o, s:o}", "name", text_json(e->name),
	                                           "version", text_json(e->version));
	json_t *status =
		json_pack("{s:s, s:o, s:o, s:o, s:o}", "state", model_state_name(e->state),
	                  "reason", text_json(e->reason), "versions", versions_json(r, e->name),
	                  "loaded_at", time_json(e->loaded_at_ms), "last_error", error_json(e));
	if (!json || !status || json_object_update(json, status) != 0) {
		json_decref(json);
		json = NULL;
	}
	json_decref(status);
	return json;
}

json_t *model_status_index(const struct registry *r, bool ready)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < r->n_entries; i++) {
		const struct registry_entry *e = r->entry[i];
		if (ready && e->state != MODEL_READY)
			continue;
		json_t *row = json_pack("{s:o, s:o, s:s, s:o}", "name", text_json(e->name),
		                        "version", text_json(e->version), "state",
		                        model_state_name(e->state), "reason", text_json(e->reason));
		if (json_array_append_new(list, row) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

json_t *model_status_versions(const struct registry *r, const char *name)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < r->n_entries; i++) {
		const struct registry_entry *e = r->entry[i];
		if (e->state != MODEL_READY || strcmp(e->name, name) != 0)
			continue;
		json_array_append_new(list, text_json(e->version));
	}
	return list;
}

void model_status_reply(struct request *r, const char *name, const char *version)
{
	const struct registry *registry = &r->server->registry;
	const struct registry_entry *e = registry_look(registry, name);
	char names[256];
	registry_names(registry, names, sizeof names);
	if (!e) {
		reply_error(&r->reply, 404, "model_not_found",
		            "there is no model '%.100s'; served: %s", name ? name : "",
		            *names ? names : "none");
	} else if (version && e->state == MODEL_READY) {
		reply_error(&r->reply, 404, "model_not_found",
		            "model '%.100s' has no version '%.60s'; served: '%.60s'", e->name,
		            version, e->version);
	} else if (e->state == MODEL_LOADING) {
		reply_error(&r->reply, 503, "model_loading", "model '%.100s' is being loaded",
		            e->name);
		reply_header(&r->reply, "Retry-After", "1");
	} else {
		reply_error(&r->reply, 503, "model_unavailable", "model '%.100s': %.350s", e->name,
		            e->reason);
	}
}

/* --- metrics ------------------------------------------------------------------------------ */

static void write_labels(const struct registry_entry *e, FILE *out)
{
	fputs("{model=", out);
	metrics_label(out, e->name);
	fputs(",version=", out);
	metrics_label(out, e->version);
}

static void write_loads(const struct registry *r, FILE *out)
{
	fputs("# HELP convd_model_loads_total Models loaded since the start, by result.\n"
	      "# TYPE convd_model_loads_total counter\n",
	      out);
	for (size_t i = 0; i < r->n_entries;) {
		uint64_t good = 0, failed = 0;
		const char *name = r->entry[i]->name;
		for (; i < r->n_entries && strcmp(r->entry[i]->name, name) == 0; i++) {
			good += r->entry[i]->loads_good;
			failed += r->entry[i]->loads_failed;
		}
		fputs("convd_model_loads_total{model=", out);
		metrics_label(out, name);
		fprintf(out, ",result=\"ok\"} %" PRIu64 "\nconvd_model_loads_total{model=", good);
		metrics_label(out, name);
		fprintf(out, ",result=\"failed\"} %" PRIu64 "\n", failed);
	}
}

void models_write_metrics(const struct registry *r, FILE *out)
{
	write_loads(r, out);
	fputs("# HELP convd_model_ready 1 while the model serves, else 0.\n"
	      "# TYPE convd_model_ready gauge\n",
	      out);
	for (size_t i = 0; i < r->n_entries; i++) {
		fputs("convd_model_ready", out);
		write_labels(r->entry[i], out);
		fprintf(out, "} %d\n", r->entry[i]->state == MODEL_READY);
	}
	fputs("# HELP convd_model_last_load_failed 1 when the last attempt to load the model "
	      "failed, else 0.\n"
	      "# TYPE convd_model_last_load_failed gauge\n",
	      out);
	for (size_t i = 0; i < r->n_entries; i++) {
		fputs("convd_model_last_load_failed", out);
		write_labels(r->entry[i], out);
		fprintf(out, "} %d\n", r->entry[i]->last_error[0] != '\0');
	}
}
