/* inflate.h - compressed bytes come in piece by piece, and go out the same way. Knows nothing of HTTP. */
#ifndef SERVER_INFLATE_H
#define SERVER_INFLATE_H
#include "engine/base/types.h"

enum inflate_format { INFLATE_NONE, INFLATE_GZIP, INFLATE_DEFLATE, INFLATE_UNKNOWN };

enum inflate_result {
	INFLATE_OK,
	INFLATE_BROKEN,
	INFLATE_STOPPED, /* the sink took no more */
	INFLATE_NO_MEMORY,
};

/* What a Content-Encoding asks for; NULL and "identity" are none, a list of several is unknown. */
enum inflate_format inflate_format(const char *content_encoding);

/* Memory that an inflater takes besides struct z_stream. */
enum { INFLATE_BYTES = 48 * 1024 };

struct inflater;
struct inflater *inflater_new(enum inflate_format format); /* NULL when memory runs out */
void inflater_free(struct inflater *inflater);             /* NULL-safe */

/* Hand on what `bytes` become, in pieces of at most 16 KiB; the sink returns false to stop it. "deflate" is
 * zlib's format and, as some clients send it, the bare stream. A gzip file may have several members. */
enum inflate_result inflater_run(struct inflater *inflater, const void *bytes, size_t len,
                                 bool (*sink)(void *ctx, const void *bytes, size_t len), void *ctx);
/* Whether the stream came to its end. */
bool inflater_is_complete(const struct inflater *inflater);

#endif
