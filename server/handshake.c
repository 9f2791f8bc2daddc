#include "server/handshake.h"

#include <microhttpd.h>
#include <stdlib.h>

struct handshake {
	uv_poll_t poll;
	struct handshake_list *list;
	struct connection *connection;
	struct handshake *next, **link; /* link: what points here, NULL while it waits */
};

static void activate(struct handshake *h)
{
	h->link = &h->list->active;
	h->next = h->list->active;
	if (h->next)
		h->next->link = &h->next;
	h->list->active = h;
}

static void deactivate(struct handshake *h)
{
	*h->link = h->next;
	if (h->next)
		h->next->link = h->link;
	h->link = NULL;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	(void)status; /* an error is the library's to find */
	(void)events;
	struct handshake *h = poll->data;
	handshake_resume(h->connection);
	h->list->ready(h->list->ctx);
}

int handshake_no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities,
                             int n_authorities, const gnutls_pk_algorithm_t *algorithms,
                             int n_algorithms, gnutls_pcert_st **chain, unsigned *n_chain,
                             gnutls_privkey_t *key)
{
	(void)session, (void)authorities, (void)n_authorities, (void)algorithms;
	(void)n_algorithms, (void)chain, (void)n_chain, (void)key;
	return -1;
}

bool handshake_begin(struct handshake_list *list, struct connection *c,
                     struct tls_identity *identity)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	if (!info || !tls_begin(&c->tls, identity, info->tls_session))
		return false;
	struct handshake *h = calloc(1, sizeof *h);
	if (!h || uv_poll_init(list->loop, &h->poll, c->fd) != 0) {
		free(h);
		return false;
	}
	h->poll.data = h;
	h->list = list;
	h->connection = c;
	c->handshake = h;
	activate(h);
	return true;
}

void handshakes_wait(struct handshake_list *list)
{
	for (struct handshake *h = list->active, *next; h; h = next) {
		next = h->next;
		struct connection *c = h->connection;
		bool begun = c->tls.established; /* its first request was seen */
		if (tls_is_established(&c->tls)) {
			handshake_end(c);
			/* What comes from now on is a request, and has its time for itself. */
			if (!begun)
				connection_set_phase(c, tls_has_received(&c->tls)
				                                ? CONNECTION_READING
				                                : CONNECTION_IDLE);
			continue;
		}
		deactivate(h);
		MHD_suspend_connection(c->mhd);
		uv_poll_start(&h->poll, tls_wants_to_write(&c->tls) ? UV_WRITABLE : UV_READABLE,
		              on_ready);
	}
}

void handshake_resume(struct connection *c)
{
	struct handshake *h = c->handshake;
	if (!h || h->link)
		return;
	uv_poll_stop(&h->poll);
	MHD_resume_connection(c->mhd);
	activate(h);
}

void handshake_end(struct connection *c)
{
	struct handshake *h = c->handshake;
	if (!h)
		return;
	if (h->link)
		deactivate(h);
	c->handshake = NULL;
	uv_close((uv_handle_t *)&h->poll, on_closed);
}
