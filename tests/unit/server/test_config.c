#include "server/config.h"
#include "server/option.h"
#include "tests/test.h"

static enum cnn_status read_words(enum command command, const char *const *words,
                                  struct config *out, struct cnn_error *err)
{
	char *argv[16];
	int n = 0;
	for (; words[n]; n++)
		argv[n] = (char *)words[n];
	return config_read(command, n, argv, out, err);
}

#define READ(command, out, err, ...) \
	read_words(command, (const char *const[]){__VA_ARGS__, NULL}, out, err)

static void decimals_are_read(void)
{
	struct config c;
	struct cnn_error err = {0};
	CHECK_INT(READ(CMD_TRAIN, &c, &err, "--lr", "0.05", "--weight-decay=1e-4", "data"), CNN_OK);
	CHECK(c.lr == 0.05 && c.weight_decay == 1e-4);
	CHECK(c.momentum == 0.9 && c.mixup == 0); /* the defaults */
	CHECK_INT(c.n_args, 1);
	config_clear(&c);
}

static void a_decimal_that_is_none_is_refused(void)
{
	static const char *const bad[] = {"",      "x",   "0.1x", " 0.1", "0.1 ", "inf",
	                                  "nan",   "0x1", "-1",   "101",  "1,5",  "1e999",
	                                  "-1e-9", ".",   "1e",   "1 2",  "--1"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char word[32];
		struct config c;
		struct cnn_error err = {0};
		snprintf(word, sizeof word, "--lr=%s", bad[i]);
		CHECK_INT(READ(CMD_TRAIN, &c, &err, word), CNN_BAD_ARG);
		CHECK(strncmp(err.text, "--lr=", 5) == 0 && strstr(err.text, "must be 0..100"));
	}
}

static void a_decimal_comes_from_the_environment(void)
{
	struct config c;
	struct cnn_error err = {0};
	setenv("CONVD_LABEL_SMOOTHING", "0.25", 1);
	CHECK_INT(READ(CMD_TRAIN, &c, &err, "data"), CNN_OK);
	CHECK(c.label_smoothing == 0.25);
	config_clear(&c);
	/* the flag wins */
	CHECK_INT(READ(CMD_TRAIN, &c, &err, "--label-smoothing", "0"), CNN_OK);
	CHECK(c.label_smoothing == 0);
	config_clear(&c);
	/* another command does not look at it */
	setenv("CONVD_LABEL_SMOOTHING", "much", 1);
	CHECK_INT(READ(CMD_BENCH, &c, &err, "m"), CNN_OK);
	config_clear(&c);
	CHECK_INT(READ(CMD_TRAIN, &c, &err, "data"), CNN_BAD_ARG);
	CHECK_STR(err.text, "CONVD_LABEL_SMOOTHING=much: must be 0..0.9");
}

static void a_flag_may_be_on_from_the_start(void)
{
	struct config c;
	struct cnn_error err = {0};
	CHECK_INT(READ(CMD_TRAIN, &c, &err, "data"), CNN_OK);
	CHECK(c.flip && !c.resume);
	config_clear(&c);
	CHECK_INT(READ(CMD_TRAIN, &c, &err, "--no-flip", "--resume"), CNN_OK);
	CHECK(!c.flip && c.resume);
	config_clear(&c);
	setenv("CONVD_FLIP", "false", 1);
	CHECK_INT(READ(CMD_TRAIN, &c, &err, "data"), CNN_OK);
	CHECK(!c.flip);
	config_clear(&c);
	CHECK_INT(READ(CMD_TRAIN, &c, &err, "--flip"), CNN_OK);
	CHECK(c.flip);
	config_clear(&c);
}

/* A row whose default lies outside of its own range, or whose name another row has, is a mistake here. */
static void the_table_is_consistent(void)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option *o = &option_table[i];
		if (o->kind == OPTION_NUMBER)
			CHECK(o->min <= o->number && o->number <= o->max);
		if (o->kind == OPTION_REAL)
			CHECK(o->real_min <= o->real && o->real <= o->real_max);
		CHECK(o->commands && o->help[0]);
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(o->field, option_table[k].field) != 0);
	}
}

static void help_shows_default_and_range(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	CHECK(f);
	config_print_options(CMD_TRAIN, f);
	fclose(f);
	CHECK(strstr(text, "--weight-decay X") && strstr(text, "[0.0005; 0..1]"));
	const char *flip = strstr(text, "--flip");
	CHECK(flip && memchr(flip, '\n', 400));
	CHECK(strncmp((char *)memchr(flip, '\n', 400) - 4, "[on]", 4) == 0);
	free(text);
}

TEST_MAIN({"decimals_are_read", decimals_are_read},
          {"a_decimal_that_is_none_is_refused", a_decimal_that_is_none_is_refused},
          {"a_decimal_comes_from_the_environment", a_decimal_comes_from_the_environment},
          {"a_flag_may_be_on_from_the_start", a_flag_may_be_on_from_the_start},
          {"the_table_is_consistent", the_table_is_consistent},
          {"help_shows_default_and_range", help_shows_default_and_range})
