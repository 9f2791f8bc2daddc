#include "server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OWN_FILES = 256 }; /* event loops, standard streams, model files, closing connections */
/* Who has got the answer to its SYN, but has not said so yet, is heard of within this time. */
enum { LAST_ROUND_TRIP_MS = 10 };

static int open_one(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int on = 1, off = 0;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a->ai_family == AF_INET6) /* "::" takes IPv4 too, whatever the system's default is */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static unsigned port_of(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
	                                      : ((const struct sockaddr_in *)a)->sin_port);
}

static bool read_address(int fd, struct sockaddr_storage *out, struct cnn_error *err)
{
	socklen_t size = sizeof *out;
	if (getsockname(fd, (struct sockaddr *)out, &size) == 0)
		return true;
	cnn_fail(err, CNN_IO, "cannot read the address of the listening socket");
	return false;
}

static void set(struct listener *out, int fd, bool own, unsigned port, const char *scheme,
                const char *name)
{
	bool colon = strchr(name, ':') != NULL;
	out->fd = fd;
	out->own = own;
	out->port = port;
	snprintf(out->url, sizeof out->url, "%s://%s%s%s:%u", scheme, colon ? "[" : "", name,
	         colon ? "]" : "", port);
}

enum cnn_status listen_open(const char *scheme, const char *host, unsigned port,
                            struct listener *out, struct cnn_error *err)
{
	char name[256], service[8];
	size_t len = strlen(host);
	bool bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';
	if (len == 0 || len >= sizeof name)
		return cnn_fail(err, CNN_BAD_ARG, "--host '%.60s': not a host's name or address",
		                host);
	snprintf(name, sizeof name, "%.*s", (int)(bracketed ? len - 2 : len),
	         host + (bracketed ? 1 : 0));
	snprintf(service, sizeof service, "%u", port);
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
	                         .ai_socktype = SOCK_STREAM,
	                         .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	int code = getaddrinfo(name, service, &hints, &list);
	if (code != 0)
		return cnn_fail(err, CNN_IO, "cannot listen on '%s': %s", host, gai_strerror(code));
	int fd = -1;
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = open_one(a);
	int reason = errno;
	freeaddrinfo(list);
	if (fd < 0)
		return cnn_fail(err, CNN_IO, "cannot listen on %s port %u: %s", host, port,
		                strerror(reason));

	struct sockaddr_storage bound;
	if (!read_address(fd, &bound, err)) {
		close(fd);
		return CNN_IO;
	}
	set(out, fd, true, port_of(&bound), scheme, name);
	return CNN_OK;
}

enum cnn_status listen_adopt(const char *scheme, int fd, struct listener *out,
                             struct cnn_error *err)
{
	struct sockaddr_storage bound;
	char name[INET6_ADDRSTRLEN];
	if (!read_address(fd, &bound, err))
		return CNN_IO;
	const void *address =
		bound.ss_family == AF_INET6
			? (const void *)&((const struct sockaddr_in6 *)&bound)->sin6_addr
			: (const void *)&((const struct sockaddr_in *)&bound)->sin_addr;
	if (!inet_ntop(bound.ss_family, address, name, sizeof name))
		return cnn_fail(err, CNN_IO, "cannot read the address of the listening socket");
	set(out, fd, false, port_of(&bound), scheme, name);
	return CNN_OK;
}

/* Leave the packets that begin a connection, SYN, without an answer. They are sent again a second later, and then the port
 * is closed. False where the system cannot. */
static bool stop_connecting(int fd)
{
	enum {
		FLAGS_OFFSET = 13,
		SYN = 2
	}; /* of the TCP header, which a filter's packet begins with */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_OFFSET),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

void listen_close(int fd, bool own,
                  void (*take)(void *ctx, int client, const struct sockaddr *from, socklen_t size),
                  void *ctx)
{
	/* With a socket that others go on to listen at the filter would stay; who comes late is theirs. */
	bool stopped = own && stop_connecting(fd);
	struct pollfd more = {.fd = fd, .events = POLLIN};
	do {
		struct sockaddr_storage from;
		socklen_t size = sizeof from;
		int client;
		while ((client = accept4(fd, (struct sockaddr *)&from, &size,
		                         SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
			take(ctx, client, (const struct sockaddr *)&from, size);
			size = sizeof from;
		}
	} while (stopped && (errno == EAGAIN || errno == ECONNABORTED) &&
	         poll(&more, 1, LAST_ROUND_TRIP_MS) > 0);
	close(fd);
}

enum cnn_status listen_write_port(const char *path, unsigned port, struct cnn_error *err)
{
	char temporary[4096];
	int len = snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
	if (len < 0 || (size_t)len >= sizeof temporary)
		return cnn_fail(err, CNN_BAD_ARG, "--port-file: the path is too long");
	FILE *f = fopen(temporary, "we");
	bool good = f && fprintf(f, "%u\n", port) > 0;
	int reason = errno;
	if (f && fclose(f) != 0 && good) {
		good = false;
		reason = errno;
	}
	if (good && rename(temporary, path) != 0) {
		good = false;
		reason = errno;
	}
	if (good)
		return CNN_OK;
	if (f)
		unlink(temporary);
	return cnn_fail(err, CNN_IO, "--port-file %s: %s", path, strerror(reason));
}

unsigned listen_connection_limit(unsigned wanted)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return wanted;
	rlim_t soft = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		limit.rlim_cur = soft;
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= (rlim_t)wanted + OWN_FILES)
		return wanted;
	/* A limit too small for the reserve still leaves half for connections. */
	rlim_t room =
		limit.rlim_cur > 2 * OWN_FILES ? limit.rlim_cur - OWN_FILES : limit.rlim_cur / 2;
	return room < 1 ? 1 : (unsigned)room;
}
