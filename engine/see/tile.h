/* tile.h - one map as a part of a picture. Private to see/. */
#ifndef ENGINE_SEE_TILE_H
#define ENGINE_SEE_TILE_H
#include "engine/see/colour.h"

/* What numbers look like. */
struct tile_paint {
	enum see_colours colours;
	struct colour_ramp ramp; /* not used with SEE_RGB */
	struct colour_scale scale;
};

/* Planes of numbers, one, or with SEE_RGB three: element (y, x) of plane p is
 * data[p * plane_step + (y * width + x) * step]. */
struct tile_map {
	const float *data;
	size_t height, width, step, plane_step;
};

/* A rectangle of a picture of three channels. */
struct tile_place {
	struct image *picture;
	int32_t left, top, width, height;
};

/* Fill the rectangle with the map, each number as a block of pixels; pixels that more than one number falls on are
 * their average. */
void tile_draw(const struct tile_paint *paint, const struct tile_map *map,
               const struct tile_place *place);
/* Fill the rectangle with one colour. */
void tile_fill(const struct tile_place *place, const uint8_t rgb[3]);

#endif
