#include "tests/test.h"

#include <png.h>

#include "engine/image/image.h"

enum { WIDTH = 21, HEIGHT = 13 };

static const struct image_decode_options rgb_options = {{4096, 1 << 24}, 3, 0, 0};
static const struct image_decode_options gray_options = {{4096, 1 << 24}, 1, 0, 0};

struct png_kind {
	int color, depth;
	bool interlaced;
	int orientation;  /* 0: no eXIf chunk */
	bool transparent; /* a tRNS chunk */
};

struct buffer {
	uint8_t *bytes;
	size_t len;
};

static void on_write(png_structp png, png_bytep data, size_t n)
{
	struct buffer *b = png_get_io_ptr(png);
	b->bytes = realloc(b->bytes, b->len + n);
	CHECK(b->bytes);
	memcpy(b->bytes + b->len, data, n);
	b->len += n;
}

static void on_flush(png_structp png)
{
	(void)png;
}

static int samples_of(int color)
{
	switch (color) {
	case PNG_COLOR_TYPE_RGB:
		return 3;
	case PNG_COLOR_TYPE_RGB_ALPHA:
		return 4;
	case PNG_COLOR_TYPE_GRAY_ALPHA:
		return 2;
	default:
		return 1;
	}
}

/* Sample s of pixel (x, y), as stored: 0 .. 2^depth - 1. */
static unsigned stored_sample(const struct png_kind *kind, int x, int y, int s)
{
	unsigned value = (unsigned)(x * 2741 + y * 5227 + s * 1009 + x * y * 331);
	return value & ((1u << kind->depth) - 1);
}

static void palette_entry(unsigned i, uint8_t *rgb)
{
	rgb[0] = (uint8_t)(i * 37);
	rgb[1] = (uint8_t)(255 - i);
	rgb[2] = (uint8_t)(i * 11 + 5);
}

static void set_exif(png_structp png, png_infop info, int orientation)
{
	uint8_t exif[] = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0";
	exif[19] = (uint8_t)orientation;
	png_set_eXIf_1(png, info, sizeof exif - 1, exif);
}

static void pack_row(const struct png_kind *kind, int y, uint8_t *row)
{
	int samples = samples_of(kind->color), bit = 0;
	memset(row, 0, WIDTH * 8);
	for (int i = 0; i < WIDTH * samples; i++, bit += kind->depth) {
		unsigned value = stored_sample(kind, i / samples, y, i % samples);
		if (kind->depth == 16) {
			row[2 * i] = (uint8_t)(value >> 8);
			row[2 * i + 1] = (uint8_t)value;
		} else {
			row[bit / 8] |= (uint8_t)(value << (8 - kind->depth - bit % 8));
		}
	}
}

