#include "server/guard.h"
#include "server/keys.h"
#include "server/request.h"
#include "server/tls.h"

#include <string.h>
#include <strings.h>

/* What probes and browsers must reach before they have a key. Nothing here tells of models or clients. */
static const char *const open_routes[] = {
	"/",       "/docs",        "/web/server.json", "/web/{file}",     "/openapi.json",
	"/health", "/health/live", "/health/ready",    "/v2/health/live", "/v2/health/ready",
};

enum cnn_status guard_load_keys(struct server *s, struct cnn_error *err)
{
	const char *path = s->config->api_key_file;
	struct key_list *keys;
	if (!path)
		return CNN_OK;
	enum cnn_status status = keys_load(path, &keys, err);
	if (status != CNN_OK)
		return status;
	keys_free(s->keys);
	s->keys = keys;
	log_line(s->log, LOG_INFO, "%s: %zu API key%s", path, keys_count(keys),
	         keys_count(keys) == 1 ? "" : "s");
	if (keys_file_is_open(path))
		log_line(s->log, LOG_WARNING, "%s: others than its owner may read it", path);
	if (keys_short(keys) > 0)
		log_line(s->log, LOG_WARNING, "%s: %zu of the keys have under %d characters", path,
		         keys_short(keys), KEY_SHORT);
	return CNN_OK;
}

enum cnn_status guard_load_certificate(struct server *s, struct cnn_error *err)
{
	const char *certificate = s->config->tls_cert, *key = s->config->tls_key;
	struct tls_identity *identity;
	if (!certificate && !key)
		return CNN_OK;
	if (!certificate || !key)
		return cnn_fail(err, CNN_BAD_ARG, "--tls-cert and --tls-key go together");
	enum cnn_status status = tls_identity_load(certificate, key, &identity, err);
	if (status != CNN_OK)
		return status;
	tls_identity_unref(s->identity);
	s->identity = identity;
	log_line(s->log, LOG_INFO, "certificate %s is loaded", certificate);
	if (keys_file_is_open(key))
		log_line(s->log, LOG_WARNING, "%s: others than its owner may read it", key);
	return CNN_OK;
}

static bool is_open(const struct request *r)
{
	/* A browser asks with OPTIONS, and without a key, whether it may send one. */
	if (r->method == METHOD_OPTIONS)
		return true;
	if (!r->route)
		return false;
	if (strcmp(r->route->pattern, "/metrics") == 0)
		return r->server->config->metrics_open;
	for (size_t i = 0; i < sizeof open_routes / sizeof open_routes[0]; i++) {
		if (strcmp(r->route->pattern, open_routes[i]) == 0)
			return true;
	}
	return false;
}

/* The token of "Bearer TOKEN"; NULL for any other scheme. */
static const char *bearer(const char *authorization)
{
	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		return NULL;
	return authorization + 7 + strspn(authorization + 7, " ");
}

void guard_request(struct request *r, const struct guard_header *given)
{
	if (!r->server->keys)
		return;
	const char *token = bearer(given->authorization), *name = NULL;
	if (token)
		name = keys_find(r->server->keys, token);
	if (!name && given->api_key)
		name = keys_find(r->server->keys, given->api_key);
	if (name)
		r->key_name = arena_strdup(r->arena, name);
	if (name || is_open(r))
		return;
	r->server->metrics.rejected[REJECT_UNAUTHORIZED]++;
	reply_clear(&r->reply);
	if (given->authorization || given->api_key)
		reply_error(&r->reply, 401, "unauthorized",
		            "the API key is not one of this server's");
	else
		reply_error(&r->reply, 401, "unauthorized",
		            "an API key is needed: Authorization: Bearer KEY, or X-Api-Key: KEY");
	reply_header(&r->reply, "WWW-Authenticate", "Bearer");
}
