#include "server/view.h"
#include "engine/base/json_text.h"
#include "server/admission.h"
#include "server/http.h"
#include "server/request.h"
#include "server/stream.h"
#include "server/view_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of answers that are not sent yet; beyond it nobody may ask for more. */
#define UNSENT_BYTES ((size_t)256 << 20)

void view_ask_clear(struct view_ask *ask)
{
	free(ask->channel);
	free(ask->wanted);
	ask->channel = NULL;
	ask->wanted = NULL;
}

static void view_free(struct view *v)
{
	struct server *s = v->views->server;
	s->predictions--;
	v->views->n--;
	s->body_bytes -= v->body_capacity;
	image_clear(&v->pixels);
	view_ask_clear(&v->ask);
	/* Freeing a model takes long: see prediction_free(). */
	cnn_model_unref(v->model);
	batcher_release(v->queue);
	for (size_t i = 0; i < v->answer.n_headers; i++)
		free(v->answer.header[i].value);
	free(v->answer.body);
	free(v->body);
	free(v->name);
	free(v);
}

/* --- answering ------------------------------------------------------------------------------------------- */

/* The request's reply is set, or its stream has ended. */
static void detach(struct view *v)
{
	struct request *r = v->request;
	v->request = NULL;
	r->view = NULL;
	if (r->stream)
		stream_end(r);
	else
		request_done(r);
}

static void send_event(struct request *r, const char *name, json_t *json)
{
	char *text = json_text(json, JSON_COMPACT | JSON_REAL_PRECISION(9));
	if (text)
		stream_event(r, name, text);
	free(text);
	json_decref(json);
}

static void answer_error(struct view *v, unsigned status, const char *code, const char *text)
{
	struct request *r = v->request;
	if (r->stream) {
		send_event(r, "error", json_pack("{s:o}", "error", reply_error_json(code, text)));
	} else {
		reply_error(&r->reply, status, code, "%s", text);
		if (status == 503)
			reply_header(&r->reply, "Retry-After", "1");
	}
	detach(v);
}

void view_give_up(struct view *v, enum prediction_end why)
{
	atomic_store(&v->abandoned, true);
	switch (why) {
	case PREDICTION_EXPIRED:
		answer_error(v, 504, "deadline_exceeded", "no answer within the time for it");
		break;
	case PREDICTION_LEFT:
		answer_error(v, 499, "client_closed", "the client closed before the answer");
		break;
	case PREDICTION_DRAINING:
		answer_error(v, 503, "draining", "the server ended before the answer was ready");
		break;
	}
	if (loader_withdraw(v->views->loader, &v->task))
		view_free(v);
}

void view_forget_request(struct view *v)
{
	atomic_store(&v->abandoned, true);
	v->request->view = NULL;
	v->request = NULL;
}

bool view_is_late(const struct view *v)
{
	return batcher_now_ns() >= v->deadline_ns;
}

/* False: it could not begin, which the reply says. */
static bool begin_events(struct view *v)
{
	struct request *r = v->request;
	if (stream_begin(r, "text/event-stream"))
		return true;
	answer_error(v, 503, "out_of_memory", "out of memory for events");
	return false;
}

void view_tell_progress(struct view *v, size_t done, size_t total)
{
	struct request *r = v->request;
	if (!r || v->ask.form != VIEW_AS_EVENTS)
		return;
	bool first = !r->stream;
	if (first && !begin_events(v))
		return;
	char text[80];
	snprintf(text, sizeof text, "{\"done\":%zu,\"total\":%zu}", done, total);
	stream_event(r, "progress", text);
	if (first)
		request_done(r);
}

/* The JSON is one line: the result of a stream. */
static void send_result(struct view *v)
{
	struct request *r = v->request;
	bool first = !r->stream;
	if (first && !begin_events(v))
		return;
	stream_event(r, "result", v->answer.body);
	if (first) {
		r->stream->ended = true;
		v->request = NULL;
		r->view = NULL;
		request_done(r);
	} else {
		detach(v);
	}
}

