/* mosaic.h - tiles of numbers, and their picture. Private to see/. */
#ifndef ENGINE_SEE_MOSAIC_H
#define ENGINE_SEE_MOSAIC_H
#include "engine/see_picture.h"

struct mosaic {
	const float *tiles; /* [n][height][width], with SEE_RGB [n][3][height][width] */
	size_t n, height, width;
	enum see_colours colours;
	bool shared;
};
/* The first layout->shown tiles where the layout has them. */
enum cnn_status mosaic_draw(const struct mosaic *mosaic, const struct see_layout *layout,
                            struct image *out, struct cnn_error *err);

#endif
