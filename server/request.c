#include "server/request.h"
#include "server/access_log.h"
#include "server/admission.h"
#include "server/cors.h"
#include "server/encoding.h"
#include "server/guard.h"
#include "server/stream.h"
#include "server/view.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

enum { FIRST_BODY_BYTES = 65536 };

static bool is_id_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("._~:/+=@-", c));
}

void request_make_id(const char *given, char id[REQUEST_ID_MAX + 1])
{
	size_t len = 0;
	while (given && len <= REQUEST_ID_MAX && is_id_char(given[len]))
		len++;
	if (given && len > 0 && len <= REQUEST_ID_MAX && given[len] == '\0') {
		memcpy(id, given, len + 1);
		return;
	}
	static const char digits[] = "0123456789abcdef";
	unsigned char random[16];
	if (getrandom(random, sizeof random, GRND_NONBLOCK) != sizeof random) {
		/* Only right after boot. The id must differ, it need not be secret. */
		uint64_t now = batcher_now_ns();
		memset(random, 0, sizeof random);
		memcpy(random, &now, sizeof now);
	}
	for (size_t i = 0; i < sizeof random; i++) {
		id[2 * i] = digits[random[i] >> 4];
		id[2 * i + 1] = digits[random[i] & 15];
	}
	id[2 * sizeof random] = '\0';
}

struct request *request_new(struct server *server, struct connection *connection, const char *uri)
{
	struct request *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->arena = arena_new();
	if (!r->arena) {
		free(r);
		return NULL;
	}
	r->server = server;
	r->connection = connection;
	r->started_ns = batcher_now_ns();
	r->first_line = uri;
	r->address_len = strlen(uri);
	server->requests++;
	server->in_flight++;
	/* The absolute form, "GET http://host/path", means the same as "/path". */
	size_t scheme = strncasecmp(uri, "http://", 7) == 0    ? 7
	                : strncasecmp(uri, "https://", 8) == 0 ? 8
	                                                       : 0;
	if (scheme) {
		uri += scheme;
		uri += strcspn(uri, "/?");
	}
	r->reply.oip = route_is_oip(uri);
	size_t len = strcspn(uri, "?");
	r->path = len ? arena_strndup(r->arena, uri, len) : "/";
	r->query_text = uri[len] ? arena_strdup(r->arena, uri + len + 1) : "";
	if (!r->query_text)
		r->path = NULL;
	return r;
}

void request_free(struct request *request)
{
	if (!request)
		return;
	if (!request->replied_ns)
		access_log_request(request->server->access, request);
	if (request->view)
		view_forget_request(request->view);
	stream_free(request->stream);
	request->server->answer_bytes -= request->answer_bytes;
	request->server->in_flight--;
	encoding_clear(request);
	request->server->body_bytes -= request->body_capacity;
	free(request->body);
	reply_clear(&request->reply);
	arena_free(request->arena);
	free(request);
}

/* What the header says, collected in one walk over its lines. */
struct header_facts {
	struct request *request;
	size_t lengths, encodings, hosts, codings;
	const char *encoding, *length, *id;
	const char *coding;
	struct guard_header guard;
	bool malformed_name;
};

/* Given twice it is a list, which is no number. */
static void see_inference_header(struct request *r, const char *value)
{
	const char *before = r->inference_header;
	r->inference_header = before ? arena_printf(r->arena, "%s, %s", before, value)
	                             : arena_strdup(r->arena, value);
	if (!r->inference_header)
		r->inference_header = "(out of memory)";
}

/* Given twice it goes on. */
static void see_accept(struct request *r, const char *value)
{
	r->accept = r->accept ? arena_printf(r->arena, "%s, %s", r->accept, value)
	                      : arena_strdup(r->arena, value);
}

/* Named and not refused: "gzip;q=0" says no. */
static bool accepts_gzip(const char *value)
{
	const char *gzip = strcasestr(value, "gzip");
	if (!gzip)
		return false;
	const char *rest = gzip + 4 + strspn(gzip + 4, " ;");
	return strncasecmp(rest, "q=0", 3) != 0 ||
	       (rest[3] == '.' && strspn(rest + 4, "0") != strcspn(rest + 4, ", "));
}

