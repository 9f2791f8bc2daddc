#include "tests/unit/train/make_tar.h"

struct idx_file {
	uint8_t bytes[8192];
	size_t len;
};

static struct idx_file make_idx(int rank, const uint32_t *dims)
{
	struct idx_file f = {.bytes = {0, 0, 8, (uint8_t)rank}, .len = 4 + 4 * (size_t)rank};
	size_t n = 1;
	for (int i = 0; i < rank; i++) {
		uint8_t *p = f.bytes + 4 + 4 * i;
		p[0] = (uint8_t)(dims[i] >> 24);
		p[1] = (uint8_t)(dims[i] >> 16);
		p[2] = (uint8_t)(dims[i] >> 8);
		p[3] = (uint8_t)dims[i];
		n *= dims[i];
	}
	CHECK(f.len + n <= sizeof f.bytes);
	for (size_t i = 0; i < n; i++)
		f.bytes[f.len++] = (uint8_t)(i * 3 + i / 100);
	return f;
}

static struct idx_file make_images(uint32_t n, uint32_t height, uint32_t width, uint32_t channels)
{
	return make_idx(channels == 1 ? 3 : 4, (uint32_t[]){n, height, width, channels});
}

/* 0, 1, 2, 0, 1, 2, ... */
static struct idx_file make_labels(uint32_t n)
{
	struct idx_file f = make_idx(1, &n);
	for (uint32_t i = 0; i < n; i++)
		f.bytes[8 + i] = (uint8_t)(i % 3);
	return f;
}

static void put(const char *name, struct idx_file f)
{
	data_file(name, f.bytes, f.len);
}

static struct dataset_options own_size(void)
{
	struct dataset_options o = data_options();
	o.size = 0;
	return o;
}

static void make_both(const char *folder)
{
	char name[128];
	snprintf(name, sizeof name, "%s/train-images-idx3-ubyte", folder);
	put(name, make_images(12, 10, 10, 1));
	snprintf(name, sizeof name, "%s/train-labels-idx1-ubyte", folder);
	put(name, make_labels(12));
	snprintf(name, sizeof name, "%s/t10k-images-idx3-ubyte", folder);
	put(name, make_images(4, 10, 10, 1));
	snprintf(name, sizeof name, "%s/t10k-labels-idx1-ubyte", folder);
	put(name, make_labels(4));
}

static void as_they_are(void)
{
	struct dataset_options o = own_size();
	make_both("d");
	struct dataset *d = need_data("d", &o);
	CHECK_INT(dataset_classes(d), 3);
	CHECK_STR(dataset_class_name(d, 2), "2");
	CHECK_INT(dataset_count(d, DATASET_TRAIN), 12);
	CHECK_INT(dataset_count(d, DATASET_VAL), 4);
	CHECK_INT(dataset_size(d), 10);
	CHECK_INT(dataset_resize_short(d), 10);
	CHECK_INT(dataset_channels(d), 1);
	CHECK(dataset_val_is_own(d));
	CHECK_INT(told.skips, 0);
	struct idx_file want = make_images(12, 10, 10, 1);
	for (size_t i = 0; i < 16; i++) {
		enum dataset_split split = i < 12 ? DATASET_TRAIN : DATASET_VAL;
		size_t k = i < 12 ? i : i - 12;
		struct dataset_sample s = dataset_get(d, split, k);
		char name[64];
		snprintf(name, sizeof name, "%s-images-idx3-ubyte[%zu]", i < 12 ? "train" : "t10k",
		         k);
		CHECK_STR(s.file, name);
		CHECK_INT(s.cls, k % 3);
		CHECK_INT(s.picture->width, 10);
		CHECK(memcmp(s.picture->px, want.bytes + 16 + k * 100, 100) == 0);
	}
	dataset_free(d);
	o.size = 10; /* the same said */
	uint64_t fingerprint = fingerprint_of("d", &o);
	o.size = 0;
	CHECK(fingerprint_of("d", &o) == fingerprint);
	make_both("e/within");
	CHECK(fingerprint_of("e", &o) == fingerprint);
	struct idx_file labels = make_labels(12);
	labels.bytes[8 + 5] = 0;
	put("d/train-labels-idx1-ubyte", labels);
	CHECK(fingerprint_of("d", &o) != fingerprint);
}

