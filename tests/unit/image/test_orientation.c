#include "engine/image/image.h"
#include "tests/test.h"
#include "tests/unit/image/make_jpeg.h"

static const struct image_decode_options options = {{4096, 1 << 24}, 3, 0, 0};
static const struct jpeg_kind gray = {.quality = 100, .components = 1};

/* A TIFF header and a directory whose only entry is the orientation. */
static size_t make_exif(uint8_t *out, bool big_endian, uint8_t orientation)
{
	static const uint8_t little[] =
		"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0"
		"\0\0\0\0";
	static const uint8_t big[] = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0"
				     "\0\0\0\0";
	memcpy(out, big_endian ? big : little, sizeof little - 1);
	out[big_endian ? 25 : 24] = orientation;
	return sizeof little - 1;
}

static void orientations(void)
{
	/* Where the stored corner (0, 0) and its right neighbour are seen, in a 24 x 16 picture. */
	static const int seen[9][4] = {
		{0, 0, 1, 0}, {0, 0, 1, 0},   {23, 0, 22, 0},   {23, 15, 22, 15}, {0, 15, 1, 15},
		{0, 0, 0, 1}, {15, 0, 15, 1}, {15, 23, 15, 22}, {0, 23, 0, 22},
	};
	size_t len;
	uint8_t *bytes = encode(&gray, 24, 16, &len);
	struct image plain = {0};
	CHECK_INT(image_decode(bytes, len, &options, &plain, NULL), CNN_OK);
	for (int o = 0; o <= 9; o++) {
		for (int big_endian = 0; big_endian < 2; big_endian++) {
			uint8_t exif[64];
			size_t turned_len;
			size_t n = make_exif(exif, big_endian, (uint8_t)o);
			uint8_t *turned = with_segment(bytes, len, 0xe1, exif, n, &turned_len);
			struct image_header header;
			CHECK_INT(image_probe(turned, turned_len, &header, NULL), CNN_OK);
			int want = o >= 1 && o <= 8 ? o : 1;
			CHECK_INT(header.orientation, want);
			CHECK_INT(header.width, want >= 5 ? 16 : 24);
			CHECK_INT(header.height, want >= 5 ? 24 : 16);
			struct image out = {0};
			CHECK_INT(image_decode(turned, turned_len, &options, &out, NULL), CNN_OK);
			CHECK_INT(out.width, header.width);
			CHECK_INT(out.height, header.height);
			const int *at = seen[want];
			for (int c = 0; c < 3; c++) {
				CHECK_INT(out.px[(at[1] * out.width + at[0]) * 3 + c], plain.px[c]);
				CHECK_INT(out.px[(at[3] * out.width + at[2]) * 3 + c],
				          plain.px[3 + c]);
			}
			image_clear(&out);
			free(turned);
		}
	}
	image_clear(&plain);
	free(bytes);
}

static void broken_exif_is_orientation_1(void)
{
	size_t len;
	uint8_t *bytes = encode(&gray, 24, 16, &len);
	uint8_t exif[64];
	size_t full = make_exif(exif, false, 6);
	for (size_t n = 0; n <= full; n++) {
		size_t cut_len;
		uint8_t *cut = with_segment(bytes, len, 0xe1, exif, n, &cut_len);
		struct image_header header;
		CHECK_INT(image_probe(cut, cut_len, &header, NULL), CNN_OK);
		/* The last four bytes only say that there is no second directory. */
		CHECK_INT(header.orientation, n >= full - 4 ? 6 : 1);
		free(cut);
	}
	exif[10] = 0xff; /* the directory's offset */
	exif[13] = 0xff;
	size_t wild_len;
	uint8_t *wild = with_segment(bytes, len, 0xe1, exif, full, &wild_len);
	struct image_header header;
	CHECK_INT(image_probe(wild, wild_len, &header, NULL), CNN_OK);
	CHECK_INT(header.orientation, 1);
	free(wild);
	free(bytes);
}

/* Nine photos of one scene, held every way up: once upright they look alike. */
static void real_photos_look_alike(void)
{
	const struct image_decode_options luma = {{4096, 1 << 24}, 1, 0, 0};
	struct image first = {0};
	for (int i = 0; i < 9; i++) {
		char name[64];
		size_t len;
		snprintf(name, sizeof name, "jpeg/exif-orientation/Landscape_%d.jpg", i);
		uint8_t *bytes = test_read(test_data(name), &len);
		struct image out = {0};
		CHECK_INT(image_decode(bytes, len, &luma, &out, NULL), CNN_OK);
		free(bytes);
		if (i == 0) {
			first = out;
			continue;
		}
		CHECK_INT(out.width, first.width);
		CHECK_INT(out.height, first.height);
		double sum = 0;
		int n = out.width * out.height;
		for (int p = 0; p < n; p++)
			sum += abs(out.px[p] - first.px[p]);
		CHECK(sum / n < 5);
		image_clear(&out);
	}
	image_clear(&first);
}

TEST_MAIN({"orientations", orientations},
          {"broken_exif_is_orientation_1", broken_exif_is_orientation_1},
          {"real_photos_look_alike", real_photos_look_alike})
