#include "engine/image/image.h"
#include "tests/test.h"
#include "tests/unit/image/make_jpeg.h"

static const struct image_limits limits = {65500, 100000000};

static enum cnn_status decode(const uint8_t *bytes, size_t len, struct image *out,
                              struct cnn_error *err)
{
	const struct image_decode_options options = {limits, 3, 0, 0};
	return image_decode(bytes, len, &options, out, err);
}

/* --- truncation ----------------------------------------------------------- */

/* Every proper prefix is refused, or decodes to the whole picture. Copies have no slack, so that
 * a sanitizer sees reads past the end. */
static size_t check_prefixes(const uint8_t *bytes, size_t len)
{
	struct image whole = {0};
	struct cnn_error err = {0};
	CHECK_INT(decode(bytes, len, &whole, &err), CNN_OK);
	size_t accepted = 0;
	size_t pixels = (size_t)whole.width * (size_t)whole.height * 3;
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n ? n : 1);
		CHECK(cut);
		memcpy(cut, bytes, n);
		struct image got = {0};
		enum cnn_status status = decode(cut, n, &got, &err);
		if (status == CNN_OK) {
			CHECK_INT(got.width, whole.width);
			CHECK_INT(got.height, whole.height);
			CHECK(memcmp(got.px, whole.px, pixels) == 0);
			accepted++;
		} else {
			CHECK(got.px == NULL);
			CHECK_INT(status, n < 3 ? CNN_NOT_IMAGE : CNN_BAD_IMAGE);
			CHECK_INT(err.code, status);
			CHECK(err.text[0] != '\0');
		}
		image_clear(&got);
		free(cut);
	}
	image_clear(&whole);
	return accepted;
}

static const struct jpeg_kind kinds[] = {
	{.quality = 75, .components = 3},
	{.quality = 75, .components = 1},
	{.quality = 75, .components = 3, .restart_rows = 1},
	{.quality = 75, .components = 3, .separate_scans = true},
	{.quality = 75, .components = 3, .progressive = true},
	{.quality = 75, .components = 1, .progressive = true, .restart_rows = 1},
	{.quality = 75, .components = 3, .arithmetic = true},
	{.quality = 75, .components = 3, .arithmetic = true, .progressive = true},
};

static void prefixes_of_every_kind(void)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		size_t len;
		uint8_t *bytes = encode(&kinds[i], 37, 41, &len);
		size_t accepted = check_prefixes(bytes, len);
		/* Without the end-of-image marker, or with half of it, a file is still whole;
		 * an arithmetic decoder cannot know that. */
		CHECK(accepted <= 2);
		if (!kinds[i].arithmetic)
			CHECK_INT(accepted, 2);
		free(bytes);
	}
}

static void prefixes_of_real_files(void)
{
	static const char *const names[] = {
		"mozilla/jpg-size-33x33.jpg",
		"mozilla/jpg-progressive.jpg",
		"mozilla/jpg-cmyk-1.jpg",
		"mozilla/jpg-gray.jpg",
		"restarts.jpg",
		"non-interleaved-mcu.jpg",
		"grayscale_long.jpg",
		"16bit-qtables.jpg",
		"extraneous-data.jpg",
		"blank_800x280.jpg",
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char name[256];
		size_t len;
		snprintf(name, sizeof name, "jpeg/jpeg-decoder-reftest/%s", names[i]);
		uint8_t *bytes = test_read(test_data(name), &len);
		check_prefixes(bytes, len);
		free(bytes);
	}
}

/* A file that was cut and then closed with an end-of-image marker. */
static void cut_and_closed(void)
{
	for (size_t i = 0; i < 4; i++) {
		size_t len;
		uint8_t *bytes = encode(&kinds[i], 64, 64, &len);
		for (size_t n = len / 2; n < len - 8; n++) {
			uint8_t *cut = malloc(n + 2);
			CHECK(cut);
			memcpy(cut, bytes, n);
			cut[n] = 0xff;
			cut[n + 1] = 0xd9;
			struct image out = {0};
			CHECK_INT(decode(cut, n + 2, &out, NULL), CNN_BAD_IMAGE);
			free(cut);
		}
		free(bytes);
	}
}

/* --- what is accepted and what is not ------------------------------------- */

