/* encode_png.h - a picture as the bytes of a .png file. */
#ifndef ENGINE_IMAGE_ENCODE_PNG_H
#define ENGINE_IMAGE_ENCODE_PNG_H
#include "engine/image/image.h"

/* 8 bits a channel, gray or RGB as the picture has them. *bytes is from malloc(), the caller's; on failure it is
 * NULL: CNN_BAD_ARG for a picture of other channels or without pixels, CNN_NO_MEMORY. */
enum cnn_status image_encode_png(const struct image *img, uint8_t **bytes, size_t *len,
                                 struct cnn_error *err);

#endif
