/* handshake.h - TLS connections whose handshake is not over. Loop thread only.
 *
 * libmicrohttpd's epoll takes a connection in its handshake for one that has data: it would try again and again, with
 * the whole CPU, until the client sends more. So such a connection is suspended whenever it has to wait, and this loop
 * looks at its socket. */
#ifndef SERVER_HANDSHAKE_H
#define SERVER_HANDSHAKE_H
#include "server/connection.h"

#include <gnutls/abstract.h>
#include <uv.h>

struct handshake;

struct handshake_list {
	uv_loop_t *loop;
	struct handshake *active; /* the library works on them in its next run */
	void (*ready)(void *ctx); /* it should run */
	void *ctx;
};

/* libmicrohttpd wants this or a certificate before it starts. Each connection gets its own when it opens, so this is
 * never asked, and has none. */
gnutls_certificate_retrieve_function2 handshake_no_certificate;

/* The TLS connection is new, and will present `identity`. false: memory runs out. */
bool handshake_begin(struct handshake_list *list, struct connection *c,
                     struct tls_identity *identity);
/* After each run of the library: let those wait that are not through. */
void handshakes_wait(struct handshake_list *list);
/* Hand it back to the library, if it waits: a suspended connection cannot be closed. */
void handshake_resume(struct connection *c);
/* The connection is closed. It need not have a handshake. */
void handshake_end(struct connection *c);

#endif