static enum MHD_Result see_header(void *ctx, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
	(void)kind;
	struct header_facts *f = ctx;
	if (!value)
		value = "";
	/* "Content-Length : 5" is another header to this parser and the length to the next: refuse. */
	if (!*name || strpbrk(name, " \t"))
		f->malformed_name = true;
	if (strcasecmp(name, "Content-Length") == 0) {
		f->lengths++;
		f->length = value;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		f->encodings++;
		f->encoding = value;
	} else if (strcasecmp(name, "Host") == 0) {
		f->hosts++;
	} else if (strcasecmp(name, "X-Request-Id") == 0) {
		f->id = value;
	} else if (strcasecmp(name, "Content-Type") == 0) {
		f->request->content_type = arena_strdup(f->request->arena, value);
	} else if (strcasecmp(name, "If-None-Match") == 0) {
		f->request->if_none_match = arena_strdup(f->request->arena, value);
	} else if (strcasecmp(name, "Accept-Encoding") == 0) {
		f->request->takes_gzip = accepts_gzip(value);
	} else if (strcasecmp(name, "Inference-Header-Content-Length") == 0) {
		see_inference_header(f->request, value);
	} else if (strcasecmp(name, "Content-Encoding") == 0) {
		f->codings++;
		f->coding = value;
	} else if (strcasecmp(name, "Accept") == 0) {
		see_accept(f->request, value);
	} else if (strcasecmp(name, "Authorization") == 0) {
		f->guard.authorization = value;
	} else if (strcasecmp(name, "X-Api-Key") == 0) {
		f->guard.api_key = value;
	} else if (strcasecmp(name, "Origin") == 0) {
		f->request->from_page = true;
		if (f->request->server->cors)
			f->request->cors_origin = cors_match(f->request->server->cors, value);
	} else if (strcasecmp(name, "Expect") == 0) {
		f->request->expects = strcasecmp(value, "100-continue") == 0;
	} else {
		admission_header(f->request, name, value);
	}
	return MHD_YES;
}

/* A NUL cuts the address short for this program and not for a proxy before it. libmicrohttpd keeps the
 * first line in one piece, and between address and version only blanks, which it overwrites with NULs. */
static bool address_hides_text(const struct request *r, const char *version)
{
	uintptr_t from = (uintptr_t)r->first_line + r->address_len, to = (uintptr_t)version;
	if (to < from || to - from > (size_t)r->server->config->max_header)
		return false; /* not in one piece after all */
	for (const char *p = r->first_line + r->address_len; p < version; p++) {
		if (*p && *p != ' ' && *p != '\t')
			return true;
	}
	return false;
}

/* Where the body ends must be beyond doubt: a proxy that reads the header differently would take part of a
 * body for a request. */
static bool check_framing(struct request *r, const struct header_facts *f, const char *version)
{
	const char *fault = NULL;
	if (address_hides_text(r, version))
		fault = "the address holds a NUL";
	else if (f->malformed_name)
		fault = "a header's name is malformed";
	else if (f->encodings && f->lengths)
		fault = "Content-Length and Transfer-Encoding exclude each other";
	else if (f->lengths > 1)
		fault = "Content-Length is given twice";
	else if (f->encodings > 1 || (f->encodings && strcasecmp(f->encoding, "chunked") != 0))
		fault = "the only Transfer-Encoding read is chunked";
	else if (f->hosts > 1 || (f->hosts == 0 && strcmp(version, "HTTP/1.1") == 0))
		fault = "one Host header is needed";
	if (fault) {
		reply_error(&r->reply, 400, "bad_request", "%s", fault);
		r->reply.close = true;
		return false;
	}
	r->chunked = f->encodings == 1;
	r->body_expected = f->lengths ? strtoull(f->length, NULL, 10) : 0;
	return true;
}

