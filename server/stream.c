#include "server/stream.h"
#include "server/http.h"
#include "server/request.h"

#include <stdlib.h>
#include <string.h>

bool stream_begin(struct request *r, const char *content_type)
{
	r->stream = calloc(1, sizeof *r->stream);
	if (r->stream)
		reply_static(&r->reply, 200, content_type, "", 0);
	return r->stream != NULL;
}

static bool make_room(struct stream *s, size_t more)
{
	/* Those that are sent go away. */
	if (s->sent > 0)
		memmove(s->text, s->text + s->sent, s->len - s->sent);
	s->len -= s->sent;
	s->sent = 0;
	if (more <= s->capacity - s->len)
		return true;
	char *grown = realloc(s->text, s->len + more);
	if (!grown)
		return false;
	s->text = grown;
	s->capacity = s->len + more;
	return true;
}

static void append(struct stream *s, const char *text, size_t len)
{
	memcpy(s->text + s->len, text, len);
	s->len += len;
}

void stream_event(struct request *r, const char *name, const char *data)
{
	struct stream *s = r->stream;
	size_t name_len = strlen(name), data_len = strlen(data);
	if (!make_room(s, name_len + data_len + sizeof "event: \ndata: \n\n"))
		return;
	append(s, "event: ", 7);
	append(s, name, name_len);
	append(s, "\ndata: ", 7);
	append(s, data, data_len);
	append(s, "\n\n", 2);
	request_more(r);
}

void stream_end(struct request *r)
{
	r->stream->ended = true;
	request_more(r);
}

size_t stream_read(struct stream *s, char *out, size_t size)
{
	size_t n = s->len - s->sent;
	n = n < size ? n : size;
	if (n > 0)
		memcpy(out, s->text + s->sent, n);
	s->sent += n;
	return n;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	free(s->text);
	free(s);
}
