#include "tests/unit/train/make_data.h"

/* CLASS/NAME0.png .. of 12 x 10. */
static void make_class(const char *folder, int n, int look)
{
	for (int i = 0; i < n; i++) {
		char name[256];
		snprintf(name, sizeof name, "%s/%02d.png", folder, i);
		data_png(name, 12, 10, look + i);
	}
}

static void classes_and_files_are_sorted_by_bytes(void)
{
	static const char *const names[] = {"B", "a", "a b", "a.b", "\xc3\xa4"};
	struct dataset_options o = data_options();
	o.val_fraction = 0;
	for (int i = 4; i >= 0; i--) {
		char name[64];
		snprintf(name, sizeof name, "d/%s", names[i]);
		make_class(name, 3, 10 * i);
	}
	struct dataset *d = need_data("d", &o);
	CHECK_INT(dataset_classes(d), 5);
	for (size_t c = 0; c < 5; c++)
		CHECK_STR(dataset_class_name(d, c), names[c]);
	CHECK_INT(dataset_count(d, DATASET_TRAIN), 15);
	CHECK_INT(dataset_count(d, DATASET_VAL), 0);
	for (size_t i = 0; i < 15; i++) {
		char want[64];
		struct dataset_sample s = dataset_get(d, DATASET_TRAIN, i);
		snprintf(want, sizeof want, "%s/%02d.png", names[i / 3], (int)(i % 3));
		CHECK_STR(s.file, want);
		CHECK_INT(s.cls, i / 3);
	}
	CHECK_INT(told.done, 15);
	CHECK_INT(told.total, 15);
	CHECK(!dataset_val_is_own(d));
	dataset_free(d);
	dataset_free(NULL);
}

static void pictures_are_cut_as_a_server_cuts_them(void)
{
	struct dataset_options o = data_options();
	const struct image_limits limits = {65535, 1 << 20};
	const struct image_fit fit = {8, 8, 3, 9, IMAGE_CROP_CENTER};
	data_png("d/train/a/wide.png", 40, 20, 1);
	data_png("d/train/a/small.png", 30, 9, 2);
	data_png("d/train/b/tall.png", 15, 31, 3);
	data_png("d/val/a/wide.png", 40, 20, 4);
	struct dataset *d = need_data("d", &o);
	CHECK_INT(dataset_resize_short(d), 9);
	CHECK_INT(dataset_size(d), 8);
	CHECK_INT(dataset_channels(d), 3);
	CHECK(dataset_val_is_own(d));
	static const int sizes[][2] = {{30, 9}, {18, 9}, {9, 18}};
	for (size_t i = 0; i < 3; i++) {
		struct dataset_sample s = dataset_get(d, DATASET_TRAIN, i);
		CHECK_INT(s.picture->width, sizes[i][0]);
		CHECK_INT(s.picture->height, sizes[i][1]);
	}
	size_t len;
	uint8_t *bytes = test_read(data_path("d/val/a/wide.png"), &len);
	struct image want = {0};
	CHECK_INT(image_read(bytes, len, &limits, true, &fit, &want, NULL, NULL), CNN_OK);
	struct dataset_sample s = dataset_get(d, DATASET_VAL, 0);
	CHECK_INT(s.picture->width, 8);
	CHECK_INT(s.picture->height, 8);
	CHECK(memcmp(s.picture->px, want.px, 8 * 8 * 3) == 0);
	image_clear(&want);
	free(bytes);
	dataset_free(d);
}

static void splits(void)
{
	struct dataset_options o = data_options();
	make_class("d/train/a", 4, 0);
	make_class("d/train/b", 4, 10);
	make_class("d/test/b", 2, 20);
	struct dataset *d = need_data("d", &o);
	CHECK_INT(dataset_count(d, DATASET_TRAIN), 8);
	CHECK_INT(dataset_count(d, DATASET_VAL), 2);
	CHECK_STR(dataset_get(d, DATASET_VAL, 1).file, "test/b/01.png");
	CHECK_INT(dataset_get(d, DATASET_VAL, 1).cls, 1);
	dataset_free(d);

	make_class("d/val/a", 3, 30);
	d = need_data("d", &o);
	CHECK_INT(dataset_count(d, DATASET_VAL), 3);
	CHECK_STR(dataset_get(d, DATASET_VAL, 0).file, "val/a/00.png");
	CHECK_INT(told.skips, 0);
	dataset_free(d);

	make_class("d/val/c", 1, 40);
	CHECK_REFUSED("d", &o, CNN_BAD_ARG, "'val/c' is no class of train/");
}

