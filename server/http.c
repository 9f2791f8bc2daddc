#include "server/http.h"
#include "server/connection.h"
#include "server/deadline.h"
#include "server/encoding.h"
#include "server/handshake.h"
#include "server/infer.h"
#include "server/job.h"
#include "server/linger.h"
#include "server/listen.h"
#include "server/no_memory.h"
#include "server/recorder.h"
#include "server/request.h"
#include "server/stream.h"
#include "server/tls.h"
#include "server/view.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pool larger than any header that is let through, so that it is this server that refuses a long one. It is
 * mapped when a connection opens and takes memory as it is touched. */
enum { POOL_BYTES = 256 * 1024, POOL_INCREMENT = 16 * 1024 };
/* A refused body up to this size is read and dropped, so that the connection can be used again. */
enum { DROPPED_BODY_BYTES = 65536 };
/* How soon after another the deadlines are looked at, at most. */
enum { MIN_SWEEP_MS = 5 };
/* Then the loop has its turn, whatever comes in. */
enum { RUNS_AT_ONCE = 16 };
#define DRAIN_IDLE_NS 1000000000u

struct http {
	struct server *server;
	struct MHD_Daemon *daemon;
	struct connection_list connections;
	struct lingering_list lingering;
	struct handshake_list handshakes;
	struct no_memory no_memory;
	uv_poll_t poll;
	uv_timer_t timer; /* when the library wants to run again */
	uv_idle_t again;  /* active while that is at once */
	uv_timer_t sweep;
	uint64_t sweep_ms, next_sweep_ns;
	uint64_t idle_sweep_ms, next_idle_sweep_ns;
	uint64_t drain_started_ns;
	size_t handles; /* of the loop, not yet closed */
	bool own_port;  /* see struct listener */
};

/* --- answering ------------------------------------------------------------ */

/* Nothing to send for now suspends the connection; request_more() wakes it. */
static ssize_t read_stream(void *ctx, uint64_t at, char *out, size_t size)
{
	(void)at;
	struct request *r = ctx;
	size_t n = stream_read(r->stream, out, size);
	if (n > 0)
		return (ssize_t)n;
	if (r->stream->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	r->stream->waits = true;
	connection_set_phase(r->connection, CONNECTION_WORKING);
	MHD_suspend_connection(r->connection->mhd);
	return 0;
}

static struct MHD_Response *make_response(struct request *r)
{
	enum { BLOCK_BYTES = 16384 };
	if (r->stream)
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream,
		                                         r, NULL);
	/* The body belongs to the request, which outlives the response. */
	return MHD_create_response_from_buffer(r->reply.len, (void *)r->reply.body,
	                                       MHD_RESPMEM_PERSISTENT);
}

/* False: there is no memory for them. */
static bool add_headers(struct MHD_Response *response, const struct reply *reply)
{
	bool good = true;
	if (reply->content_type)
		good = MHD_add_response_header(response, "Content-Type", reply->content_type);
	good = good && MHD_add_response_header(response, "Cache-Control", reply->cache_control);
	for (size_t i = 0; good && i < reply->n_headers; i++)
		good = MHD_add_response_header(response, reply->header[i].name,
		                               reply->header[i].value);
	if (good && reply->close)
		good = MHD_add_response_header(response, "Connection", "close");
	return good;
}

static enum MHD_Result send_reply(struct request *r)
{
	struct MHD_Connection *mhd = r->connection->mhd;
	enum MHD_Result result;
	request_finish_reply(r);
	struct MHD_Response *response = make_response(r);
	if (response && add_headers(response, &r->reply)) {
		result = MHD_queue_response(mhd, r->reply.status, response);
	} else {
		r->reply.status = NO_MEMORY_STATUS;
		r->connection->linger = true;
		result = no_memory_send(&r->server->http->no_memory, mhd, r->reply.oip);
	}
	if (response)
		MHD_destroy_response(response);
	request_count_reply(r);
	r->stage = REQUEST_SENT;
	connection_set_phase(r->connection, CONNECTION_SENDING);
	return result;
}

/* Refuse a request whose body is still coming in: the library takes no response now. */
static enum MHD_Result refuse_body(struct request *r)
{
	request_finish_reply(r);
	request_count_reply(r);
	r->stage = REQUEST_SENT;
	connection_write_reply(r->connection, &r->reply);
	return MHD_NO;
}

