#include "server/connection.h"
#include "server/batcher.h"
#include "server/reply.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
	TCP_STATE_ESTABLISHED = 1
}; /* of the kernel's list, which no header shares with linux/tcp.h */

static uint64_t bytes_received(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
	    size < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
		return 0;
	return info.tcpi_bytes_received;
}

static bool is_half_closed(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
	       info.tcpi_state != TCP_STATE_ESTABLISHED;
}

struct connection *connection_new(struct connection_list *list, struct MHD_Connection *mhd, int fd)
{
	struct connection *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->mhd = mhd;
	c->fd = fd;
	c->since_ns = batcher_now_ns();
	c->next = list->first;
	if (c->next)
		c->next->prev = c;
	list->first = c;
	list->n++;
	return c;
}

void connection_free(struct connection_list *list, struct connection *c)
{
	if (!c)
		return;
	if (c->prev)
		c->prev->next = c->next;
	else
		list->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	list->n--;
	tls_end(&c->tls);
	free(c);
}

void connection_set_phase(struct connection *c, enum connection_phase phase)
{
	c->phase = phase;
	c->since_ns = batcher_now_ns();
	if (phase == CONNECTION_IDLE)
		c->bytes_before = bytes_received(c->fd);
}

bool connection_has_begun(const struct connection *c)
{
	return bytes_received(c->fd) > c->bytes_before;
}

bool connection_peer_left(const struct connection *c)
{
	char byte;
	ssize_t got = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	/* TLS says goodbye before it closes, and nobody reads that while the connection is suspended. */
	if (got > 0 && c->tls.session && c->phase == CONNECTION_WORKING)
		return is_half_closed(c->fd);
	return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

void connection_write_reply(struct connection *c, const struct reply *reply)
{
	size_t len;
	char *text = reply_wire(reply, &len);
	/* A refusal is short and the socket's buffer empty, so one send takes it whole or the client is gone. */
	if (text && c->tls.session)
		c->linger = tls_send_last(&c->tls, text, len);
	else if (text)
		c->linger = send(c->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
	else
		c->linger = true;
	free(text);
}

void connection_shut(struct connection *c)
{
	shutdown(c->fd, SHUT_RDWR);
}
