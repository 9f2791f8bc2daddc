#include "engine/run/metadata.h"
#include "tests/test.h"

static struct arena *arena; /* of a whole test */

struct reading {
	const char *keys[8], *texts[8];
	struct onnx_info info;
	struct value input;
	struct description d;
	struct label_list labels;
	struct assumptions assumed;
};

/* key, text, key, text, NULL; the input is [1][3][-1][-1]. */
static void say(struct reading *r, const char *const *words)
{
	size_t n = 0;
	for (; words[2 * n]; n++) {
		r->keys[n] = words[2 * n];
		r->texts[n] = words[2 * n + 1];
	}
	r->info = (struct onnx_info){.meta_keys = r->keys, .meta_values = r->texts, .n_meta = n};
	if (!arena)
		arena = arena_new();
	r->assumed.arena = arena;
	if (!r->input.rank)
		r->input = (struct value){.rank = 4, .dim = {1, 3, -1, -1}};
	metadata_describe(&r->info, &r->input, &r->d, &r->assumed);
}

#define SAY(r, ...) say(r, (const char *const[]){__VA_ARGS__, NULL})

static bool tells(const struct reading *r, const char *part)
{
	for (size_t i = 0; i < r->assumed.n; i++)
		if (strstr(r->assumed.text[i], part))
			return true;
	return false;
}

static void nothing_is_nothing(void)
{
	struct reading r = {0};
	SAY(&r, "stride", "32", "mean", "", "std", "x", "imgsz", "big");
	CHECK(r.assumed.n == 0 && !r.d.values_by && !r.d.size_by && !r.d.fit_by);
}

static void values(void)
{
	static const struct {
		const char *mean, *std;
		double scale; /* 0: not used */
	} cases[] = {
		{"[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225]", 1.0 / 255},
		{"0.485,0.456,0.406", "(0.229,0.224,0.225)", 1.0 / 255},
		{"0.5", "0.5", 1.0 / 255},
		{"0", "0.3081", 1.0 / 255},
		{"[123.675, 116.28, 103.53]", "[58.395, 57.12, 57.375]", 1},
		{"127.5", "127.5", 1},
		{"[103.9, 116.8, 123.7]", "[1, 1, 1]", 1},
		{"0", "255", 1},
		{"0", "1", 0},
		{"[0.485, 0.456, 0.406]", "[58, 57, 57]", 0},
		{"[123, 116, 103]", "[0.2, 0.2, 0.2]", 0},
		{"0.5", "1", 0},
		{"0.5", "0", 0},
		{"0.5", "-0.5", 0},
		{"[0.5, 0.5]", "0.5", 0},
		{"0.5", NULL, 0},
		{"nan", "0.5", 0},
		{"0.5 x", "0.5", 0},
		{"1,2,3,4", "1", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct reading r = {0};
		SAY(&r, "mean", cases[i].mean, cases[i].std ? "std" : "none",
		    cases[i].std ? cases[i].std : "");
		CHECK(r.d.has_scale == (cases[i].scale > 0));
		CHECK_NEAR(r.d.scale, cases[i].scale, 1e-12);
		CHECK(!r.d.has_scale || tells(&r, "mean, std: those of the file's metadata"));
	}
	struct reading known = {.d = {.values_by = "m"}};
	SAY(&known, "mean", "0.5", "std", "0.5");
	CHECK(!known.d.has_mean && known.assumed.n == 0);
}

static void sizes(void)
{
	struct reading open = {0}, square = {0}, same = {0}, other = {0}, wrong = {0};
	SAY(&open, "imgsz", "[96, 128]");
	CHECK(open.d.height == 96 && open.d.width == 128 && tells(&open, "128 × 96"));
	SAY(&square, "imgsz", "224");
	CHECK(square.d.height == 224 && square.d.width == 224);
	same.input = (struct value){.rank = 4, .dim = {1, 3, 96, 128}};
	SAY(&same, "imgsz", "[96, 128]");
	CHECK(!same.d.size_by && same.assumed.n == 0);
	other.input = (struct value){.rank = 4, .dim = {1, 3, 96, -1}};
	SAY(&other, "imgsz", "[64, 128]");
	CHECK(!other.d.size_by && tells(&other, "the graph's"));
	SAY(&wrong, "imgsz", "[0, 1.5]");
	CHECK(!wrong.d.size_by && wrong.assumed.n == 0);
}

static void ultralytics(void)
{
	struct reading r = {0}, detector = {0};
	SAY(&r, "author", "Ultralytics", "task", "classify", "imgsz", "[64, 64]");
	CHECK(r.d.has_crop && r.d.resize_to_input && r.d.width == 64);
	CHECK(r.d.mean[2] == 0 && r.d.std[2] == 1 && tells(&r, "Ultralytics"));
	CHECK_NEAR(r.d.scale, 1.0 / 255, 1e-12);
	SAY(&detector, "author", "Ultralytics", "task", "detect");
	CHECK(!detector.d.has_crop && !detector.d.has_scale);
}

static void labels_of(struct reading *r, size_t classes)
{
	struct cnn_error err = {0};
	CHECK_INT(
		metadata_labels(&r->info, classes, r->assumed.arena, &r->assumed, &r->labels, &err),
		CNN_OK);
}

static void labels(void)
{
	struct reading r = {0}, second = {0}, wrong = {0};
	SAY(&r, "names", "{0: 'person', 1: 'bicycle'}");
	labels_of(&r, 2);
	CHECK_INT(r.labels.n, 2);
	CHECK_STR(r.labels.label[1], "bicycle");
	CHECK(tells(&r, "labels: 2 from \"names\" of the file's metadata"));
	/* the first key that fits */
	SAY(&second, "classes", "3", "class_names", "a\nb\nc");
	labels_of(&second, 3);
	CHECK_STR(second.labels.label[2], "c");
	CHECK_INT(second.assumed.n, 1);
	SAY(&wrong, "labels", "a,b,c");
	labels_of(&wrong, 4);
	CHECK_INT(wrong.labels.n, 0);
	CHECK(tells(&wrong, "\"labels\" of the file's metadata does not have one for each of 4"));
}

TEST_MAIN({"nothing_is_nothing", nothing_is_nothing}, {"values", values}, {"sizes", sizes},
          {"ultralytics", ultralytics}, {"labels", labels})
