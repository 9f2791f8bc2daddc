/* request.h - one HTTP request, from its first line to its answer. Loop thread only. */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H
#include "server/context.h"
#include "server/inflate.h"
#include "server/query.h"
#include "server/reply.h"
#include "server/routes.h"

struct MHD_Connection;
struct connection;
struct infer;
struct prediction;
struct stream;
struct view;

enum { REQUEST_ID_MAX = 128 };

enum request_stage {
	REQUEST_HEADER, /* its first line is known */
	REQUEST_BODY,   /* its header is known, the body comes in */
	REQUEST_WORK,   /* handed on: its connection is suspended */
	REQUEST_SENT,   /* its answer is queued */
};

/* What logs and traces tell of a request: the times of one of its pictures, by the monotonic clock; 0: it did
 * not come so far. */
struct request_picture {
	const char *model;
	uint64_t queued_ns, prepare_ns, prepared_ns, started_ns, finished_ns;
	uint32_t batch, worker;
};

struct request {
	struct server *server;
	struct connection *connection;
	struct arena *arena;
	const char *path; /* raw, without the query; NULL: memory ran out while it was read */
	const char *query_text;
	const char *first_line; /* the address in libmicrohttpd's buffer, until the header is in */
	size_t address_len;
	bool takes_gzip;
	const char *content_type;
	const char *method_name; /* libmicrohttpd's, as sent; NULL until the header is in */
	uint64_t started_ns;     /* monotonic clock, as the others */
	uint64_t header_ns, body_ns, replied_ns; /* when each was complete; 0: not yet */
	const char *inference_header;       /* Inference-Header-Content-Length; NULL: not given */
	const char *accept, *if_none_match; /* NULL: not given */
	bool from_page;                     /* a browser says that a page asks */
	const char *cors_origin; /* which Access-Control-Allow-Origin the reply gets; NULL: none */
	const char *key_name;    /* of the API key that it showed, "" without one; NULL: no key */
	enum request_stage stage;
	unsigned method; /* enum method; 0 for any other */
	char id[REQUEST_ID_MAX + 1];

	const struct route *route;             /* NULL when none matches */
	const char *value[ROUTE_MAX_SEGMENTS]; /* of the route's {x}, decoded */
	struct query query;

	uint8_t *body;
	size_t body_len, body_capacity;
	size_t body_expected; /* Content-Length, of a compressed body too; 0 when unknown */
	enum inflate_format encoding;
	struct inflater *inflater; /* NULL before a compressed body's first byte */
	size_t compressed_len;     /* what came in for it */
	bool chunked, expects;     /* Transfer-Encoding: chunked; Expect: 100-continue */

	unsigned priority;    /* X-Request-Priority, 1..9; 0: the model's */
	uint32_t timeout_ms;  /* X-Request-Timeout-Ms; 0: none */
	const char *bad_wish; /* what is wrong with one of them; NULL: nothing */

	struct prediction *prediction; /* the work that it waits for, */
	struct infer *infer;           /* of one kind or the other, */
	struct view *view;             /* or of the third */
	struct stream *stream;         /* its answer comes bit by bit; NULL: at once */
	size_t answer_bytes;           /* that server->answer_bytes counts for it */
	struct request_picture picture;
	/* Ends what it waits for when the client leaves or the server ends: sets the reply. NULL: nothing to end. */
	void (*give_up)(struct request *request);
	void *waits_for; /* whoever set give_up knows what */
	struct reply reply;
};

/* `uri` as it stands in the first line. NULL when memory runs out. */
struct request *request_new(struct server *server, struct connection *connection, const char *uri);
void request_free(struct request *request); /* NULL-safe */

/* The header is in: checks everything that can be checked before the body. Sets request->reply to refuse. */
void request_begin(struct request *request, struct MHD_Connection *mhd, const char *method,
                   const char *version);
/* Part of the body. false: request->reply refuses the rest. */
bool request_body(struct request *request, const void *bytes, size_t len);
/* What request_body() does with a body that is not compressed, or no longer. */
bool request_append(struct request *request, const void *bytes, size_t len);
/* Count `bytes` of memory against what all bodies together may hold. false: request->reply says that they are full. */
bool request_reserve(struct request *request, size_t bytes);
/* Give the body away; the caller frees it and lowers server->body_bytes by `capacity`. */
uint8_t *request_take_body(struct request *request, size_t *len, size_t *capacity);

/* Add the headers that every reply has. Once, before the reply is sent. */
void request_finish_reply(struct request *request);
/* Count it and write it down, with the status that is sent. */
void request_count_reply(struct request *request);

/* Copy a client's id when it is 1..128 characters of [A-Za-z0-9._~:/+=@-]; else make a random one. */
void request_make_id(const char *given, char id[REQUEST_ID_MAX + 1]);

/* 400 "bad_query" with the error's text; 503 when memory ran out. */
void request_bad_query(struct request *request, const struct cnn_error *err);
/* Check that the query has no parameter but `known`; false: the reply says which. */
bool request_query_only(struct request *request, const char *const known[]);

#endif
