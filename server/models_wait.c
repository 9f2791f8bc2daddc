/* The requests that wait for a model. */
#include "server/http.h"
#include "server/models_inside.h"
#include "server/request.h"

#include <stdlib.h>
#include <string.h>

struct models_wait {
	struct request *request;
	char *name;
	uint64_t scan; /* the look that must have ended */
	struct models_wait *next;
};

static void reply_why(struct request *r, unsigned status, const char *code, const char *name,
                      const char *why)
{
	reply_error(&r->reply, status, code, "failed to load '%.100s': %.380s", name, why);
}

bool models_is_awaited(const struct models *m, uint64_t scan, const char *name)
{
	for (const struct models_wait *w = m->waits; w; w = w->next) {
		if (w->scan <= scan && strcmp(w->name, name) == 0)
			return true;
	}
	return false;
}

/* What became of the name's versions. False: it is not known yet. */
static bool set_reply(const struct models *m, const struct models_wait *w)
{
	const struct registry *r = &m->server->registry;
	const struct registry_entry *bad = NULL;
	bool good = false;
	for (size_t i = 0; i < r->n_entries; i++) {
		const struct registry_entry *e = r->entry[i];
		if (strcmp(e->name, w->name) != 0)
			continue;
		if (e->due || e->loading)
			return false;
		if (e->wanted && (e->state != MODEL_READY || e->last_error[0]))
			bad = bad ? bad : e;
		good = good || (e->wanted && e->state == MODEL_READY);
		if (!e->wanted && !bad && e->state == MODEL_UNAVAILABLE)
			bad = e; /* a folder without a model */
	}
	if (good && (!bad || !bad->wanted))
		reply_json(&w->request->reply, 200, json_object());
	else if (bad)
		reply_why(w->request, 400, "model_unavailable", w->name,
		          bad->last_error[0] ? bad->last_error : bad->reason);
	else
		reply_why(w->request, 404, "model_not_found", w->name, "there is no such model");
	return true;
}

static void end(struct models_wait *w)
{
	struct request *r = w->request;
	r->give_up = NULL;
	r->waits_for = NULL;
	free(w->name);
	free(w);
	request_done(r);
}

/* The client left, or the server ends. */
static void give_up(struct request *r)
{
	struct models_wait *w = r->waits_for;
	struct models_wait **at = &r->server->models->waits;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (r->server->draining)
		reply_why(r, 503, "draining", w->name, "the server ends");
	else
		reply_why(r, 499, "client_closed", w->name, "the client closed before the answer");
	end(w);
}

void models_answer(struct models *m)
{
	for (struct models_wait **at = &m->waits; *at;) {
		struct models_wait *w = *at;
		if (w->scan > m->scans_done || !set_reply(m, w)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		end(w);
	}
}

void models_load(struct models *m, struct request *r, const char *name)
{
	struct registry *registry = &m->server->registry;
	if (m->server->draining) {
		reply_why(r, 503, "draining", name, "the server ends");
		return;
	}
	struct models_wait *w = calloc(1, sizeof *w);
	if (w)
		w->name = strdup(name);
	if (!w || !w->name) {
		free(w);
		reply_why(r, 503, "out_of_memory", name, "out of memory");
		return;
	}
	for (size_t i = 0; i < registry->n_entries; i++) {
		if (strcmp(registry->entry[i]->name, name) == 0)
			registry->entry[i]->held = false;
	}
	/* A look that goes on may have passed this model before its files changed. */
	w->scan = m->scans + 1;
	w->request = r;
	w->next = m->waits;
	m->waits = w;
	r->waits_for = w;
	r->give_up = give_up;
	models_look(m, false);
}

void models_unload(struct models *m, struct request *r, const char *name)
{
	struct registry *registry = &m->server->registry;
	bool known = false;
	for (size_t i = 0; i < registry->n_entries; i++) {
		struct registry_entry *e = registry->entry[i];
		if (strcmp(e->name, name) != 0)
			continue;
		known = true;
		e->held = true;
		e->due = false;
		if (!e->served.model) {
			snprintf(e->reason, sizeof e->reason, "unloaded");
			continue;
		}
		log_line(m->server->log, LOG_INFO, "model %s: unloaded", name);
		models_retire(e, registry_withdraw(registry, e, MODEL_UNLOADING, "unloaded"));
	}
	if (known)
		reply_json(&r->reply, 200, json_object());
	else
		reply_error(&r->reply, 404, "model_not_found",
		            "failed to unload '%.128s': there is no such model", name);
	models_answer(m);
}
