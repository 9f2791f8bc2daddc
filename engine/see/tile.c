#include "engine/see/tile.h"

#include <math.h>
#include <string.h>

static uint8_t *pixel(const struct tile_place *place, int32_t y, int32_t x)
{
	size_t row = (size_t)(place->top + y) * (size_t)place->picture->width;
	return place->picture->px + (row + (size_t)(place->left + x)) * 3;
}

/* Which elements of an axis fall on pixel i of n: from `first` to below `end`. */
struct span {
	size_t first, end;
};
static struct span span_of(size_t elements, int32_t n, int32_t i)
{
	size_t at = (size_t)i, all = (size_t)n;
	struct span s = {elements * at / all, elements * (at + 1) / all};
	/* Where elements are larger than pixels, the one at the pixel's middle. */
	if (elements <= all) {
		s.first = elements * (2 * at + 1) / (2 * all);
		s.end = s.first + 1;
	}
	return s;
}

static float average(const struct tile_map *map, const float *plane, struct span y, struct span x)
{
	double sum = 0;
	for (size_t i = y.first; i < y.end; i++)
		for (size_t k = x.first; k < x.end; k++)
			sum += (double)plane[(i * map->width + k) * map->step];
	return (float)(sum / (double)((y.end - y.first) * (x.end - x.first)));
}

static void colour(const struct tile_paint *paint, const struct tile_map *map, struct span y,
                   struct span x, uint8_t rgb[3])
{
	int place[3];
	int planes = paint->colours == SEE_RGB ? 3 : 1;
	for (int p = 0; p < planes; p++) {
		const float *plane = map->data + (size_t)p * map->plane_step;
		place[p] = colour_place(average(map, plane, y, x), &paint->scale);
		if (place[p] < 0) {
			memcpy(rgb, colour_not_finite, 3);
			return;
		}
	}
	if (planes == 3)
		for (int p = 0; p < 3; p++)
			rgb[p] = (uint8_t)place[p];
	else
		memcpy(rgb, paint->ramp.rgb[place[0]], 3);
}

void tile_draw(const struct tile_paint *paint, const struct tile_map *map,
               const struct tile_place *place)
{
	struct span above = {0, 0};
	for (int32_t i = 0; i < place->height; i++) {
		struct span y = span_of(map->height, place->height, i), left = {0, 0};
		if (i > 0 && y.first == above.first && y.end == above.end) {
			memcpy(pixel(place, i, 0), pixel(place, i - 1, 0),
			       (size_t)place->width * 3);
			continue;
		}
		above = y;
		for (int32_t k = 0; k < place->width; k++) {
			struct span x = span_of(map->width, place->width, k);
			if (k > 0 && x.first == left.first && x.end == left.end)
				memcpy(pixel(place, i, k), pixel(place, i, k - 1), 3);
			else
				colour(paint, map, y, x, pixel(place, i, k));
			left = x;
		}
	}
}

void tile_fill(const struct tile_place *place, const uint8_t rgb[3])
{
	for (int32_t y = 0; y < place->height; y++)
		for (int32_t x = 0; x < place->width; x++)
			memcpy(pixel(place, y, x), rgb, 3);
}
