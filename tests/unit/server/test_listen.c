/* What becomes of those who connect while the port closes. */
#include "server/listen.h"
#include "tests/test.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

enum { CLIENTS = 20 };

struct closing {
	unsigned port;
	int taken;
	int late; /* the socket of who begins to connect while the port closes; -1: nobody yet */
};

/* A socket that has begun to connect. */
static int begin(unsigned port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	struct sockaddr_in to = {.sin_family = AF_INET,
	                         .sin_port = htons((uint16_t)port),
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK(connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS);
	return fd;
}

static bool is_connected(int fd)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof peer;
	return getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}

static void take(void *ctx, int client, const struct sockaddr *from, socklen_t size)
{
	struct closing *c = ctx;
	CHECK(from->sa_family == AF_INET && size == sizeof(struct sockaddr_in));
	CHECK(write(client, "hello", 5) == 5);
	close(client);
	c->taken++;
	if (c->late < 0)
		c->late = begin(c->port);
}

static void begin_all(struct closing *c, int client[CLIENTS])
{
	c->late = -1;
	for (int i = 0; i < CLIENTS; i++)
		client[i] = begin(c->port);
}

static void check_all_greeted(const int client[CLIENTS])
{
	for (int i = 0; i < CLIENTS; i++) {
		char text[8];
		struct pollfd in = {.fd = client[i], .events = POLLIN};
		CHECK_INT(poll(&in, 1, 5000), 1);
		CHECK_INT(read(client[i], text, sizeof text), 5);
		close(client[i]);
	}
}

static struct listener open_listener(void)
{
	struct listener listener;
	struct cnn_error err;
	CHECK(listen_open("http", "127.0.0.1", 0, &listener, &err) == CNN_OK);
	CHECK(listener.own);
	return listener;
}

static void closing_takes_who_has_connected_and_nobody_else(void)
{
	struct listener listener = open_listener();
	struct closing c = {.port = listener.port};
	int client[CLIENTS];
	begin_all(&c, client);
	listen_close(listener.fd, true, take, &c);
	CHECK_INT(c.taken, CLIENTS);
	check_all_greeted(client);
	/* Neither connected nor refused: it asks again, and hears that the port is closed. */
	CHECK(c.late >= 0);
	CHECK(!is_connected(c.late));
	struct pollfd refused = {.fd = c.late, .events = POLLOUT};
	CHECK_INT(poll(&refused, 1, 10000), 1);
	int reason = 0;
	socklen_t size = sizeof reason;
	CHECK(getsockopt(c.late, SOL_SOCKET, SO_ERROR, &reason, &size) == 0);
	CHECK_INT(reason, ECONNREFUSED);
	close(c.late);
}

/* Another process has the socket too, and goes on. */
static void closing_leaves_a_shared_socket_as_it_was(void)
{
	struct listener listener = open_listener();
	int theirs = dup(listener.fd);
	CHECK(theirs >= 0);
	struct closing c = {.port = listener.port};
	int client[CLIENTS];
	begin_all(&c, client);
	listen_close(listener.fd, false, take, &c);
	CHECK(c.taken >= CLIENTS);
	check_all_greeted(client);
	int next = begin(listener.port);
	struct pollfd out = {.fd = next, .events = POLLOUT};
	CHECK_INT(poll(&out, 1, 5000), 1);
	CHECK(is_connected(next));
	close(next);
	close(c.late);
	close(theirs);
}

TEST_MAIN({"closing_takes_who_has_connected_and_nobody_else",
           closing_takes_who_has_connected_and_nobody_else},
          {"closing_leaves_a_shared_socket_as_it_was", closing_leaves_a_shared_socket_as_it_was})
