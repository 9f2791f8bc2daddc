#include "server/views.h"
#include "server/request.h"
#include "server/view_inside.h"

#include "engine/base/cpu.h"

#include <stdlib.h>

/* Behind the workers and the loader. */
enum { NICE = 10 };

/* --- closing what nobody looks at --------------------------------------------------------------------- */

static void sweep_work(struct loader_task *task)
{
	viewers_close_idle(((struct sweep_task *)task)->views->viewers);
}

static void sweep_done(struct loader_task *task)
{
	((struct sweep_task *)task)->under_way = false;
}

static void on_sweep(uv_timer_t *timer)
{
	struct views *v = timer->data;
	size_t n, bytes;
	viewers_read(v->viewers, &n, &bytes);
	if (n == 0 || v->sweep_task.under_way)
		return;
	v->sweep_task.under_way = true;
	loader_submit(v->loader, &v->sweep_task.task);
}

struct drop_task {
	struct loader_task task;
	struct views *views;
	const struct cnn_model
		*model; /* only compared: another may have its place by then, and is opened again */
};

static void drop_work(struct loader_task *task)
{
	struct drop_task *drop = (struct drop_task *)task;
	viewers_close(drop->views->viewers, drop->model);
}

static void drop_done(struct loader_task *task)
{
	free(task);
}

void views_drop(struct views *v, const struct cnn_model *model)
{
	size_t n = 0, bytes;
	if (v)
		viewers_read(v->viewers, &n, &bytes);
	/* Memory may run out: then it is closed when it was idle for long enough. */
	struct drop_task *drop = n > 0 || (v && v->n > 0) ? calloc(1, sizeof *drop) : NULL;
	if (!drop)
		return;
	drop->task = (struct loader_task){.work = drop_work, .done = drop_done};
	drop->views = v;
	drop->model = model;
	loader_submit(v->loader, &drop->task);
}

void views_read(struct views *v, struct metrics *m)
{
	size_t n = 0, bytes = 0;
	if (v)
		viewers_read(v->viewers, &n, &bytes);
	m->viewers = (double)n;
	m->view_bytes = (double)bytes;
	m->view_queue = v ? (double)v->n : 0;
}

/* --- life ------------------------------------------------------------------------------------------------ */

static void on_news(uv_async_t *async)
{
	struct views *v = async->data;
	pthread_mutex_lock(&v->lock);
	struct view *running = v->running;
	size_t done = v->done, total = v->total;
	pthread_mutex_unlock(&v->lock);
	if (running)
		view_tell_progress(running, done, total);
}

enum cnn_status views_new(struct server *s, struct views **out, struct cnn_error *err)
{
	const struct config *config = s->config;
	const struct viewers_options options = {
		.max_bytes = (size_t)config->view_bytes,
		/* the choices of --isa are "auto" and then the levels, weakest first */
		.max_isa = config->isa == 0 ? cpu_isa() : (enum cnn_isa)(config->isa - 1),
		.idle_ns = (uint64_t)config->view_idle_ms * 1000000u,
	};
	struct views *v = calloc(1, sizeof *v);
	if (v)
		v->viewers = viewers_new(&options);
	enum cnn_status status = CNN_OK;
	if (!v || !v->viewers)
		status = cnn_fail_memory(err, "looking into networks", sizeof *v);
	if (!status)
		status = loader_new(&s->loop, NICE, &v->loader, err);
	if (!status && uv_async_init(&s->loop, &v->news, on_news) != 0) {
		loader_free(v->loader);
		status = cnn_fail(err, CNN_IO, "cannot wake the event loop");
	}
	if (status) {
		if (v)
			viewers_free(v->viewers);
		free(v);
		return status;
	}
	v->server = s;
	pthread_mutex_init(&v->lock, NULL);
	uv_timer_init(&s->loop, &v->sweep);
	v->handles = 2;
	v->news.data = v->sweep.data = v;
	v->sweep_task.task = (struct loader_task){.work = sweep_work, .done = sweep_done};
	v->sweep_task.views = v;
	uint64_t period = (uint64_t)config->view_idle_ms / 4 + 1;
	uv_timer_start(&v->sweep, on_sweep, period, period);
	*out = v;
	return CNN_OK;
}

static void on_closed(uv_handle_t *handle)
{
	struct views *v = handle->data;
	if (--v->handles > 0)
		return;
	pthread_mutex_destroy(&v->lock);
	free(v);
}

void views_free(struct views *v)
{
	if (!v)
		return;
	loader_free(v->loader);
	viewers_free(v->viewers);
	uv_close((uv_handle_t *)&v->news, on_closed);
	uv_close((uv_handle_t *)&v->sweep, on_closed);
}
