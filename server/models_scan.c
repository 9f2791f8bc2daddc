/* The look at the files, on the loader's thread. */
#include "server/models_inside.h"

#include <stdlib.h>

static void on_folder(void *ctx, const char *path)
{
	struct scan *scan = ctx;
	struct cnn_error err;
	/* What cannot be opened is told elsewhere. */
	if (watch_add(scan->m->watch, path, &err) == CNN_OK || scan->unwatched)
		return;
	scan->unwatched = true;
	scan->watch_err = err;
}

static void work(struct loader_task *task)
{
	struct scan *scan = (struct scan *)task;
	const struct config *config = scan->m->server->config;
	struct repository_visit visit = {on_folder, scan};
	const struct repository_visit *watching = scan->m->watch ? &visit : NULL;
	for (size_t i = 0; i < scan->n_arguments; i++)
		scan->argument[i].stamp = repository_stamp(scan->argument[i].path, watching);
	if (config->model_repository)
		scan->status =
			repository_list(config->model_repository, (size_t)config->model_versions,
		                        watching, scan->arena, &scan->list, &scan->err);
}

static void scan_free(struct scan *scan)
{
	if (!scan)
		return;
	arena_free(scan->arena);
	free(scan);
}

static void done(struct loader_task *task)
{
	struct scan *scan = (struct scan *)task;
	struct models *m = scan->m;
	m->scan = NULL;
	m->scans_done = scan->number;
	if (task->worked && !m->closing)
		models_apply(m, scan);
	scan_free(scan);
	bool force = m->force_again;
	if (m->scan_again && !m->closing) {
		m->scan_again = m->force_again = false;
		models_look(m, force);
	}
}

/* The loader must not read the registry: give it copies. */
static bool copy_arguments(struct scan *scan, const struct registry *r)
{
	scan->argument = arena_alloc(scan->arena, r->n_entries, sizeof *scan->argument);
	for (size_t i = 0; scan->argument && i < r->n_entries; i++) {
		const struct registry_entry *e = r->entry[i];
		if (e->from_repository)
			continue;
		struct scan_argument *a = &scan->argument[scan->n_arguments++];
		a->name = arena_strdup(scan->arena, e->name);
		a->path = arena_strdup(scan->arena, e->path);
		if (!a->name || !a->path)
			return false;
	}
	return scan->argument != NULL;
}

void models_look(struct models *m, bool force)
{
	if (m->scan) {
		m->scan_again = true;
		m->force_again = m->force_again || force;
		return;
	}
	m->scans++;
	struct scan *scan = calloc(1, sizeof *scan);
	if (scan)
		scan->arena = arena_new();
	if (!scan || !scan->arena || !copy_arguments(scan, &m->server->registry)) {
		log_line(m->server->log, LOG_ERROR, "out of memory for a look at the models");
		scan_free(scan);
		m->scans_done = m->scans;
		m->starting = false;
		models_rest(m);
		models_answer(m);
		return;
	}
	scan->task = (struct loader_task){.work = work, .done = done};
	scan->m = m;
	scan->number = m->scans;
	scan->force = force;
	m->scan = scan;
	loader_submit(m->loader, &scan->task);
}
