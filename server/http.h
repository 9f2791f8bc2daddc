/* http.h - libmicrohttpd driven by the libuv loop. Loop thread only.
 *
 * The library runs without threads of its own: its epoll descriptor is polled by the loop, and one function,
 * pump(), lets it work. Connections whose request is being worked on are suspended. */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H
#include "server/context.h"

struct listener;
struct request;

/* Take over the listening socket and serve on server->loop; sets server->http. */
enum cnn_status http_start(struct server *server, const struct listener *listener,
                           unsigned max_connections, struct cnn_error *err);

/* The suspended request's reply is set: send it. Called once for each request that was suspended. */
void request_done(struct request *request);

/* The request's reply is a stream that has more to send, or has ended. */
void request_more(struct request *request);

/* See to it that a request which is late at this time is looked at then. */
void http_look_at(struct http *http, uint64_t at_ns);

/* Accept who has begun to connect and nobody else; close connections when their answer is out, and idle ones after a second. */
void http_drain(struct http *http);
/* Connections that are open or still take leave. */
size_t http_open_connections(const struct http *http);
/* Close everything, answering 503 to those who wait, and free once the loop has run on; NULL-safe. Returns how
 * many requests were cut off. */
size_t http_stop(struct http *http);

#endif
