/* guard.h - who may ask, and whom they meet: API keys and the certificate. Loop thread only. */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H
#include "server/context.h"

struct request;

/* Read --api-key-file, at the start or again. On failure the keys that were read before stay. */
enum cnn_status guard_load_keys(struct server *server, struct cnn_error *err);

/* The same for --tls-cert and --tls-key. Connections that are open keep their certificate. */
enum cnn_status guard_load_certificate(struct server *server, struct cnn_error *err);

/* What the request's header has of Authorization and X-Api-Key; NULL: nothing. */
struct guard_header {
	const char *authorization, *api_key;
};

/* The header is in and its route looked for: let it pass, or make request->reply 401, whatever it was. */
void guard_request(struct request *request, const struct guard_header *given);

#endif