void request_done(struct request *request)
{
	struct http *h = request->server->http;
	MHD_resume_connection(request->connection->mhd);
	uv_update_time(&request->server->loop);
	uv_timer_start(&h->timer, h->timer.timer_cb, 0, 0);
}

void request_more(struct request *request)
{
	if (!request->stream->waits)
		return;
	request->stream->waits = false;
	connection_set_phase(request->connection, CONNECTION_SENDING);
	request_done(request);
}

/* --- libmicrohttpd's callbacks ---------------------------------------------- */

/* NULL: there is no memory for it. */
static struct connection *open_connection(struct http *h, struct MHD_Connection *mhd, int fd)
{
	struct connection *c = connection_new(&h->connections, mhd, fd);
	struct tls_identity *identity = h->server->identity;
	if (!c || !identity || handshake_begin(&h->handshakes, c, identity))
		return c;
	connection_free(&h->connections, c);
	return NULL;
}

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
	struct http *h = ctx;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		h->server->metrics.connections++;
		*socket_context = open_connection(h, mhd, info->connect_fd);
		if (!*socket_context)
			shutdown(info->connect_fd, SHUT_RDWR);
		return;
	}
	struct connection *c = *socket_context;
	/* A handshake that failed has an alert for the client to see, or it speaks no TLS. */
	if (c && c->tls.session && !c->tls.established)
		c->linger = true;
	if (c && c->linger && !h->server->http)
		c->linger = false;
	if (c && c->linger)
		linger_start(&h->lingering, c->fd);
	if (c)
		handshake_end(c);
	connection_free(&h->connections, c);
	*socket_context = NULL;
}

static void *on_first_line(void *ctx, const char *uri, struct MHD_Connection *mhd)
{
	struct http *h = ctx;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct connection *c = info->socket_context;
	if (!c)
		return NULL;
	tls_is_established(&c->tls);
	if (c->phase == CONNECTION_IDLE)
		connection_set_phase(c, CONNECTION_READING);
	c->request = request_new(h->server, c, uri);
	return c->request;
}

/* The header is in. */
static enum MHD_Result begin(struct request *r, struct MHD_Connection *mhd, const char *method,
                             const char *version)
{
	r->stage = REQUEST_BODY;
	request_begin(r, mhd, method, version);
	if (!r->reply.status)
		return MHD_YES;
	bool has_body = r->chunked || r->body_expected > 0;
	if (!r->reply.close && !r->chunked && !r->expects && r->body_expected <= DROPPED_BODY_BYTES)
		return MHD_YES; /* answered when the body is in */
	r->connection->linger = has_body || r->reply.close;
	return send_reply(r);
}

/* Header and body are in. */
static enum MHD_Result work(struct request *r, struct MHD_Connection *mhd)
{
	r->body_ns = batcher_now_ns();
	encoding_end(r);
	if (!r->reply.status)
		r->route->handle(r);
	if (r->reply.status)
		return send_reply(r);
	r->stage = REQUEST_WORK;
	connection_set_phase(r->connection, CONNECTION_WORKING);
	MHD_suspend_connection(mhd);
	return MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *len, void **request)
{
	struct http *h = ctx;
	struct request *r = *request;
	if (!r) /* memory ran out at the first line */
		return no_memory_send(&h->no_memory, mhd, route_is_oip(url));
	switch (r->stage) {
	case REQUEST_HEADER:
		return begin(r, mhd, method, version);
	case REQUEST_BODY:
		if (*len == 0)
			return work(r, mhd);
		if (!request_body(r, bytes, *len))
			return refuse_body(r);
		*len = 0;
		return MHD_YES;
	case REQUEST_WORK:
		return send_reply(r);
	case REQUEST_SENT: /* answered past the library: there is nothing to wait for */
		break;
	}
	return MHD_NO;
}

static void on_completed(void *ctx, struct MHD_Connection *mhd, void **request,
                         enum MHD_RequestTerminationCode code)
{
	(void)ctx;
	(void)mhd;
	(void)code;
	struct request *r = *request;
	if (!r)
		return;
	recorder_request(r->server->recorder, r);
	r->connection->request = NULL;
	connection_set_phase(r->connection, CONNECTION_IDLE);
	request_free(r);
	*request = NULL;
}

/* Escapes are decoded where they are used: the library would lose the difference between '/' and %2F. */
static size_t keep_escapes(void *ctx, struct MHD_Connection *mhd, char *text)
{
	(void)ctx;
	(void)mhd;
	return strlen(text);
}

