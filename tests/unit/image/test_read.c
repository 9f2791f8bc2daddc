#include <png.h>

#include "engine/image/image.h"
#include "tests/test.h"
#include "tests/unit/image/make_jpeg.h"

static const struct image_limits limits = {4096, 1 << 24};
static const struct image_fit small_fit = {32, 24, 3, 40, IMAGE_CROP_CENTER};

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

static bool counting;
static long allocations, fail_at; /* fail_at counts from 1; 0: none fails */
static size_t largest;

/* libjpeg's, libpng's and zlib's allocations come by here, too. */
void *malloc(size_t size)
{
	if (counting) {
		if (size > largest)
			largest = size;
		if (++allocations == fail_at)
			return NULL;
	}
	return __libc_malloc(size);
}

static enum cnn_status counted_read(const uint8_t *bytes, size_t len, long fail, struct image *out,
                                    struct cnn_error *err)
{
	allocations = 0;
	largest = 0;
	fail_at = fail;
	counting = true;
	enum cnn_status status = image_read(bytes, len, &limits, true, &small_fit, out, NULL, err);
	counting = false;
	return status;
}
#endif

/* --- pictures made here --------------------------------------------------- */

static uint8_t *make_jpeg(int width, int height, bool progressive, size_t *len)
{
	const struct jpeg_kind kind = {
		.quality = 75, .components = 3, .progressive = progressive, .smooth = true};
	return encode(&kind, width, height, len);
}

static uint8_t *make_png(int width, int height, size_t *len)
{
	uint8_t *pixels = malloc((size_t)(width * height) * 4);
	CHECK(pixels);
	for (int i = 0; i < width * height * 4; i++)
		pixels[i] = (uint8_t)(i * 7 + i / width);
	png_image image = {.version = PNG_IMAGE_VERSION,
	                   .width = (png_uint_32)width,
	                   .height = (png_uint_32)height,
	                   .format = PNG_FORMAT_RGBA};
	png_alloc_size_t size = 0;
	CHECK(png_image_write_to_memory(&image, NULL, &size, 0, pixels, 0, NULL));
	uint8_t *bytes = malloc(size);
	CHECK(bytes && png_image_write_to_memory(&image, bytes, &size, 0, pixels, 0, NULL));
	free(pixels);
	*len = size;
	return bytes;
}

/* --- tests ---------------------------------------------------------------- */

static void other_files_are_named(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *named;
	} files[] = {
		{"", 0, "0 bytes"},
		{"\xff\xd8", 2, "not a JPEG or PNG"},
		{"GIF89a", 6, "GIF"},
		{"RIFF\0\0\0\0WEBPVP8 ", 16, "WebP"},
		{"\0\0\0\x18"
	         "ftypheic",
	         12, "HEIC"},
		{"<html>", 6, "not a JPEG or PNG"},
	};
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		const uint8_t *bytes = (const uint8_t *)files[i].bytes;
		struct cnn_error err = {0};
		struct image_header header;
		struct image out = {0};
		CHECK_INT(image_probe(bytes, files[i].len, &header, &err), CNN_NOT_IMAGE);
		CHECK(strstr(err.text, files[i].named));
		CHECK_INT(image_read(bytes, files[i].len, &limits, true, &small_fit, &out, NULL,
		                     &err),
		          CNN_NOT_IMAGE);
		CHECK(out.px == NULL);
	}
}

static void format_names(void)
{
	CHECK_STR(image_format_name(IMAGE_JPEG), "jpeg");
	CHECK_STR(image_format_name(IMAGE_PNG), "png");
}

static void clear_is_null_safe(void)
{
	struct image img = {malloc(3), 1, 1, 3};
	image_clear(NULL);
	image_clear(&img);
	image_clear(&img);
	CHECK(img.px == NULL && img.width == 0);
}

static void header_is_given_when_decoding_fails(void)
{
	size_t len;
	uint8_t *bytes = make_jpeg(200, 100, false, &len);
	struct image_header header = {0};
	struct image out = {0};
	struct cnn_error err = {0};
	CHECK_INT(image_read(bytes, len / 2, &limits, true, &small_fit, &out, &header, &err),
	          CNN_BAD_IMAGE);
	CHECK_INT(header.width, 200);
	CHECK_INT(header.height, 100);
	CHECK(out.px == NULL);
	free(bytes);
}

