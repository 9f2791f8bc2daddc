/* fit.h - resizing to a size that is already known. */
#ifndef ENGINE_IMAGE_FIT_H
#define ENGINE_IMAGE_FIT_H
#include "engine/image/image.h"

/* image_fit_to() for a picture whose resized size was worked out from another one: a JPEG that
 * was decoded at a fraction of its size is still cut where the whole one would be. */
enum cnn_status fit_resized(const struct image *src, const struct image_fit *fit,
                            int32_t resized_width, int32_t resized_height, struct image *out,
                            struct cnn_error *err);

/* CNN_BAD_ARG unless `fit` asks for something that can be made. */
enum cnn_status fit_check(const struct image_fit *fit, struct cnn_error *err);

#endif
