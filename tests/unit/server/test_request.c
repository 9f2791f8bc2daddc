#include "server/request.h"
#include "tests/test.h"

static struct config config = {.max_body = 200000, .max_header = 16384};
static struct server server = {.config = &config, .body_bytes_limit = 150000};

static void good_ids_are_kept(void)
{
	char id[REQUEST_ID_MAX + 1];
	request_make_id("abc-123_X.~:/+=@", id);
	CHECK_STR(id, "abc-123_X.~:/+=@");
	char longest[REQUEST_ID_MAX + 2] = "";
	memset(longest, 'a', REQUEST_ID_MAX);
	request_make_id(longest, id);
	CHECK_STR(id, longest);
}

static void other_ids_are_replaced(void)
{
	char too_long[REQUEST_ID_MAX + 2] = "";
	memset(too_long, 'a', REQUEST_ID_MAX + 1);
	const char *const bad[] = {NULL,  "",         "a b",   "a\r\nSet-Cookie: x",
	                           "a\"", "\xc3\xa4", too_long};
	char previous[REQUEST_ID_MAX + 1] = "";
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char id[REQUEST_ID_MAX + 1];
		request_make_id(bad[i], id);
		CHECK_INT(strlen(id), 32);
		CHECK_INT(strspn(id, "0123456789abcdef"), 32);
		CHECK(strcmp(id, previous) != 0);
		strcpy(previous, id);
	}
}

static void the_first_line_is_split(void)
{
	struct request *r = request_new(&server, NULL, "/predict?top=3&model=m");
	CHECK_STR(r->path, "/predict");
	CHECK_STR(r->query_text, "top=3&model=m");
	CHECK_INT(server.in_flight, 1);
	request_free(r);
	CHECK_INT(server.in_flight, 0);
	r = request_new(&server, NULL, "http://host:80/health?x");
	CHECK_STR(r->path, "/health");
	CHECK_STR(r->query_text, "x");
	request_free(r);
	r = request_new(&server, NULL, "http://host?x");
	CHECK_STR(r->path, "/");
	CHECK_STR(r->query_text, "x");
	request_free(r);
	request_free(NULL);
}

static struct request *new_upload(size_t expected)
{
	struct request *r = request_new(&server, NULL, "/predict");
	struct cnn_error err;
	CHECK_INT(route_find(r->arena, r->path, &r->route, r->value, &err), CNN_OK);
	r->body_expected = expected;
	return r;
}

static void a_body_is_collected(void)
{
	struct request *r = new_upload(0);
	char piece[1000];
	for (int i = 0; i < 100; i++) {
		memset(piece, i, sizeof piece);
		CHECK(request_body(r, piece, sizeof piece));
	}
	CHECK_INT(r->body_len, 100000);
	for (size_t i = 0; i < r->body_len; i++)
		CHECK_INT(r->body[i], i / 1000);
	CHECK_INT(server.body_bytes, r->body_capacity);
	request_free(r);
	CHECK_INT(server.body_bytes, 0);
}

static void a_known_length_is_not_exceeded(void)
{
	struct request *r = new_upload(70000);
	char piece[35000] = "";
	CHECK(request_body(r, piece, sizeof piece));
	CHECK_INT(r->body_capacity, 65536);
	CHECK(request_body(r, piece, sizeof piece));
	CHECK_INT(r->body_capacity, 70000);
	size_t len, capacity;
	uint8_t *body = request_take_body(r, &len, &capacity);
	CHECK_INT(len, 70000);
	CHECK_INT(capacity, 70000);
	request_free(r);
	CHECK_INT(server.body_bytes, 70000);
	free(body);
	server.body_bytes = 0;
}

static void a_body_over_the_limit_is_refused(void)
{
	server.body_bytes_limit = SIZE_MAX;
	struct request *r = new_upload(0);
	char *piece = calloc(1, 100001);
	CHECK(request_body(r, piece, 100000));
	CHECK(!request_body(r, piece, 100001));
	CHECK_INT(r->reply.status, 413);
	CHECK_INT(server.metrics.rejected[REJECT_BODY_TOO_LARGE], 1);
	CHECK(request_body(r, piece, 100001)); /* what follows is dropped */
	CHECK_INT(r->body_len, 100000);
	request_free(r);
	free(piece);
}

/* A route without a body counts what comes and keeps nothing. */
static void an_unwanted_body_is_not_kept(void)
{
	struct request *r = new_upload(0);
	struct cnn_error err;
	CHECK_INT(route_find(r->arena, "/health", &r->route, r->value, &err), CNN_OK);
	char *piece = calloc(1, 150000);
	CHECK(request_body(r, piece, 150000));
	CHECK(r->body == NULL && server.body_bytes == 0);
	CHECK(!request_body(r, piece, 150000));
	CHECK_INT(r->reply.status, 413);
	request_free(r);
	free(piece);
}

TEST_MAIN({"good_ids_are_kept", good_ids_are_kept},
          {"other_ids_are_replaced", other_ids_are_replaced},
          {"the_first_line_is_split", the_first_line_is_split},
          {"a_body_is_collected", a_body_is_collected},
          {"a_known_length_is_not_exceeded", a_known_length_is_not_exceeded},
          {"a_body_over_the_limit_is_refused", a_body_over_the_limit_is_refused},
          {"an_unwanted_body_is_not_kept", an_unwanted_body_is_not_kept})
