#include "server/server.h"
#include "engine/base/cpu.h"
#include "server/access_log.h"
#include "server/activation.h"
#include "server/context.h"
#include "server/cors.h"
#include "server/guard.h"
#include "server/http.h"
#include "server/infer.h"
#include "server/job.h"
#include "server/keys.h"
#include "server/listen.h"
#include "server/models.h"
#include "server/notify.h"
#include "server/routes.h"
#include "server/sandbox.h"
#include "server/tls.h"
#include "server/trim.h"
#include "server/views.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAIN_POLL_MS = 20 };
#define MIN_BODY_MEMORY (512u * 1024 * 1024)

/* The running server and what only starting and ending need. */
struct run {
	struct server server;
	struct log log;
	uv_signal_t on_term, on_int, on_hup;
	struct trim *trim;
	uv_timer_t drain; /* looks whether the last request is answered */
	uint64_t drain_until_ns;
	bool ended, forced, late;
};

static void end_run(struct run *run)
{
	run->ended = true;
	uv_stop(&run->server.loop);
}

static void on_drain(uv_timer_t *timer)
{
	struct run *run = timer->data;
	if (http_open_connections(run->server.http) == 0 && run->server.predictions == 0) {
		end_run(run);
	} else if (batcher_now_ns() >= run->drain_until_ns) {
		run->late = true;
		end_run(run);
	}
}

static void on_stop_signal(uv_signal_t *signal, int number)
{
	struct run *run = signal->data;
	struct server *s = &run->server;
	/* A supervisor may repeat its SIGTERM; only a person at the keyboard means "at once". */
	if (s->draining && number == SIGINT) {
		log_line(s->log, LOG_WARNING, "SIGINT again: stopping at once");
		run->forced = true;
		end_run(run);
	}
	if (s->draining)
		return;
	s->draining = true;
	log_line(s->log, LOG_INFO, "%s: finishing %zu requests, taking no new connections",
	         number == SIGTERM ? "SIGTERM" : "SIGINT", s->in_flight);
	notify_stopping(s->notify);
	run->drain_until_ns = batcher_now_ns() + (uint64_t)s->config->drain_timeout_ms * 1000000u;
	http_drain(s->http);
	uv_timer_start(&run->drain, on_drain, 0, DRAIN_POLL_MS);
}

static void reload_keys(struct server *s)
{
	struct cnn_error err;
	if (guard_load_keys(s, &err) != CNN_OK)
		log_line(s->log, LOG_ERROR, "%s; the keys stay as they were", err.text);
}

static void reload_certificate(struct server *s)
{
	struct cnn_error err;
	if (guard_load_certificate(s, &err) != CNN_OK)
		log_line(s->log, LOG_ERROR, "%s; the certificate stays as it was", err.text);
}

static void on_reload_signal(uv_signal_t *signal, int number)
{
	(void)number;
	struct run *run = signal->data;
	log_line(run->server.log, LOG_INFO, "SIGHUP: reloading");
	notify_reloading(run->server.notify);
	reload_keys(&run->server);
	reload_certificate(&run->server);
	access_log_reopen(run->server.access);
	if (!run->server.draining)
		models_reload(run->server.models);
}

static void on_wake(uv_async_t *async)
{
	jobs_take_done(async->data);
	infers_take_done(async->data);
}

/* libuv's threads, which do what takes long beside the requests. It reads this before its first work item; what
 * the user set stays. */
static void size_thread_pool(void)
{
	char threads[24];
	snprintf(threads, sizeof threads, "%zu", cpu_count());
	setenv("UV_THREADPOOL_SIZE", threads, 0);
}

static enum cnn_status open_loop(struct run *run, struct cnn_error *err)
{
	struct server *s = &run->server;
	int failed = uv_loop_init(&s->loop);
	if (failed)
		return cnn_fail(err, CNN_IO, "cannot make an event loop: %s", uv_strerror(failed));
	failed = uv_async_init(&s->loop, &s->wake, on_wake);
	if (failed) {
		uv_loop_close(&s->loop);
		return cnn_fail(err, CNN_IO, "cannot make an event loop: %s", uv_strerror(failed));
	}
	uv_timer_init(&s->loop, &run->drain);
	uv_signal_init(&s->loop, &run->on_term);
	uv_signal_init(&s->loop, &run->on_int);
	uv_signal_init(&s->loop, &run->on_hup);
	s->wake.data = s;
	run->drain.data = run->on_term.data = run->on_int.data = run->on_hup.data = run;
	return CNN_OK;
}

