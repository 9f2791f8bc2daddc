/* One model: loading it beside the one that serves, and taking the old one away. */
#include "server/give_back.h"
#include "server/model_log.h"
#include "server/models_inside.h"
#include "server/views.h"
#include "server/warm.h"

#include "engine/base/cpu.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t models_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- taking away ---------------------------------------------------------------------------- */

struct retire {
	struct loader_task task;
	struct models *m;
	struct cnn_model *model;
	struct batch_queue *queue;
};

static void retire_work(struct loader_task *task)
{
	struct retire *old = (struct retire *)task;
	batcher_free_queue(old->queue);
	cnn_model_unref(old->model);
	old->queue = NULL;
	old->model = NULL;
	give_back_free();
}

static void retire_done(struct loader_task *task)
{
	struct retire *old = (struct retire *)task;
	struct registry *r = &old->m->server->registry;
	if (!task->worked)
		retire_work(task);
	for (size_t i = r->n_entries; i-- > 0;) {
		struct registry_entry *e = r->entry[i];
		if (e->old != old)
			continue;
		e->old = NULL;
		if (e->state != MODEL_UNLOADING)
			continue;
		e->state = MODEL_UNAVAILABLE;
		snprintf(e->reason, sizeof e->reason, "%s",
		         e->held ? "unloaded" : "its files are gone");
		if (!e->held && !e->wanted && !e->listed)
			registry_forget(r, e);
	}
	free(old);
}

static void on_drained(void *ctx)
{
	struct retire *old = ctx;
	loader_submit(old->m->loader, &old->task);
}

struct retire *retire_new(struct models *m)
{
	struct retire *retire = calloc(1, sizeof *retire);
	if (!retire)
		return NULL;
	retire->m = m;
	retire->task = (struct loader_task){.work = retire_work, .done = retire_done};
	return retire;
}

void retire_free(struct retire *retire)
{
	free(retire);
}

void models_retire(struct registry_entry *e, struct registry_model old)
{
	if (!old.model)
		return;
	struct retire *retire = old.retire;
	views_drop(retire->m->server->views, old.model);
	retire->model = old.model;
	retire->queue = old.queue;
	if (e)
		e->old = retire;
	batcher_remove_model(old.queue, on_drained, retire);
}

/* --- loading -------------------------------------------------------------------------------- */

struct load {
	struct loader_task task;
	struct models *m;
	char *name, *path;
	char version[24];
	int64_t number;
	uint64_t stamp;
	struct registry_model made;
	enum cnn_status status;
	struct cnn_error err;
	uint64_t took_ns;
};

static void load_free(struct load *load)
{
	if (!load)
		return;
	free(load->name);
	free(load->path);
	free(load);
}

static void free_queue(void *ctx)
{
	batcher_free_queue(ctx);
}

static void drop_made(struct registry_model *made)
{
	if (made->queue)
		batcher_remove_model(made->queue, free_queue, made->queue);
	cnn_model_unref(made->model);
	retire_free(made->retire);
	*made = (struct registry_model){0};
}

static enum cnn_status make(struct load *l, struct registry_model *made, struct cnn_error *err)
{
	const struct server *s = l->m->server;
	const struct config *config = s->config;
	struct cnn_load_options options = {
		/* the choices of --isa are "auto" and then the levels, weakest first */
		.max_isa = config->isa == 0 ? cpu_isa() : (enum cnn_isa)(config->isa - 1),
		.max_batch = (int32_t)config->max_batch,
		.max_bytes = (size_t)config->max_model_memory,
		.version = l->number ? l->version : NULL,
	};
	made->retire = retire_new(l->m);
	if (!made->retire)
		return cnn_fail_memory(err, l->path, sizeof *l);
	enum cnn_status status = cnn_model_load(l->path, &options, &made->model, err);
	if (!status)
		status = batcher_add_model(s->batcher, made->model, &made->queue, err);
	if (!status)
		status = warm_model(made->model, made->queue, &l->m->closing, err);
	if (!status && repository_stamp(l->path, NULL) != l->stamp)
		status = cnn_fail(err, CNN_IO, "%s: its files changed while they were read",
		                  l->path);
	return status;
}

