#include "server/reply.h"
#include "tests/test.h"

static void an_error_is_an_object(void)
{
	struct reply reply = {0};
	reply_error(&reply, 404, "not_found", "there is nothing at '%s'", "/a\"b");
	CHECK_INT(reply.status, 404);
	CHECK_STR(reply.content_type, "application/json");
	CHECK_STR(reply.cache_control, "no-store");
	CHECK_STR(reply.body,
	          "{\"error\":{\"code\":\"not_found\",\"message\":\"there is nothing at "
	          "'/a\\\"b'\"}}");
	CHECK_INT(reply.len, strlen(reply.body));
	reply_clear(&reply);
	CHECK_INT(reply.status, 0);
}

static void an_error_of_the_inference_protocol_is_its_message(void)
{
	struct reply reply = {.oip = true};
	reply_error(&reply, 404, "not_found", "there is no '\xff'");
	CHECK_STR(reply.body, "{\"error\":\"there is no '\?'\"}");
	reply_clear(&reply);
	CHECK(reply.oip);
	reply_text(&reply, 200, NULL, NULL, 0);
	CHECK_INT(reply.status, 503);
	CHECK_STR(reply.body, "{\"error\":\"out of memory for this answer\"}\n");
	CHECK_INT(reply.len, strlen(reply.body));
	reply_clear(&reply);
}

static void a_message_that_is_not_utf8_is_told_as_ascii(void)
{
	struct reply reply = {0};
	reply_error(&reply, 404, "not_found", "there is no '\xff\xfe'");
	CHECK_INT(reply.status, 404);
	CHECK(strstr(reply.body, "there is no '\?\?'"));
	reply_clear(&reply);
}

static void memory_that_runs_out_is_503(void)
{
	struct reply reply = {0};
	reply_json(&reply, 200, NULL);
	CHECK_INT(reply.status, 503);
	CHECK(strstr(reply.body, "\"out_of_memory\""));
	CHECK_INT(reply.len, strlen(reply.body));
	reply_clear(&reply);
	reply_text(&reply, 200, "text/plain", NULL, 0);
	CHECK_INT(reply.status, 503);
	CHECK_STR(reply.content_type, "application/json");
	reply_clear(&reply);
}

static void the_wire_form_is_complete(void)
{
	struct reply reply = {0};
	reply_static(&reply, 408, "text/plain", "slow", 4);
	reply_header(&reply, "X-Request-Id", "abc");
	reply_header(&reply, "Ignored", NULL);
	size_t len;
	char *text = reply_wire(&reply, &len);
	CHECK_STR(text,
	          "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
	          "Content-Type: text/plain\r\nCache-Control: no-store\r\nContent-Length: 4\r\n"
	          "X-Request-Id: abc\r\n\r\nslow");
	CHECK_INT(len, strlen(text));
	free(text);
	reply_clear(&reply);
}

static void headers_do_not_overflow_their_table(void)
{
	struct reply reply = {0};
	for (int i = 0; i < 2 * REPLY_MAX_HEADERS; i++)
		reply_header(&reply, "A", "b");
	CHECK_INT(reply.n_headers, REPLY_MAX_HEADERS);
}

TEST_MAIN({"an_error_is_an_object", an_error_is_an_object},
          {"an_error_of_the_inference_protocol_is_its_message",
           an_error_of_the_inference_protocol_is_its_message},
          {"a_message_that_is_not_utf8_is_told_as_ascii",
           a_message_that_is_not_utf8_is_told_as_ascii},
          {"memory_that_runs_out_is_503", memory_that_runs_out_is_503},
          {"the_wire_form_is_complete", the_wire_form_is_complete},
          {"headers_do_not_overflow_their_table", headers_do_not_overflow_their_table})