static void colour_and_other_names(void)
{
	struct dataset_options o = own_size();
	put("d/train-images.idx4-ubyte", make_images(12, 6, 6, 3));
	put("d/train-labels.idx1-ubyte", make_labels(12));
	data_file("d/labels.txt", "red\r\ngreen\nlight blue\n\n", 23);
	struct dataset *d = need_data("d", &o);
	CHECK_INT(dataset_channels(d), 3);
	CHECK_STR(dataset_class_name(d, 0), "red");
	CHECK_STR(dataset_class_name(d, 2), "light blue");
	/* a quarter of four, of each class */
	CHECK(!dataset_val_is_own(d));
	CHECK_INT(dataset_count(d, DATASET_VAL), 3);
	CHECK_INT(dataset_count(d, DATASET_TRAIN), 9);
	struct idx_file want = make_images(12, 6, 6, 3);
	CHECK(memcmp(dataset_get(d, DATASET_TRAIN, 0).picture->px, want.bytes + 20, 12) == 0 ||
	      strcmp(dataset_get(d, DATASET_TRAIN, 0).file, "train-images.idx4-ubyte[0]") != 0);
	dataset_free(d);
	o.channels = 1;
	d = need_data("d", &o);
	struct dataset_sample s = dataset_get(d, DATASET_TRAIN, 8);
	int i = 0;
	sscanf(s.file, "train-images.idx4-ubyte[%d]", &i);
	const uint8_t *rgb = want.bytes + 20 + i * 108;
	CHECK_NEAR(s.picture->px[0], 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2], 0.51);
	dataset_free(d);
}

static void resized(void)
{
	struct dataset_options o = data_options();
	make_both("d");
	o.channels = 3;
	struct dataset *d = need_data("d", &o); /* 8 of 10 */
	CHECK_INT(dataset_resize_short(d), 9);
	struct dataset_sample train = dataset_get(d, DATASET_TRAIN, 3);
	struct dataset_sample val = dataset_get(d, DATASET_VAL, 3);
	CHECK_INT(train.picture->width, 9);
	CHECK_INT(train.picture->channels, 3);
	CHECK_INT(val.picture->width, 8);
	CHECK_INT(val.picture->channels, 3);
	dataset_free(d);
	o.size = 16; /* larger than they are */
	d = need_data("d", &o);
	CHECK_INT(dataset_get(d, DATASET_TRAIN, 0).picture->width, 10);
	CHECK_INT(dataset_get(d, DATASET_VAL, 0).picture->width, 16);
	dataset_free(d);

	put("e/train-images-idx3-ubyte", make_images(12, 10, 12, 1));
	put("e/train-labels-idx1-ubyte", make_labels(12));
	d = need_data("e", &o);
	CHECK_INT(dataset_get(d, DATASET_TRAIN, 0).picture->width, 12);
	dataset_free(d);
	o.size = 0;
	CHECK_REFUSED("e", &o, CNN_BAD_ARG, "12 x 10");
}

static void in_a_tar(void)
{
	struct dataset_options o = own_size();
	static const char *const names[] = {"m/t10k-labels-idx1-ubyte", "m/t10k-images-idx3-ubyte",
	                                    "m/train-labels-idx1-ubyte",
	                                    "m/train-images-idx3-ubyte"};
	struct tar_file t = {0};
	make_both("m");
	for (size_t i = 0; i < 4; i++) {
		size_t len;
		uint8_t *bytes = test_read(data_path(names[i]), &len);
		tar_add(&t, names[i], '0', bytes, len);
		free(bytes);
	}
	tar_write(&t, "d.tar");
	free(t.p);
	CHECK(fingerprint_of("d.tar", &o) == fingerprint_of("m", &o));
}

