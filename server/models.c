#include "server/models_inside.h"
#include "server/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the first sign of a change to a look: several signs mostly come together. */
enum { LOOK_AFTER_MS = 250 };
/* Of the loader's thread: a quarter of a core while the workers need all of them. */
enum { NICE = 5 };

static void on_timer(uv_timer_t *timer)
{
	models_look(timer->data, false);
}

/* --- what was found -------------------------------------------------------------------------- */

static bool is_forced(const struct models *m, const struct scan *scan, const char *name)
{
	return scan->force || m->starting || models_is_awaited(m, scan->number, name);
}

/* Whether the files look as they did at a look that is long enough ago. */
static bool is_settled(struct models *m, struct registry_entry *e, uint64_t stamp)
{
	uint64_t now = batcher_now_ns();
	if (!m->watch)
		return false; /* nobody asked for this one */
	if (e->seen_ns && e->seen == stamp &&
	    now - e->seen_ns >= (uint64_t)m->server->config->watch_settle_ms * 1000000u)
		return true;
	if (!e->seen_ns || e->seen != stamp) {
		e->seen = stamp;
		e->seen_ns = now;
	}
	m->unsettled = true;
	return false;
}

/* The entry's files are there: is it to be loaded? */
static void consider(struct models *m, const struct scan *scan, struct registry_entry *e,
                     uint64_t stamp)
{
	bool forced = is_forced(m, scan, e->name), failed = e->last_error[0] != '\0';
	bool changed = stamp != e->stamp;
	bool missing = e->state != MODEL_READY && !e->loading && !failed;
	e->wanted = true;
	if (e->due && e->due_stamp == stamp)
		return;
	e->due = false;
	if (e->held || !(changed || missing || (failed && forced && !e->loading))) {
		e->seen_ns = 0;
		return;
	}
	if (!forced && !is_settled(m, e, stamp)) {
		if (e->state == MODEL_UNAVAILABLE && !failed)
			snprintf(e->reason, sizeof e->reason, "%s",
			         m->watch ? "its files are still changing"
			                  : "it is new and not loaded yet");
		return;
	}
	e->due = true;
	e->due_stamp = stamp;
}

static bool is_held(const struct registry *r, const char *name)
{
	for (size_t i = 0; i < r->n_entries; i++) {
		if (r->entry[i]->held && strcmp(r->entry[i]->name, name) == 0)
			return true;
	}
	return false;
}

static void apply_found(struct models *m, const struct scan *scan, const struct repository_model *f)
{
	struct registry *r = &m->server->registry;
	struct registry_entry *e = registry_entry(r, f->name, f->number);
	const struct registry_entry *same = registry_look(r, f->name);
	struct cnn_error err;
	if (same && !same->from_repository) {
		if (scan->force)
			log_line(m->server->log, LOG_WARNING,
			         "%s is not served: the command line has a model '%s'", f->path,
			         f->name);
		return;
	}
	if (!e) {
		bool held = is_held(r, f->name);
		if (registry_insert(r, f->name, f->number, f->path, &e, &err) != CNN_OK) {
			log_line(m->server->log, LOG_ERROR, "%s", err.text);
			return;
		}
		e->from_repository = true;
		e->held = held;
		if (f->problem)
			log_line(m->server->log, LOG_WARNING, "%s: %s", f->path, f->problem);
	}
	e->listed = true;
	if (!f->problem)
		consider(m, scan, e, f->stamp);
	else if (!e->served.model && !e->held && e->state != MODEL_UNLOADING)
		snprintf(e->reason, sizeof e->reason, "%s", f->problem);
}

static void apply_argument(struct models *m, const struct scan *scan, const struct scan_argument *a)
{
	struct registry_entry *e = registry_entry(&m->server->registry, a->name, 0);
	if (!e)
		return;
	e->wanted = true;
	if (a->stamp) {
		consider(m, scan, e, a->stamp);
	} else if (is_forced(m, scan, a->name)) {
		/* It was asked for by name: that its files are gone is no wish to lose it. */
		e->last_error_ms = models_now_ms();
		snprintf(e->last_error, sizeof e->last_error, "%.400s: no such file or folder",
		         e->path);
		log_line(m->server->log, LOG_ERROR, "model %s is not loaded%s: %s", e->name,
		         e->served.model ? ", the old one still serves" : "", e->last_error);
	}
}

/* Whether a version that should be served is not, yet. */
static bool lacks_successor(const struct registry *r, const char *name)
{
	for (size_t i = 0; i < r->n_entries; i++) {
		const struct registry_entry *e = r->entry[i];
		if (e->wanted && e->state != MODEL_READY && strcmp(e->name, name) == 0)
			return true;
	}
	return false;
}

/* Let go of versions whose files are gone or that newer ones have replaced. */
static void drop_unwanted(struct models *m)
{
	struct registry *r = &m->server->registry;
	for (size_t i = r->n_entries; i-- > 0;) {
		struct registry_entry *e = r->entry[i];
		if (e->wanted || e->loading || e->state == MODEL_UNLOADING)
			continue;
		if (e->served.model && lacks_successor(r, e->name))
			continue;
		if (e->served.model) {
			log_line(m->server->log, LOG_INFO, "model %s: version %s is unloaded",
			         e->name, cnn_model_info(e->served.model)->version);
			models_retire(e, registry_withdraw(r, e, MODEL_UNLOADING,
			                                   "requests still use it"));
		} else if (!e->listed) {
			registry_forget(r, e);
		}
	}
}

