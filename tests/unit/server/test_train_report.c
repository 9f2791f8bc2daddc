#include "server/commands/train_report.h"
#include "tests/test.h"

enum { SIDE = 20, EPOCHS = 12, MANY_CLASSES = 60 };

static struct train_epoch epochs[EPOCHS];
static uint8_t pixels[3 * 300 * 200];
static const struct image small = {pixels, SIDE, SIDE, 3}, large = {pixels, 300, 200, 3};
static const char *const two[] = {"cats & <dogs>", "sea"};

static struct report_data plain(void)
{
	static const struct report_option options[] = {{"lr", "0.05"}, {"from", "\"a\" & b"}};
	static float filters[4 * 3 * 3 * 3];
	for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
		filters[i] = (float)(i % 7) - 3;
	for (int i = 0; i < EPOCHS; i++)
		epochs[i] = (struct train_epoch){.epoch = i + 1,
		                                 .lr = 0.01,
		                                 .train_loss = 2.0 / (i + 1),
		                                 .train_accuracy = 0.5 + 0.03 * i,
		                                 .val_loss = 2.2 / (i + 1),
		                                 .val_accuracy = 0.5 + 0.02 * i,
		                                 .seconds = 10};
	return (struct report_data){
		.name = "scenes",
		.data = "scenes.tar",
		.network = "resnet-small",
		.version = "1.2",
		.class_name = two,
		.classes = 2,
		.train = 14034,
		.val = 0,
		.skipped = 3,
		.size = SIDE,
		.channels = 3,
		.parameters = 1234567,
		.macs = 7654321,
		.option = options,
		.n_options = 2,
		.epoch = epochs,
		.n_epochs = EPOCHS,
		.filter = filters,
		.n_filters = 4,
		.filter_channels = 3,
		.filter_height = 3,
		.filter_width = 3,
	};
}

static char *report_of(const struct report_data *d)
{
	char *html;
	size_t len;
	struct cnn_error err = {0};
	CHECK_INT(train_report(d, &html, &len, &err), CNN_OK);
	CHECK_INT(strlen(html), len);
	/* whatever is in it, it is whole and loads nothing */
	CHECK(strncmp(html, "<!DOCTYPE html>", 15) == 0);
	CHECK(strcmp(html + len - 8, "</html>\n") == 0);
	CHECK(!strstr(html, "http:") && !strstr(html, "https:") && !strstr(html, "<script"));
	CHECK(!strstr(html, "nan") && !strstr(html, "inf\""));
	return html;
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, word)); p += strlen(word))
		n++;
	return n;
}

static void names_are_escaped(void)
{
	struct report_data d = plain();
	d.name = "<b>\"x\" 'y'\x01</b>";
	char *html = report_of(&d);
	CHECK(strstr(html, "<h1>&lt;b&gt;&quot;x&quot; &#39;y&#39;?&lt;/b&gt;</h1>"));
	CHECK(!strstr(html, "<b>\"x\""));
	CHECK(strstr(html, "&quot;a&quot; &amp; b"));
	free(html);
}

static void numbers_are_there(void)
{
	struct report_data d = plain();
	char *html = report_of(&d);
	CHECK(strstr(html, "14,034") && strstr(html, "1,234,567") && strstr(html, "7.7 million"));
	CHECK(strstr(html, "2:00") && strstr(html, "for 12 epochs"));
	/* two charts; filters, but nothing of validation pictures that are not there */
	CHECK_INT(count(html, "<svg"), 2);
	CHECK_INT(count(html, "data:image/png;base64,"), 1);
	CHECK(!strstr(html, "What it confuses") && !strstr(html, "mistakes"));
	free(html);
}

static void the_matrix_counts(void)
{
	struct report_data d = plain();
	struct report_guess g[10];
	for (size_t i = 0; i < 10; i++)
		g[i] = (struct report_guess){i < 4, i < 3, 0.75f, &small, "x.jpg"};
	/* 3 of 4 of class 1 are right, and all of class 0 */
	d.guess = g;
	d.val = 10;
	char *html = report_of(&d);
	CHECK(strstr(html, "<b>90.0%</b>"));
	CHECK(strstr(html, ">6</td>") && strstr(html, ">3</td>") && strstr(html, ">1</td>"));
	CHECK(strstr(html, ">75%</td>") && strstr(html, ">100%</td>") && strstr(html, ">86%</td>"));
	CHECK(strstr(html, "cats &amp; &lt;dogs&gt;</em> at 75.0%"));
	CHECK_INT(count(html, "<figure>"), 1);
	free(html);
}

