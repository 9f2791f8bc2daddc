/* reply.h - an answer before it is sent. It is built in the request's arena or from heap memory that it owns. */
#ifndef SERVER_REPLY_H
#define SERVER_REPLY_H
#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/base/types.h"

#include <jansson.h>

enum { REPLY_MAX_HEADERS = 16 };

struct reply {
	unsigned status; /* 0: there is none yet */
	const char *body;
	size_t len;
	char *owned; /* body, when reply_clear() must free it */
	const char *content_type;
	const char *cache_control;
	struct reply_header {
		const char *name, *value;
	} header[REPLY_MAX_HEADERS];
	size_t n_headers;
	bool close; /* the connection must not be used again */
	bool oip;   /* errors are {"error": "message"}; reply_clear() leaves that */
};

void reply_clear(struct reply *reply);

/* A body of static text. */
void reply_static(struct reply *reply, unsigned status, const char *content_type, const char *body,
                  size_t len);
/* `json` is taken over. NULL, or a failure to print it, makes 503 out_of_memory. */
void reply_json(struct reply *reply, unsigned status, json_t *json);
/* `text` comes from malloc() and is taken over; NULL makes 503 out_of_memory. */
void reply_text(struct reply *reply, unsigned status, const char *content_type, char *text,
                size_t len);
/* {"error": {"code", "message"}}; or reply->oip's form, without the code. */
void reply_error(struct reply *reply, unsigned status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The object inside "error"; bytes that are not UTF-8 become '?'. NULL when memory runs out. */
json_t *reply_error_json(const char *code, const char *message);

/* `value` must live as long as the reply. Ignored when NULL (memory ran out) or when the table is full. */
void reply_header(struct reply *reply, const char *name, const char *value);

bool reply_has_header(const struct reply *reply, const char *name);

/* The whole answer as it goes over the wire, with Connection: close. A string from malloc(), NULL when
 * memory runs out. */
char *reply_wire(const struct reply *reply, size_t *len);

#endif
