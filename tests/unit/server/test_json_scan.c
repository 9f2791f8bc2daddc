#include "server/json_scan.h"
#include "tests/test.h"

static struct cnn_error err;
static struct json_scan scan;

static void begin(const char *text)
{
	scan_init(&scan, text, strlen(text), &err);
}

/* Whether the text is one JSON value. */
static bool valid(const char *text, size_t len)
{
	/* From a block of its own size, so that reading past it is noticed. */
	char *copy = malloc(len + !len);
	memcpy(copy, text, len);
	scan_init(&scan, copy, len, &err);
	bool good = scan_skip(&scan) == CNN_OK && scan_end(&scan) == CNN_OK;
	free(copy);
	return good;
}

static void values_are_told_from_what_is_none(void)
{
	static const char *const good[] = {"0",           "-0",
	                                   "10",          "1.5",
	                                   "-1e5",        "1E+5",
	                                   "1e-5",        "0.0",
	                                   "true",        "false",
	                                   "null",        "\"\"",
	                                   "\"a\"",       "[]",
	                                   "[1]",         "[1,2,[3]]",
	                                   "{}",          "{\"a\":1}",
	                                   " [ 1 ] ",     "\t1\r\n",
	                                   "[{},[],0]",   "{\"a\":{},\"\":[]}",
	                                   "\"\\u0000\"", "\"\\/\""};
	static const char *const bad[] = {
		"",         " ",           "-",           "01",
		"1.",       ".5",          "+1",          "1e",
		"1e+",      "1.e1",        "0x1",         "NaN",
		"Infinity", "-Infinity",   "tru",         "nul",
		"True",     "'a'",         "\"",          "\"a",
		"\"\\",     "\"\\u",       "\"\\u12",     "\"\\x\"",
		"\"\n\"",   "[",           "]",           "[1",
		"[1,",      "[1,]",        "[,1]",        "[1 2]",
		"{",        "}",           "{\"a\"",      "{\"a\":",
		"{\"a\":1", "{\"a\":1,",   "{\"a\":1,}",  "{a:1}",
		"{1:1}",    "{\"a\" 1}",   "1 2",         "[1]]",
		"\"a\"b",   "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
		"--1",      "[1}",         "{\"a\":1]",   "\x01"};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!valid(good[i], strlen(good[i]))) {
			fprintf(stderr, "refused: %s: %s\n", good[i], err.text);
			exit(TEST_EXIT_FAILED);
		}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (valid(bad[i], strlen(bad[i]))) {
			fprintf(stderr, "accepted: %s\n", bad[i]);
			exit(TEST_EXIT_FAILED);
		}
	CHECK(!valid("1\0", 2));
	CHECK(!valid("\"\0\"", 3));
}

static void every_cut_of_a_value_is_refused(void)
{
	static const char whole[] =
		"{\"a\":[1.5e3,-2,true,null,\"\\u00e9\\ud83d\\ude00\xc3\xa9\"],\"b\":{\"c\":[]}}";
	CHECK(valid(whole, sizeof whole - 1));
	for (size_t len = 0; len < sizeof whole - 1; len++)
		CHECK(!valid(whole, len));
}

static void changed_bytes_do_no_harm(void)
{
	char text[] = "{\"inputs\":[{\"shape\":[1,2],\"data\":[1e5,\"\\u0041\\n\"]}],\"id\":\"x\"}";
	for (size_t i = 0; i < sizeof text - 1; i++) {
		char was = text[i];
		for (int c = 0; c < 256; c++) {
			text[i] = (char)c;
			valid(text, sizeof text - 1);
		}
		text[i] = was;
	}
	CHECK(valid(text, sizeof text - 1));
}

static void depth_is_limited(void)
{
	char text[2 * SCAN_MAX_DEPTH + 3];
	for (size_t depth = SCAN_MAX_DEPTH; depth <= SCAN_MAX_DEPTH + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		CHECK_INT(valid(text, 2 * depth), depth <= SCAN_MAX_DEPTH);
	}
	CHECK(strstr(err.text, "deep"));
}

