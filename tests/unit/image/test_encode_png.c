#include "tests/test.h"

#include "engine/image/encode_png.h"

static struct image noise(int32_t width, int32_t height, int32_t channels)
{
	size_t n = (size_t)width * (size_t)height * (size_t)channels;
	struct image img = {malloc(n), width, height, channels};
	CHECK(img.px);
	uint32_t seed = 7;
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		img.px[i] = (uint8_t)(seed >> 24);
	}
	return img;
}

/* What is written is read back, pixel by pixel. */
static void survives_the_way(int32_t width, int32_t height, int32_t channels)
{
	struct image img = noise(width, height, channels), back = {0};
	uint8_t *bytes;
	size_t len;
	CHECK_INT(image_encode_png(&img, &bytes, &len, NULL), CNN_OK);
	struct image_header header;
	CHECK_INT(image_probe(bytes, len, &header, NULL), CNN_OK);
	CHECK_INT(header.format, IMAGE_PNG);
	const struct image_decode_options options = {{65535, 1 << 28}, channels, 0, 0};
	CHECK_INT(image_decode(bytes, len, &options, &back, NULL), CNN_OK);
	CHECK_INT(back.width, width);
	CHECK_INT(back.height, height);
	CHECK(memcmp(back.px, img.px, (size_t)width * (size_t)height * (size_t)channels) == 0);
	image_clear(&back);
	image_clear(&img);
	free(bytes);
}

static void pictures_survive_the_way(void)
{
	const int32_t sides[] = {1, 2, 7, 64, 300};
	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < 5; k++) {
			survives_the_way(sides[i], sides[k], 1);
			survives_the_way(sides[i], sides[k], 3);
		}
	survives_the_way(20000, 1, 3);
}

static void other_pictures_are_refused(void)
{
	uint8_t px[16] = {0}, *bytes = px;
	size_t len = 1;
	const struct image bad[] = {
		{px, 2, 2, 2}, {px, 2, 2, 4}, {px, 0, 2, 1}, {px, 2, -1, 1}, {NULL, 2, 2, 1},
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct cnn_error err = {0};
		CHECK_INT(image_encode_png(&bad[i], &bytes, &len, &err), CNN_BAD_ARG);
		CHECK(bytes == NULL && err.text[0]);
	}
	/* wider than a PNG may be */
	const struct image wide = {px, INT32_MAX, 1, 1};
	struct cnn_error err = {0};
	CHECK(image_encode_png(&wide, &bytes, &len, &err) != CNN_OK && bytes == NULL);
	CHECK(err.text[0]);
}

TEST_MAIN({"pictures_survive_the_way", pictures_survive_the_way},
          {"other_pictures_are_refused", other_pictures_are_refused})