static void the_surest_mistakes_are_shown(void)
{
	enum { N = 200 };
	struct report_data d = plain();
	struct report_guess g[N];
	char file[N][16];
	for (size_t i = 0; i < N; i++) {
		/* probabilities in no order, all different */
		snprintf(file[i], sizeof file[i], "f%zu.jpg", i * 37 % N);
		g[i] = (struct report_guess){i % 2, i % 4 < 2 ? i % 2 : (i + 1) % 2,
		                             (float)(i * 37 % N) / N, i % 3 ? &large : &small,
		                             file[i]};
	}
	d.guess = g;
	d.val = N;
	char *html = report_of(&d);
	CHECK_INT(count(html, "<figure>"), 24);
	const char *at = html;
	double before = 101;
	size_t shown = 0;
	for (; (at = strstr(at, "</em> at ")); at++, shown++) {
		double p = strtod(at + 9, NULL);
		CHECK(p < before);
		before = p;
	}
	CHECK_INT(shown, 24);
	size_t surer = 0;
	for (size_t i = 0; i < N; i++)
		surer += g[i].cls != g[i].guess && 100 * (double)g[i].probability > before + 0.01;
	CHECK_INT(surer, 23);
	free(html);
}

static void many_classes_are_pairs(void)
{
	static char name[MANY_CLASSES][16];
	static const char *names[MANY_CLASSES];
	struct report_data d = plain();
	struct report_guess g[3 * MANY_CLASSES];
	for (uint32_t i = 0; i < MANY_CLASSES; i++) {
		snprintf(name[i], sizeof name[i], "class %u", i);
		names[i] = name[i];
		for (uint32_t k = 0; k < 3; k++)
			g[3 * i + k] = (struct report_guess){i, k == 0 ? (i + 1) % MANY_CLASSES : i,
			                                     0.5f, &small, "x"};
	}
	g[1].guess = 1; /* class 0 is taken for class 1 twice */
	d.class_name = names;
	d.classes = MANY_CLASSES;
	d.guess = g;
	d.val = 3 * MANY_CLASSES;
	char *html = report_of(&d);
	CHECK(strstr(html, "<th>of the class</th></tr>\n<tr><td>class 0</td><td>class 1</td><td "
	                   "class=n>2</td><td class=n>67%</td>"));
	CHECK_INT(count(html, "<tr><td>"), 40);
	free(html);
}

static void odd_data_does_no_harm(void)
{
	struct report_data d = plain();
	float filter[4] = {0, NAN, INFINITY, -1};
	for (size_t n = 0; n <= EPOCHS; n++) {
		d.n_epochs = n;
		free(report_of(&d));
	}
	for (size_t i = 0; i < EPOCHS; i++)
		epochs[i] = (struct train_epoch){
			.epoch = (int)i + 1, .val_accuracy = -1, .val_loss = -1};
	free(report_of(&d));
	for (size_t i = 0; i < EPOCHS; i++)
		epochs[i] = (struct train_epoch){.epoch = (int)i + 1,
		                                 .train_loss = 1e30,
		                                 .train_accuracy = 1,
		                                 .val_accuracy = 1,
		                                 .val_loss = 1e-30};
	free(report_of(&d));
	d.filter = filter;
	d.n_filters = 1;
	d.filter_channels = 1;
	d.filter_height = d.filter_width = 2;
	free(report_of(&d));
	d.filter_channels = 4;
	d.filter_height = d.filter_width = 1;
	char *html = report_of(&d);
	CHECK(!strstr(html, "data:image"));
	free(html);
}

TEST_MAIN({"names_are_escaped", names_are_escaped}, {"numbers_are_there", numbers_are_there},
          {"the_matrix_counts", the_matrix_counts},
          {"the_surest_mistakes_are_shown", the_surest_mistakes_are_shown},
          {"many_classes_are_pairs", many_classes_are_pairs},
          {"odd_data_does_no_harm", odd_data_does_no_harm})
