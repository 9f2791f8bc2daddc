/* tls.h - HTTPS: the server's certificate, which may be replaced while it runs, and what a connection does with its
 * session past libmicrohttpd. Loop thread only. */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H
#include "engine/base/status.h"
#include "engine/base/types.h"

enum { TLS_FILE_BYTES = 1 << 20 };

/* TLS 1.2 and 1.3 only. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

/* A certificate chain and its key. Those who use it count: it may be replaced while connections speak with it. */
struct tls_identity;

/* Two PEM files. The errors name them; a key that is not the certificate's is an error too. */
enum cnn_status tls_identity_load(const char *certificate, const char *key,
                                  struct tls_identity **out, struct cnn_error *err);
void tls_identity_unref(struct tls_identity *identity); /* NULL-safe */

/* Of one connection; all zero: it speaks plain HTTP. */
struct tls {
	struct gnutls_session_int *session; /* libmicrohttpd's */
	struct tls_identity *identity;
	bool established; /* the handshake was seen to be over */
};

/* The connection is new: it presents `identity` for as long as it lasts. false: it cannot. */
bool tls_begin(struct tls *tls, struct tls_identity *identity, void *session);
/* The session is gone. */
void tls_end(struct tls *tls);
/* Look whether the handshake is over. */
bool tls_is_established(struct tls *tls);
/* Whether a part of a request came, once it is over. */
bool tls_has_received(const struct tls *tls);
/* What the handshake waits for. */
bool tls_wants_to_write(const struct tls *tls);
/* Send the connection's last bytes and say goodbye. false: the client did not get all of them. */
bool tls_send_last(struct tls *tls, const char *bytes, size_t len);

#endif
