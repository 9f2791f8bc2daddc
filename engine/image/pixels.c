#include "engine/image/pixels.h"

#include <stdlib.h>

enum cnn_status pixels_new(struct image *out, int32_t width, int32_t height, int32_t channels,
                           const char *what, struct cnn_error *err)
{
	ptrdiff_t bytes;
	if (__builtin_mul_overflow((ptrdiff_t)width, (ptrdiff_t)height, &bytes) ||
	    __builtin_mul_overflow(bytes, (ptrdiff_t)channels, &bytes))
		return cnn_fail_memory(err, what, SIZE_MAX);
	uint8_t *px = malloc((size_t)bytes);
	if (!px)
		return cnn_fail_memory(err, what, (size_t)bytes);
	*out = (struct image){px, width, height, channels};
	return CNN_OK;
}

void image_clear(struct image *img)
{
	if (!img)
		return;
	free(img->px);
	*img = (struct image){0};
}