static void one_folder_is_looked_through(void)
{
	struct dataset_options o = data_options();
	make_class("d/in/train/a", 2, 0);
	make_class("d/in/train/b", 2, 10);
	make_class("d/in/val/b", 2, 20);
	data_file("d/README", "x", 1);
	struct dataset *d = need_data("d", &o);
	CHECK_STR(dataset_get(d, DATASET_TRAIN, 0).file, "in/train/a/00.png");
	CHECK_INT(dataset_count(d, DATASET_VAL), 2);
	CHECK_STR(told.file, "README");
	CHECK_INT(dataset_skipped(d), 1);
	dataset_free(d);

	make_class("e/in/a", 2, 0);
	make_class("e/in/b", 2, 10);
	d = need_data("e", &o);
	CHECK_STR(dataset_class_name(d, 1), "b");
	dataset_free(d);
}

/* Without folders in it, "train" is a means of transport. */
static void train_may_be_a_class(void)
{
	struct dataset_options o = data_options();
	make_class("d/bus", 2, 0);
	make_class("d/train", 2, 10);
	struct dataset *d = need_data("d", &o);
	CHECK_INT(dataset_classes(d), 2);
	CHECK_STR(dataset_class_name(d, 1), "train");
	dataset_free(d);
}

static void what_is_no_picture_is_left_out(void)
{
	struct dataset_options o = data_options();
	make_class("d/a", 6, 0);
	make_class("d/b", 6, 10);
	data_file("d/a/.hidden", "x", 1);
	data_file("d/.git/x.png", "x", 1);
	data_file("d/notes.txt", "x", 1);
	struct dataset *d = need_data("d", &o);
	CHECK_INT(dataset_skipped(d), 1);
	CHECK_STR(told.file, "notes.txt");
	CHECK_INT(dataset_classes(d), 2);
	dataset_free(d);

	data_file("d/a/00.txt", "x", 1);
	data_file("d/b/broken.png", "\x89PNG\r\n\x1a\n", 8);
	data_file("d/b/deep/er.png", "x", 1);
	d = need_data("d", &o);
	CHECK_INT(dataset_skipped(d), 4);
	CHECK_INT(told.skips, 4);
	CHECK_INT(dataset_count(d, DATASET_TRAIN) + dataset_count(d, DATASET_VAL), 12);
	dataset_free(d);

	/* 3 of 15 are a fifth, 4 of 16 are more */
	data_file("d/a/000.txt", "x", 1);
	CHECK_REFUSED("d", &o, CNN_BAD_IMAGE,
	              "4 of 16 files cannot be read as pictures, the first is a/00.txt: not a");
}

static void links(void)
{
	struct dataset_options o = data_options();
	make_class("d/a", 5, 0);
	make_class("d/b", 5, 10);
	make_class("elsewhere/c", 1, 20);
	CHECK(symlink(data_path("elsewhere/c/00.png"), data_path("d/a/link.png")) == 0);
	CHECK(symlink(data_path("d"), data_path("d/round")) == 0);
	struct dataset *d = need_data("d", &o);
	CHECK_INT(dataset_classes(d), 2);
	CHECK_INT(dataset_count(d, DATASET_TRAIN) + dataset_count(d, DATASET_VAL), 11);
	CHECK_STR(told.file, "round");
	dataset_free(d);

	CHECK(symlink(data_path("nowhere"), data_path("d/a/dangling.png")) == 0);
	CHECK(mkfifo(data_path("d/b/fifo"), 0600) == 0);
	d = need_data("d", &o);
	CHECK_INT(dataset_skipped(d), 3);
	dataset_free(d);
}