static void close_loop(struct run *run)
{
	uv_handle_t *handles[] = {
		(uv_handle_t *)&run->server.wake, (uv_handle_t *)&run->drain,
		(uv_handle_t *)&run->on_term,     (uv_handle_t *)&run->on_int,
		(uv_handle_t *)&run->on_hup,
	};
	for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
		uv_close(handles[i], NULL);
	uv_run(&run->server.loop, UV_RUN_DEFAULT);
	uv_loop_close(&run->server.loop);
}

static enum cnn_status add_models(struct server *s, const struct server_model *models, size_t n,
                                  struct cnn_error *err)
{
	struct batcher_options options = {
		.workers = s->config->threads ? (size_t)s->config->threads : cpu_count(),
		.max_batch = (size_t)s->config->max_batch,
		.max_queue = (size_t)s->config->queue,
		.max_queue_bytes = (size_t)s->config->queue_bytes,
		.max_delay_ns = (uint64_t)s->config->max_delay_us * 1000u,
	};
	enum cnn_status status = batcher_new(&options, &s->batcher, err);
	if (status == CNN_OK)
		status = models_new(s, &s->models, err);
	if (status == CNN_OK && s->config->view_bytes > 0)
		status = views_new(s, &s->views, err);
	for (size_t i = 0; status == CNN_OK && i < n; i++)
		status = models_adopt(s->models, &models[i], err);
	return status;
}

static enum cnn_status enter_sandbox(struct server *s, struct cnn_error *err)
{
	int mode = s->config->sandbox;
	if (mode == SANDBOX_OFF || (mode == SANDBOX_AUTO && SANDBOX_SANITIZED))
		return CNN_OK;
	enum cnn_status status = sandbox_enter(s->access && s->config->access_log_file, err);
	if (status == CNN_OK || mode == SANDBOX_ON)
		return status;
	log_line(s->log, LOG_WARNING, "%s; going on without it", err->text);
	return CNN_OK;
}

/* A supervisor that cannot be told is no reason not to serve. */
static void find_supervisor(struct server *s)
{
	struct cnn_error err;
	if (notify_new(&s->notify, &err) != CNN_OK)
		log_line(s->log, LOG_WARNING, "%s; the supervisor is told nothing", err.text);
}

/* The supervisor's socket comes before --host and --port. */
static enum cnn_status open_listener(const struct server *s, struct listener *out,
                                     struct cnn_error *err)
{
	const char *scheme = s->identity ? "https" : "http";
	int fd;
	enum cnn_status status = activation_socket(&fd, err);
	if (status != CNN_OK)
		return status;
	if (fd >= 0)
		return listen_adopt(scheme, fd, out, err);
	return listen_open(scheme, s->config->host, (unsigned)s->config->port, out, err);
}

static enum cnn_status open_port(struct server *s, struct cnn_error *err)
{
	unsigned limit = listen_connection_limit((unsigned)s->config->max_connections);
	if (limit < (unsigned)s->config->max_connections)
		log_line(s->log, LOG_WARNING,
		         "the limit on open files allows %u connections, not %lld", limit,
		         (long long)s->config->max_connections);
	struct listener listener;
	enum cnn_status status = open_listener(s, &listener, err);
	if (status != CNN_OK)
		return status;
	status = http_start(s, &listener, limit, err);
	if (status == CNN_OK && s->config->port_file)
		status = listen_write_port(s->config->port_file, listener.port, err);
	if (status == CNN_OK)
		find_supervisor(s);
	if (status == CNN_OK)
		status = enter_sandbox(s, err);
	if (status == CNN_OK)
		log_line(s->log, LOG_INFO, "listening on %s", listener.url);
	if (status == CNN_OK && !models_are_starting(s->models, NULL, 0))
		notify_ready(s->notify);
	return status;
}

