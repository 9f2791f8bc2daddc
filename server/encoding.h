/* encoding.h - request bodies that come compressed: Content-Encoding. The limits count what comes out. */
#ifndef SERVER_ENCODING_H
#define SERVER_ENCODING_H
#include "engine/base/types.h"

struct request;

/* The header is in. `value` is its Content-Encoding, `count` how often it had one. request->reply becomes 415 when
 * it is not one that is read. */
void encoding_begin(struct request *request, const char *value, size_t count);
/* Part of a compressed body. false: request->reply refuses the rest. */
bool encoding_body(struct request *request, const void *bytes, size_t len);
/* The body is in: request->reply becomes 400 when a part of it is missing. */
void encoding_end(struct request *request);
/* Give up what the above hold. */
void encoding_clear(struct request *request);

#endif
