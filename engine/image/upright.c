#include "engine/image/upright.h"

#include <stdlib.h>
#include <string.h>

#include "engine/image/pixels.h"

/* Turned pictures are written in columns: of several rows at once, for the sake of the cache. */
enum { ROW_SAMPLES = 4, BLOCK_ROWS = 16 };

size_t upright_pixel_bytes(enum upright_samples samples)
{
	switch (samples) {
	case UPRIGHT_GRAY:
		return 1;
	case UPRIGHT_RGB:
		return 3;
	case UPRIGHT_CMYK_INVERTED:
		return 4;
	}
	return ROW_SAMPLES;
}

enum cnn_status upright_begin(struct upright *up, enum upright_samples samples, int32_t orientation,
                              int32_t stored_width, int32_t stored_height, int32_t channels,
                              struct cnn_error *err)
{
	*up = (struct upright){
		.samples = samples,
		.orientation = orientation,
		.stored_width = stored_width,
		.stored_height = stored_height,
	};
	bool turned = orientation >= 5;
	enum cnn_status status = pixels_new(&up->img, turned ? stored_height : stored_width,
	                                    turned ? stored_width : stored_height, channels,
	                                    "the decoded picture", err);
	if (status)
		return status;
	size_t bytes;
	if (__builtin_mul_overflow((size_t)stored_width, (size_t)ROW_SAMPLES * BLOCK_ROWS, &bytes))
		return cnn_fail_memory(err, "rows of the picture", SIZE_MAX);
	up->block = malloc(bytes);
	return up->block ? CNN_OK : cnn_fail_memory(err, "rows of the picture", bytes);
}

void upright_free(struct upright *up)
{
	image_clear(&up->img);
	free(up->block);
	up->block = NULL;
}

/* Rows that need neither conversion nor turning are decoded straight into the picture. */
static bool stored_as_wanted(const struct upright *up)
{
	return up->orientation == 1 && upright_pixel_bytes(up->samples) == (size_t)up->img.channels;
}

static uint8_t *block_row(const struct upright *up, int32_t y)
{
	return up->block + (size_t)(y % BLOCK_ROWS) * (size_t)up->stored_width * ROW_SAMPLES;
}

uint8_t *upright_row(struct upright *up, int32_t y)
{
	if (!stored_as_wanted(up))
		return block_row(up, y);
	return up->img.px + (size_t)y * (size_t)up->img.width * (size_t)up->img.channels;
}

/* Pillow's luma: ITU-R 601-2 weights in 16 bits of fixed point. */
static uint8_t luma(const uint8_t *rgb)
{
	return (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000u) >> 16);
}

/* a * b / 255, rounded to nearest. */
static int mul_div_255(int a, int b)
{
	int t = a * b + 128;
	return ((t >> 8) + t) >> 8;
}

/* In place, front to back: 4 samples become 3. */
static void cmyk_to_rgb(uint8_t *row, size_t width)
{
	const uint8_t *in = row;
	for (uint8_t *out = row; width > 0; width--, in += 4, out += 3) {
		int white = in[3];
		for (int c = 0; c < 3; c++) {
			int value = white - mul_div_255(255 - in[c], white);
			out[c] = (uint8_t)(value < 0 ? 0 : value);
		}
	}
}

/* In place, back to front: 1 sample becomes 3. */
static void gray_to_rgb(uint8_t *row, size_t width)
{
	for (size_t x = width; x-- > 0;) {
		uint8_t value = row[x];
		memset(row + 3 * x, value, 3);
	}
}

static void convert(uint8_t *row, size_t width, enum upright_samples samples, int32_t channels)
{
	if (samples == UPRIGHT_GRAY) {
		if (channels == 3)
			gray_to_rgb(row, width);
		return;
	}
	if (samples == UPRIGHT_CMYK_INVERTED)
		cmyk_to_rgb(row, width);
	if (channels == 1)
		for (size_t x = 0; x < width; x++)
			row[x] = luma(row + 3 * x);
}

/* n pixels, each from_step bytes after the last, to places that lie to_step bytes apart. */
static void copy_pixels(uint8_t *to, ptrdiff_t to_step, const uint8_t *from, ptrdiff_t from_step,
                        int32_t n, int32_t channels)
{
	if (channels == 1) {
		for (; n > 0; n--, to += to_step, from += from_step)
			to[0] = from[0];
		return;
	}
	for (; n > 0; n--, to += to_step, from += from_step) {
		to[0] = from[0];
		to[1] = from[1];
		to[2] = from[2];
	}
}

/* Orientations 1 to 4: rows stay rows. */
static void place_row(struct upright *up, int32_t y)
{
	int32_t width = up->stored_width, channels = up->img.channels;
	bool mirrored = up->orientation == 2 || up->orientation == 3;
	bool flipped = up->orientation == 3 || up->orientation == 4;
	size_t to_y = (size_t)(flipped ? up->stored_height - 1 - y : y);
	size_t row_bytes = (size_t)width * (size_t)channels;
	uint8_t *to = up->img.px + to_y * row_bytes;
	if (mirrored)
		copy_pixels(to + row_bytes - channels, -channels, block_row(up, y), channels, width,
		            channels);
	else
		memcpy(to, block_row(up, y), row_bytes);
}

/* Orientations 5 to 8: n stored rows from `first` on, which fill the block, become columns. */
static void place_columns(struct upright *up, int32_t first, int32_t n)
{
	int32_t width = up->stored_width, height = up->stored_height, channels = up->img.channels;
	bool from_right = up->orientation == 6 || up->orientation == 7;
	bool from_bottom = up->orientation == 7 || up->orientation == 8;
	size_t line_bytes = (size_t)height * (size_t)channels;
	ptrdiff_t block_step = (ptrdiff_t)width * ROW_SAMPLES;
	size_t to_x = (size_t)(from_right ? height - 1 - first : first);
	for (int32_t x = 0; x < width; x++) {
		size_t to_y = (size_t)(from_bottom ? width - 1 - x : x);
		copy_pixels(up->img.px + to_y * line_bytes + to_x * (size_t)channels,
		            from_right ? -channels : channels,
		            up->block + (size_t)x * (size_t)channels, block_step, n, channels);
	}
}

void upright_row_done(struct upright *up, int32_t y)
{
	if (stored_as_wanted(up))
		return;
	convert(block_row(up, y), (size_t)up->stored_width, up->samples, up->img.channels);
	int32_t in_block = y % BLOCK_ROWS;
	if (up->orientation < 5)
		place_row(up, y);
	else if (in_block == BLOCK_ROWS - 1 || y == up->stored_height - 1)
		place_columns(up, y - in_block, in_block + 1);
}
