/* GET /debug/trace: record for some seconds, write the trace on a thread of libuv's, answer. */
#include "server/api.h"
#include "server/http.h"
#include "server/recorder.h"
#include "server/request.h"

#include <stdlib.h>

enum { DEFAULT_SECONDS = 5, MAX_SECONDS = 60 };

struct trace_run {
	struct server *server;
	struct request *request; /* NULL: it has its answer */
	struct recorder *recorder;
	uv_timer_t timer;
	uv_work_t work;
	char *text;
	size_t len;
};

static void end_run(struct trace_run *t)
{
	t->server->tracing = false;
	recorder_free(t->recorder);
	free(t->text);
	free(t);
}

static void detach(struct trace_run *t)
{
	struct request *r = t->request;
	t->request = NULL;
	r->give_up = NULL;
	r->waits_for = NULL;
	request_done(r);
}

static void on_write(uv_work_t *work)
{
	struct trace_run *t = work->data;
	FILE *out = open_memstream(&t->text, &t->len);
	if (!out)
		return;
	bool ok = recorder_write(t->recorder, out);
	if (fclose(out) != 0 || !ok) {
		free(t->text);
		t->text = NULL;
	}
}

static void on_written(uv_work_t *work, int status)
{
	(void)status; /* it is never cancelled */
	struct trace_run *t = work->data;
	if (t->request) {
		reply_text(&t->request->reply, 200, "application/json", t->text, t->len);
		t->text = NULL;
		detach(t);
	}
	end_run(t);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct trace_run *t = handle->data;
	if (t->request)
		uv_queue_work(&t->server->loop, &t->work, on_write, on_written);
	else
		end_run(t);
}

static void stop_recording(struct trace_run *t)
{
	if (uv_is_closing((uv_handle_t *)&t->timer))
		return;
	t->server->recorder = NULL;
	uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}

static void on_time(uv_timer_t *timer)
{
	stop_recording(timer->data);
}

static void give_up(struct request *r)
{
	struct trace_run *t = r->waits_for;
	stop_recording(t);
	if (t->server->draining)
		reply_error(&r->reply, 503, "draining", "the server ended before the trace did");
	else
		reply_error(&r->reply, 499, "client_closed", "the client closed before the answer");
	detach(t);
}

/* Seconds; 0: the reply says what is wrong. */
static uint64_t read_seconds(struct request *r)
{
	static const char *const known[] = {"seconds", NULL};
	uint64_t seconds = DEFAULT_SECONDS;
	struct cnn_error err;
	if (!request_query_only(r, known))
		return 0;
	const char *text = query_get(&r->query, "seconds");
	if (text && parse_number("seconds", text, 1, MAX_SECONDS, &seconds, &err) != CNN_OK) {
		request_bad_query(r, &err);
		return 0;
	}
	return seconds;
}

static void start(struct request *r, uint64_t seconds)
{
	struct server *s = r->server;
	struct trace_run *t = calloc(1, sizeof *t);
	if (t)
		t->recorder = recorder_new();
	if (!t || !t->recorder) {
		free(t);
		reply_error(&r->reply, 503, "out_of_memory", "out of memory for a trace");
		return;
	}
	t->server = s;
	t->request = r;
	t->timer.data = t->work.data = t;
	uv_timer_init(&s->loop, &t->timer);
	uv_update_time(&s->loop);
	uv_timer_start(&t->timer, on_time, seconds * 1000, 0);
	s->tracing = true;
	s->recorder = t->recorder;
	r->waits_for = t;
	r->give_up = give_up;
}

void api_debug_trace(struct request *r)
{
	if (r->server->config->debug == 0) {
		reply_error(&r->reply, 404, "not_found",
		            "a server started with --debug on answers this");
		return;
	}
	uint64_t seconds = read_seconds(r);
	if (seconds && r->server->tracing)
		reply_error(&r->reply, 409, "trace_running", "another trace is being taken");
	else if (seconds && r->server->draining)
		reply_error(&r->reply, 503, "draining", "the server ends");
	else if (seconds)
		start(r, seconds);
}
