#include "server/linger.h"
#include "server/batcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_LINGERING = 128, READS_PER_EVENT = 64 };
#define LINGER_NS 5000000000u

struct lingering {
	uv_poll_t poll;
	struct lingering_list *list;
	struct lingering *next, **link; /* link: what points here */
	int fd;
	uint64_t until_ns;
};

static void on_closed(uv_handle_t *handle)
{
	struct lingering *l = handle->data;
	close(l->fd);
	free(l);
}

static void end(struct lingering *l)
{
	*l->link = l->next;
	if (l->next)
		l->next->link = l->link;
	l->list->n--;
	uv_close((uv_handle_t *)&l->poll, on_closed);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)events;
	struct lingering *l = poll->data;
	char dropped[16384];
	for (int i = 0; status == 0 && i < READS_PER_EVENT; i++) {
		ssize_t got = recv(l->fd, dropped, sizeof dropped, MSG_DONTWAIT);
		if (got > 0)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		status = -1;
	}
	if (status != 0)
		end(l);
}

void linger_start(struct lingering_list *list, int fd)
{
	if (list->n >= MAX_LINGERING)
		return;
	struct lingering *l = calloc(1, sizeof *l);
	int own = l ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (own < 0 || uv_poll_init(list->loop, &l->poll, own) != 0) {
		if (own >= 0)
			close(own);
		free(l);
		return;
	}
	/* Its owner may have ended TLS only, and the client waits for the end of the connection. */
	shutdown(own, SHUT_WR);
	l->poll.data = l;
	l->list = list;
	l->fd = own;
	l->until_ns = batcher_now_ns() + LINGER_NS;
	l->link = &list->first;
	l->next = list->first;
	if (l->next)
		l->next->link = &l->next;
	list->first = l;
	list->n++;
	uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

void linger_sweep(struct lingering_list *list, bool all)
{
	uint64_t now = batcher_now_ns();
	for (struct lingering *l = list->first, *next; l; l = next) {
		next = l->next;
		if (all || now >= l->until_ns)
			end(l);
	}
}