static struct buffer encode(const struct png_kind *kind)
{
	struct buffer b = {0};
	uint8_t rows[HEIGHT][WIDTH * 8];
	png_bytep row_of[HEIGHT];
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	CHECK(png);
	png_infop info = png_create_info_struct(png);
	png_set_write_fn(png, &b, on_write, on_flush);
	png_set_IHDR(png, info, WIDTH, HEIGHT, kind->depth, kind->color,
	             kind->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
	             PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	if (kind->color == PNG_COLOR_TYPE_PALETTE) {
		png_color palette[256];
		unsigned n = 1u << kind->depth;
		for (unsigned i = 0; i < n; i++) {
			uint8_t rgb[3];
			palette_entry(i, rgb);
			palette[i] = (png_color){rgb[0], rgb[1], rgb[2]};
		}
		png_set_PLTE(png, info, palette, (int)n);
	}
	if (kind->transparent) {
		png_byte alpha[] = {0, 128};
		png_color_16 color = {.gray = 1, .red = 1, .green = 1, .blue = 1};
		png_set_tRNS(png, info, alpha, 2, &color);
	}
	if (kind->orientation)
		set_exif(png, info, kind->orientation);
	for (int y = 0; y < HEIGHT; y++) {
		pack_row(kind, y, rows[y]);
		row_of[y] = rows[y];
	}
	png_set_rows(png, info, row_of);
	png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
	png_destroy_write_struct(&png, &info);
	return b;
}

/* What the decoder should make of stored pixel (x, y). */
static void expected_rgb(const struct png_kind *kind, int x, int y, uint8_t *rgb)
{
	bool color = kind->color & PNG_COLOR_MASK_COLOR;
	if (kind->color == PNG_COLOR_TYPE_PALETTE) {
		palette_entry(stored_sample(kind, x, y, 0), rgb);
		return;
	}
	for (int c = 0; c < 3; c++) {
		unsigned value = stored_sample(kind, x, y, color ? c : 0);
		rgb[c] = (uint8_t)(kind->depth == 16 ? value >> 8
		                                     : value * 255 / ((1u << kind->depth) - 1));
	}
}

static const int colors[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_PALETTE,
                             PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB_ALPHA};
static const int depths[] = {1, 2, 4, 8, 16};

static bool exists(int color, int depth)
{
	if (color == PNG_COLOR_TYPE_PALETTE)
		return depth <= 8;
	return color == PNG_COLOR_TYPE_GRAY || depth >= 8;
}

static void check_kind(const struct png_kind *kind)
{
	struct buffer b = encode(kind);
	struct image rgb = {0}, gray = {0};
	CHECK_INT(image_decode(b.bytes, b.len, &rgb_options, &rgb, NULL), CNN_OK);
	CHECK_INT(image_decode(b.bytes, b.len, &gray_options, &gray, NULL), CNN_OK);
	CHECK_INT(rgb.width, WIDTH);
	CHECK_INT(rgb.height, HEIGHT);
	CHECK_INT(rgb.channels, 3);
	CHECK_INT(gray.channels, 1);
	for (int i = 0; i < WIDTH * HEIGHT; i++) {
		uint8_t want[3];
		expected_rgb(kind, i % WIDTH, i / WIDTH, want);
		for (int c = 0; c < 3; c++)
			CHECK_INT(rgb.px[3 * i + c], want[c]);
		unsigned luma =
			(19595u * want[0] + 38470u * want[1] + 7471u * want[2] + 0x8000u) >> 16;
		CHECK_INT(gray.px[i], luma);
	}
	image_clear(&rgb);
	image_clear(&gray);
	free(b.bytes);
}

static void every_kind(void)
{
	for (size_t c = 0; c < 5; c++)
		for (size_t d = 0; d < 5; d++)
			for (int variant = 0; exists(colors[c], depths[d]) && variant < 4;
			     variant++)
				check_kind(&(struct png_kind){
					.color = colors[c],
					.depth = depths[d],
					.interlaced = variant & 1,
					.transparent = (variant & 2) &&
				                       !(colors[c] & PNG_COLOR_MASK_ALPHA),
				});
}

static void orientation_chunk(void)
{
	for (int o = 1; o <= 8; o++) {
		const struct png_kind kind = {PNG_COLOR_TYPE_RGB, 8, o % 2, o, false};
		struct buffer b = encode(&kind);
		struct image_header header;
		struct image out = {0};
		CHECK_INT(image_probe(b.bytes, b.len, &header, NULL), CNN_OK);
		CHECK_INT(header.format, IMAGE_PNG);
		CHECK_INT(header.orientation, o);
		CHECK_INT(header.width, o >= 5 ? HEIGHT : WIDTH);
		CHECK_INT(image_decode(b.bytes, b.len, &rgb_options, &out, NULL), CNN_OK);
		CHECK_INT(out.width, header.width);
		CHECK_INT(out.height, header.height);
		/* Stored (0, 0) is seen at the right in 2, 3, 6, 7 and at the bottom in 3, 4, 7, 8. */
		bool right = o == 2 || o == 3 || o == 6 || o == 7;
		bool bottom = o == 3 || o == 4 || o == 7 || o == 8;
		int x = right ? out.width - 1 : 0, y = bottom ? out.height - 1 : 0;
		uint8_t want[3];
		expected_rgb(&kind, 0, 0, want);
		CHECK(memcmp(out.px + (y * out.width + x) * 3, want, 3) == 0);
		image_clear(&out);
		free(b.bytes);
	}
}

static void prefixes_are_refused(void)
{
	for (int interlaced = 0; interlaced < 2; interlaced++) {
		const struct png_kind kind = {PNG_COLOR_TYPE_RGB, 8, interlaced, 6, false};
		struct buffer b = encode(&kind);
		for (size_t n = 0; n < b.len; n++) {
			uint8_t *cut = malloc(n ? n : 1);
			CHECK(cut);
			memcpy(cut, b.bytes, n);
			struct image out = {0};
			struct cnn_error err = {0};
			enum cnn_status status = image_decode(cut, n, &rgb_options, &out, &err);
			CHECK_INT(status, n < 8 ? CNN_NOT_IMAGE : CNN_BAD_IMAGE);
			CHECK(out.px == NULL && err.text[0]);
			free(cut);
		}
		free(b.bytes);
	}
}

/* Any flipped bit from IHDR on breaks a checksum or the structure, except in skipped chunks. */
static void bit_flips_are_refused(void)
{
	const struct png_kind kind = {PNG_COLOR_TYPE_RGB_ALPHA, 8, false, 0, false};
	struct buffer b = encode(&kind);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		b.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		struct image out = {0};
		CHECK(image_decode(b.bytes, b.len, &rgb_options, &out, NULL) != CNN_OK);
		CHECK(out.px == NULL);
		b.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(b.bytes);
}

static void put32(uint8_t *p, unsigned long value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static unsigned long crc_of(const uint8_t *p, size_t n)
{
	unsigned long crc = 0xffffffff;
	for (; n > 0; n--, p++) {
		crc ^= *p;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	return crc ^ 0xffffffff;
}

static void size_limits(void)
{
	const struct png_kind kind = {PNG_COLOR_TYPE_RGB, 16, true, 0, false};
	struct buffer b = encode(&kind);
	struct image_header header;
	struct image out = {0};
	struct cnn_error err = {0};
	put32(b.bytes + 16, 0x7fffffff);
	put32(b.bytes + 20, 0x7fffffff);
	put32(b.bytes + 29, crc_of(b.bytes + 12, 17));
	CHECK_INT(image_probe(b.bytes, b.len, &header, &err), CNN_OK);
	CHECK_INT(header.width, 0x7fffffff);
	CHECK_INT(image_decode(b.bytes, b.len, &rgb_options, &out, &err), CNN_IMAGE_TOO_LARGE);
	put32(b.bytes + 16, 4096);
	put32(b.bytes + 20, 4097);
	put32(b.bytes + 29, crc_of(b.bytes + 12, 17));
	CHECK_INT(image_decode(b.bytes, b.len, &rgb_options, &out, &err), CNN_IMAGE_TOO_LARGE);
	put32(b.bytes + 20, 0);
	put32(b.bytes + 29, crc_of(b.bytes + 12, 17));
	CHECK_INT(image_probe(b.bytes, b.len, &header, &err), CNN_BAD_IMAGE);
	free(b.bytes);
}

/* A text chunk that would unpack to megabytes is skipped, not unpacked. */
static void text_chunks_are_skipped(void)
{
	const struct png_kind kind = {PNG_COLOR_TYPE_GRAY, 8, false, 0, false};
	struct buffer b = encode(&kind);
	static const uint8_t rubbish[] = "Comment\0\0not a zlib stream";
	size_t n = sizeof rubbish, after_header = 33;
	uint8_t *with = malloc(b.len + n + 12);
	CHECK(with);
	memcpy(with, b.bytes, after_header);
	put32(with + after_header, n);
	memcpy(with + after_header + 4, "zTXt", 4);
	memcpy(with + after_header + 8, rubbish, n);
	put32(with + after_header + 8 + n, crc_of(with + after_header + 4, n + 4));
	memcpy(with + after_header + 12 + n, b.bytes + after_header, b.len - after_header);
	struct image out = {0};
	CHECK_INT(image_decode(with, b.len + n + 12, &rgb_options, &out, NULL), CNN_OK);
	image_clear(&out);
	free(with);
	free(b.bytes);
}

TEST_MAIN({"every_kind", every_kind}, {"orientation_chunk", orientation_chunk},
          {"prefixes_are_refused", prefixes_are_refused},
          {"bit_flips_are_refused", bit_flips_are_refused}, {"size_limits", size_limits},
          {"text_chunks_are_skipped", text_chunks_are_skipped})
