/* decode.h - what the decoder of each file format offers to image.c. */
#ifndef ENGINE_IMAGE_DECODE_H
#define ENGINE_IMAGE_DECODE_H
#include "engine/image/image.h"

/* The contracts are image_probe()'s and image_decode()'s; `bytes` begins with the format's
 * signature and the options have been checked. With `limits`, which may be NULL, a broken JPEG whose size is over them
 * fails for its size. */
enum cnn_status jpeg_probe(const uint8_t *bytes, size_t len, const struct image_limits *limits,
                           struct image_header *out, struct cnn_error *err);
enum cnn_status jpeg_decode(const uint8_t *bytes, size_t len,
                            const struct image_decode_options *options, struct image *out,
                            struct cnn_error *err);
enum cnn_status png_probe(const uint8_t *bytes, size_t len, struct image_header *out,
                          struct cnn_error *err);
enum cnn_status png_decode(const uint8_t *bytes, size_t len,
                           const struct image_decode_options *options, struct image *out,
                           struct cnn_error *err);

/* A stored size as the header of a file that is seen after turning it. */
struct image_header decode_header(enum image_format format, int32_t orientation,
                                  int32_t stored_width, int32_t stored_height, bool gray);

/* CNN_IMAGE_TOO_LARGE unless the size is within the limits. */
enum cnn_status decode_check_size(const struct image_limits *limits, int32_t width, int32_t height,
                                  struct cnn_error *err);

#endif
