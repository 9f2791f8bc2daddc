/* Maps side by side. */
#include "engine/see/mosaic.h"

#include "engine/image/pixels.h"
#include "engine/see/layout.h"
#include "engine/see/tile.h"

/* Between tiles: what neither end of the colours is. */
static const uint8_t around[] = {[SEE_RAMP] = 255, [SEE_SIGNED] = 128, [SEE_RGB] = 255};

static struct tile_place place_of(struct image *picture, const struct see_layout *l, size_t i)
{
	int32_t column = (int32_t)(i % (size_t)l->columns), row = (int32_t)(i / (size_t)l->columns);
	return (struct tile_place){
		.picture = picture,
		.left = l->gap + column * (l->width + l->gap),
		.top = l->gap + row * (l->height + l->gap),
		.width = l->width,
		.height = l->height,
	};
}

enum cnn_status mosaic_draw(const struct mosaic *m, const struct see_layout *layout,
                            struct image *out, struct cnn_error *err)
{
	enum cnn_status status =
		pixels_new(out, layout_width(layout), layout_height(layout), 3, "the mosaic", err);
	if (status)
		return status;
	size_t plane = m->height * m->width, tile = plane * (m->colours == SEE_RGB ? 3 : 1);
	const struct tile_place all = {out, 0, 0, out->width, out->height};
	uint8_t level = around[m->colours];
	tile_fill(&all, (const uint8_t[]){level, level, level});
	struct tile_paint paint = {.colours = m->colours};
	if (m->colours != SEE_RGB)
		colour_ramp_of(m->colours, &paint.ramp);
	bool is_signed = m->colours == SEE_SIGNED;
	if (m->shared)
		paint.scale = colour_scale_of(m->tiles, m->n * tile, 1, is_signed);
	for (size_t i = 0; i < layout->shown; i++) {
		struct tile_map map = {m->tiles + i * tile, m->height, m->width, 1, plane};
		struct tile_place place = place_of(out, layout, i);
		if (!m->shared)
			paint.scale = colour_scale_of(map.data, tile, 1, is_signed);
		tile_draw(&paint, &map, &place);
	}
	return CNN_OK;
}

enum cnn_status see_mosaic(const float *tiles, size_t n, size_t height, size_t width,
                           enum see_colours colours, const struct see_look *look, struct image *out,
                           struct see_layout *layout, struct cnn_error *err)
{
	struct see_look own = *look;
	if (n == 0 || height == 0 || width == 0)
		return cnn_fail(err, CNN_BAD_ARG, "a picture of no numbers");
	/* Rows of numbers make one carpet. */
	bool carpet = height == 1 && width > 1 && colours != SEE_RGB;
	if (carpet && own.columns == 0)
		own.columns = 1;
	layout_choose(n, height, width, carpet ? 0 : 1, &own, layout);
	struct mosaic m = {tiles, n, height, width, colours, look->shared};
	/* Of single numbers each is all of its own scale. */
	if (height * width == 1 && colours != SEE_RGB)
		m.shared = true;
	return mosaic_draw(&m, layout, out, err);
}
