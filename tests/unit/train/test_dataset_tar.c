#include "tests/unit/train/make_tar.h"

/* --- allocations that fail on demand -------------------------------------- */

/* Under a sanitizer malloc is its own, and stays so. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define COUNTED_MALLOC 0
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
		__has_feature(memory_sanitizer)
#		define COUNTED_MALLOC 0
#	endif
#endif
#if !defined(COUNTED_MALLOC) && defined(__GLIBC__)
#	define COUNTED_MALLOC 1
#endif

#if COUNTED_MALLOC
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static bool counting;
static long allocations, fail_at; /* fail_at counts from 1; 0: none fails */

static bool fails(void)
{
	return counting && ++allocations == fail_at;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}
#endif

/* --- tests ---------------------------------------------------------------- */

/* Six pictures of two classes. */
static void add_pictures(struct tar_file *t)
{
	static const char *const names[] = {"a/0.png", "a/1.png", "a/2.png",
	                                    "b/0.png", "b/1.png", "b/2.png"};
	for (int i = 0; i < 6; i++)
		tar_png(t, names[i], i);
}

static void add_pictures_as_folder(const char *folder)
{
	for (int i = 0; i < 6; i++) {
		char name[256];
		snprintf(name, sizeof name, "%s/%c/%d.png", folder, "ab"[i / 3], i % 3);
		data_png(name, 12, 10, i);
	}
}

static void same_as_the_folder(void)
{
	struct dataset_options o = data_options();
	struct tar_file t = {0}, dotted = {0};
	add_pictures(&t);
	tar_end(&t);
	tar_write(&t, "d.tar");
	add_pictures_as_folder("d");
	uint64_t want = fingerprint_of("d", &o);
	CHECK(fingerprint_of("d.tar", &o) == want);

	/* as "tar c ." writes it, in no order and within a folder */
	static const char *const names[] = {"./x/b/2.png", "./x/a/1.png", "./x/b/0.png",
	                                    "./x/a/0.png", "./x/a/2.png", "./x/b/1.png"};
	static const int looks[] = {5, 1, 3, 0, 2, 4};
	tar_add(&dotted, "./", '5', NULL, 0);
	tar_add(&dotted, "./x/", '5', NULL, 0);
	tar_add(&dotted, "./x/a/", '5', NULL, 0);
	for (int i = 0; i < 6; i++)
		tar_png(&dotted, names[i], looks[i]);
	tar_write(&dotted, "dotted.tar"); /* the end may be missing */
	CHECK(fingerprint_of("dotted.tar", &o) == want);
	struct dataset *d = need_data("dotted.tar", &o);
	CHECK(strncmp(dataset_get(d, DATASET_TRAIN, 0).file, "x/a/", 4) == 0);
	CHECK_INT(told.skips, 0);
	dataset_free(d);
	free(t.p);
	free(dotted.p);
}

static void tars_of_the_program(void)
{
	struct dataset_options o = data_options();
	static const char *const formats[] = {"v7", "ustar", "gnu", "posix", "oldgnu"};
	add_pictures_as_folder("d");
	if (system("tar --version >/dev/null 2>&1") != 0)
		SKIP("no tar");
	uint64_t want = fingerprint_of("d", &o);
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		char command[1024];
		snprintf(command, sizeof command, "tar --format=%s -C %s -cf %s d", formats[i],
		         data_path(""), data_path("d.tar"));
		CHECK(system(command) == 0);
		CHECK(fingerprint_of("d.tar", &o) == want);
	}
}

