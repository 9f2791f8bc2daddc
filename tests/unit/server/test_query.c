#include "server/query.h"
#include "tests/test.h"

static struct arena *arena;

static char *decode(const char *text, bool form)
{
	struct cnn_error err;
	return percent_decode(arena, text, strlen(text), form, &err);
}

static void escapes_are_decoded(void)
{
	arena = arena_new();
	CHECK_STR(decode("a%2Fb%2fc", false), "a/b/c");
	CHECK_STR(decode("a+b", false), "a+b");
	CHECK_STR(decode("a+b%2B", true), "a b+");
	CHECK_STR(decode("", true), "");
	CHECK_STR(decode("%C3%A4", false), "\xc3\xa4");
	arena_free(arena);
}

static void broken_escapes_are_refused(void)
{
	arena = arena_new();
	const char *const bad[] = {"%", "%1", "a%", "%g1", "%1g", "%00", "%0a", "a\x7f", "%%41"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(decode(bad[i], false) == NULL);
	arena_free(arena);
}

/* The text ends where its length says, also when the bytes behind it would complete an escape. */
static void an_escape_does_not_read_past_the_end(void)
{
	arena = arena_new();
	struct cnn_error err;
	CHECK(percent_decode(arena, "a%41", 3, false, &err) == NULL);
	CHECK(percent_decode(arena, "a%41", 2, false, &err) == NULL);
	CHECK_STR(percent_decode(arena, "a%41", 1, false, &err), "a");
	arena_free(arena);
}

static void a_query_is_split(void)
{
	arena = arena_new();
	struct query q;
	struct cnn_error err;
	CHECK_INT(query_parse(arena, "a=1&b=x%26y&&c&d=&e=1=2", &q, &err), CNN_OK);
	CHECK_INT(q.n, 5);
	CHECK_STR(query_get(&q, "a"), "1");
	CHECK_STR(query_get(&q, "b"), "x&y");
	CHECK_STR(query_get(&q, "c"), "");
	CHECK_STR(query_get(&q, "d"), "");
	CHECK_STR(query_get(&q, "e"), "1=2");
	CHECK(query_get(&q, "f") == NULL);
	CHECK_INT(query_parse(arena, NULL, &q, &err), CNN_OK);
	CHECK_INT(q.n, 0);
	arena_free(arena);
}

static void a_bad_query_is_named(void)
{
	arena = arena_new();
	struct query q;
	struct cnn_error err;
	CHECK_INT(query_parse(arena, "a=1&a=2", &q, &err), CNN_BAD_ARG);
	CHECK(strstr(err.text, "'a' is given twice"));
	CHECK_INT(query_parse(arena, "a=%zz", &q, &err), CNN_BAD_ARG);
	char many[33 * 3 + 1] = "";
	for (int i = 0; i < 33; i++) {
		char name[] = {(char)('A' + i), '=', '&', '\0'};
		strcat(many, name);
	}
	CHECK_INT(query_parse(arena, many, &q, &err), CNN_BAD_ARG);

	static const char *const known[] = {"top", NULL};
	CHECK_INT(query_parse(arena, "top=1", &q, &err), CNN_OK);
	CHECK_INT(query_only(&q, known, &err), CNN_OK);
	CHECK_INT(query_parse(arena, "tpo=1", &q, &err), CNN_OK);
	CHECK_INT(query_only(&q, known, &err), CNN_BAD_ARG);
	CHECK(strstr(err.text, "'tpo'"));
	arena_free(arena);
}

static void numbers_are_digits_within_a_range(void)
{
	uint64_t n = 0;
	struct cnn_error err;
	CHECK_INT(parse_number("top", "1", 1, 10, &n, &err), CNN_OK);
	CHECK_INT(n, 1);
	CHECK_INT(parse_number("top", "010", 1, 10, &n, &err), CNN_OK);
	CHECK_INT(n, 10);
	const char *const bad[] = {"",
	                           "0",
	                           "11",
	                           "-1",
	                           "+1",
	                           " 1",
	                           "1 ",
	                           "1.5",
	                           "1e3",
	                           "0x1",
	                           "1000000000",
	                           "18446744073709551617",
	                           "99999999999999999999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK_INT(parse_number("top", bad[i], 1, 10, &n, &err), CNN_BAD_ARG);
	CHECK_INT(n, 10);
	CHECK_INT(parse_number("top", "-1", 1, 10, &n, &err), CNN_BAD_ARG);
	CHECK_STR(err.text, "top=-1: must be a whole number from 1 to 10");
}

TEST_MAIN({"escapes_are_decoded", escapes_are_decoded},
          {"broken_escapes_are_refused", broken_escapes_are_refused},
          {"an_escape_does_not_read_past_the_end", an_escape_does_not_read_past_the_end},
          {"a_query_is_split", a_query_is_split}, {"a_bad_query_is_named", a_bad_query_is_named},
          {"numbers_are_digits_within_a_range", numbers_are_digits_within_a_range})
