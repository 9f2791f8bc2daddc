/* cors.h - which web pages of other origins may read the answers: the CORS headers. */
#ifndef SERVER_CORS_H
#define SERVER_CORS_H
#include "engine/base/status.h"
#include "engine/base/types.h"

struct cors;
struct reply;

/* "*" or origins like "https://app.example:8443", separated by commas. */
enum cnn_status cors_parse(const char *text, struct cors **out, struct cnn_error *err);
void cors_free(struct cors *cors); /* NULL-safe */

/* What Access-Control-Allow-Origin answers to a request's Origin (NULL: it has none): "*", the origin as `cors` holds
 * it, or NULL when it is not allowed. */
const char *cors_match(const struct cors *cors, const char *origin);

/* Add the headers to a reply; `allowed` comes from cors_match(). To a preflight, a 204 with Allow, also what
 * may be asked. */
void cors_headers(const struct cors *cors, const char *allowed, struct reply *reply);

#endif
