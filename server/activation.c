#include "server/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_FD = 3 }; /* behind the standard streams */

/* Digits alone; strtol() takes more. */
static bool read_whole(const char *text, long *out)
{
	char *end;
	if (!text || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtol(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool has_option(int fd, int option, int value)
{
	int is = 0;
	socklen_t size = sizeof is;
	return getsockopt(fd, SOL_SOCKET, option, &is, &size) == 0 && is == value;
}

enum cnn_status activation_socket(int *fd, struct cnn_error *err)
{
	const char *count = getenv("LISTEN_FDS");
	long pid, n;
	*fd = -1;
	/* The variables may be those of a parent. */
	if (!count || !read_whole(getenv("LISTEN_PID"), &pid) || pid != (long)getpid())
		return CNN_OK;
	if (!read_whole(count, &n) || n > 1)
		return cnn_fail(err, CNN_BAD_ARG,
		                "LISTEN_FDS=%.20s: one socket can be handed over, not several",
		                count);
	if (n == 0)
		return CNN_OK;
	bool tcp = has_option(FIRST_FD, SO_DOMAIN, AF_INET) ||
	           has_option(FIRST_FD, SO_DOMAIN, AF_INET6);
	if (!tcp || !has_option(FIRST_FD, SO_TYPE, SOCK_STREAM) ||
	    !has_option(FIRST_FD, SO_ACCEPTCONN, 1))
		return cnn_fail(err, CNN_BAD_ARG,
		                "LISTEN_FDS=1: what was handed over is no listening TCP socket");
	int flags = fcntl(FIRST_FD, F_GETFL);
	if (flags < 0 || fcntl(FIRST_FD, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) != 0)
		return cnn_fail(err, CNN_IO, "the socket that was handed over: %s",
		                strerror(errno));
	*fd = FIRST_FD;
	return CNN_OK;
}
