#include "server/keys.h"
#include "tests/test.h"

#include <sys/stat.h>

static struct key_list *parse(const char *text)
{
	struct key_list *keys = NULL;
	struct cnn_error err;
	CHECK_INT(keys_parse("keys", text, strlen(text), &keys, &err), CNN_OK);
	return keys;
}

static void keys_are_found_by_their_text(void)
{
	struct key_list *keys = parse("# who may ask\n"
	                              "\n"
	                              "alice: sesame-open-1234567890\r\n"
	                              "  plain-key \n"
	                              "bob@lab:colon:in:the:key\n"
	                              "last");
	CHECK_INT(keys_count(keys), 4);
	CHECK_INT(keys_short(keys), 2);
	CHECK_STR(keys_find(keys, "sesame-open-1234567890"), "alice");
	CHECK_STR(keys_find(keys, "plain-key"), "");
	CHECK_STR(keys_find(keys, "colon:in:the:key"), "bob@lab");
	CHECK_STR(keys_find(keys, "last"), "");
	const char *const none[] = {"",
	                            "alice",
	                            "sesame-open-123456789",
	                            "#",
	                            "las",
	                            "last ",
	                            "Last",
	                            "# who may ask",
	                            "last2",
	                            "plain-key\n",
	                            "bob@lab:colon:in:the:key"};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		CHECK(keys_find(keys, none[i]) == NULL);
	keys_free(keys);
	keys_free(NULL);
}

static void broken_files_are_refused(void)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
		{"", "keys: there is no key in it"},
		{"\n# nothing\n\n", "keys: there is no key in it"},
		{"good-key\ntwo words\n",
	         "keys: line 2: a key has 1..512 visible ASCII characters"},
		{"alice:\n", "keys: line 1: a key has 1..512 visible ASCII characters"},
		{"sch\xc3\xb6n\n", "keys: line 1: a key has 1..512 visible ASCII characters"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct key_list *keys = NULL;
		struct cnn_error err;
		CHECK_INT(keys_parse("keys", bad[i].text, strlen(bad[i].text), &keys, &err),
		          CNN_BAD_ARG);
		CHECK_STR(err.text, bad[i].error);
		CHECK(keys == NULL);
	}
	static const char *const bad_names[] = {": key", "a b: key", "na\"me:key"};
	for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++) {
		struct key_list *keys;
		struct cnn_error err;
		CHECK_INT(keys_parse("keys", bad_names[i], strlen(bad_names[i]), &keys, &err),
		          CNN_BAD_ARG);
		CHECK(strstr(err.text, "keys: line 1: before the colon must be a name"));
	}
}

static void a_nul_does_not_cut_a_key(void)
{
	struct key_list *keys;
	struct cnn_error err;
	CHECK_INT(keys_parse("keys", "abc\0def", 7, &keys, &err), CNN_BAD_ARG);
	CHECK_INT(keys_parse("keys", "a\0b: key", 8, &keys, &err), CNN_BAD_ARG);
}

static void long_keys_and_files_are_refused(void)
{
	struct key_list *keys;
	struct cnn_error err;
	char *text = malloc(KEYS_FILE_BYTES + 1);
	memset(text, 'k', KEYS_FILE_BYTES + 1);
	CHECK_INT(keys_parse("keys", text, KEY_MAX_BYTES, &keys, &err), CNN_OK);
	keys_free(keys);
	CHECK_INT(keys_parse("keys", text, KEY_MAX_BYTES + 1, &keys, &err), CNN_BAD_ARG);
	memset(text, '\n', KEYS_FILE_BYTES + 1);
	text[0] = 'k';
	CHECK_INT(keys_parse("keys", text, KEYS_FILE_BYTES, &keys, &err), CNN_OK);
	keys_free(keys);
	CHECK_INT(keys_parse("keys", text, KEYS_FILE_BYTES + 1, &keys, &err), CNN_BAD_ARG);
	free(text);
}

static void files_are_read(void)
{
	char path[] = "/tmp/convd-keys-XXXXXX";
	int fd = mkstemp(path);
	CHECK(fd >= 0 && write(fd, "me: key\n", 8) == 8);
	close(fd);
	struct key_list *keys;
	struct cnn_error err;
	CHECK_INT(keys_load(path, &keys, &err), CNN_OK);
	CHECK_STR(keys_find(keys, "key"), "me");
	keys_free(keys);
	CHECK(!keys_file_is_open(path));
	CHECK(chmod(path, 0640) == 0 && keys_file_is_open(path));
	CHECK(unlink(path) == 0);
	CHECK_INT(keys_load(path, &keys, &err), CNN_IO);
	CHECK(strstr(err.text, path));
}

TEST_MAIN({"keys_are_found_by_their_text", keys_are_found_by_their_text},
          {"broken_files_are_refused", broken_files_are_refused},
          {"a_nul_does_not_cut_a_key", a_nul_does_not_cut_a_key},
          {"long_keys_and_files_are_refused", long_keys_and_files_are_refused},
          {"files_are_read", files_are_read})
