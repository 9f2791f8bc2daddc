#include "tests/bench/http_client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

bool client_begin(struct client *c, const struct sockaddr_in *server, const struct message *message,
                  uint64_t due_ns)
{
	if (c->fd < 0) {
		c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (c->fd < 0)
			return false;
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		const struct sockaddr *to = (const struct sockaddr *)(const void *)server;
		if (connect(c->fd, to, sizeof *server) != 0 && errno != EINPROGRESS) {
			client_close(c);
			return false;
		}
	}
	c->busy = true;
	c->message = message;
	c->due_ns = due_ns;
	c->sent = c->len = 0;
	c->status = 0;
	c->retry_after = -1;
	return true;
}

bool client_wants_write(const struct client *c)
{
	return c->busy && c->sent < c->message->len;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->busy = false;
}

/* The value of a header line, NULL when there is none. */
static const char *header(const char *answer, const char *end, const char *name)
{
	size_t len = strlen(name);
	for (const char *line = strstr(answer, "\r\n"); line && line < end;
	     line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
			return line + 2 + len + 1 + strspn(line + 2 + len + 1, " ");
	return NULL;
}

/* Is the answer whole? */
static bool complete(struct client *c, bool *last)
{
	c->answer[c->len] = '\0';
	const char *end = strstr(c->answer, "\r\n\r\n");
	if (!end)
		return false;
	const char *length = header(c->answer, end, "Content-Length");
	const char *retry = header(c->answer, end, "Retry-After");
	const char *connection = header(c->answer, end, "Connection");
	size_t body = length ? strtoul(length, NULL, 10) : 0;
	if (c->len < (size_t)(end + 4 - c->answer) + body)
		return false;
	c->status = c->len > 12 ? atoi(c->answer + 9) : 0;
	c->retry_after = retry ? atoi(retry) : -1;
	*last = connection && strncasecmp(connection, "close", 5) == 0;
	return true;
}

enum client_state client_go_on(struct client *c)
{
	while (client_wants_write(c)) {
		ssize_t n = send(c->fd, c->message->bytes + c->sent, c->message->len - c->sent,
		                 MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			break;
		/* A server that refuses may close its side: its answer is there to be read. */
		if (n < 0)
			break;
		c->sent += (size_t)n;
	}
	for (;;) {
		ssize_t n = recv(c->fd, c->answer + c->len, CLIENT_ANSWER_BYTES - c->len, 0);
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return CLIENT_WAITS;
		if (n <= 0)
			break;
		c->len += (size_t)n;
		bool last = false;
		if (!complete(c, &last))
			continue;
		c->busy = false;
		if (last || client_wants_write(c) || c->sent < c->message->len)
			client_close(c);
		return CLIENT_ANSWERED;
	}
	client_close(c);
	return CLIENT_BROKEN;
}
