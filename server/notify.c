#include "server/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum state { BEGUN, READY, STOPPING };

struct notify {
	int fd;
	enum state state;
};

/* A path, or behind '@' a name of the abstract kind, which begins with a zero byte. Returns the address's size; 0: the
 * text is neither. */
static socklen_t read_address(const char *text, struct sockaddr_un *out)
{
	size_t len = strlen(text);
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	if ((text[0] != '/' && text[0] != '@') || len < 2 || len >= sizeof out->sun_path)
		return 0;
	memcpy(out->sun_path, text, len);
	if (text[0] == '@')
		out->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/'));
}

enum cnn_status notify_new(struct notify **out, struct cnn_error *err)
{
	const char *text = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	*out = NULL;
	if (!text || !*text)
		return CNN_OK;
	socklen_t size = read_address(text, &address);
	if (size == 0)
		return cnn_fail(err, CNN_BAD_ARG, "NOTIFY_SOCKET=%.120s: not a socket's path",
		                text);
	struct notify *n = calloc(1, sizeof *n);
	if (!n)
		return cnn_fail_memory(err, "the supervisor's socket", sizeof *n);
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* A supervisor that is busy is waited for, one that hangs is not. */
	struct timeval wait = {.tv_sec = 1};
	if (n->fd < 0 || setsockopt(n->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 ||
	    connect(n->fd, (const struct sockaddr *)&address, size) != 0) {
		int reason = errno;
		notify_free(n);
		return cnn_fail(err, CNN_IO, "NOTIFY_SOCKET=%.120s: %s", text, strerror(reason));
	}
	*out = n;
	return CNN_OK;
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

/* A supervisor that is gone is no reason to stop serving. */
static void tell(struct notify *n, enum state state, const char *text)
{
	n->state = state;
	(void)!send(n->fd, text, strlen(text), MSG_NOSIGNAL);
}

void notify_ready(struct notify *n)
{
	if (n && n->state == BEGUN)
		tell(n, READY, "READY=1");
}

void notify_reloading(struct notify *n)
{
	char text[64];
	struct timespec now;
	if (!n || n->state == STOPPING)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	         (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	tell(n, BEGUN, text);
}

void notify_stopping(struct notify *n)
{
	if (n && n->state != STOPPING)
		tell(n, STOPPING, "STOPPING=1");
}
