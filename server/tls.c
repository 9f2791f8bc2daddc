#include "server/tls.h"
#include "engine/base/file.h"

#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

struct tls_identity {
	gnutls_certificate_credentials_t credentials;
	size_t uses;
};

static enum cnn_status read_pem(const char *path, gnutls_datum_t *out, struct cnn_error *err)
{
	uint8_t *bytes;
	size_t len;
	enum cnn_status status = file_load(path, TLS_FILE_BYTES, &bytes, &len, err);
	if (status == CNN_OK)
		*out = (gnutls_datum_t){bytes, (unsigned)len};
	return status;
}

/* Each certificate by itself: GnuTLS 3.7 loses memory when it reads a list with a broken one. */
static enum cnn_status check_chain(const char *path, const gnutls_datum_t *chain,
                                   struct cnn_error *err)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	const uint8_t *at = chain->data, *end = at + chain->size;
	int code = GNUTLS_E_NO_CERTIFICATE_FOUND;
	while ((at = memmem(at, (size_t)(end - at), begin, sizeof begin - 1))) {
		gnutls_datum_t rest = {(uint8_t *)at, (unsigned)(end - at)};
		gnutls_x509_crt_t one;
		code = gnutls_x509_crt_init(&one);
		if (code < 0)
			break;
		code = gnutls_x509_crt_import(one, &rest, GNUTLS_X509_FMT_PEM);
		gnutls_x509_crt_deinit(one);
		if (code < 0)
			break;
		at += sizeof begin - 1;
	}
	if (code < 0)
		return cnn_fail(err, CNN_BAD_ARG, "certificate %s: %s", path,
		                gnutls_strerror(code));
	return CNN_OK;
}

static enum cnn_status set_pair(struct tls_identity *identity, const char *certificate,
                                const char *key, struct cnn_error *err)
{
	gnutls_datum_t chain = {0}, secret = {0};
	enum cnn_status status = read_pem(certificate, &chain, err);
	if (status == CNN_OK)
		status = check_chain(certificate, &chain, err);
	if (status == CNN_OK)
		status = read_pem(key, &secret, err);
	if (status == CNN_OK) {
		int code = gnutls_certificate_set_x509_key_mem2(
			identity->credentials, &chain, &secret, GNUTLS_X509_FMT_PEM, NULL, 0);
		if (code < 0)
			status = cnn_fail(err, CNN_BAD_ARG, "certificate %s with key %s: %s",
			                  certificate, key, gnutls_strerror(code));
	}
	if (secret.data)
		explicit_bzero(secret.data, secret.size);
	free(chain.data);
	free(secret.data);
	return status;
}

enum cnn_status tls_identity_load(const char *certificate, const char *key,
                                  struct tls_identity **out, struct cnn_error *err)
{
	struct tls_identity *identity = calloc(1, sizeof *identity);
	if (!identity || gnutls_certificate_allocate_credentials(&identity->credentials) < 0) {
		free(identity);
		return cnn_fail_memory(err, certificate, sizeof *identity);
	}
	identity->uses = 1;
	enum cnn_status status = set_pair(identity, certificate, key, err);
	if (status == CNN_OK)
		*out = identity;
	else
		tls_identity_unref(identity);
	return status;
}

void tls_identity_unref(struct tls_identity *identity)
{
	if (!identity || --identity->uses > 0)
		return;
	gnutls_certificate_free_credentials(identity->credentials);
	free(identity);
}

bool tls_begin(struct tls *tls, struct tls_identity *identity, void *session)
{
	/* libmicrohttpd gave the session its own credentials, which never change and hold no certificate. */
	if (!session || gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE,
	                                       identity->credentials) != GNUTLS_E_SUCCESS)
		return false;
	identity->uses++;
	*tls = (struct tls){.session = session, .identity = identity};
	return true;
}

void tls_end(struct tls *tls)
{
	tls_identity_unref(tls->identity);
	tls->identity = NULL;
	tls->session = NULL;
}

bool tls_is_established(struct tls *tls)
{
	if (tls->session && !tls->established) {
		/* There is none before the handshake is over. */
		char *description = gnutls_session_get_desc(tls->session);
		tls->established = description != NULL;
		gnutls_free(description);
	}
	return tls->established;
}

bool tls_has_received(const struct tls *tls)
{
	/* TLS 1.2 counts the handshake's last record like those of requests. */
	uint64_t handshake = gnutls_protocol_get_version(tls->session) == GNUTLS_TLS1_2, n = 0;
	unsigned char records[8];
	if (gnutls_record_get_state(tls->session, 1, NULL, NULL, NULL, records) < 0)
		return true;
	for (size_t i = 0; i < sizeof records; i++)
		n = n << 8 | records[i];
	return n > handshake;
}

bool tls_wants_to_write(const struct tls *tls)
{
	return gnutls_record_get_direction(tls->session) == 1;
}

bool tls_send_last(struct tls *tls, const char *bytes, size_t len)
{
	if (!tls_is_established(tls))
		return false;
	for (size_t at = 0; at < len;) {
		ssize_t sent = gnutls_record_send(tls->session, bytes + at, len - at);
		if (sent <= 0)
			return false;
		at += (size_t)sent;
	}
	gnutls_bye(tls->session, GNUTLS_SHUT_WR);
	return true;
}
