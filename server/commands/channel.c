#include "server/commands/channel.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct channel {
	int fd;
	int64_t deadline_ms;      /* monotonic clock */
	gnutls_session_t session; /* NULL: plain */
	gnutls_certificate_credentials_t credentials;
};

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Wait for `events`; false after the deadline. */
static bool wait_for(const struct channel *c, short events)
{
	for (;;) {
		int64_t left = c->deadline_ms - now_ms();
		if (left <= 0) {
			errno = ETIMEDOUT;
			return false;
		}
		struct pollfd p = {.fd = c->fd, .events = events};
		int n = poll(&p, 1, (int)left);
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
	}
}

static enum cnn_status fail_system(struct cnn_error *err)
{
	return cnn_fail(err, CNN_IO, "%s", strerror(errno));
}

/* --- the socket ------------------------------------------------------------------- */

static bool connect_to(struct channel *c, const struct addrinfo *a)
{
	int failed = 0;
	socklen_t size = sizeof failed;
	c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	if (c->fd < 0)
		return false;
	if (connect(c->fd, a->ai_addr, a->ai_addrlen) == 0 ||
	    (errno == EINPROGRESS && wait_for(c, POLLOUT) &&
	     getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && !failed))
		return true;
	int reason = failed ? failed : errno;
	close(c->fd);
	c->fd = -1;
	errno = reason;
	return false;
}

static enum cnn_status open_socket(struct channel *c, const char *host, const char *port,
                                   struct cnn_error *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	int code = getaddrinfo(host, port, &hints, &list);
	if (code != 0)
		return cnn_fail(err, CNN_IO, "%s", gai_strerror(code));
	bool connected = false;
	for (const struct addrinfo *a = list; a && !connected; a = a->ai_next)
		connected = connect_to(c, a);
	enum cnn_status status = connected ? CNN_OK : fail_system(err);
	freeaddrinfo(list);
	return status;
}

/* --- TLS ------------------------------------------------------------------------------ */

/* After a call that gave `code`: whether to call again. */
static bool try_again(const struct channel *c, ssize_t code)
{
	if (code != GNUTLS_E_AGAIN && code != GNUTLS_E_INTERRUPTED)
		return false;
	return wait_for(c, gnutls_record_get_direction(c->session) ? POLLOUT : POLLIN);
}

static enum cnn_status fail_tls(const struct channel *c, int code, struct cnn_error *err)
{
	if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED || code == GNUTLS_E_PULL_ERROR)
		return fail_system(err);
	gnutls_datum_t why = {0};
	unsigned verified = code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR
	                            ? gnutls_session_get_verify_cert_status(c->session)
	                            : 0;
	if (verified &&
	    gnutls_certificate_verification_status_print(verified, GNUTLS_CRT_X509, &why, 0) == 0) {
		enum cnn_status status = cnn_fail(err, CNN_IO, "%s", (const char *)why.data);
		gnutls_free(why.data);
		return status;
	}
	return cnn_fail(err, CNN_IO, "%s", gnutls_strerror(code));
}

static enum cnn_status set_trust(struct channel *c, const struct channel_trust *trust,
                                 struct cnn_error *err)
{
	if (trust->anyone)
		return CNN_OK;
	int n = trust->ca ? gnutls_certificate_set_x509_trust_file(c->credentials, trust->ca,
	                                                           GNUTLS_X509_FMT_PEM)
	                  : gnutls_certificate_set_x509_system_trust(c->credentials);
	if (n < 0)
		return cnn_fail(err, CNN_IO, "%s: %s",
		                trust->ca ? trust->ca : "the system's authorities",
		                gnutls_strerror(n));
	return CNN_OK;
}

static enum cnn_status start_tls(struct channel *c, const char *host,
                                 const struct channel_trust *trust, struct cnn_error *err)
{
	if (gnutls_certificate_allocate_credentials(&c->credentials) < 0 ||
	    gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
	    gnutls_set_default_priority(c->session) < 0 ||
	    gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials) < 0)
		return cnn_fail_memory(err, "TLS", 0);
	enum cnn_status status = set_trust(c, trust, err);
	if (status != CNN_OK)
		return status;
	gnutls_server_name_set(c->session, GNUTLS_NAME_DNS, host, strlen(host));
	if (!trust->anyone)
		gnutls_session_set_verify_cert(c->session, host, 0);
	gnutls_transport_set_int(c->session, c->fd);
	int code;
	do {
		code = gnutls_handshake(c->session);
	} while (try_again(c, code));
	return code < 0 ? fail_tls(c, code, err) : CNN_OK;
}

/* --- both ------------------------------------------------------------------------------- */

enum cnn_status channel_open(const char *host, const char *port, const struct channel_trust *trust,
                             int64_t ms, struct channel **out, struct cnn_error *err)
{
	struct channel *c = calloc(1, sizeof *c);
	if (!c)
		return cnn_fail_memory(err, "the connection", sizeof *c);
	c->fd = -1;
	c->deadline_ms = now_ms() + ms;
	enum cnn_status status = open_socket(c, host, port, err);
	if (status == CNN_OK && trust)
		status = start_tls(c, host, trust, err);
	if (status == CNN_OK)
		*out = c;
	else
		channel_close(c);
	return status;
}

void channel_close(struct channel *c)
{
	if (!c)
		return;
	if (c->session)
		gnutls_deinit(c->session);
	if (c->credentials)
		gnutls_certificate_free_credentials(c->credentials);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static ssize_t send_some(struct channel *c, const char *bytes, size_t len)
{
	ssize_t sent;
	if (c->session) {
		do {
			sent = gnutls_record_send(c->session, bytes, len);
		} while (try_again(c, sent));
		return sent;
	}
	do {
		sent = send(c->fd, bytes, len, MSG_NOSIGNAL);
	} while (sent < 0 && (errno == EINTR || (errno == EAGAIN && wait_for(c, POLLOUT))));
	return sent;
}

enum cnn_status channel_send(struct channel *c, const char *bytes, size_t len,
                             struct cnn_error *err)
{
	for (size_t at = 0; at < len;) {
		ssize_t sent = send_some(c, bytes + at, len - at);
		if (sent < 0)
			return c->session ? fail_tls(c, (int)sent, err) : fail_system(err);
		at += (size_t)sent;
	}
	return CNN_OK;
}

enum cnn_status channel_receive(struct channel *c, char *bytes, size_t size, size_t *got,
                                struct cnn_error *err)
{
	ssize_t n;
	if (c->session) {
		do {
			n = gnutls_record_recv(c->session, bytes, size);
		} while (try_again(c, n));
		/* The reply says where it ends: a missing goodbye does not cut it short unnoticed. */
		if (n == GNUTLS_E_PREMATURE_TERMINATION)
			n = 0;
	} else {
		do {
			n = recv(c->fd, bytes, size, 0);
		} while (n < 0 && (errno == EINTR || (errno == EAGAIN && wait_for(c, POLLIN))));
	}
	if (n < 0)
		return c->session ? fail_tls(c, (int)n, err) : fail_system(err);
	*got = (size_t)n;
	return CNN_OK;
}
