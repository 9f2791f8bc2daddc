/* connection.h - the open connections and their deadlines. Loop thread only.
 *
 * libmicrohttpd's own timeout counts inactivity, which one byte a second defeats, and it does not watch
 * suspended connections. So each connection has one deadline for what it is doing, and a sweep finds the late. */
#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H
#include "engine/base/types.h"
#include "server/tls.h"

struct reply;
struct request;
struct MHD_Connection;

enum connection_phase {
	CONNECTION_IDLE,    /* no byte of a request yet */
	CONNECTION_READING, /* header or body come in */
	CONNECTION_WORKING, /* suspended */
	CONNECTION_SENDING, /* the answer goes out */
};

struct connection {
	struct connection *prev, *next;
	struct MHD_Connection *mhd;
	int fd;
	enum connection_phase phase;
	uint64_t since_ns;       /* of the phase, monotonic clock */
	uint64_t bytes_before;   /* received when the connection became idle */
	struct request *request; /* NULL before a request's first line */
	bool linger;             /* closed while the client may still be sending */
	struct tls tls;
	struct handshake *handshake; /* NULL: there is none, or it is over */
};

struct connection_list {
	struct connection *first;
	size_t n;
};

/* NULL when memory runs out. */
struct connection *connection_new(struct connection_list *list, struct MHD_Connection *mhd, int fd);
void connection_free(struct connection_list *list, struct connection *c); /* NULL-safe */

void connection_set_phase(struct connection *c, enum connection_phase phase);
/* Whether bytes came in since the connection became idle. */
bool connection_has_begun(const struct connection *c);
/* Whether the client closed its side. */
bool connection_peer_left(const struct connection *c);
/* Answer at a moment when libmicrohttpd takes none, between the header's first byte and the body's last: write
 * the reply to the socket or the TLS session, past the library, which has sent nothing for this request yet. During
 * a handshake nothing can be said. The caller closes. */
void connection_write_reply(struct connection *c, const struct reply *reply);
/* End it in both directions; libmicrohttpd sees the end and cleans up. */
void connection_shut(struct connection *c);

#endif
