/* heat_photo.c - the photo under a map. */
#include "engine/image/image.h"
#include "engine/see/heat.h"

/* a * b / c, rounded, at least 1. */
static int32_t in_proportion(int32_t a, int32_t b, int32_t c)
{
	int64_t value = ((int64_t)a * b + c / 2) / c;
	return value < 1 ? 1 : (int32_t)value;
}

enum cnn_status heat_photo(const uint8_t *bytes, size_t len, const struct image_limits *limits,
                           int32_t max_side, struct image *out, struct image_header *header,
                           struct cnn_error *err)
{
	struct image_decode_options options = {.limits = *limits, .channels = 3};
	enum cnn_status status = image_probe(bytes, len, header, err);
	if (status)
		return status;
	int32_t width = header->width, height = header->height;
	int32_t longer = width > height ? width : height;
	if (longer <= max_side)
		return image_decode(bytes, len, &options, out, err);
	width = in_proportion(width, max_side, longer);
	height = in_proportion(height, max_side, longer);
	options.min_width = width;
	options.min_height = height;
	struct image whole = {0};
	status = image_decode(bytes, len, &options, &whole, err);
	if (!status)
		status = image_resize(&whole, width, height, out, err);
	image_clear(&whole);
	return status;
}