static void long_names(void)
{
	struct dataset_options o = data_options();
	struct tar_file t = {0};
	char name[300], record[400];
	o.val_fraction = 0;
	memset(name, 'n', sizeof name);
	add_pictures(&t);

	/* GNU: an entry holds the name, with its NUL */
	memcpy(name, "a/", 2);
	memcpy(name + 250, ".png", 5);
	tar_add(&t, "././@LongLink", 'L', name, 255);
	tar_png(&t, "a/nnn", 10);
	/* pax: a record of its own length */
	memcpy(name, "b/", 2);
	int n = snprintf(record, sizeof record, "%d path=%s\n", 254 + 10, name);
	CHECK_INT(n, 264);
	tar_add(&t, "PaxHeaders/x", 'x', record, (size_t)n);
	tar_png(&t, "b/nnn", 11);
	/* ustar: the folders in another field */
	size_t place = tar_png(&t, "z.png", 12);
	memcpy(t.p + place + 345, "b", 1);
	tar_sum(t.p + place);
	/* pax headers of the whole archive, and of others' programs */
	tar_add(&t, "pax_global_header", 'g', "19 comment=abcdefg\n", 19);
	tar_add(&t, "PaxHeaders/y", 'x', "12 mtime=12\n", 12);
	tar_png(&t, "b/last.png", 13);
	tar_end(&t);
	tar_write(&t, "d.tar");
	struct dataset *d = need_data("d.tar", &o);
	CHECK_INT(dataset_count(d, DATASET_TRAIN), 10);
	CHECK_STR(dataset_get(d, DATASET_TRAIN, 9).file, "b/z.png");
	CHECK_STR(dataset_get(d, DATASET_TRAIN, 8).file, name);
	CHECK_STR(dataset_get(d, DATASET_TRAIN, 7).file, "b/last.png");
	memcpy(name, "a/", 2);
	CHECK_STR(dataset_get(d, DATASET_TRAIN, 3).file, name);
	dataset_free(d);
	free(t.p);
}

static void sizes_of_all_kinds(void)
{
	struct dataset_options o = data_options();
	struct tar_file t = {0};
	add_pictures(&t);
	struct bytes png = make_png(12, 10, 3, 9);
	/* in base 256 */
	size_t place = tar_png(&t, "a/9.png", 9);
	uint8_t size[12] = {0x80, [10] = (uint8_t)(png.len >> 8), [11] = (uint8_t)png.len};
	memcpy(t.p + place + 124, size, 12);
	tar_sum(t.p + place);
	/* in a pax record, the header's being nonsense */
	char record[64];
	int n = snprintf(record, sizeof record, "%d size=%zu\n", png.len > 999 ? 13 : 12, png.len);
	tar_add(&t, "PaxHeaders/x", 'x', record, (size_t)n);
	place = tar_png(&t, "b/9.png", 9);
	snprintf((char *)t.p + place + 124, 12, "%011o", 1);
	tar_sum(t.p + place);
	tar_png(&t, "b/a.png", 9);
	tar_end(&t);
	tar_write(&t, "d.tar");
	struct dataset *d = need_data("d.tar", &o);
	CHECK_INT(dataset_count(d, DATASET_TRAIN) + dataset_count(d, DATASET_VAL), 9);
	CHECK_INT(told.skips, 0);
	dataset_free(d);
	free(png.p);
	free(t.p);
}

static void odd_entries(void)
{
	struct dataset_options o = data_options();
	struct tar_file t = {0};
	o.val_fraction = 0;
	add_pictures(&t);
	tar_png(&t, "b/0.png", 50); /* the newer one counts */
	tar_png(&t, "../a/up.png", 51);
	tar_png(&t, "/a/absolute.png", 52);
	tar_png(&t, "a//.hidden.png", 53);
	tar_add(&t, "a/link.png", '2', NULL, 0);
	size_t place = tar_add(&t, "a/hard.png", '1', NULL, 0);
	snprintf((char *)t.p + place + 124, 12, "%011o", 4096); /* of the file it leads to */
	tar_sum(t.p + place);
	tar_end(&t);
	tar_write(&t, "d.tar");
	/* 2 of 9 */
	CHECK_REFUSED("d.tar", &o, CNN_BAD_IMAGE, "2 of 9 files");
	t.len -= 2 * TAR_BLOCK;
	tar_png(&t, "a/8.png", 54);
	tar_end(&t);
	tar_write(&t, "d.tar");
	struct dataset *d = need_data("d.tar", &o);
	CHECK_INT(dataset_count(d, DATASET_TRAIN), 8);
	CHECK_STR(dataset_get(d, DATASET_TRAIN, 4).file, "a/absolute.png");
	CHECK_STR(told.reason, "a link in a .tar");
	dataset_free(d);

	tar_add(&t, "empty/", '5', NULL, 0); /* behind the end */
	tar_write(&t, "d.tar");
	dataset_free(need_data("d.tar", &o));
	free(t.p);
}