static void refusals(void)
{
	struct dataset_options o = data_options();
	CHECK_REFUSED("nothing", &o, CNN_IO, "No such file");
	data_folder("d");
	CHECK_REFUSED("d", &o, CNN_BAD_ARG, "no pictures");
	make_class("d/a", 2, 0);
	CHECK_REFUSED("d", &o, CNN_BAD_ARG, "'a' is the only class");
	data_folder("d/empty");
	CHECK_REFUSED("d", &o, CNN_BAD_ARG, "class 'empty' has no pictures");
	data_file("d/empty/x", "x", 1);
	make_class("d/a", 9, 0);
	CHECK_REFUSED("d", &o, CNN_BAD_ARG, "class 'empty' has no pictures that can be read");
	make_class("e/a\nb", 2, 0);
	make_class("e/c", 2, 0);
	CHECK_REFUSED("e", &o, CNN_BAD_ARG, "control character");
}

static void bad_options(void)
{
	make_class("d/a", 2, 0);
	make_class("d/b", 2, 10);
	struct dataset_options bad[] = {data_options(), data_options(), data_options(),
	                                data_options(), data_options(), data_options(),
	                                data_options()};
	bad[0].size = -1;
	bad[1].resize_short = 7;
	bad[2].channels = 2;
	bad[3].val_fraction = 0.95;
	bad[4].val_fraction = NAN;
	bad[5].max_pixels = 0;
	bad[6].size = INT32_MAX;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK_REFUSED("d", &bad[i], CNN_BAD_ARG, "");
}

static bool is_held_out(const struct dataset *d, const char *file)
{
	for (size_t i = 0; i < dataset_count(d, DATASET_VAL); i++)
		if (strcmp(dataset_get(d, DATASET_VAL, i).file, file) == 0)
			return true;
	return false;
}

static void pictures_are_held_out_by_seed(void)
{
	struct dataset_options o = data_options(), other = data_options();
	make_class("d/a", 20, 0);
	make_class("d/b", 10, 20);
	make_class("d/c", 1, 40);
	other.seed = 8;
	struct dataset *first = need_data("d", &o), *again = need_data("d", &o);
	struct dataset *else_ = need_data("d", &other);
	CHECK(!dataset_val_is_own(first));
	size_t count[3] = {0}, same = 0, n = dataset_count(first, DATASET_VAL);
	CHECK_INT(n, 5 + 3);
	for (size_t i = 0; i < n; i++) {
		struct dataset_sample s = dataset_get(first, DATASET_VAL, i);
		count[s.cls]++;
		CHECK_STR(dataset_get(again, DATASET_VAL, i).file, s.file);
		CHECK_INT(s.picture->width, 8);
		same += is_held_out(else_, s.file);
	}
	CHECK_INT(count[0], 5);
	CHECK_INT(count[1], 3);
	CHECK(same < n);
	for (size_t i = 0; i < dataset_count(first, DATASET_TRAIN); i++)
		CHECK(!is_held_out(first, dataset_get(first, DATASET_TRAIN, i).file));
	CHECK_INT(dataset_count(first, DATASET_TRAIN), 31 - 8);
	CHECK(dataset_fingerprint(first) == dataset_fingerprint(again));
	CHECK(dataset_fingerprint(first) != dataset_fingerprint(else_));
	dataset_free(first);
	dataset_free(again);
	dataset_free(else_);

	/* one of each class stays, whatever the share */
	o.val_fraction = 0.9;
	make_class("e/a", 2, 0);
	make_class("e/b", 2, 10);
	struct dataset *d = need_data("e", &o);
	CHECK_INT(dataset_count(d, DATASET_TRAIN), 2);
	CHECK_INT(dataset_count(d, DATASET_VAL), 2);
	dataset_free(d);
}

static void fingerprints_tell_data_apart(void)
{
	struct dataset_options o = data_options();
	make_class("d/a", 4, 0);
	make_class("d/b", 4, 10);
	uint64_t first = fingerprint_of("d", &o);
	make_class("moved/a", 4, 0);
	make_class("moved/b", 4, 10);
	CHECK(fingerprint_of("moved", &o) == first);

	struct dataset *alone = NULL;
	memset(&told, 0, sizeof told);
	CHECK_INT(dataset_open(data_path("d"), &o, NULL, &alone, NULL), CNN_OK);
	CHECK(dataset_fingerprint(alone) == first);
	dataset_free(alone);

	data_png("d/a/00.png", 12, 10, 77);
	uint64_t picture = fingerprint_of("d", &o);
	CHECK(picture != first);
	data_png("d/a/00.png", 12, 10, 0);
	CHECK(fingerprint_of("d", &o) == first);

	CHECK(rename(data_path("d/b"), data_path("d/c")) == 0);
	CHECK(fingerprint_of("d", &o) != first);
	CHECK(rename(data_path("d/a"), data_path("d/x")) == 0);
	CHECK(rename(data_path("d/c"), data_path("d/a")) == 0);
	CHECK(rename(data_path("d/x"), data_path("d/b")) == 0);
	CHECK(fingerprint_of("d", &o) != first);
	o.channels = 1;
	CHECK(fingerprint_of("moved", &o) != first);
}