static unsigned method_of(const char *method)
{
	static const struct {
		const char *name;
		unsigned method;
	} known[] = {{"GET", METHOD_GET},
	             {"HEAD", METHOD_GET},
	             {"POST", METHOD_POST},
	             {"PUT", METHOD_PUT},
	             {"OPTIONS", METHOD_OPTIONS}};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].name, method) == 0)
			return known[i].method;
	}
	return 0;
}

static void reply_allow(struct request *r, unsigned methods)
{
	char allow[48];
	route_allow(methods, allow);
	reply_header(&r->reply, "Allow", arena_strdup(r->arena, allow));
}

/* Find the route; reply when there is nothing for a handler to do. */
static void find_route(struct request *r, const char *method)
{
	struct cnn_error err;
	if (strcmp(r->path, "*") == 0 && r->method == METHOD_OPTIONS) {
		reply_static(&r->reply, 204, NULL, "", 0);
		reply_allow(r, METHOD_GET | METHOD_POST | METHOD_PUT);
		return;
	}
	enum cnn_status status = route_find(r->arena, r->path, &r->route, r->value, &err);
	if (status == CNN_BAD_ARG)
		reply_error(&r->reply, 400, "bad_request", "%s", err.text);
	else if (status != CNN_OK)
		reply_text(&r->reply, 503, NULL, NULL, 0);
	else if (!r->route)
		reply_error(&r->reply, 404, "not_found", "there is nothing at '%.200s'", r->path);
	else if (r->method == METHOD_OPTIONS)
		reply_static(&r->reply, 204, NULL, "", 0);
	else if (!(r->method & r->route->methods))
		reply_error(&r->reply, 405, "method_not_allowed", "%.20s is not for '%s'", method,
		            r->route->pattern);
	if (r->route && (r->reply.status == 204 || r->reply.status == 405))
		reply_allow(r, r->route->methods);
}

static void check_size(struct request *r)
{
	size_t max = (size_t)r->server->config->max_body;
	if (r->body_expected <= max)
		return;
	r->server->metrics.rejected[REJECT_BODY_TOO_LARGE]++;
	reply_error(&r->reply, 413, "body_too_large", "the body has %zu bytes, the limit is %zu",
	            r->body_expected, max);
}

void request_begin(struct request *r, struct MHD_Connection *mhd, const char *method,
                   const char *version)
{
	struct header_facts facts = {.request = r};
	MHD_get_connection_values(mhd, MHD_HEADER_KIND, see_header, &facts);
	request_make_id(facts.id, r->id);
	r->method = method_of(method);
	r->method_name = method;
	r->header_ns = batcher_now_ns();
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	if (!r->path) {
		reply_text(&r->reply, 503, NULL, NULL, 0);
		r->reply.close = true;
		return;
	}
	if (info && info->header_size > (size_t)r->server->config->max_header) {
		r->server->metrics.rejected[REJECT_HEADER_TOO_LARGE]++;
		reply_error(&r->reply, 431, "header_too_large",
		            "the header has %zu bytes, the limit is %zu", info->header_size,
		            (size_t)r->server->config->max_header);
		r->reply.close = true;
		return;
	}
	if (!check_framing(r, &facts, version))
		return;
	find_route(r, method);
	guard_request(r, &facts.guard);
	if (r->reply.status)
		return;
	struct cnn_error err;
	if (query_parse(r->arena, r->query_text, &r->query, &err) != CNN_OK) {
		request_bad_query(r, &err);
		return;
	}
	check_size(r);
	if (!r->reply.status)
		encoding_begin(r, facts.coding, facts.codings);
	if (!r->reply.status && r->route->begin)
		r->route->begin(r);
}

bool request_reserve(struct request *r, size_t bytes)
{
	struct server *s = r->server;
	if (bytes > s->body_bytes_limit - s->body_bytes) {
		s->metrics.rejected[REJECT_BODY_MEMORY]++;
		reply_error(&r->reply, 503, "overloaded",
		            "the bodies of other requests fill the memory set aside for them");
		reply_header(&r->reply, "Retry-After",
		             arena_printf(r->arena, "%u", batcher_retry_after(s->batcher)));
		return false;
	}
	s->body_bytes += bytes;
	return true;
}