static void empty_classes(void)
{
	struct dataset_options o = data_options();
	struct tar_file t = {0};
	add_pictures(&t);
	tar_add(&t, "empty/", '5', NULL, 0);
	tar_end(&t);
	tar_write(&t, "d.tar");
	CHECK_REFUSED("d.tar", &o, CNN_BAD_ARG, "class 'empty' has no pictures");
	free(t.p);
}

static void other_files(void)
{
	struct dataset_options o = data_options();
	uint8_t noise[2000];
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)(i * 7 + 1);
	data_file("empty.tar", "", 0);
	CHECK_REFUSED("empty.tar", &o, CNN_IO, "empty");
	data_file("short.tar", "hello", 5);
	CHECK_REFUSED("short.tar", &o, CNN_IO, "neither a folder nor a .tar");
	data_file("noise.tar", noise, sizeof noise);
	CHECK_REFUSED("noise.tar", &o, CNN_IO, "neither a folder nor a .tar");
	memcpy(noise, "\x1f\x8b\x08", 3);
	data_file("packed.tar", noise, sizeof noise);
	CHECK_REFUSED("packed.tar", &o, CNN_IO, "compressed with gzip");
	memset(noise, 0, sizeof noise);
	data_file("zeros.tar", noise, sizeof noise);
	CHECK_REFUSED("zeros.tar", &o, CNN_IO, "neither a folder nor a .tar");
}

static void broken_headers(void)
{
	static const struct {
		size_t at;
		const char *bytes;
		size_t len;
		bool sum;
		const char *said;
	} cases[] = {
		{0, "X", 1, false, "wrong checksum"},
		{148, "zzzzzzz", 7, false, "wrong checksum"},
		{124, "77777777777", 11, true, "ends within"},
		{124, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12, true, "ends within"},
		{124, "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, true, "wrong size"},
		{124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, true, "wrong size"},
		{124, "-0000000001", 11, true, "wrong size"},
		{156, "L", 1, true, NULL}, /* a picture as a name */
		{156, "x", 1, true, "pax record"},
		{156, "S", 1, true, NULL},
	};
	struct dataset_options o = data_options();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct tar_file t = {0};
		add_pictures(&t);
		size_t place = tar_png(&t, "b/x.png", 9);
		tar_png(&t, "b/y.png", 10);
		tar_end(&t);
		memcpy(t.p + place + cases[i].at, cases[i].bytes, cases[i].len);
		if (cases[i].sum)
			tar_sum(t.p + place);
		tar_write(&t, "d.tar");
		if (cases[i].said)
			CHECK_REFUSED("d.tar", &o, CNN_IO, cases[i].said);
		else
			dataset_free(need_data("d.tar", &o));
		free(t.p);
	}
}

static void broken_extended_headers(void)
{
	static const char *const records[] = {"12 path=x\n",
	                                      "9 path=xy\n",
	                                      "path=x\n",
	                                      "1 \n",
	                                      "0 path=\n",
	                                      "99999999 path=x\n",
	                                      "8 nothing\n",
	                                      "11 size=1x\n",
	                                      "30 size=99999999999999999999\n",
	                                      "999999999999999999999 a=b\n"};
	struct dataset_options o = data_options();
	for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
		struct tar_file t = {0};
		add_pictures(&t);
		tar_add(&t, "x", 'x', records[i], strlen(records[i]));
		tar_png(&t, "b/x.png", 9);
		tar_write(&t, "d.tar");
		CHECK_REFUSED("d.tar", &o, CNN_IO, "pax record");
		free(t.p);
	}
	static char name[1 << 21];
	memset(name, 'n', sizeof name);
	for (size_t len = 5000; len <= sizeof name; len += sizeof name - 5000) {
		struct tar_file t = {0};
		add_pictures(&t);
		tar_add(&t, "x", 'L', name, len);
		tar_png(&t, "b/x.png", 9);
		tar_write(&t, "d.tar");
		CHECK_REFUSED("d.tar", &o, CNN_IO, "too long");
		free(t.p);
	}
}

