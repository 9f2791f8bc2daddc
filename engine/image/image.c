#include "engine/image/image.h"

#include <string.h>

#include "engine/image/decode.h"
#include "engine/image/fit.h"

const char *image_format_name(enum image_format format)
{
	switch (format) {
	case IMAGE_JPEG:
		return "jpeg";
	case IMAGE_PNG:
		return "png";
	}
	return "unknown";
}

/* The first bytes of kinds of file that people send. */
struct signature {
	const char *name;
	size_t at, len;
	const char *bytes;
};

static bool has_signature(const uint8_t *bytes, size_t len, const struct signature *s)
{
	return len >= s->at + s->len && memcmp(bytes + s->at, s->bytes, s->len) == 0;
}

/* Which format the bytes are, or an error that says what they look like instead. */
static enum cnn_status recognise(const uint8_t *bytes, size_t len, enum image_format *format,
                                 struct cnn_error *err)
{
	static const struct signature jpeg = {"JPEG", 0, 3, "\xff\xd8\xff"};
	static const struct signature png = {"PNG", 0, 8, "\x89PNG\r\n\x1a\n"};
	static const struct signature others[] = {
		{"GIF", 0, 4, "GIF8"},         {"WebP", 8, 4, "WEBP"},
		{"HEIC", 4, 8, "ftypheic"},    {"HEIF", 4, 8, "ftypmif1"},
		{"AVIF", 4, 8, "ftypavif"},    {"BMP", 0, 2, "BM"},
		{"TIFF", 0, 4, "II*\0"},       {"TIFF", 0, 4, "MM\0*"},
		{"JPEG XL", 0, 2, "\xff\x0a"}, {"JPEG 2000", 4, 4, "jP  "},
		{"PDF", 0, 4, "%PDF"},
	};
	if (len == 0)
		return cnn_fail(err, CNN_NOT_IMAGE, "no picture: 0 bytes");
	if (has_signature(bytes, len, &jpeg)) {
		*format = IMAGE_JPEG;
		return CNN_OK;
	}
	if (has_signature(bytes, len, &png)) {
		*format = IMAGE_PNG;
		return CNN_OK;
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (has_signature(bytes, len, &others[i]))
			return cnn_fail(err, CNN_NOT_IMAGE,
			                "unsupported picture format %s, only JPEG and PNG are read",
			                others[i].name);
	return cnn_fail(err, CNN_NOT_IMAGE, "not a JPEG or PNG picture (%zu bytes)", len);
}

struct image_header decode_header(enum image_format format, int32_t orientation,
                                  int32_t stored_width, int32_t stored_height, bool gray)
{
	bool turned = orientation >= 5;
	return (struct image_header){
		.format = format,
		.width = turned ? stored_height : stored_width,
		.height = turned ? stored_width : stored_height,
		.orientation = orientation,
		.channels = gray ? 1 : 3,
	};
}

enum cnn_status decode_check_size(const struct image_limits *limits, int32_t width, int32_t height,
                                  struct cnn_error *err)
{
	if (width > limits->max_side || height > limits->max_side)
		return cnn_fail(err, CNN_IMAGE_TOO_LARGE,
		                "picture of %d x %d pixels is over the limit of %d pixels a side",
		                (int)width, (int)height, (int)limits->max_side);
	if ((int64_t)width * height > limits->max_pixels)
		return cnn_fail(err, CNN_IMAGE_TOO_LARGE,
		                "picture of %d x %d pixels is over the limit of %lld pixels",
		                (int)width, (int)height, (long long)limits->max_pixels);
	return CNN_OK;
}

static enum cnn_status probe(const uint8_t *bytes, size_t len, const struct image_limits *limits,
                             struct image_header *out, struct cnn_error *err)
{
	enum image_format format;
	enum cnn_status status = recognise(bytes, len, &format, err);
	if (status)
		return status;
	return format == IMAGE_JPEG ? jpeg_probe(bytes, len, limits, out, err)
	                            : png_probe(bytes, len, out, err);
}

enum cnn_status image_probe(const uint8_t *bytes, size_t len, struct image_header *out,
                            struct cnn_error *err)
{
	return probe(bytes, len, NULL, out, err);
}

enum cnn_status image_decode(const uint8_t *bytes, size_t len,
                             const struct image_decode_options *options, struct image *out,
                             struct cnn_error *err)
{
	if (options->channels != 1 && options->channels != 3)
		return cnn_fail(err, CNN_BAD_ARG, "decode: cannot make %d channels, only 1 or 3",
		                (int)options->channels);
	enum image_format format;
	enum cnn_status status = recognise(bytes, len, &format, err);
	if (status)
		return status;
	return format == IMAGE_JPEG ? jpeg_decode(bytes, len, options, out, err)
	                            : png_decode(bytes, len, options, out, err);
}

/* The least side that a JPEG is decoded to for a resize to `side`. At twice the side the blocks' own low-pass
 * still shows: probabilities move by up to 0.05, at four times by less than 0.02. Small networks judge by a few
 * pixels, and small pictures are cheap. */
static int32_t least_decoded(int32_t side)
{
	enum { TIMES = 4, LEAST = 512 };
	if (side > INT32_MAX / TIMES)
		return INT32_MAX;
	return side * TIMES > LEAST ? side * TIMES : LEAST;
}

enum cnn_status image_read(const uint8_t *bytes, size_t len, const struct image_limits *limits,
                           bool jpeg_scaling, const struct image_fit *fit, struct image *out,
                           struct image_header *header, struct cnn_error *err)
{
	enum cnn_status status = fit_check(fit, err);
	if (status)
		return status;
	struct image_header found;
	status = probe(bytes, len, limits, &found, err);
	if (status)
		return status;
	if (header)
		*header = found;

	int32_t width, height;
	image_fit_size(fit, found.width, found.height, &width, &height);
	struct image_decode_options options = {.limits = *limits, .channels = fit->channels};
	if (jpeg_scaling) {
		options.min_width = least_decoded(width);
		options.min_height = least_decoded(height);
	}
	struct image decoded = {0};
	status = image_decode(bytes, len, &options, &decoded, err);
	if (status)
		return status;
	status = fit_resized(&decoded, fit, width, height, out, err);
	image_clear(&decoded);
	return status;
}
