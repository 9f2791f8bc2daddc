/* pixels.h - memory for the pixels of a picture. */
#ifndef ENGINE_IMAGE_PIXELS_H
#define ENGINE_IMAGE_PIXELS_H
#include "engine/image/image.h"

/* A picture with undefined pixels; sides and channels >= 1. `what` names it in the error
 * ("the decoded picture"). CNN_NO_MEMORY, also when there can be no such size, is the only one. */
enum cnn_status pixels_new(struct image *out, int32_t width, int32_t height, int32_t channels,
                           const char *what, struct cnn_error *err);

#endif