/* --- the loop ---------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void on_again(uv_idle_t *idle);

static void run_library(struct http *h)
{
	MHD_run(h->daemon);
	handshakes_wait(&h->handshakes);
}

static void pump(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG timeout = 0;
	bool timed = true;
	/* Sockets are edge-triggered: a timeout of 0 means that there is data which no event will announce. */
	for (int i = 0; timed && timeout == 0 && i < RUNS_AT_ONCE; i++) {
		run_library(h);
		timed = MHD_get_timeout(h->daemon, &timeout) == MHD_YES;
	}
	/* A timer of 0 that is set by itself would not let the loop do anything else. */
	if (timed && timeout == 0)
		uv_idle_start(&h->again, on_again);
	else
		uv_idle_stop(&h->again);
	if (timed && timeout > 0)
		uv_timer_start(&h->timer, on_timer, timeout, 0);
	else
		uv_timer_stop(&h->timer);
}

static void pump_again(void *http)
{
	pump(http);
}

static void on_again(uv_idle_t *idle)
{
	pump(idle->data);
}

static void on_timer(uv_timer_t *timer)
{
	pump(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	pump(poll->data);
}

static void on_sweep(uv_timer_t *timer)
{
	struct http *h = timer->data;
	struct deadline_check check = {.now_ns = batcher_now_ns()};
	check.idle_too = check.now_ns >= h->next_idle_sweep_ns;
	check.close_idle =
		h->drain_started_ns && check.now_ns - h->drain_started_ns >= DRAIN_IDLE_NS;
	if (check.idle_too)
		h->next_idle_sweep_ns = check.now_ns + h->idle_sweep_ms * 1000000u;
	for (struct connection *c = h->connections.first; c; c = c->next)
		deadline_check(h->server, c, &check);
	linger_sweep(&h->lingering, false);
	h->next_sweep_ns = check.now_ns + h->sweep_ms * 1000000u;
	pump(h);
}

void http_look_at(struct http *h, uint64_t at_ns)
{
	uint64_t now = batcher_now_ns();
	uint64_t soonest = now + MIN_SWEEP_MS * 1000000u;
	if (at_ns < soonest)
		at_ns = soonest;
	/* The timer may come a little early for a deadline, so it is set just after. */
	if (at_ns + 1000000u >= h->next_sweep_ns)
		return;
	h->next_sweep_ns = at_ns + 1000000u;
	uv_update_time(&h->server->loop);
	uv_timer_start(&h->sweep, on_sweep, (h->next_sweep_ns - now) / 1000000u, h->sweep_ms);
}

static uint64_t clamp(int64_t value, int64_t min, int64_t max)
{
	return (uint64_t)(value < min ? min : value > max ? max : value);
}

/* --- life -------------------------------------------------------------------------- */

static struct MHD_Daemon *start_daemon(struct http *h, int listen_fd, unsigned max_connections)
{
	const struct server *s = h->server;
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (s->identity ? MHD_USE_TLS : 0);
	unsigned per_ip = (unsigned)s->config->max_connections_per_ip;
	/* clang-format off */
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, h,
		MHD_OPTION_LISTEN_SOCKET, listen_fd,
		MHD_OPTION_CONNECTION_LIMIT, max_connections,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, per_ip,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
		MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)POOL_INCREMENT,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
		MHD_OPTION_URI_LOG_CALLBACK, on_first_line, h,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		/* Without TLS these two are ignored. */
		MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES,
		MHD_OPTION_HTTPS_CERT_CALLBACK, handshake_no_certificate,
		MHD_OPTION_END);
	/* clang-format on */
}

