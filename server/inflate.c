#include "server/inflate.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum { PIECE_BYTES = 16384 };
/* zlib's windowBits: the largest window, and what is around the stream. */
enum { WINDOW_BARE = -15, WINDOW_ZLIB = 15, WINDOW_GZIP = 15 + 16 };

struct inflater {
	z_stream stream;
	enum inflate_format format;
	bool ready; /* the stream is initialised */
	bool ended; /* at the end of a stream or of a gzip member */
	uint8_t head[2];
	size_t n_head; /* bytes of a deflate stream that wait for the format to be known */
};

enum inflate_format inflate_format(const char *content_encoding)
{
	static const struct {
		const char *name;
		enum inflate_format format;
	} known[] = {{"identity", INFLATE_NONE},
	             {"gzip", INFLATE_GZIP},
	             {"x-gzip", INFLATE_GZIP},
	             {"deflate", INFLATE_DEFLATE}};
	if (!content_encoding)
		return INFLATE_NONE;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcasecmp(content_encoding, known[i].name) == 0)
			return known[i].format;
	}
	return INFLATE_UNKNOWN;
}

struct inflater *inflater_new(enum inflate_format format)
{
	struct inflater *f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->format = format;
	if (format == INFLATE_GZIP) {
		if (inflateInit2(&f->stream, WINDOW_GZIP) != Z_OK) {
			free(f);
			return NULL;
		}
		f->ready = true;
	}
	return f;
}

void inflater_free(struct inflater *f)
{
	if (!f)
		return;
	if (f->ready)
		inflateEnd(&f->stream);
	free(f);
}

static enum inflate_result run(struct inflater *f, const uint8_t *bytes, unsigned len,
                               bool (*sink)(void *ctx, const void *bytes, size_t len), void *ctx)
{
	uint8_t out[PIECE_BYTES];
	z_stream *z = &f->stream;
	z->next_in = (uint8_t *)bytes;
	z->avail_in = len;
	/* A full piece may have left more inside of zlib. */
	for (bool more = false; z->avail_in > 0 || more;) {
		if (f->ended) {
			if (f->format != INFLATE_GZIP || inflateReset(z) != Z_OK)
				return INFLATE_BROKEN;
			f->ended = false;
		}
		z->next_out = out;
		z->avail_out = sizeof out;
		int code = inflate(z, Z_NO_FLUSH);
		if (code == Z_MEM_ERROR)
			return INFLATE_NO_MEMORY;
		if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
			return INFLATE_BROKEN;
		size_t n = sizeof out - z->avail_out;
		if (n > 0 && !sink(ctx, out, n))
			return INFLATE_STOPPED;
		f->ended = code == Z_STREAM_END;
		more = !f->ended && z->avail_out == 0;
		if (code == Z_BUF_ERROR && n == 0)
			break;
	}
	return INFLATE_OK;
}

/* zlib's header: its method is 8, and as a number it is a multiple of 31. A bare stream cannot look so unless
 * its first block is stored or of a reserved type, and then with an unlikely length. */
static bool is_zlib_header(const uint8_t head[2])
{
	return (head[0] & 15) == 8 && head[0] >> 4 <= 7 && ((head[0] << 8) + head[1]) % 31 == 0;
}

enum inflate_result inflater_run(struct inflater *f, const void *bytes, size_t len,
                                 bool (*sink)(void *ctx, const void *bytes, size_t len), void *ctx)
{
	const uint8_t *at = bytes;
	if (!f->ready) {
		for (; len > 0 && f->n_head < sizeof f->head; len--)
			f->head[f->n_head++] = *at++;
		if (f->n_head < sizeof f->head)
			return INFLATE_OK;
		if (inflateInit2(&f->stream, is_zlib_header(f->head) ? WINDOW_ZLIB : WINDOW_BARE) !=
		    Z_OK)
			return INFLATE_NO_MEMORY;
		f->ready = true;
		enum inflate_result result = run(f, f->head, sizeof f->head, sink, ctx);
		if (result != INFLATE_OK)
			return result;
	}
	while (len > 0) {
		unsigned n = len > UINT_MAX / 2 ? UINT_MAX / 2 : (unsigned)len;
		enum inflate_result result = run(f, at, n, sink, ctx);
		if (result != INFLATE_OK)
			return result;
		at += n;
		len -= n;
	}
	return INFLATE_OK;
}

bool inflater_is_complete(const struct inflater *f)
{
	return f->ended;
}