/* End everything that works on requests; afterwards only the loop is left. */
static size_t stop(struct run *run)
{
	struct server *s = &run->server;
	size_t cut_off = http_stop(s->http);
	while (s->infer_work > 0)
		uv_run(&s->loop, UV_RUN_ONCE);
	views_free(s->views);
	s->views = NULL;
	batcher_stop(s->batcher);
	jobs_take_done(s);
	infers_take_done(s);
	models_free(s->models);
	batcher_free(s->batcher);
	return cut_off;
}

enum cnn_status server_run(const struct config *config, const struct server_model *models, size_t n,
                           const char *no_model_reason, struct cnn_error *err)
{
	struct run *run = calloc(1, sizeof *run);
	if (!run)
		return cnn_fail_memory(err, "the server", sizeof *run);
	struct server *s = &run->server;
	s->config = config;
	s->no_model_reason = no_model_reason;
	run->log.format = config->log_format == 0 ? LOG_TEXT : LOG_JSON;
	s->log = &run->log;
	s->started_ns = batcher_now_ns();
	s->body_bytes_limit = (size_t)config->max_body > MIN_BODY_MEMORY / 2
	                              ? 2 * (size_t)config->max_body
	                              : MIN_BODY_MEMORY;
	pthread_mutex_init(&s->done_lock, NULL);
	signal(SIGPIPE, SIG_IGN);
	size_thread_pool();

	enum cnn_status status = metrics_init(&s->metrics, route_labels, n_routes + 1, err);
	if (status == CNN_OK)
		status = log_sink_new(NULL, &run->log.sink, err);
	if (status == CNN_OK)
		status = access_log_new(config, run->log.sink, &s->access, err);
	if (status != CNN_OK)
		goto free_run;
	status = open_loop(run, err);
	if (status != CNN_OK)
		goto free_run;
	status = guard_load_keys(s, err);
	if (status == CNN_OK)
		status = guard_load_certificate(s, err);
	if (status == CNN_OK && config->cors_origin)
		status = cors_parse(config->cors_origin, &s->cors, err);
	if (status == CNN_OK)
		status = add_models(s, models, n, err);
	if (n == 0 && no_model_reason && !config->model_repository)
		log_line(s->log, LOG_WARNING, "%s", no_model_reason);
	/* Signals first: whoever reads the port may send one at once. */
	if (status == CNN_OK && (uv_signal_start(&run->on_term, on_stop_signal, SIGTERM) != 0 ||
	                         uv_signal_start(&run->on_int, on_stop_signal, SIGINT) != 0 ||
	                         uv_signal_start(&run->on_hup, on_reload_signal, SIGHUP) != 0))
		status = cnn_fail(err, CNN_IO, "cannot watch signals");
	if (status == CNN_OK)
		status = models_start(s->models, err);
	if (status == CNN_OK)
		status = open_port(s, err);
	if (status == CNN_OK) {
		run->trim = trim_new(s);
		while (!run->ended)
			uv_run(&s->loop, UV_RUN_DEFAULT);
	}
	trim_free(run->trim);
	size_t cut_off = stop(run);
	if (run->forced && cut_off > 0)
		status = cnn_fail(err, CNN_IO,
		                  "stopped by a second signal, %zu requests were cut off", cut_off);
	else if (run->late && cut_off > 0)
		status = cnn_fail(err, CNN_IO,
		                  "--drain-timeout-ms passed, %zu requests were cut off", cut_off);
	else if (status == CNN_OK)
		log_line(s->log, LOG_INFO, "stopped");
	close_loop(run);
free_run:
	notify_free(s->notify);
	access_log_free(s->access);
	log_sink_free(run->log.sink);
	registry_clear(&s->registry);
	metrics_clear(&s->metrics);
	model_stats_clear(&s->model_stats);
	keys_free(s->keys);
	cors_free(s->cors);
	tls_identity_unref(s->identity);
	pthread_mutex_destroy(&s->done_lock);
	free(run);
	return status;
}