/* Cut anywhere, an archive is refused unless it ends between two entries. */
static void truncated(void)
{
	struct dataset_options o = data_options();
	struct tar_file t = {0};
	add_pictures(&t);
	size_t last = tar_png(&t, "b/x.png", 9), png_end = t.len;
	while (t.p[png_end - 1] == 0)
		png_end--;
	for (size_t len = last + 1; len < png_end; len += 61) {
		data_file("d.tar", t.p, len);
		CHECK_REFUSED("d.tar", &o, CNN_IO, "ends within");
	}
	data_file("d.tar", t.p, last);
	dataset_free(need_data("d.tar", &o));
	data_file("d.tar", t.p, t.len);
	dataset_free(need_data("d.tar", &o));
	free(t.p);
}

/* Whatever the bytes, it ends and says why. */
static void noise_in_headers(void)
{
	struct dataset_options o = data_options();
	struct tar_file t = {0};
	uint64_t random = 12345;
	add_pictures(&t);
	tar_add(&t, "x", 'x', "12 path=b/w\n", 12);
	size_t places[] = {0, t.len - 2 * TAR_BLOCK, t.len};
	tar_png(&t, "b/x.png", 9);
	tar_end(&t);
	int opened = 0;
	for (int i = 0; i < 1500; i++) {
		struct tar_file noisy = {malloc(t.len), t.len};
		CHECK(noisy.p);
		memcpy(noisy.p, t.p, t.len);
		uint8_t *at = noisy.p + places[i % 3];
		for (int k = 0; k < 1 + i % 4; k++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			/* where it matters: size, type, magic, the pax record */
			size_t where = random >> 33 & 1023;
			at[i % 2 ? where : 120 + where % 40] = (uint8_t)(random >> 50);
		}
		tar_sum(at);
		tar_write(&noisy, "d.tar");
		struct dataset *d = open_data("d.tar", &o);
		opened += d != NULL;
		dataset_free(d);
		free(noisy.p);
	}
	CHECK(opened > 0 && opened < 1500);
	free(t.p);
}

static void every_allocation_may_fail(void)
{
#if COUNTED_MALLOC
	struct dataset_options o = data_options();
	struct tar_file t = {0};
	add_pictures(&t);
	tar_add(&t, "././@LongLink", 'L', "b/x.png", 8);
	tar_png(&t, "b/nnn", 10);
	tar_write(&t, "d.tar");
	free(t.p);
	const char *path = data_path("d.tar");
	long all = 0, survived = 0;
	for (long fail = 0; fail <= all; fail++) {
		struct dataset *d = NULL;
		struct cnn_error err = {0};
		memset(&told, 0, sizeof told);
		allocations = 0;
		fail_at = fail;
		counting = true;
		enum cnn_status status = dataset_open(path, &o, NULL, &d, &err);
		counting = false;
		CHECK_INT(told.skips, 0);
		if (fail == 0)
			all = allocations;
		if (status) {
			CHECK_INT(status, CNN_NO_MEMORY);
			CHECK(!d && strstr(err.text, "memory"));
		} else {
			survived++;
		}
		dataset_free(d);
	}
	CHECK(all > 30 && survived < all / 4);
#else
	SKIP("malloc belongs to the sanitizer");
#endif
}

TEST_MAIN({"same_as_the_folder", same_as_the_folder}, {"tars_of_the_program", tars_of_the_program},
          {"long_names", long_names}, {"sizes_of_all_kinds", sizes_of_all_kinds},
          {"odd_entries", odd_entries}, {"empty_classes", empty_classes},
          {"other_files", other_files}, {"broken_headers", broken_headers},
          {"broken_extended_headers", broken_extended_headers}, {"truncated", truncated},
          {"noise_in_headers", noise_in_headers},
          {"every_allocation_may_fail", every_allocation_may_fail})
