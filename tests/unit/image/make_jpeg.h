/* make_jpeg.h - JPEG files of every kind, made by libjpeg for the tests. */
#ifndef TESTS_UNIT_IMAGE_MAKE_JPEG_H
#define TESTS_UNIT_IMAGE_MAKE_JPEG_H
#include "tests/test.h"

#include <jpeglib.h> /* needs size_t and FILE before it */

struct jpeg_kind {
	int quality;
	bool progressive, arithmetic, separate_scans;
	bool flat, smooth; /* what it shows; else slopes and edges */
	int restart_rows;
	int components; /* 1 or 3 */
};

static uint8_t test_pixel(const struct jpeg_kind *kind, int x, int y, int c)
{
	if (kind->flat)
		return 77;
	if (kind->smooth)
		return (uint8_t)(x / 5 % 256 + c * y / 4 % 256);
	/* Neither flat nor noise, so that every kind of block occurs. */
	return (uint8_t)((x * 3 + y * 2 * (c + 1) + (x > y ? 90 : 0)) & 255);
}

__attribute__((unused)) static uint8_t *encode(const struct jpeg_kind *kind, int width, int height,
                                               size_t *len)
{
	static const jpeg_scan_info separate[] = {
		{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
	struct jpeg_compress_struct cinfo;
	struct jpeg_error_mgr errors;
	unsigned char *bytes = NULL;
	unsigned long size = 0;
	cinfo.err = jpeg_std_error(&errors);
	jpeg_create_compress(&cinfo);
	jpeg_mem_dest(&cinfo, &bytes, &size);
	cinfo.image_width = (JDIMENSION)width;
	cinfo.image_height = (JDIMENSION)height;
	cinfo.input_components = kind->components;
	cinfo.in_color_space = kind->components == 3 ? JCS_RGB : JCS_GRAYSCALE;
	jpeg_set_defaults(&cinfo);
	jpeg_set_quality(&cinfo, kind->quality, TRUE);
	cinfo.arith_code = kind->arithmetic;
	cinfo.restart_in_rows = kind->restart_rows;
	if (kind->progressive)
		jpeg_simple_progression(&cinfo);
	if (kind->separate_scans) {
		cinfo.scan_info = separate;
		cinfo.num_scans = 3;
	}
	jpeg_start_compress(&cinfo, TRUE);
	uint8_t *row = malloc((size_t)width * 3);
	CHECK(row);
	for (int y = 0; y < height; y++) {
		for (int x = 0; x < width; x++)
			for (int c = 0; c < kind->components; c++)
				row[x * kind->components + c] = test_pixel(kind, x, y, c);
		JSAMPROW rows[] = {row};
		jpeg_write_scanlines(&cinfo, rows, 1);
	}
	jpeg_finish_compress(&cinfo);
	jpeg_destroy_compress(&cinfo);
	free(row);
	*len = size;
	return bytes;
}

/* bytes with a segment inserted after the start-of-image marker. */
__attribute__((unused)) static uint8_t *with_segment(const uint8_t *bytes, size_t len,
                                                     uint8_t marker, const uint8_t *data, size_t n,
                                                     size_t *out_len)
{
	uint8_t *out = malloc(len + n + 4);
	CHECK(out);
	memcpy(out, bytes, 2);
	out[2] = 0xff;
	out[3] = marker;
	out[4] = (uint8_t)((n + 2) >> 8);
	out[5] = (uint8_t)(n + 2);
	memcpy(out + 6, data, n);
	memcpy(out + 6 + n, bytes + 2, len - 2);
	*out_len = len + n + 4;
	return out;
}

#endif