static void load_work(struct loader_task *task)
{
	struct load *l = (struct load *)task;
	uint64_t began = batcher_now_ns();
	l->status = make(l, &l->made, &l->err);
	if (l->status)
		drop_made(&l->made);
	give_back_free();
	l->took_ns = batcher_now_ns() - began;
}

static void take_over(struct load *l, struct registry_entry *e)
{
	struct models *m = l->m;
	bool again = e->served.model != NULL;
	e->loads_good++;
	e->loaded_at_ms = models_now_ms();
	e->last_error[0] = '\0';
	struct registry_model old = registry_serve(&m->server->registry, e, &l->made);
	model_log(m->server->log, e->name, l->made.model, again ? "loaded again" : "loaded",
	          (double)l->took_ns * 1e-6);
	models_retire(NULL, old);
}

static void note_failure(struct load *l, struct registry_entry *e)
{
	const struct server *s = l->m->server;
	e->loads_failed++;
	e->last_error_ms = models_now_ms();
	snprintf(e->last_error, sizeof e->last_error, "%s", l->err.text);
	if (e->state != MODEL_READY) {
		e->state = MODEL_UNAVAILABLE;
		snprintf(e->reason, sizeof e->reason, "%s", l->err.text);
	}
	log_line(s->log, LOG_ERROR, "model %s is not loaded%s: %s", e->name,
	         e->state == MODEL_READY ? ", the old one still serves" : "", l->err.text);
}

static void load_done(struct loader_task *task)
{
	struct load *l = (struct load *)task;
	struct models *m = l->m;
	struct registry_entry *e = registry_entry(&m->server->registry, l->name, l->number);
	m->load = NULL;
	e->loading = false;
	if (task->worked)
		metrics_seconds(&m->server->metrics.model_load_seconds, (double)l->took_ns * 1e-9);
	bool useful = task->worked && !m->closing && e->wanted && !e->held;
	if (useful && l->status == CNN_OK) {
		take_over(l, e);
	} else if (useful) {
		note_failure(l, e);
	} else {
		/* unloaded or deleted meanwhile */
		if (e->state == MODEL_LOADING)
			e->state = MODEL_UNAVAILABLE;
		models_retire(NULL, l->made);
	}
	load_free(l);
	models_go_on(m);
}

/* An entry that is due and cannot even be tried. */
static void give_up(struct models *m, struct registry_entry *e, struct load *l)
{
	struct load none = {.m = m};
	cnn_fail_memory(&none.err, e->path, sizeof *l);
	note_failure(&none, e);
	load_free(l);
}

static bool start(struct models *m, struct registry_entry *e)
{
	struct load *l = calloc(1, sizeof *l);
	if (l) {
		l->name = strdup(e->name);
		l->path = strdup(e->path);
	}
	e->due = false;
	e->stamp = e->due_stamp;
	if (!l || !l->name || !l->path) {
		give_up(m, e, l);
		return false;
	}
	snprintf(l->version, sizeof l->version, "%" PRId64, e->number);
	l->task = (struct loader_task){.work = load_work, .done = load_done};
	l->m = m;
	l->number = e->number;
	l->stamp = e->due_stamp;
	e->loading = true;
	if (e->state != MODEL_READY) {
		e->state = MODEL_LOADING;
		snprintf(e->reason, sizeof e->reason, "it is being loaded");
	}
	m->load = l;
	loader_submit(m->loader, &l->task);
	return true;
}

void models_load_next(struct models *m)
{
	const struct registry *r = &m->server->registry;
	for (size_t i = 0; i < r->n_entries && !m->load && !m->closing; i++) {
		if (r->entry[i]->due && start(m, r->entry[i]))
			return;
	}
}