static void apply_missing(struct models *m, const struct scan *scan)
{
	struct registry *r = &m->server->registry;
	for (size_t i = 0; i < r->n_entries; i++) {
		struct registry_entry *e = r->entry[i];
		if (!e->missing || !e->wanted)
			continue;
		/* Half of an exchange of two folders looks like this. */
		if (!is_forced(m, scan, e->name) && !is_settled(m, e, 0))
			continue;
		e->wanted = e->due = false;
	}
}

void models_apply(struct models *m, const struct scan *scan)
{
	struct registry *r = &m->server->registry;
	m->unsettled = false;
	if (scan->unwatched && !m->unwatched)
		log_line(m->server->log, LOG_WARNING, "%s", scan->watch_err.text);
	m->unwatched = scan->unwatched;
	for (size_t i = 0; i < scan->n_arguments; i++)
		apply_argument(m, scan, &scan->argument[i]);
	if (scan->status != CNN_OK) {
		log_line(m->server->log, LOG_ERROR, "%s", scan->err.text);
	} else {
		for (size_t i = 0; i < r->n_entries; i++) {
			r->entry[i]->listed = false;
			r->entry[i]->missing = r->entry[i]->from_repository;
		}
		for (size_t i = 0; i < scan->list.n; i++) {
			const struct repository_model *f = &scan->list.model[i];
			apply_found(m, scan, f);
			struct registry_entry *e = registry_entry(r, f->name, f->number);
			if (e && !f->problem)
				e->missing = false;
		}
		apply_missing(m, scan);
	}
	if (m->unsettled && m->watch)
		uv_timer_start(&m->timer, on_timer, (uint64_t)m->server->config->watch_settle_ms,
		               0);
	models_go_on(m);
}

void models_go_on(struct models *m)
{
	drop_unwanted(m);
	models_load_next(m);
	if (!m->load && !m->scan)
		m->starting = false;
	models_rest(m);
	models_answer(m);
}

void models_rest(struct models *m)
{
	if (!m->load && !m->scan && !m->scan_again)
		notify_ready(m->server->notify);
}

/* --- what sets it going ------------------------------------------------------------------------ */

static void on_change(void *ctx)
{
	struct models *m = ctx;
	if (!m->closing && !uv_is_active((uv_handle_t *)&m->timer))
		uv_timer_start(&m->timer, on_timer, LOOK_AFTER_MS, 0);
}

void models_reload(struct models *m)
{
	models_look(m, true);
}

bool models_take_orders(const struct models *m)
{
	const struct config *config = m->server->config;
	return config->repository_api == 1 ||
	       (config->repository_api == 0 && config->model_repository);
}

bool models_are_starting(const struct models *m, char *reason, size_t size)
{
	const struct registry *r = &m->server->registry;
	if (!m->starting)
		return false;
	if (!reason)
		return true;
	snprintf(reason, size, "the model repository is being read");
	for (size_t i = 0; i < r->n_entries; i++) {
		if (r->entry[i]->loading)
			snprintf(reason, size, "model '%.200s' is being loaded", r->entry[i]->name);
	}
	return true;
}

/* --- life ---------------------------------------------------------------------------------------- */

enum cnn_status models_adopt(struct models *m, const struct server_model *model,
                             struct cnn_error *err)
{
	struct registry *r = &m->server->registry;
	enum cnn_status status =
		registry_add(r, m->server->batcher, model->name, model->model, err);
	if (status != CNN_OK)
		return status;
	const char *name = model->name ? model->name : cnn_model_info(model->model)->name;
	struct registry_entry *e = registry_entry(r, name, 0);
	char *path = model->path ? strdup(model->path) : e->path;
	e->served.retire = retire_new(m);
	if (!path || !e->served.retire)
		return cnn_fail_memory(err, name, sizeof *e);
	if (path != e->path)
		free(e->path);
	e->path = path;
	e->wanted = true;
	e->stamp = model->stamp;
	e->loaded_at_ms = models_now_ms();
	e->loads_good = 1;
	metrics_seconds(&m->server->metrics.model_load_seconds, model->load_seconds);
	return CNN_OK;
}

enum cnn_status models_new(struct server *server, struct models **out, struct cnn_error *err)
{
	struct models *m = calloc(1, sizeof *m);
	if (!m)
		return cnn_fail_memory(err, "the models", sizeof *m);
	m->server = server;
	uv_timer_init(&server->loop, &m->timer);
	m->timer.data = m;
	enum cnn_status status = loader_new(&server->loop, NICE, &m->loader, err);
	if (!status && server->config->watch)
		status = watch_new(&server->loop, on_change, m, &m->watch, err);
	*out = m;
	return status;
}

enum cnn_status models_start(struct models *m, struct cnn_error *err)
{
	const char *dir = m->server->config->model_repository;
	if (dir && access(dir, R_OK | X_OK) != 0)
		return cnn_fail(err, CNN_IO, "--model-repository: %s: %s", dir, strerror(errno));
	m->starting = dir != NULL;
	if (dir || m->watch)
		models_look(m, true);
	return CNN_OK;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void models_free(struct models *m)
{
	if (!m)
		return;
	m->closing = true;
	loader_stop(m->loader);
	const struct registry *r = &m->server->registry;
	for (size_t i = 0; i < r->n_entries; i++) {
		retire_free(r->entry[i]->served.retire);
		r->entry[i]->served.retire = NULL;
	}
	loader_free(m->loader);
	watch_free(m->watch);
	uv_timer_stop(&m->timer);
	uv_close((uv_handle_t *)&m->timer, on_closed);
}