static void memory_is_limited(void)
{
	struct dataset_options o = data_options();
	make_class("d/a", 20, 0);
	make_class("d/b", 20, 30);
	o.val_fraction = 0;
	o.max_bytes = 40 * 10 * 9 * 3;
	dataset_free(need_data("d", &o));
	o.max_bytes -= 1;
	CHECK_REFUSED("d", &o, CNN_NO_MEMORY, "MiB");
	o.max_bytes = 0;
	dataset_free(need_data("d", &o));
}

static void large_pictures_are_left_out(void)
{
	struct dataset_options o = data_options();
	make_class("d/a", 5, 0);
	make_class("d/b", 5, 10);
	data_png("d/b/large.png", 100, 100, 0);
	o.max_pixels = 1000;
	struct dataset *d = need_data("d", &o);
	CHECK_STR(told.file, "b/large.png");
	CHECK(strstr(told.reason, "limit"));
	dataset_free(d);
}

static void channels_are_the_first_pictures(void)
{
	struct dataset_options o = data_options();
	struct bytes gray = make_png(12, 10, 1, 3);
	data_file("d/a/00.png", "no picture", 10);
	data_file("d/a/01.png", gray.p, gray.len);
	make_class("d/b", 5, 10);
	struct dataset *d = need_data("d", &o);
	CHECK_INT(dataset_channels(d), 1);
	for (size_t i = 0; i < dataset_count(d, DATASET_TRAIN); i++)
		CHECK_INT(dataset_get(d, DATASET_TRAIN, i).picture->channels, 1);
	dataset_free(d);
	o.channels = 3;
	d = need_data("d", &o);
	CHECK_INT(dataset_get(d, DATASET_TRAIN, 0).picture->channels, 3);
	dataset_free(d);
	free(gray.p);
}

static void pictures_may_keep_their_size(void)
{
	struct dataset_options o = data_options();
	o.size = 0;
	o.val_fraction = 0.5;
	for (int i = 0; i < 8; i++) {
		char name[64];
		snprintf(name, sizeof name, "d/%c/%d.png", "ab"[i % 2], i);
		data_png(name, 9, 9, i);
	}
	struct dataset *d = need_data("d", &o);
	CHECK_INT(dataset_size(d), 9);
	CHECK_INT(dataset_resize_short(d), 9);
	CHECK_INT(dataset_get(d, DATASET_TRAIN, 1).picture->width, 9);
	CHECK_INT(dataset_get(d, DATASET_VAL, 1).picture->width, 9);
	dataset_free(d);
	data_png("d/b/9.png", 9, 10, 0);
	CHECK_REFUSED("d", &o, CNN_BAD_ARG, "b/9.png: 9 x 10 pixels");
	data_png("d/a/0.png", 9, 10, 0);
	CHECK_REFUSED("d", &o, CNN_BAD_ARG, "the pictures have 9 x 10 pixels");
}

TEST_MAIN({"classes_and_files_are_sorted_by_bytes", classes_and_files_are_sorted_by_bytes},
          {"pictures_are_cut_as_a_server_cuts_them", pictures_are_cut_as_a_server_cuts_them},
          {"splits", splits}, {"one_folder_is_looked_through", one_folder_is_looked_through},
          {"train_may_be_a_class", train_may_be_a_class},
          {"what_is_no_picture_is_left_out", what_is_no_picture_is_left_out}, {"links", links},
          {"refusals", refusals}, {"bad_options", bad_options},
          {"pictures_are_held_out_by_seed", pictures_are_held_out_by_seed},
          {"fingerprints_tell_data_apart", fingerprints_tell_data_apart},
          {"memory_is_limited", memory_is_limited},
          {"large_pictures_are_left_out", large_pictures_are_left_out},
          {"channels_are_the_first_pictures", channels_are_the_first_pictures},
          {"pictures_may_keep_their_size", pictures_may_keep_their_size})
