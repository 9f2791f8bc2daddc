/* A GET by a plain socket: the image's HEALTHCHECK, without curl. */
#include "server/commands/commands.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct target {
	char host[256], port[8], path[512];
	bool bracketed; /* an IPv6 literal */
};

static bool copy(char *to, size_t size, const char *from, size_t length)
{
	if (length >= size)
		return false;
	memcpy(to, from, length);
	to[length] = '\0';
	return true;
}

/* http://HOST[:PORT][/PATH]; HOST may be [IPv6]. */
static bool parse_url(const char *url, struct target *t)
{
	if (strncmp(url, "http://", 7) != 0)
		return false;
	const char *host = url + 7, *end;
	t->bracketed = *host == '[';
	if (t->bracketed) {
		end = strchr(++host, ']');
		if (!end)
			return false;
	} else {
		end = host + strcspn(host, ":/");
	}
	if (end == host || !copy(t->host, sizeof t->host, host, (size_t)(end - host)))
		return false;
	end += t->bracketed;
	strcpy(t->port, "80");
	if (*end == ':') {
		size_t digits = strspn(end + 1, "0123456789");
		if (digits == 0 || !copy(t->port, sizeof t->port, end + 1, digits))
			return false;
		end += 1 + digits;
	}
	if (*end == '\0' || strcmp(end, "/") == 0)
		end = "/health/ready";
	if (*end != '/' || strpbrk(end, " \r\n\t"))
		return false;
	return copy(t->path, sizeof t->path, end, strlen(end));
}

/* The server that this environment describes; one that listens everywhere is asked on loopback. */
static bool default_target(struct target *t)
{
	const char *host = getenv("CONVD_HOST"), *port = getenv("CONVD_PORT");
	if (!host || !*host || strcmp(host, "0.0.0.0") == 0)
		host = "127.0.0.1";
	else if (strcmp(host, "::") == 0)
		host = "::1";
	t->bracketed = strchr(host, ':') != NULL;
	if (!port || !*port)
		port = "8080";
	return copy(t->host, sizeof t->host, host, strlen(host)) &&
	       copy(t->port, sizeof t->port, port, strlen(port)) &&
	       copy(t->path, sizeof t->path, "/health/ready", strlen("/health/ready"));
}

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Wait for `events`; false after the deadline. */
static bool wait_for(int fd, short events, long deadline)
{
	for (;;) {
		long left = deadline - now_ms();
		if (left <= 0) {
			errno = ETIMEDOUT;
			return false;
		}
		struct pollfd p = {.fd = fd, .events = events};
		int n = poll(&p, 1, (int)left);
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
	}
}

static int open_connection(const struct target *t, long deadline)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	if (getaddrinfo(t->host, t->port, &hints, &list) != 0) {
		errno = EHOSTUNREACH;
		return -1;
	}
	int fd = -1;
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		            a->ai_protocol);
		if (fd < 0)
			continue;
		int failed = 0;
		socklen_t size = sizeof failed;
		if (connect(fd, a->ai_addr, a->ai_addrlen) != 0 &&
		    (errno != EINPROGRESS || !wait_for(fd, POLLOUT, deadline) ||
		     getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0 || failed)) {
			int reason = failed ? failed : errno;
			close(fd);
			errno = reason;
			fd = -1;
		}
	}
	int reason = errno;
	freeaddrinfo(list);
	errno = reason;
	return fd;
}

static bool send_request(int fd, const struct target *t, long deadline)
{
	char text[1024];
	int n = snprintf(text, sizeof text,
	                 "GET %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nConnection: close\r\n\r\n", t->path,
	                 t->bracketed ? "[" : "", t->host, t->bracketed ? "]" : "", t->port);
	for (int at = 0; at < n;) {
		ssize_t sent = send(fd, text + at, (size_t)(n - at), MSG_NOSIGNAL);
		if (sent > 0)
			at += (int)sent;
		else if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		else if (!wait_for(fd, POLLOUT, deadline))
			return false;
	}
	return true;
}

/* The status of the reply, 0 on failure; its first bytes, with the body, in text. */
static int read_reply(int fd, char *text, size_t size, long deadline)
{
	size_t at = 0;
	for (;;) {
		if (!wait_for(fd, POLLIN, deadline))
			return 0;
		ssize_t got = recv(fd, text + at, size - 1 - at, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got < 0)
			return 0;
		at += (size_t)got;
		if (got == 0 || at + 1 == size)
			break;
	}
	text[at] = '\0';
	int status = 0;
	return sscanf(text, "HTTP/1.%*d %d", &status) == 1 ? status : 0;
}

int command_health(const struct config *config)
{
	struct target t;
	bool named = config->n_args == 1;
	if (config->n_args > 1 || (named && !parse_url(config->args[0], &t)) ||
	    (!named && !default_target(&t))) {
		fprintf(stderr, "convd health: expected one URL like http://127.0.0.1:8080\n");
		return 2;
	}
	char text[4096] = "";
	long deadline = now_ms() + (long)config->timeout_ms;
	int status = 0, fd = open_connection(&t, deadline);
	if (fd >= 0 && send_request(fd, &t, deadline)) {
		errno = EPROTO; /* for a reply that is no HTTP */
		status = read_reply(fd, text, sizeof text, deadline);
	}
	int reason = errno;
	if (fd >= 0)
		close(fd);
	if (!status) {
		fprintf(stderr, "convd health: %s port %s: %s\n", t.host, t.port, strerror(reason));
		return 1;
	}
	const char *body = strstr(text, "\r\n\r\n");
	printf("%d %s\n", status, body ? body + 4 : "");
	return status == 200 ? 0 : 1;
}
