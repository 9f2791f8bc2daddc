#include "server/encoding.h"
#include "server/request.h"

void encoding_begin(struct request *r, const char *value, size_t count)
{
	if (count == 0 || !r->route->takes_body)
		return;
	r->encoding = count == 1 ? inflate_format(value) : INFLATE_UNKNOWN;
	if (r->encoding != INFLATE_UNKNOWN)
		return;
	if (count > 1)
		reply_error(&r->reply, 415, "encoding_unsupported",
		            "a body may be compressed once, Content-Encoding is given %zu times",
		            count);
	else
		reply_error(&r->reply, 415, "encoding_unsupported",
		            "Content-Encoding '%.60s': a body may be compressed once, by gzip or "
		            "deflate",
		            value);
	reply_header(&r->reply, "Accept-Encoding", "gzip, deflate");
}

static bool append(void *ctx, const void *bytes, size_t len)
{
	return request_append(ctx, bytes, len);
}

bool encoding_body(struct request *r, const void *bytes, size_t len)
{
	/* A stream may go on for ever and become nothing. */
	size_t max = (size_t)r->server->config->max_body;
	if (len > max - r->compressed_len) {
		r->server->metrics.rejected[REJECT_BODY_TOO_LARGE]++;
		reply_error(&r->reply, 413, "body_too_large",
		            "the body is over the limit of %zu bytes", max);
		return false;
	}
	r->compressed_len += len;
	if (!r->inflater) {
		if (!request_reserve(r, INFLATE_BYTES))
			return false;
		r->inflater = inflater_new(r->encoding);
		if (!r->inflater) {
			r->server->body_bytes -= INFLATE_BYTES;
			r->server->metrics.rejected[REJECT_NO_MEMORY]++;
			reply_text(&r->reply, 503, NULL, NULL, 0);
			return false;
		}
	}
	switch (inflater_run(r->inflater, bytes, len, append, r)) {
	case INFLATE_OK:
		return true;
	case INFLATE_STOPPED: /* the reply says why */
		break;
	case INFLATE_BROKEN:
		reply_error(&r->reply, 400, "bad_encoding",
		            "the body is not what its Content-Encoding says, after %zu bytes",
		            r->body_len);
		break;
	case INFLATE_NO_MEMORY:
		r->server->metrics.rejected[REJECT_NO_MEMORY]++;
		reply_text(&r->reply, 503, NULL, NULL, 0);
		break;
	}
	return false;
}

void encoding_end(struct request *r)
{
	if (r->inflater && !r->reply.status && !inflater_is_complete(r->inflater))
		reply_error(&r->reply, 400, "bad_encoding",
		            "the compressed body ends too early, after %zu bytes", r->body_len);
	encoding_clear(r);
}

void encoding_clear(struct request *r)
{
	if (!r->inflater)
		return;
	inflater_free(r->inflater);
	r->inflater = NULL;
	r->server->body_bytes -= INFLATE_BYTES;
}
