/* http_client.h - one kept-alive connection that posts bodies and reads what a server answers. Never blocks. */
#ifndef TESTS_BENCH_HTTP_CLIENT_H
#define TESTS_BENCH_HTTP_CLIENT_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLIENT_ANSWER_BYTES = 65536 };

/* What is posted: header and body as they go over the wire. */
struct message {
	char *bytes;
	size_t len;
};

struct client {
	int fd; /* -1: not connected */
	bool busy;
	const struct message *message;
	size_t sent;
	uint64_t due_ns; /* when the request should have gone out */

	char answer[CLIENT_ANSWER_BYTES + 1];
	size_t len;
	int status;      /* of the answer */
	int retry_after; /* seconds; -1: it has none */
};

enum client_state {
	CLIENT_WAITS,
	CLIENT_ANSWERED, /* `status` is set, the connection may be used again or is closed */
	CLIENT_BROKEN,   /* closed before the whole answer came */
};

/* Connect when needed and begin to send. false: no socket. */
bool client_begin(struct client *c, const struct sockaddr_in *server, const struct message *message,
                  uint64_t due_ns);
/* The socket is ready. */
enum client_state client_go_on(struct client *c);
bool client_wants_write(const struct client *c);
void client_close(struct client *c);

#endif
