#include "server/cors.h"
#include "server/reply.h"
#include "tests/test.h"

static struct cors *parse(const char *text)
{
	struct cors *cors = NULL;
	struct cnn_error err;
	CHECK_INT(cors_parse(text, &cors, &err), CNN_OK);
	return cors;
}

static void origins_match_whole(void)
{
	struct cors *cors = parse("https://App.example, http://localhost:3000,http://[::1]:80");
	CHECK_STR(cors_match(cors, "https://app.example"), "https://app.example");
	CHECK_STR(cors_match(cors, "http://localhost:3000"), "http://localhost:3000");
	CHECK_STR(cors_match(cors, "http://[::1]:80"), "http://[::1]:80");
	const char *const others[] = {NULL,
	                              "",
	                              "null",
	                              "*",
	                              "http://app.example",
	                              "https://app.example:443",
	                              "https://app.example/",
	                              "https://app.example.evil.example",
	                              "https://evil-app.example",
	                              "https://app.exampl",
	                              "https://app.example, http://localhost:3000"};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		CHECK(cors_match(cors, others[i]) == NULL);
	cors_free(cors);
	cors = parse("*");
	CHECK_STR(cors_match(cors, "https://anything"), "*");
	CHECK_STR(cors_match(cors, NULL), "*");
	cors_free(cors);
	cors_free(NULL);
}

static void what_is_no_origin_is_refused(void)
{
	const char *const bad[] = {"app.example",       "https://",    "https://a/",
	                           "https://a/b",       "://a",        "null",
	                           "https://a b",       "https://a,",  ",",
	                           "https://a\r\nX: y", "https://*.a", "ht tp://a"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct cors *cors = NULL;
		struct cnn_error err;
		enum cnn_status status = cors_parse(bad[i], &cors, &err);
		if (status != CNN_BAD_ARG)
			fprintf(stderr, "'%s' is taken\n", bad[i]);
		CHECK_INT(status, CNN_BAD_ARG);
		CHECK(strncmp(err.text, "--cors-origin: ", 15) == 0 && cors == NULL);
	}
}

static const char *value(const struct reply *reply, const char *name)
{
	for (size_t i = 0; i < reply->n_headers; i++) {
		if (strcmp(reply->header[i].name, name) == 0)
			return reply->header[i].value;
	}
	return "(none)";
}

static void headers_say_what_is_allowed(void)
{
	struct cors *cors = parse("https://a");
	struct reply reply = {.status = 200};
	cors_headers(cors, NULL, &reply);
	CHECK_STR(value(&reply, "Vary"), "Origin");
	CHECK_INT(reply.n_headers, 1);
	reply_clear(&reply);
	reply.status = 401;
	cors_headers(cors, "https://a", &reply);
	CHECK_STR(value(&reply, "Access-Control-Allow-Origin"), "https://a");
	CHECK(strstr(value(&reply, "Access-Control-Expose-Headers"), "X-Request-Id"));
	CHECK_STR(value(&reply, "Access-Control-Allow-Methods"), "(none)");
	reply_clear(&reply);
	reply.status = 204;
	reply_header(&reply, "Allow", "POST, PUT, OPTIONS");
	cors_headers(cors, "https://a", &reply);
	CHECK_STR(value(&reply, "Access-Control-Allow-Methods"), "POST, PUT, OPTIONS");
	CHECK(strstr(value(&reply, "Access-Control-Allow-Headers"), "X-Api-Key"));
	reply_clear(&reply);
	cors_free(cors);
	cors = parse("*");
	cors_headers(cors, "*", &reply);
	CHECK_STR(value(&reply, "Vary"), "(none)");
	CHECK_STR(value(&reply, "Access-Control-Allow-Origin"), "*");
	cors_free(cors);
}

TEST_MAIN({"origins_match_whole", origins_match_whole},
          {"what_is_no_origin_is_refused", what_is_no_origin_is_refused},
          {"headers_say_what_is_allowed", headers_say_what_is_allowed})
