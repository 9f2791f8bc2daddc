/* stream.h - an answer that is sent bit by bit, as server-sent events. Loop thread only.
 *
 * It belongs to its request. What is written waits here until the library asks for it. */
#ifndef SERVER_STREAM_H
#define SERVER_STREAM_H
#include "engine/base/types.h"

struct request;

struct stream {
	char *text;
	size_t len, capacity, sent;
	bool ended; /* nothing comes any more */
	bool waits; /* the connection is suspended until there is more */
};

/* Set request->reply, without a request_done(). False: memory ran out. */
bool stream_begin(struct request *request, const char *content_type);
/* "event: NAME", "data: TEXT", of one line. An event that memory runs out for is left out. */
void stream_event(struct request *request, const char *name, const char *data);
void stream_end(struct request *request);
/* Move up to `size` bytes to out; returns how many. */
size_t stream_read(struct stream *stream, char *out, size_t size);
void stream_free(struct stream *stream); /* NULL-safe */

#endif
