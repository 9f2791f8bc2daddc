/* make_data.h - small data sets in a folder of their own, which goes away when the test ends. */
#ifndef TESTS_UNIT_TRAIN_MAKE_DATA_H
#define TESTS_UNIT_TRAIN_MAKE_DATA_H
#include <ftw.h>
#include <png.h>
#include <sys/stat.h>

#include "engine/train.h"
#include "tests/test.h"

static char data_root[64];

static int data_remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	return remove(path);
}

static void data_remove(void)
{
	nftw(data_root, data_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A path below the test's folder; the string is static, four at a time. */
static const char *data_path(const char *name)
{
	static char paths[4][512];
	static int turn;
	if (!data_root[0]) {
		strcpy(data_root, "/tmp/convd-data-XXXXXX");
		CHECK(mkdtemp(data_root));
		atexit(data_remove);
	}
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", data_root, name);
	return path;
}

static void data_folder(const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s", data_path(name));
	for (char *p = path + strlen(data_root) + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(path, 0755);
			*p = '/';
		}
	mkdir(path, 0755);
}

/* A file, and the folders above it. */
static void data_file(const char *name, const void *bytes, size_t len)
{
	char folder[512];
	snprintf(folder, sizeof folder, "%s", name);
	char *slash = strrchr(folder, '/');
	if (slash) {
		*slash = '\0';
		data_folder(folder);
	}
	FILE *f = fopen(data_path(name), "wb");
	CHECK(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

struct bytes {
	uint8_t *p;
	size_t len;
};

/* A PNG whose pixels follow from `look`. */
static struct bytes make_png(int width, int height, int channels, int look)
{
	size_t n = (size_t)(width * height * channels);
	uint8_t *pixels = malloc(n);
	CHECK(pixels);
	for (size_t i = 0; i < n; i++)
		pixels[i] = (uint8_t)(i * 5 + (size_t)look * 31 + i * i % 7);
	png_image image = {.version = PNG_IMAGE_VERSION,
	                   .width = (png_uint_32)width,
	                   .height = (png_uint_32)height,
	                   .format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
	png_alloc_size_t size = 0;
	CHECK(png_image_write_to_memory(&image, NULL, &size, 0, pixels, 0, NULL));
	struct bytes out = {malloc(size), size};
	CHECK(out.p && png_image_write_to_memory(&image, out.p, &size, 0, pixels, 0, NULL));
	free(pixels);
	return out;
}

__attribute__((unused)) static void data_png(const char *name, int width, int height, int look)
{
	struct bytes png = make_png(width, height, 3, look);
	data_file(name, png.p, png.len);
	free(png.p);
}

/* What the callbacks were told. */
struct told {
	int skips;
	char file[256], reason[256]; /* of the last one */
	size_t done, total;
};

static void on_skip(void *ctx, const char *file, const char *reason)
{
	struct told *t = ctx;
	t->skips++;
	snprintf(t->file, sizeof t->file, "%s", file);
	snprintf(t->reason, sizeof t->reason, "%s", reason);
}

static void on_progress(void *ctx, size_t done, size_t total)
{
	struct told *t = ctx;
	CHECK(done > t->done && done <= total);
	t->done = done;
	t->total = total;
}

static struct told told;

/* For pictures of 8 x 8. */
static struct dataset_options data_options(void)
{
	return (struct dataset_options){
		.size = 8,
		.val_fraction = 0.25,
		.seed = 7,
		.max_pixels = 1 << 20,
		.max_bytes = 1 << 24,
		.on_skip = on_skip,
		.on_progress = on_progress,
		.ctx = &told,
	};
}

static struct cnn_error data_error;

/* NULL when it was refused, for data_error's reason. */
static struct dataset *open_data(const char *name, const struct dataset_options *options)
{
	struct dataset *d = NULL;
	memset(&told, 0, sizeof told);
	memset(&data_error, 0, sizeof data_error);
	struct cnn_pool *pool = cnn_pool_new(3);
	CHECK(pool);
	enum cnn_status status = dataset_open(data_path(name), options, pool, &d, &data_error);
	cnn_pool_free(pool);
	if (status) {
		CHECK(!d && data_error.code == status && data_error.text[0]);
		return NULL;
	}
	return d;
}

static struct dataset *need_data(const char *name, const struct dataset_options *options)
{
	struct dataset *d = open_data(name, options);
	if (!d)
		fprintf(stderr, "%s\n", data_error.text);
	CHECK(d);
	return d;
}

#define CHECK_REFUSED(name, options, status, part)                      \
	do {                                                            \
		CHECK(open_data((name), (options)) == NULL);            \
		CHECK_INT(data_error.code, (status));                   \
		if (!strstr(data_error.text, (part)))                   \
			fprintf(stderr, "said: %s\n", data_error.text); \
		CHECK(strstr(data_error.text, (part)));                 \
	} while (0)

static uint64_t fingerprint_of(const char *name, const struct dataset_options *options)
{
	struct dataset *d = need_data(name, options);
	uint64_t fingerprint = dataset_fingerprint(d);
	dataset_free(d);
	return fingerprint;
}

#endif