/* Room for `need` bytes in all, counted against what all bodies together may hold. */
static bool grow_body(struct request *r, size_t need)
{
	if (need <= r->body_capacity)
		return true;
	size_t max = (size_t)r->server->config->max_body;
	size_t capacity = r->body_capacity ? 2 * r->body_capacity : FIRST_BODY_BYTES;
	if (capacity < need)
		capacity = need;
	if (r->body_expected && !r->inflater && capacity > r->body_expected)
		capacity = r->body_expected;
	if (capacity > max)
		capacity = max;
	size_t more = capacity - r->body_capacity;
	struct server *s = r->server;
	if (!request_reserve(r, more))
		return false;
	uint8_t *grown = realloc(r->body, capacity);
	if (!grown) {
		s->body_bytes -= more;
		s->metrics.rejected[REJECT_NO_MEMORY]++;
		reply_error(&r->reply, 503, "out_of_memory", "out of memory for the body");
		return false;
	}
	r->body = grown;
	r->body_capacity = capacity;
	return true;
}

bool request_body(struct request *r, const void *bytes, size_t len)
{
	if (r->reply.status)
		return true; /* refused: the rest is dropped */
	if (r->encoding != INFLATE_NONE)
		return encoding_body(r, bytes, len);
	return request_append(r, bytes, len);
}

bool request_append(struct request *r, const void *bytes, size_t len)
{
	size_t max = (size_t)r->server->config->max_body;
	if (len > max - r->body_len) {
		r->server->metrics.rejected[REJECT_BODY_TOO_LARGE]++;
		reply_error(&r->reply, 413, "body_too_large",
		            "the body is over the limit of %zu bytes", max);
		return false;
	}
	if (!r->route->takes_body) {
		r->body_len += len; /* counted for the limit, not kept */
		return true;
	}
	if (!grow_body(r, r->body_len + len))
		return false;
	memcpy(r->body + r->body_len, bytes, len);
	r->body_len += len;
	return true;
}

uint8_t *request_take_body(struct request *r, size_t *len, size_t *capacity)
{
	uint8_t *body = r->body;
	*len = r->body_len;
	*capacity = r->body_capacity;
	r->body = NULL;
	r->body_len = r->body_capacity = 0;
	return body;
}

void request_finish_reply(struct request *r)
{
	const struct server *s = r->server;
	if (!r->id[0])
		request_make_id(NULL, r->id);
	reply_header(&r->reply, "X-Request-Id", r->id);
	if (s->cors)
		cors_headers(s->cors, r->cors_origin, &r->reply);
	if (s->draining)
		r->reply.close = true;
	r->replied_ns = batcher_now_ns();
	double seconds = (double)(r->replied_ns - r->started_ns) * 1e-9;
	if (r->arena && !reply_has_header(&r->reply, "Server-Timing"))
		reply_header(&r->reply, "Server-Timing",
		             arena_printf(r->arena, "total;dur=%.3f", seconds * 1e3));
}

void request_count_reply(struct request *r)
{
	struct server *s = r->server;
	double seconds = (double)(r->replied_ns - r->started_ns) * 1e-9;
	size_t index = r->route ? (size_t)(r->route - routes) : n_routes;
	metrics_request(&s->metrics, index, r->reply.status, seconds);
	access_log_request(s->access, r);
}

void request_bad_query(struct request *r, const struct cnn_error *err)
{
	if (err->code == CNN_NO_MEMORY)
		reply_error(&r->reply, 503, "out_of_memory", "%s", err->text);
	else
		reply_error(&r->reply, 400, "bad_query", "%s", err->text);
}

bool request_query_only(struct request *r, const char *const known[])
{
	struct cnn_error err;
	if (query_only(&r->query, known, &err) == CNN_OK)
		return true;
	request_bad_query(r, &err);
	return false;
}