static void text_must_be_utf8(void)
{
	static const char *const bad[] = {"\"\x80\"",
	                                  "\"\xc0\x80\"",
	                                  "\"\xc1\xbf\"",
	                                  "\"\xe0\x80\x80\"",
	                                  "\"\xed\xa0\x80\"",
	                                  "\"\xf0\x80\x80\x80\"",
	                                  "\"\xf4\x90\x80\x80\"",
	                                  "\"\xf5\x80\x80\x80\"",
	                                  "\"\xff\"",
	                                  "\"\xc3\"",
	                                  "\"\xe2\x82\"",
	                                  "\"\xf0\x9f\x98\"",
	                                  "\"\xc3",
	                                  "\"\xe2\x82",
	                                  "\"\xe2\x28\xa1\"",
	                                  "\"\xe2\x82\x28\""};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!valid(bad[i], strlen(bad[i])));
	CHECK(valid("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", 11));
}

static void strings_are_decoded(void)
{
	struct arena *arena = arena_new();
	const char *text;
	size_t len;
	begin(" \"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac\\uD83D\\ude00\xc3\xa9\" ");
	CHECK_INT(scan_string(&scan, arena, &text, &len), CNN_OK);
	CHECK_STR(text, "a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9");
	CHECK_INT(len, strlen(text));
	CHECK_INT(scan_end(&scan), CNN_OK);
	begin("\"a\\u0000b\"");
	CHECK_INT(scan_string(&scan, arena, &text, &len), CNN_BAD_ARG);
	begin("5");
	CHECK_INT(scan_string(&scan, arena, &text, &len), CNN_BAD_ARG);
	arena_free(arena);
}

static void a_long_key_is_one_that_nobody_knows(void)
{
	char text[300] = "\"", key[SCAN_MAX_KEY];
	memset(text + 1, 'k', 200);
	strcpy(text + 201, "\":");
	begin(text);
	CHECK_INT(scan_key(&scan, key), CNN_OK);
	CHECK_STR(key, "");
	begin("\"\\u0069d\" : 1");
	CHECK_INT(scan_key(&scan, key), CNN_OK);
	CHECK_STR(key, "id");
	begin("\"i\\u0000d\" : 1");
	CHECK(scan_key(&scan, key) != CNN_OK);
}

static void numbers_are_what_strtod_makes_of_them(void)
{
	static const char *const texts[] = {
		"0",
		"-0.0",
		"1",
		"0.1",
		"123456789012345678901234567890",
		"1e22",
		"1e23",
		"1e-22",
		"1e-23",
		"5e-324",
		"1.7976931348623157e308",
		"1e-400",
		"0.30000000000000004",
		"9007199254740993",
		"2.2250738585072011e-308",
		"1E5",
		"3.4028235e38",
		"0.000000000000000000000000000000000000000000001",
		"179769313486231570000000000000000000000000000000000000000000000000000000e100"};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		double got, want = strtod(texts[i], NULL);
		begin(texts[i]);
		CHECK_INT(scan_number(&scan, &got), CNN_OK);
		CHECK(memcmp(&got, &want, sizeof got) == 0);
	}
	double value;
	begin("1e400");
	CHECK_INT(scan_number(&scan, &value), CNN_BAD_ARG);
	begin("1e99999999999999999999");
	CHECK_INT(scan_number(&scan, &value), CNN_BAD_ARG);
	char digits[600];
	memset(digits, '1', sizeof digits);
	digits[599] = '\0';
	begin(digits);
	CHECK_INT(scan_number(&scan, &value), CNN_BAD_ARG);
}

static void whole_numbers_are_whole(void)
{
	static const char *const bad[] = {
		"1.0", "1e2", "9223372036854775808", "99999999999999999999",
		"x",   "",    "-9223372036854775809"};
	int64_t value;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		begin(bad[i]);
		CHECK_INT(scan_integer(&scan, &value), CNN_BAD_ARG);
	}
	begin("-9223372036854775807");
	CHECK_INT(scan_integer(&scan, &value), CNN_OK);
	CHECK_INT(value, -INT64_MAX);
	begin("0");
	CHECK_INT(scan_integer(&scan, &value), CNN_OK);
	CHECK_INT(value, 0);
}

TEST_MAIN({"values_are_told_from_what_is_none", values_are_told_from_what_is_none},
          {"every_cut_of_a_value_is_refused", every_cut_of_a_value_is_refused},
          {"changed_bytes_do_no_harm", changed_bytes_do_no_harm},
          {"depth_is_limited", depth_is_limited}, {"text_must_be_utf8", text_must_be_utf8},
          {"strings_are_decoded", strings_are_decoded},
          {"a_long_key_is_one_that_nobody_knows", a_long_key_is_one_that_nobody_knows},
          {"numbers_are_what_strtod_makes_of_them", numbers_are_what_strtod_makes_of_them},
          {"whole_numbers_are_whole", whole_numbers_are_whole})
