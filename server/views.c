#include "server/views.h"
#include "server/admission.h"
#include "server/http.h"
#include "server/loader.h"
#include "server/request.h"
#include "server/viewers.h"

#include "engine/base/cpu.h"

#include <stdlib.h>
#include <string.h>

enum { SWEEP_MS = 15000 };
#define IDLE_NS 60000000000u /* then a model that was opened is closed */

struct views {
	struct server *server;
	struct loader *loader;  /* the viewing thread */
	struct viewers viewers; /* that thread's */
	atomic_size_t bytes;    /* of them */
	size_t alive;
	uv_timer_t timer;
	struct loader_task sweep;
	bool sweeping;
};

/* Owned by itself; lives until its task is done, also when nobody waits for it any more. */
struct view {
	struct loader_task task;
	struct views *owner;
	struct request *request; /* NULL: nobody waits */
	struct view_ask ask;
	struct view_model model;
	char *name;
	size_t counted; /* of server->body_bytes */
	atomic_bool left;
	struct arena *arena;
	struct reply reply;
	uint64_t started_ns, finished_ns;
};

/* --- on the viewing thread ----------------------------------------------------------------- */

static bool go_on(void *ctx, size_t done, size_t total)
{
	(void)done;
	(void)total;
	struct view *v = ctx;
	return !atomic_load(&v->left);
}

static void work(struct loader_task *task)
{
	struct view *v = (struct view *)(void *)task;
	struct views *owner = v->owner;
	struct see *see;
	struct cnn_error err = {0};
	v->started_ns = batcher_now_ns();
	if (!atomic_load(&v->left)) {
		const struct view_progress progress = {go_on, v};
		enum cnn_status status =
			viewers_get(&owner->viewers, v->model.model, v->started_ns, &see, &err);
		if (status)
			view_fail(status, err.text, &v->reply);
		else
			view_run(&v->ask, &v->model, see, &progress, v->arena, &v->reply);
		atomic_store(&owner->bytes, viewers_bytes(&owner->viewers));
	}
	/* The last reference to a model that was replaced: freeing takes long, so here. */
	cnn_model_unref(v->model.model);
	v->model.model = NULL;
	v->finished_ns = batcher_now_ns();
}

static void sweep(struct loader_task *task)
{
	struct views *owner =
		(struct views *)(void *)((char *)task - offsetof(struct views, sweep));
	viewers_sweep(&owner->viewers, batcher_now_ns() - IDLE_NS);
	atomic_store(&owner->bytes, viewers_bytes(&owner->viewers));
}

/* --- on the loop ---------------------------------------------------------------------------- */

static void view_free(struct view *v)
{
	v->owner->server->body_bytes -= v->counted;
	cnn_model_unref(v->model.model);
	view_ask_clear(&v->ask);
	reply_clear(&v->reply);
	arena_free(v->arena);
	free(v->name);
	free(v);
}

/* Nobody waits any more; the request's reply is set. */
static void detach(struct view *v)
{
	struct request *r = v->request;
	v->request = NULL;
	atomic_store(&v->left, true);
	r->give_up = NULL;
	r->waits_for = NULL;
	r->late_ns = 0;
	request_done(r);
}

static void give_up(struct request *r)
{
	struct view *v = r->waits_for;
	if (r->late_ns && batcher_now_ns() >= r->late_ns)
		reply_error(&r->reply, 504, "deadline_exceeded",
		            "no answer within the time for it");
	else if (r->server->draining)
		reply_error(&r->reply, 503, "draining",
		            "the server ended before the answer was ready");
	else
		reply_error(&r->reply, 499, "client_closed", "the client closed before the answer");
	detach(v);
}

/* The answer goes over to the request: the body as it is, its headers into the request's memory. */
static void hand_over(struct view *v)
{
	struct request *r = v->request;
	struct reply *from = &v->reply;
	if (from->owned)
		reply_text(&r->reply, from->status, from->content_type, from->owned, from->len);
	else
		reply_static(&r->reply, from->status, from->content_type, from->body, from->len);
	from->owned = NULL;
	for (size_t i = 0; i < from->n_headers; i++)
		reply_header(&r->reply, from->header[i].name,
		             arena_strdup(r->arena, from->header[i].value));
	if (r->reply.status == 200)
		reply_header(&r->reply, "Server-Timing",
		             arena_printf(r->arena, "view;dur=%.3f",
		                          (double)(v->finished_ns - v->started_ns) * 1e-6));
}