static void hostile_headers(void)
{
	struct dataset_options o = own_size();
	static const struct {
		const char *head;
		const char *said;
	} cases[] = {
		{"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "its header says"},
		{"\0\0\x08\x04\x80\0\0\0\x80\0\0\0\0\0\0\x04", "its header says"},
		{"\0\0\x08\x03\0\0\0\x0b\0\0\0\x0a\0\0\0\x0a", "its header says 1116"},
		{"\0\0\x08\x03\0\0\0\x0d\0\0\0\x0a\0\0\0\x0a", "its header says 1316"},
		{"\0\0\x08\x03\0\0\0\0\0\0\0\x0a\0\0\0\x0a", "its header says 16"},
		{"\0\0\x0d\x03\0\0\0\x0c\0\0\0\x0a\0\0\0\x0a", "not an IDX file of bytes"},
		{"\0\0\x08\x05\0\0\0\x0c\0\0\0\x0a\0\0\0\x0a", "rank"},
		{"\0\0\x08\0\0\0\0\x0c\0\0\0\x0a\0\0\0\x0a", "not an IDX file"},
		{"\x89PNG\0\0\0\x0c\0\0\0\x0a\0\0\0\x0a", "not an IDX file"},
		{"\0\0\x08\x02\0\0\x04\xbc\0\0\0\x01\0\0\0\x0a", "rank 3"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		make_both("d");
		struct idx_file images = make_images(12, 10, 10, 1);
		memcpy(images.bytes, cases[i].head, 16);
		if (strstr(cases[i].said, "rank 3"))
			images.len = 12 + 0x4bc;
		put("d/train-images-idx3-ubyte", images);
		CHECK_REFUSED("d", &o, CNN_IO, cases[i].said);
	}
	for (size_t len = 0; len < 24; len++) {
		struct idx_file images = make_images(12, 10, 10, 1);
		images.len = len;
		put("d/train-images-idx3-ubyte", images);
		CHECK(open_data("d", &o) == NULL && data_error.code == CNN_IO);
	}
}

static void hostile_labels(void)
{
	struct dataset_options o = own_size();
	make_both("d");
	put("d/train-labels-idx1-ubyte", make_labels(11));
	CHECK_REFUSED("d", &o, CNN_IO, "not an IDX file of 12 labels");
	put("d/train-labels-idx1-ubyte", make_labels(13));
	CHECK_REFUSED("d", &o, CNN_IO, "train-labels-idx1-ubyte");
	CHECK(remove(data_path("d/train-labels-idx1-ubyte")) == 0);
	CHECK_REFUSED("d", &o, CNN_IO, "no file train-labels-idx1-ubyte");
	put("d/train-labels-idx1-ubyte.gz", make_labels(12));
	CHECK_REFUSED("d", &o, CNN_IO, "gunzip");

	make_both("e");
	data_file("e/labels.txt", "a\nb\n", 4);
	CHECK_REFUSED("e", &o, CNN_BAD_ARG, "label 2, but there are 2 classes");
	data_file("e/labels.txt", "a\n\nb\n", 5);
	CHECK_REFUSED("e", &o, CNN_BAD_ARG, "line 2 is empty");
	data_file("e/labels.txt", "a\nb\nc\nd\n", 8);
	CHECK_REFUSED("e", &o, CNN_BAD_ARG, "class 'd' has no pictures");
	data_file("e/labels.txt", "", 0);
	CHECK_REFUSED("e", &o, CNN_BAD_ARG, "there are 0 classes");
	CHECK(remove(data_path("e/labels.txt")) == 0);
	struct idx_file labels = make_labels(4);
	labels.bytes[9] = 9;
	put("e/t10k-labels-idx1-ubyte", labels);
	CHECK_REFUSED("e", &o, CNN_BAD_ARG, "label 9, but there are 3 classes");
	put("e/t10k-labels-idx1-ubyte", make_labels(4));
	put("e/t10k-images-idx3-ubyte", make_images(4, 9, 9, 1));
	CHECK_REFUSED("e", &o, CNN_IO, "not of the training pictures' size");
}

static void memory_is_limited(void)
{
	struct dataset_options o = own_size();
	make_both("d");
	o.max_bytes = 1600;
	dataset_free(need_data("d", &o));
	o.max_bytes = 1599;
	CHECK_REFUSED("d", &o, CNN_NO_MEMORY, "16 of 16");
}

TEST_MAIN({"as_they_are", as_they_are}, {"colour_and_other_names", colour_and_other_names},
          {"resized", resized}, {"in_a_tar", in_a_tar}, {"hostile_headers", hostile_headers},
          {"hostile_labels", hostile_labels}, {"memory_is_limited", memory_is_limited})
