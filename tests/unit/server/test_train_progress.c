#include "server/commands/train_progress.h"
#include "tests/test.h"

#include <pty.h>
#include <sys/ioctl.h>

static const struct train_progress middle = {.epoch = 3,
                                             .epochs = 60,
                                             .done = 8400,
                                             .total = 14000,
                                             .loss = 1.2344,
                                             .accuracy = 0.567,
                                             .pictures_per_second = 412.3,
                                             .seconds_left = 754};

static void times_are_short(void)
{
	char text[32];
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{0, "0 s"},        {7.4, "7 s"},    {59.4, "59 s"},     {59.6, "1:00"},
		{754, "12:34"},    {3599, "59:59"}, {11100, "3:05:00"}, {NAN, "0 s"},
		{INFINITY, "0 s"}, {-5, "0 s"},     {1e300, "0 s"},     {360000, "100:00:00"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		train_time_text(cases[i].seconds, text);
		CHECK_STR(text, cases[i].text);
	}
}

static void a_step_fills_the_width(void)
{
	char text[256];
	train_step_text(&middle, 100, text, sizeof text);
	CHECK_STR(text, "epoch 3/60  [##########--------]  8400/14000  loss 1.234  accuracy 56.7%  "
	                "412 pictures/s  12:34 left");
	CHECK_INT(strlen(text), 100);
	/* the bar does not grow for ever */
	train_step_text(&middle, 1000, text, sizeof text);
	CHECK(strstr(text, "[##################------------]"));
}

static void a_narrow_terminal_gets_less(void)
{
	char text[256];
	train_step_text(&middle, 79, text, sizeof text);
	CHECK_STR(text,
	          "epoch 3/60  [#######------]  8400/14000  loss 1.234  accuracy 56.7%  12:34 "
	          "left");
	train_step_text(&middle, 70, text, sizeof text);
	CHECK_STR(text, "epoch 3/60  8400/14000  loss 1.234  accuracy 56.7%  412 pictures/s");
	train_step_text(&middle, 12, text, sizeof text);
	CHECK_STR(text, "epoch 3/60");
	for (size_t width = 0; width < 200; width++) {
		train_step_text(&middle, width, text, sizeof text);
		CHECK(strlen(text) <= width);
	}
}

static void odd_numbers_do_no_harm(void)
{
	char text[256];
	struct train_progress p = {.epoch = INT32_MAX,
	                           .epochs = INT32_MAX,
	                           .done = SIZE_MAX,
	                           .total = 1,
	                           .loss = 1e300,
	                           .accuracy = 1e300,
	                           .pictures_per_second = 1e300,
	                           .seconds_left = 1e300};
	for (size_t width = 0; width < 300; width++) {
		train_step_text(&p, width, text, sizeof text);
		CHECK(strlen(text) <= width);
	}
	p = (struct train_progress){0};
	train_step_text(&p, 100, text, sizeof text);
	CHECK(strstr(text, "[-----"));
}

static void an_epoch_is_one_line(void)
{
	char text[256];
	struct train_epoch e = {.epoch = 3,
	                        .train_loss = 1.1,
	                        .train_accuracy = 0.612,
	                        .val_loss = 0.98,
	                        .val_accuracy = 0.66,
	                        .seconds = 34};
	train_epoch_text(&e, 60, text, sizeof text);
	CHECK_STR(text, "epoch 3/60  loss 1.100  accuracy 61.2%  validation: loss 0.980  accuracy "
	                "66.0%  34 s");
	e.val_loss = e.val_accuracy = -1;
	train_epoch_text(&e, 60, text, sizeof text);
	CHECK_STR(text, "epoch 3/60  loss 1.100  accuracy 61.2%  34 s");
}

/* Away from a terminal only epochs leave a trace. */
static void a_file_gets_only_epochs(void)
{
	char *text = NULL, want[256];
	size_t len;
	FILE *f = open_memstream(&text, &len);
	CHECK(f);
	struct train_view v = {.out = f};
	const struct train_epoch e = {.epoch = 1, .val_accuracy = -1};
	train_view_reading(&v, 1, 2);
	train_view_step(&v, &middle);
	train_view_epoch(&v, &e, 2);
	train_view_clear(&v);
	fclose(f);
	train_epoch_text(&e, 2, want, sizeof want - 1);
	strcat(want, "\n");
	CHECK_STR(text, want);
	free(text);
}

static void a_terminal_gets_one_line_rewritten(void)
{
	int master, slave;
	struct winsize size = {.ws_col = 101, .ws_row = 20};
	char got[4096] = "", step[256];
	/* containers may come without devpts */
	if (openpty(&master, &slave, NULL, NULL, &size) != 0)
		SKIP("no pseudo-terminals");
	FILE *f = fdopen(slave, "w");
	CHECK(f);
	struct train_view v = train_view_of(f);
	CHECK(v.terminal);
	const struct train_epoch e = {.epoch = 1, .val_accuracy = -1};
	for (int i = 0; i < 1000; i++)
		train_view_step(&v, &middle);
	train_view_epoch(&v, &e, 2);
	fflush(f);
	/* a terminal hands over what was written in pieces of its own choice */
	size_t n = 0;
	while (n < sizeof got - 1 && !strchr(got, '\n')) {
		ssize_t more = read(master, got + n, sizeof got - 1 - n);
		CHECK(more > 0);
		n += (size_t)more;
	}
	train_step_text(&middle, 100, step, sizeof step);
	CHECK(got[0] == '\r' && strncmp(got + 1, step, strlen(step)) == 0);
	CHECK(strstr(got, "\r\033[Kepoch 1/2 "));
	/* redrawn only now and then */
	CHECK(n < 4000);
	fclose(f);
	close(master);
}

TEST_MAIN({"times_are_short", times_are_short}, {"a_step_fills_the_width", a_step_fills_the_width},
          {"a_narrow_terminal_gets_less", a_narrow_terminal_gets_less},
          {"odd_numbers_do_no_harm", odd_numbers_do_no_harm},
          {"an_epoch_is_one_line", an_epoch_is_one_line},
          {"a_file_gets_only_epochs", a_file_gets_only_epochs},
          {"a_terminal_gets_one_line_rewritten", a_terminal_gets_one_line_rewritten})