static void done(struct loader_task *task)
{
	struct view *v = (struct view *)(void *)task;
	struct server *s = v->owner->server;
	v->owner->alive--;
	if (task->worked && v->reply.status == 200)
		metrics_seconds(&s->metrics.view_seconds,
		                (double)(v->finished_ns - v->started_ns) * 1e-9);
	if (v->request) {
		hand_over(v);
		detach(v);
	}
	view_free(v);
}

static void sweep_done(struct loader_task *task)
{
	struct views *owner =
		(struct views *)(void *)((char *)task - offsetof(struct views, sweep));
	owner->sweeping = false;
}

static void on_timer(uv_timer_t *timer)
{
	struct views *owner = timer->data;
	if (owner->sweeping || owner->alive > 0 || atomic_load(&owner->bytes) == 0)
		return;
	owner->sweeping = true;
	loader_submit(owner->loader, &owner->sweep);
}

bool views_check(struct views *views, struct request *r)
{
	if (!views) {
		reply_error(&r->reply, 404, "views_off",
		            "this server does not show what is inside its models: --view-queue 0");
		return false;
	}
	struct server *s = views->server;
	if (views->alive < (size_t)s->config->view_queue)
		return true;
	s->metrics.rejected[REJECT_VIEW_QUEUE]++;
	reply_error(&r->reply, 503, "overloaded", "%zu views wait already", views->alive);
	reply_header(&r->reply, "Retry-After", "1");
	return false;
}

static struct view *view_new(struct views *views, const char *name)
{
	struct view *v = calloc(1, sizeof *v);
	if (!v)
		return NULL;
	v->owner = views;
	v->arena = arena_new();
	v->name = strdup(name);
	if (v->arena && v->name)
		return v;
	arena_free(v->arena);
	free(v->name);
	free(v);
	return NULL;
}

void views_start(struct views *views, struct request *r, const struct registry_model *model,
                 struct view_ask *ask)
{
	struct server *s = views->server;
	struct view *v = view_new(views, model->name);
	if (!v) {
		view_ask_clear(ask);
		s->metrics.rejected[REJECT_NO_MEMORY]++;
		reply_error(&r->reply, 503, "out_of_memory", "out of memory for the request");
		return;
	}
	v->ask = *ask;
	if (ask->picture) {
		size_t len;
		v->ask.body = request_take_body(r, &len, &v->counted);
	}
	v->model = (struct view_model){
		.model = cnn_model_ref(model->model),
		.name = v->name,
		.limits = {.max_side = 65535, .max_pixels = s->config->max_pixels},
		.jpeg_scaling = s->config->jpeg_scaling == 0,
	};
	v->task.work = work;
	v->task.done = done;
	v->request = r;
	r->waits_for = v;
	r->give_up = give_up;
	r->accepted = true;
	r->late_ns = admission_deadline(r, batcher_now_ns());
	http_look_at(s->http, r->late_ns);
	views->alive++;
	loader_submit(views->loader, &v->task);
}

size_t views_alive(const struct views *views)
{
	return views ? views->alive : 0;
}

size_t views_bytes(struct views *views)
{
	return views ? atomic_load(&views->bytes) : 0;
}

enum cnn_status views_new(struct server *server, struct views **out, struct cnn_error *err)
{
	struct views *v = calloc(1, sizeof *v);
	if (!v)
		return cnn_fail_memory(err, "the views", sizeof *v);
	v->server = server;
	v->viewers.max_bytes = (size_t)server->config->view_bytes;
	v->viewers.max_isa =
		server->config->isa == 0 ? cpu_isa() : (enum cnn_isa)(server->config->isa - 1);
	v->sweep = (struct loader_task){.work = sweep, .done = sweep_done};
	enum cnn_status status = loader_new(&server->loop, VIEWS_NICE, &v->loader, err);
	if (status) {
		free(v);
		return status;
	}
	uv_timer_init(&server->loop, &v->timer);
	v->timer.data = v;
	uv_timer_start(&v->timer, on_timer, SWEEP_MS, SWEEP_MS);
	*out = v;
	return CNN_OK;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void views_free(struct views *views)
{
	if (!views)
		return;
	loader_free(views->loader);
	viewers_sweep(&views->viewers, UINT64_MAX);
	uv_close((uv_handle_t *)&views->timer, on_closed);
}