static void real_files(void)
{
	static const struct {
		const char *name;
		enum cnn_status status;
	} files[] = {
		{"jpeg-decoder-reftest/partial_progressive.jpg", CNN_OK},
		{"jpeg-decoder-reftest/progressive-missing-ac.jpg", CNN_OK},
		{"jpeg-decoder-reftest/progressive-missing-dc.jpg", CNN_OK},
		{"jpeg-decoder-reftest/extraneous-data.jpg", CNN_OK},
		{"jpeg-decoder-reftest/mjpeg.jpg", CNN_OK},
		{"jpeg-decoder-reftest/ycck.jpg", CNN_OK},
		{"libjpeg-turbo-testimages/testimgari.jpg", CNN_OK},
		{"libjpeg-turbo-testimages/monkey12.jpg", CNN_NOT_IMAGE},
		{"jpeg-decoder-reftest/lossless/1/jpeg_lossless_sel1-8bit.jpg", CNN_NOT_IMAGE},
	};
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char name[256];
		size_t len;
		snprintf(name, sizeof name, "jpeg/%s", files[i].name);
		uint8_t *bytes = test_read(test_data(name), &len);
		struct image out = {0};
		CHECK_INT(decode(bytes, len, &out, NULL), files[i].status);
		image_clear(&out);
		free(bytes);
	}
}

static void what_follows_the_picture_is_ignored(void)
{
	size_t len;
	uint8_t *bytes = encode(&kinds[0], 20, 20, &len);
	uint8_t *more = malloc(len + 100);
	CHECK(more);
	memcpy(more, bytes, len);
	memset(more + len, 0x5a, 100);
	struct image out = {0};
	CHECK_INT(decode(more, len + 100, &out, NULL), CNN_OK);
	image_clear(&out);
	free(more);
	free(bytes);
}

/* A sequential file with a scan too few shows wrong colours, whatever its end looks like. */
static void missing_component(void)
{
	size_t len;
	uint8_t *bytes = encode(&kinds[3], 20, 20, &len);
	size_t last_scan = 0;
	for (size_t i = 0; i + 1 < len; i++)
		if (bytes[i] == 0xff && bytes[i + 1] == 0xda)
			last_scan = i;
	bytes[last_scan + 1] = 0xd9;
	struct image out = {0};
	CHECK_INT(decode(bytes, last_scan + 2, &out, NULL), CNN_BAD_IMAGE);
	free(bytes);
}

static void bit_flips_never_crash(void)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		size_t len;
		uint8_t *bytes = encode(&kinds[i], 24, 24, &len);
		const struct image_decode_options options = {{4096, 1 << 20}, 3, 0, 0};
		for (size_t bit = 0; bit < len * 8; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			struct image out = {0};
			enum cnn_status status = image_decode(bytes, len, &options, &out, NULL);
			CHECK((status == CNN_OK) == (out.px != NULL));
			image_clear(&out);
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		free(bytes);
	}
}

/* --- limits --------------------------------------------------------------- */

/* Where the frame header says how large the picture is: height, then width. */
static uint8_t *find_size(uint8_t *bytes, size_t len)
{
	for (size_t i = 2; i + 9 < len; i++)
		if (bytes[i] == 0xff && bytes[i + 1] >= 0xc0 && bytes[i + 1] <= 0xc2)
			return bytes + i + 5;
	return NULL;
}

static void set_size(uint8_t *bytes, size_t len, int width, int height)
{
	uint8_t *p = find_size(bytes, len);
	CHECK(p);
	p[0] = (uint8_t)(height >> 8);
	p[1] = (uint8_t)height;
	p[2] = (uint8_t)(width >> 8);
	p[3] = (uint8_t)width;
}

static void size_limits(void)
{
	size_t len;
	struct cnn_error err = {0};
	struct image out = {0};
	struct image_header header;
	uint8_t *bytes = encode(&kinds[4], 16, 16, &len);

	set_size(bytes, len, 65500, 65500);
	CHECK_INT(image_probe(bytes, len, &header, &err), CNN_OK);
	CHECK_INT(header.width, 65500);
	CHECK_INT(decode(bytes, len, &out, &err), CNN_IMAGE_TOO_LARGE);
	CHECK(strstr(err.text, "65500 x 65500"));
	set_size(bytes, len, 65535, 65535); /* more than libjpeg itself takes */
	CHECK_INT(decode(bytes, len, &out, &err), CNN_IMAGE_TOO_LARGE);
	set_size(bytes, len, 0, 16);
	CHECK_INT(decode(bytes, len, &out, &err), CNN_BAD_IMAGE);
	set_size(bytes, len, 16, 16);

	struct image_decode_options options = {{16, 256}, 3, 0, 0};
	CHECK_INT(image_decode(bytes, len, &options, &out, &err), CNN_OK);
	image_clear(&out);
	options.limits = (struct image_limits){15, 256};
	CHECK_INT(image_decode(bytes, len, &options, &out, &err), CNN_IMAGE_TOO_LARGE);
	options.limits = (struct image_limits){16, 255};
	CHECK_INT(image_decode(bytes, len, &options, &out, &err), CNN_IMAGE_TOO_LARGE);
	CHECK(out.px == NULL);
	free(bytes);
}