enum cnn_status http_start(struct server *server, const struct listener *listener,
                           unsigned max_connections, struct cnn_error *err)
{
	struct http *h = calloc(1, sizeof *h);
	if (!h) {
		close(listener->fd);
		return cnn_fail_memory(err, "the HTTP server", sizeof *h);
	}
	h->server = server;
	h->lingering.loop = &server->loop;
	h->handshakes = (struct handshake_list){
		.loop = &server->loop,
		.ready = pump_again,
		.ctx = h,
	};
	h->own_port = listener->own;
	enum cnn_status status = no_memory_init(&h->no_memory, err);
	if (!status) {
		h->daemon = start_daemon(h, listener->fd, max_connections);
		if (!h->daemon)
			status = cnn_fail(err, CNN_IO, "cannot start the HTTP server");
	}
	if (status) {
		close(listener->fd);
		no_memory_clear(&h->no_memory);
		free(h);
		return status;
	}
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int failed = !info ? UV_EINVAL : uv_poll_init(&server->loop, &h->poll, info->epoll_fd);
	if (failed) {
		MHD_stop_daemon(h->daemon);
		no_memory_clear(&h->no_memory);
		free(h);
		return cnn_fail(err, CNN_IO, "cannot watch the HTTP server's sockets: %s",
		                uv_strerror(failed));
	}
	uv_timer_init(&server->loop, &h->timer);
	uv_timer_init(&server->loop, &h->sweep);
	uv_idle_init(&server->loop, &h->again);
	h->handles = 4;
	h->poll.data = h->timer.data = h->sweep.data = h->again.data = h;
	const struct config *c = server->config;
	int64_t shortest =
		c->read_timeout_ms < c->idle_timeout_ms ? c->read_timeout_ms : c->idle_timeout_ms;
	h->idle_sweep_ms = clamp(shortest / 10, 10, 1000);
	if (c->predict_timeout_ms < shortest)
		shortest = c->predict_timeout_ms;
	h->sweep_ms = clamp(shortest / 10, 10, 100);
	uv_poll_start(&h->poll, UV_READABLE, on_poll);
	h->next_sweep_ns = batcher_now_ns() + h->sweep_ms * 1000000u;
	uv_timer_start(&h->sweep, on_sweep, h->sweep_ms, h->sweep_ms);
	uv_timer_start(&h->timer, on_timer, 0, 0);
	server->http = h;
	return CNN_OK;
}

static void take_in(void *ctx, int client, const struct sockaddr *from, socklen_t size)
{
	struct http *h = ctx;
	MHD_add_connection(h->daemon, client, from, size);
}

void http_drain(struct http *h)
{
	int fd = MHD_quiesce_daemon(h->daemon);
	if (fd >= 0)
		listen_close(fd, h->own_port, take_in, h);
	/* What only watches need not be waited for. */
	for (struct connection *c = h->connections.first; c; c = c->next) {
		if (c->phase == CONNECTION_WORKING && c->request->give_up)
			c->request->give_up(c->request);
	}
	h->drain_started_ns = batcher_now_ns();
	h->idle_sweep_ms = h->sweep_ms;
	h->next_idle_sweep_ns = 0;
	uv_timer_start(&h->timer, on_timer, 0, 0);
}

size_t http_open_connections(const struct http *h)
{
	return h->connections.n + h->lingering.n;
}

static void on_closed(uv_handle_t *handle)
{
	struct http *h = handle->data;
	if (--h->handles == 0)
		free(h);
}

size_t http_stop(struct http *h)
{
	if (!h)
		return 0;
	size_t cut_off = 0;
	for (struct connection *c = h->connections.first; c; c = c->next) {
		handshake_resume(c);
		cut_off += c->phase == CONNECTION_READING || c->phase == CONNECTION_WORKING;
		if (c->phase == CONNECTION_READING)
			deadline_refuse(h->server, c, 503, "draining",
			                "the server ended before the request was complete");
		else if (c->phase == CONNECTION_WORKING && c->request->prediction)
			prediction_give_up(c->request->prediction, PREDICTION_DRAINING);
		else if (c->phase == CONNECTION_WORKING && c->request->give_up)
			c->request->give_up(c->request);
		else if (c->phase == CONNECTION_WORKING && c->request->infer)
			infer_give_up(c->request->infer, PREDICTION_DRAINING);
		else if (c->phase == CONNECTION_WORKING && c->request->view)
			view_give_up(c->request->view, PREDICTION_DRAINING);
	}
	/* Resumed connections send their answer in the next runs; a suspended one would abort the stop. */
	MHD_run(h->daemon);
	MHD_run(h->daemon);
	h->server->http = NULL;
	uv_poll_stop(&h->poll);
	MHD_stop_daemon(h->daemon);
	no_memory_clear(&h->no_memory);
	linger_sweep(&h->lingering, true);
	uv_close((uv_handle_t *)&h->poll, on_closed);
	uv_close((uv_handle_t *)&h->timer, on_closed);
	uv_close((uv_handle_t *)&h->sweep, on_closed);
	uv_close((uv_handle_t *)&h->again, on_closed);
	return cut_off;
}