static void send_answer(struct view *v)
{
	struct request *r = v->request;
	struct view_answer *a = &v->answer;
	if (a->code) {
		answer_error(v, a->status, a->code, a->error.text);
		return;
	}
	if (v->ask.form == VIEW_AS_EVENTS) {
		send_result(v);
		return;
	}
	reply_text(&r->reply, 200, a->content_type, a->body, a->len);
	a->body = NULL;
	r->answer_bytes = a->len;
	v->views->server->answer_bytes += a->len;
	for (size_t i = 0; i < a->n_headers; i++)
		reply_header(&r->reply, a->header[i].name,
		             arena_strdup(r->arena, a->header[i].value));
	if (v->ask.etag) {
		reply_header(&r->reply, "ETag", v->ask.etag);
		r->reply.cache_control = "no-cache";
	}
	if (v->ask.kind != VIEW_FILTERS || v->ask.form != VIEW_AS_PNG)
		reply_header(&r->reply, "Vary", "Accept");
	detach(v);
}

/* --- the thread's work -------------------------------------------------------------------------------------- */

bool view_progress(void *view, size_t done, size_t total)
{
	struct view *v = view;
	struct views *all = v->views;
	pthread_mutex_lock(&all->lock);
	all->running = v;
	all->done = done;
	all->total = total;
	pthread_mutex_unlock(&all->lock);
	uv_async_send(&all->news);
	return !atomic_load(&v->abandoned);
}

static void work(struct loader_task *task)
{
	static void (*const look[])(struct view *) = {
		[VIEW_FILTERS] = view_filters, [VIEW_ACTIVATIONS] = view_activations,
		[VIEW_INPUT] = view_input,     [VIEW_STRIP] = view_strip,
		[VIEW_EXPLAIN] = view_explain,
	};
	struct view *v = (struct view *)task;
	if (atomic_load(&v->abandoned))
		return;
	v->began_ns = batcher_now_ns();
	look[v->ask.kind](v);
	image_clear(&v->pixels);
	v->ended_ns = batcher_now_ns();
}

static void done(struct loader_task *task)
{
	struct view *v = (struct view *)task;
	struct server *s = v->views->server;
	pthread_mutex_lock(&v->views->lock);
	if (v->views->running == v)
		v->views->running = NULL;
	pthread_mutex_unlock(&v->views->lock);
	if (v->ended_ns)
		metrics_seconds(&s->metrics.view_seconds[v->ask.kind],
		                (double)(v->ended_ns - v->began_ns) * 1e-9);
	if (v->answer.status >= 500)
		log_line(s->log, LOG_ERROR, "model '%s', request %s: %s", v->name,
		         v->request ? v->request->id : "(ended)", v->answer.error.text);
	if (v->request && v->ended_ns)
		send_answer(v);
	else if (v->request)
		answer_error(v, 503, "draining", "the server ends");
	view_free(v);
}

/* --- beginning ------------------------------------------------------------------------------------------------ */

bool view_admit(struct request *r)
{
	struct server *s = r->server;
	if (s->views->n <= (size_t)s->config->view_queue && s->answer_bytes < UNSENT_BYTES)
		return true;
	s->metrics.rejected[REJECT_VIEW_QUEUE]++;
	if (s->answer_bytes >= UNSENT_BYTES)
		reply_error(&r->reply, 503, "overloaded",
		            "answers that clients do not read fill the memory set aside for them");
	else
		reply_error(&r->reply, 503, "overloaded",
		            "%lld requests wait to look into networks already",
		            (long long)s->config->view_queue);
	reply_header(&r->reply, "Retry-After", "1");
	return false;
}

static struct view *view_new(struct request *r, const struct registry_model *model)
{
	struct view *v = calloc(1, sizeof *v);
	char *name = strdup(model->name);
	if (!v || !name) {
		free(v);
		free(name);
		return NULL;
	}
	v->views = r->server->views;
	v->request = r;
	v->name = name;
	v->model = cnn_model_ref(model->model);
	v->queue = model->queue;
	batcher_hold(v->queue);
	v->task = (struct loader_task){.work = work, .done = done};
	v->views->n++;
	r->server->predictions++;
	return v;
}

void view_start(struct request *r, const struct registry_model *model, struct view_ask *ask)
{
	struct view *v = view_admit(r) ? view_new(r, model) : NULL;
	if (!v) {
		view_ask_clear(ask);
		if (r->reply.status)
			return;
		r->server->metrics.rejected[REJECT_NO_MEMORY]++;
		reply_error(&r->reply, 503, "out_of_memory", "out of memory for a request");
		return;
	}
	size_t len;
	v->body = request_take_body(r, &len, &v->body_capacity);
	v->ask = *ask;
	v->started_ns = batcher_now_ns();
	v->deadline_ns = admission_deadline(r, v->started_ns);
	r->view = v;
	http_look_at(r->server->http, v->deadline_ns);
	loader_submit(v->views->loader, &v->task);
}
