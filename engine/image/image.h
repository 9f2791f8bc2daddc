/* image.h - from the bytes of a picture to the pixels a model expects. */
#ifndef ENGINE_IMAGE_IMAGE_H
#define ENGINE_IMAGE_IMAGE_H
#include "engine/base/status.h"
#include "engine/base/types.h"

/* 8 bits a channel, interleaved, row after row, no padding:
 * px[(y * width + x) * channels + c]. Owned: release with image_clear(). */
struct image {
	uint8_t *px;
	int32_t width, height;
	int32_t channels; /* 3: R, G, B; 1: luma (ITU-R 601, as Pillow's "L") */
};

enum image_format { IMAGE_JPEG, IMAGE_PNG };
const char *image_format_name(enum image_format format); /* "jpeg", "png" */

struct image_limits {
	int32_t max_side;   /* pixels */
	int64_t max_pixels; /* width * height; both checked from the header, before any allocation */
};

/* What a picture is, before it is decoded. */
struct image_header {
	enum image_format format;
	int32_t width, height; /* as seen: after the EXIF orientation */
	int32_t orientation;   /* EXIF 1..8; 1 when the file names none */
	int32_t channels;      /* 1 when the file is gray, else 3 */
};

enum image_crop {
	IMAGE_CROP_CENTER, /* resize so that the shorter side is resize_short, cut the middle out */
	IMAGE_CROP_NONE,   /* stretch to width x height */
};

/* How a picture of any size becomes a model's input. */
struct image_fit {
	int32_t width, height; /* of the result, pixels */
	int32_t channels;      /* of the result, 1 or 3 */
	int32_t resize_short; /* with IMAGE_CROP_CENTER; the scale grows where the cut needs more */
	enum image_crop crop;
};

struct image_decode_options {
	struct image_limits limits;
	int32_t channels; /* wanted, 1 or 3 */
	/* libjpeg may decode at num/8 of the size (DCT scaling) while both sides of the
	 * upright result stay >= these; 0, 0 switches it off. */
	int32_t min_width, min_height;
};

/* Which kind of file this is and how large, by its header only.
 * CNN_NOT_IMAGE for anything but JPEG and PNG, CNN_BAD_IMAGE for a broken header. */
enum cnn_status image_probe(const uint8_t *bytes, size_t len, struct image_header *out,
                            struct cnn_error *err);

/* Decode into upright RGB or luma. Alpha is dropped as Pillow's convert() drops it,
 * 16-bit PNG keeps its high bytes, palettes are expanded. On failure *out is untouched:
 * CNN_NOT_IMAGE, CNN_IMAGE_TOO_LARGE, CNN_NO_MEMORY, or CNN_BAD_IMAGE for data that is
 * truncated or corrupt: a picture is decoded whole or refused. */
enum cnn_status image_decode(const uint8_t *bytes, size_t len,
                             const struct image_decode_options *options, struct image *out,
                             struct cnn_error *err);

/* The size that src_width x src_height is resized to for `fit`, before the cut
 * (torchvision's rule: long side = short * long / short, rounded down). Both >= 1. */
void image_fit_size(const struct image_fit *fit, int32_t src_width, int32_t src_height,
                    int32_t *width, int32_t *height);

/* Where in the resized picture the cut begins. */
void image_fit_cut(const struct image_fit *fit, int32_t resized_width, int32_t resized_height,
                   int32_t *left, int32_t *top);

/* Resize all of src to width x height: the antialiased ("area-scaled") triangle filter
 * of Pillow's resize(BILINEAR), to within one level of 255. */
enum cnn_status image_resize(const struct image *src, int32_t width, int32_t height,
                             struct image *out, struct cnn_error *err);

/* image_fit_size + resize + cut; only what the cut keeps is computed. *out is
 * fit->width x fit->height; src->channels must equal fit->channels. The result has the
 * same pixels as resizing everything and cutting afterwards, at
 * left = (w - W) / 2, top = (h - H) / 2 rounded half to even (torchvision's CenterCrop). */
enum cnn_status image_fit_to(const struct image *src, const struct image_fit *fit,
                             struct image *out, struct cnn_error *err);

/* Bytes -> fitted pixels, all of the above; jpeg_scaling allows DCT scaling when the picture is
 * several times as large as the resize needs, never below four times the resize's target or 512 pixels.
 * `header` (may be NULL) gets what image_probe() finds, also when decoding fails later. */
enum cnn_status image_read(const uint8_t *bytes, size_t len, const struct image_limits *limits,
                           bool jpeg_scaling, const struct image_fit *fit, struct image *out,
                           struct image_header *header, struct cnn_error *err);

void image_clear(struct image *img); /* frees; *img becomes empty; NULL-safe */

#endif
