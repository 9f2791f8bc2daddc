#include "engine/run/describe.h"
#include "tests/test.h"

#include <sys/stat.h>

static char dir[] = "/tmp/convd-describe-XXXXXX";

static void write_file(const char *name, const char *text, size_t len)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "wb");
	CHECK(f != NULL);
	CHECK_INT(fwrite(text, 1, len, f), len);
	CHECK_INT(fclose(f), 0);
}

static void in_new_directory(void)
{
	CHECK(mkdtemp(dir) != NULL);
}

static void remove_directory(void)
{
	char path[256];
	const char *names[] = {"model.json", "labels.txt", "names.txt"};
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static enum cnn_status read_json(struct arena *arena, const char *text, struct description *d,
                                 struct cnn_error *err)
{
	write_file("model.json", text, strlen(text));
	return describe_read(dir, arena, d, err);
}

static void reads_what_is_there(void)
{
	in_new_directory();
	struct arena *arena = arena_new();
	struct description d;
	struct cnn_error err;
	CHECK_INT(describe_read(dir, arena, &d, &err), CNN_OK); /* no file at all */
	CHECK(d.name == NULL && !d.has_mean && d.width == 0);
	CHECK_INT(
		read_json(
			arena,
			"{\"name\": \"n\", \"licence\": \"MIT\", \"future\": [1], \"input\": "
			"{\"width\": 192,"
			"\"height\": 48, \"crop\": \"none\", \"channels\": \"BGR\", \"scale\": 255,"
			"\"mean\": [1, 2, 3], \"std\": 0.5}, \"output\": {\"activation\": "
			"\"none\", \"name\": \"logits\"}}",
			&d, &err),
		CNN_OK);
	CHECK_STR(d.name, "n");
	CHECK_STR(d.licence, "MIT");
	CHECK_INT(d.width, 192);
	CHECK_INT(d.height, 48);
	CHECK_INT(d.crop, IMAGE_CROP_NONE);
	CHECK_INT(d.channels, CNN_CHANNELS_BGR);
	CHECK_NEAR(d.scale, 1.0 / 255, 1e-12);
	CHECK_NEAR(d.mean[2], 3, 0);
	CHECK_NEAR(d.std[2], 0.5, 0);
	CHECK(d.has_activation && d.activation == CNN_OUTPUT_NONE);
	CHECK_STR(d.output, "logits");
	CHECK(d.json && d.size_by == d.json && d.fit_by == d.json && d.channels_by == d.json &&
	      d.values_by == d.json);
	arena_free(arena);
	remove_directory();
}

static void refuses_what_is_wrong(void)
{
	static const struct {
		const char *json, *says;
	} cases[] = {
		{"{", "line 1"},
		{"[]", "not a JSON object"},
		{"{\"name\": 3}", "\"name\" must be a string"},
		{"{\"name\": \"\"}", "\"name\" must be a name"},
		{"{\"input\": 3}", "\"input\" must be an object"},
		{"{\"input\": {\"width\": 0}}", "\"width\" must be a whole number"},
		{"{\"input\": {\"width\": 1e9}}", "\"width\" must be a whole number"},
		{"{\"input\": {\"width\": 99999}}", "\"width\" must be a whole number"},
		{"{\"input\": {\"crop\": \"left\"}}", "\"crop\" must be"},
		{"{\"input\": {\"interpolation\": \"nearest\"}}", "\"interpolation\" must be"},
		{"{\"input\": {\"std\": [1, 0, 1]}}", "\"std\" must be other than 0"},
		{"{\"input\": {\"mean\": [1, 2]}}", "\"mean\" must be one number or three"},
		{"{\"input\": {\"mean\": [1, 2, \"x\"]}}", "\"mean\" must be numbers"},
		{"{\"input\": {\"scale\": -1}}", "\"scale\" must be a number above 0"},
		{"{\"output\": {\"activation\": \"relu\"}}", "\"activation\" must be"},
		{"{\"output\": {\"name\": 1}}", "\"name\" must be a string"},
	};
	in_new_directory();
	struct arena *arena = arena_new();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct description d;
		struct cnn_error err = {0};
		CHECK_INT(read_json(arena, cases[i].json, &d, &err), CNN_BAD_MODEL);
		CHECK(strstr(err.text, "model.json") != NULL);
		if (!strstr(err.text, cases[i].says))
			CHECK_STR(err.text, cases[i].says);
	}
	arena_free(arena);
	remove_directory();
}

static void labels_are_lines(void)
{
	in_new_directory();
	struct arena *arena = arena_new();
	struct label_list l;
	struct cnn_error err;
	CHECK_INT(labels_read(dir, "labels.txt", false, arena, &l, &err), CNN_OK);
	CHECK_INT(l.n, 0);
	CHECK_INT(labels_read(dir, "labels.txt", true, arena, &l, &err), CNN_IO);
	static const char text[] = "\xef\xbb\xbf"
				   "cat\r\nna\xc3\xafve\n\nbad \xff\x01 \xed\xa0\x80\nlast";
	write_file("labels.txt", text, sizeof text - 1);
	CHECK_INT(labels_read(dir, "labels.txt", true, arena, &l, &err), CNN_OK);
	CHECK_INT(l.n, 5);
	CHECK_STR(l.label[0], "cat");
	CHECK_STR(l.label[1], "na\xc3\xafve");
	CHECK_STR(l.label[2], "");
	CHECK_STR(l.label[3], "bad ?? ???");
	CHECK_STR(l.label[4], "last");
	CHECK_INT(labels_read(dir, "../labels.txt", true, arena, &l, &err), CNN_BAD_MODEL);
	CHECK_INT(labels_read(dir, "/etc/passwd", true, arena, &l, &err), CNN_BAD_MODEL);
	arena_free(arena);
	remove_directory();
}

TEST_MAIN({"reads_what_is_there", reads_what_is_there},
          {"refuses_what_is_wrong", refuses_what_is_wrong}, {"labels_are_lines", labels_are_lines})