static void header_tells_gray(void)
{
	const struct jpeg_kind gray = {.quality = 75, .components = 1};
	struct image_header header = {0};
	size_t len;
	uint8_t *bytes = encode(&gray, 16, 16, &len);
	CHECK_INT(image_probe(bytes, len, &header, NULL), CNN_OK);
	CHECK_INT(header.channels, 1);
	free(bytes);
	bytes = make_jpeg(16, 16, false, &len);
	CHECK_INT(image_probe(bytes, len, &header, NULL), CNN_OK);
	CHECK_INT(header.channels, 3);
	free(bytes);
	bytes = make_png(16, 16, &len);
	CHECK_INT(image_probe(bytes, len, &header, NULL), CNN_OK);
	CHECK_INT(header.channels, 3);
	free(bytes);
}

/* The size and the cut come from the whole picture's size, not from the reduced one's. */
static void scaling_keeps_the_geometry(void)
{
	static const int sizes[][2] = {{640, 480}, {641, 479}, {1001, 333}, {90, 1207}, {79, 47}};
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		size_t len;
		uint8_t *bytes = make_jpeg(sizes[s][0], sizes[s][1], s % 2, &len);
		struct image exact = {0}, scaled = {0};
		CHECK_INT(image_read(bytes, len, &limits, false, &small_fit, &exact, NULL, NULL),
		          CNN_OK);
		CHECK_INT(image_read(bytes, len, &limits, true, &small_fit, &scaled, NULL, NULL),
		          CNN_OK);
		CHECK_INT(scaled.width, exact.width);
		CHECK_INT(scaled.height, exact.height);
		double sum = 0;
		int n = exact.width * exact.height * 3;
		for (int i = 0; i < n; i++)
			sum += abs(exact.px[i] - scaled.px[i]);
		CHECK(sum / n < 2.0);
		image_clear(&exact);
		image_clear(&scaled);
		free(bytes);
	}
}

static void bad_arguments(void)
{
	size_t len;
	uint8_t *bytes = make_png(8, 8, &len);
	struct image out = {0};
	struct image_fit fit = small_fit;
	fit.channels = 4;
	CHECK_INT(image_read(bytes, len, &limits, true, &fit, &out, NULL, NULL), CNN_BAD_ARG);
	const struct image_decode_options options = {limits, 2, 0, 0};
	CHECK_INT(image_decode(bytes, len, &options, &out, NULL), CNN_BAD_ARG);
	CHECK(out.px == NULL);
	free(bytes);
}

static void every_allocation_may_fail(void)
{
#if COUNTED_MALLOC
	for (int kind = 0; kind < 3; kind++) {
		size_t len;
		uint8_t *bytes =
			kind == 2 ? make_png(70, 50, &len) : make_jpeg(300, 200, kind == 1, &len);
		struct image out = {0};
		struct cnn_error err = {0};
		CHECK_INT(counted_read(bytes, len, 0, &out, &err), CNN_OK);
		image_clear(&out);
		long all = allocations, survived = 0;
		CHECK(all > 5);
		for (long fail = 1; fail <= all; fail++) {
			if (counted_read(bytes, len, fail, &out, &err) == CNN_OK) {
				survived++; /* libjpeg asks again, for less */
				image_clear(&out);
				continue;
			}
			CHECK_INT(err.code, CNN_NO_MEMORY);
			CHECK(out.px == NULL && strstr(err.text, "memory"));
		}
		CHECK(survived < all / 2);
		free(bytes);
	}
#else
	SKIP("malloc belongs to the sanitizer");
#endif
}

/* Sizes that are over the limits, or that the data cannot fill, cost no memory. */
static void headers_alone_allocate_little(void)
{
#if COUNTED_MALLOC
	size_t len;
	uint8_t *bytes = make_jpeg(16, 16, true, &len);
	for (size_t i = 2; i + 9 < len; i++)
		if (bytes[i] == 0xff && bytes[i + 1] == 0xc2)
			memcpy(bytes + i + 5, "\xff\xdc\xff\xdc", 4); /* 65500 x 65500 */
	struct image out = {0};
	struct cnn_error err = {0};
	CHECK_INT(counted_read(bytes, len, 0, &out, &err), CNN_IMAGE_TOO_LARGE);
	CHECK(largest < 1 << 17);
	free(bytes);
#else
	SKIP("malloc belongs to the sanitizer");
#endif
}

TEST_MAIN({"other_files_are_named", other_files_are_named}, {"format_names", format_names},
          {"clear_is_null_safe", clear_is_null_safe},
          {"header_is_given_when_decoding_fails", header_is_given_when_decoding_fails},
          {"header_tells_gray", header_tells_gray},
          {"scaling_keeps_the_geometry", scaling_keeps_the_geometry},
          {"bad_arguments", bad_arguments},
          {"every_allocation_may_fail", every_allocation_may_fail},
          {"headers_alone_allocate_little", headers_alone_allocate_little})
