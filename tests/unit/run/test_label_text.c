#include "engine/run/label_text.h"
#include "tests/test.h"

static struct arena *arena;

static struct label_list read_text(const char *text, size_t most)
{
	struct label_list l;
	struct cnn_error err = {0};
	if (!arena)
		arena = arena_new();
	CHECK_INT(label_text_read(text, most, arena, &l, &err), CNN_OK);
	return l;
}

/* All labels with a '|' behind each. */
static void expect(const char *text, const char *want)
{
	struct label_list l = read_text(text, 100);
	char got[256] = "";
	for (size_t i = 0; i < l.n; i++)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s|", l.label[i]);
	CHECK_STR(got, want);
}

static void lists(void)
{
	expect("[\"cat\", \"dog\"]", "cat|dog|");
	expect("['cat', \"it's\", 'a \"b\"']", "cat|it's|a \"b\"|");
	expect(" ( 'cat' , 'dog' , ) ", "cat|dog|");
	expect("[]", "");
	expect("['a, b', 'c\nd']", "a, b|c?d|");
}

static void objects(void)
{
	expect("{0: 'person', 1: 'bicycle'}", "person|bicycle|");
	expect("{\"1\": \"b\", \"0\": \"a\"}", "a|b|");
	expect("{'0':'a',\n '1' : 'b',}", "a|b|");
	expect("{}", "");
}

static void escapes(void)
{
	expect("[\"caf\\u00e9\", \"\\u4e2d\", \"\\ud83d\\ude00\"]",
	       "caf\xc3\xa9|\xe4\xb8\xad|\xf0\x9f\x98\x80|");
	expect("['it\\'s', 'a\\\\b', 'x\\ty', '\\xe9', 'a\\/b']", "it's|a\\b|x y|\xc3\xa9|a/b|");
	expect("[\"\\ud83d\", \"\\u0001\"]", "???|?|");
}

static void pieces(void)
{
	expect("cat, dog ,bird", "cat|dog|bird|");
	expect("cat\ndog, small\r\nbird\n", "cat|dog, small|bird|");
	expect("cat", "cat|");
	expect("a,,b", "a||b|");
	expect("", "");
	expect(" \n ", "");
}

static void refuses_what_is_no_list(void)
{
	static const char *const wrong[] = {
		"[",
		"['a'",
		"['a' 'b']",
		"['a'] x",
		"[1, 2]",
		"['a', 1]",
		"['a\\",
		"['\\u12']",
		"['\\u0000']",
		"['\\ud83d\\uzzzz']",
		"{0: 'a', 2: 'c'}",
		"{0: 'a', 0: 'b'}",
		"{-1: 'a'}",
		"{0 'a'}",
		"{'x': 'a'}",
		"{\"0: 'a'}",
		"{99999999999999999999: 'a'}",
		"{0: ['a']}",
		"[[[[",
		"(none), cat",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		expect(wrong[i], "");
}

static void no_more_than_wanted(void)
{
	CHECK_INT(read_text("a,b,c", 3).n, 3);
	CHECK_INT(read_text("a,b,c", 2).n, 0);
	CHECK_INT(read_text("['a','b','c']", 2).n, 0);
	CHECK_INT(read_text("{0:'a',1:'b'}", 1).n, 0);
	CHECK_INT(read_text("a", 0).n, 0);
	CHECK_INT(read_text("a,b", SIZE_MAX).n, 2);
}

/* Whatever the text is cut to, all reads and writes stay inside it (under AddressSanitizer). */
static void any_part_is_read(void)
{
	static const char whole[] = "{0: 'p\\u00e9r', \"1\": \"b\\ud83d\\ude00\", 2: 'it\\'s',}";
	for (size_t n = 0; n < sizeof whole; n++) {
		char *part = strndup(whole, n);
		read_text(part, 3);
		free(part);
	}
	CHECK_INT(read_text(whole, 3).n, 3);
}

TEST_MAIN({"lists", lists}, {"objects", objects}, {"escapes", escapes}, {"pieces", pieces},
          {"refuses_what_is_no_list", refuses_what_is_no_list},
          {"no_more_than_wanted", no_more_than_wanted}, {"any_part_is_read", any_part_is_read})
