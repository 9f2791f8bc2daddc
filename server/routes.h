/* routes.h - the whole HTTP surface as one table. */
#ifndef SERVER_ROUTES_H
#define SERVER_ROUTES_H
#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/base/types.h"

struct request;

enum method { METHOD_GET = 1, METHOD_POST = 2, METHOD_PUT = 4, METHOD_OPTIONS = 8 };

enum { ROUTE_MAX_SEGMENTS = 6 };

struct route {
	unsigned methods; /* a HEAD request counts as GET */
	const char *
		pattern; /* {x} matches one segment, which may hold %2F; {x}y one that ends with y */
	bool takes_body; /* up to --max-body; else a body is read and dropped */
	/* Called when the header is in; it may set request->reply to refuse the body. May be NULL. */
	void (*begin)(struct request *request);
	/* Called when the body is in. It sets request->reply, or starts work that calls request_done(). */
	void (*handle)(struct request *request);
};

extern const struct route routes[];
extern const size_t n_routes;
/* The patterns, and after them the label of requests that match none: n_routes + 1 strings. */
extern const char *const route_labels[];

/* Match a raw path (no query). On success the segments that stand for {x} are decoded into value[], in order.
 * *out is NULL when no route matches. CNN_BAD_ARG: an escape in the path is broken. */
enum cnn_status route_find(struct arena *arena, const char *path, const struct route **out,
                           const char *value[ROUTE_MAX_SEGMENTS], struct cnn_error *err);
/* Under /v1 and /v2 every error is as the Open Inference Protocol has it. */
bool route_is_oip(const char *path);
/* "GET, HEAD, OPTIONS" */
void route_allow(unsigned methods, char out[48]);

#endif