/* A progressive file whose last scan is repeated many times over. */
static void scan_bomb(void)
{
	/* Refining a flat picture changes nothing, so the repeated scan stays valid. */
	const struct jpeg_kind flat = {
		.quality = 75, .components = 3, .progressive = true, .flat = true};
	size_t len;
	uint8_t *bytes = encode(&flat, 16, 16, &len);
	size_t last_scan = 0;
	for (size_t i = 0; i + 1 < len; i++)
		if (bytes[i] == 0xff && bytes[i + 1] == 0xda)
			last_scan = i;
	size_t scan = len - 2 - last_scan, repeats = 600;
	uint8_t *bomb = malloc(len + repeats * scan);
	CHECK(bomb);
	memcpy(bomb, bytes, len - 2);
	size_t at = len - 2;
	for (size_t i = 0; i < repeats; i++, at += scan)
		memcpy(bomb + at, bytes + last_scan, scan);
	memcpy(bomb + at, "\xff\xd9", 2);
	struct image out = {0};
	struct cnn_error err = {0};
	CHECK_INT(decode(bomb, at + 2, &out, &err), CNN_BAD_IMAGE);
	CHECK(strstr(err.text, "too many scans"));
	free(bomb);
	free(bytes);
}

/* --- size and colour ------------------------------------------------------ */

static void dct_scaling(void)
{
	static const struct {
		int min_width, min_height, width, height;
	} cases[] = {
		{0, 0, 400, 240},     {400, 240, 400, 240}, {201, 1, 400, 240},
		{200, 120, 200, 120}, {200, 121, 400, 240}, {100, 1, 100, 60},
		{1, 1, 50, 30},       {1, 0, 400, 240},
	};
	size_t len;
	uint8_t *bytes = encode(&kinds[0], 400, 240, &len);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct image_decode_options options = {limits, 3, cases[i].min_width,
		                                             cases[i].min_height};
		struct image out = {0};
		CHECK_INT(image_decode(bytes, len, &options, &out, NULL), CNN_OK);
		CHECK_INT(out.width, cases[i].width);
		CHECK_INT(out.height, cases[i].height);
		image_clear(&out);
	}
	free(bytes);
}

static void luma_is_of_the_rgb(void)
{
	size_t len;
	uint8_t *bytes = encode(&kinds[0], 33, 17, &len);
	const struct image_decode_options options = {limits, 1, 0, 0};
	struct image rgb = {0}, gray = {0};
	CHECK_INT(decode(bytes, len, &rgb, NULL), CNN_OK);
	CHECK_INT(image_decode(bytes, len, &options, &gray, NULL), CNN_OK);
	CHECK_INT(gray.channels, 1);
	for (size_t i = 0; i < 33 * 17; i++) {
		const uint8_t *p = rgb.px + 3 * i;
		CHECK_INT(gray.px[i],
		          (19595u * p[0] + 38470u * p[1] + 7471u * p[2] + 0x8000u) >> 16);
	}
	image_clear(&rgb);
	image_clear(&gray);
	free(bytes);
}

TEST_MAIN({"prefixes_of_every_kind", prefixes_of_every_kind},
          {"prefixes_of_real_files", prefixes_of_real_files}, {"cut_and_closed", cut_and_closed},
          {"real_files", real_files},
          {"what_follows_the_picture_is_ignored", what_follows_the_picture_is_ignored},
          {"missing_component", missing_component},
          {"bit_flips_never_crash", bit_flips_never_crash}, {"size_limits", size_limits},
          {"scan_bomb", scan_bomb}, {"dct_scaling", dct_scaling},
          {"luma_is_of_the_rgb", luma_is_of_the_rgb})
