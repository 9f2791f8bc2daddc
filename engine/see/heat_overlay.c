/* heat_overlay.c - a map over the photo. */
#include "engine/image/pixels.h"
#include "engine/see/heat.h"

/* Of the brightness of what the model did not see. */
#define OUTSIDE 0.4

void heat_ramp(struct colour_ramp *out)
{
	static const struct colour_stop stops[] = {
		{0.00, 0.20, 0.10, 300}, {0.30, 0.38, 0.17, 340}, {0.60, 0.59, 0.21, 388},
		{0.80, 0.74, 0.18, 420}, {1.00, 0.96, 0.14, 466},
	};
	colour_ramp_make(stops, sizeof stops / sizeof stops[0], out);
}

struct overlay {
	const struct heat *heat;
	const struct heat_window *window;
	struct colour_ramp ramp;
	double opacity;
	float largest;
};

static uint8_t mixed(uint8_t from, uint8_t to, double share)
{
	return (uint8_t)(from + (to - from) * share + 0.5);
}

/* Little heat is nearly transparent: the photo stays what one sees first. */
static double veil(double heat, double opacity)
{
	double share = heat / 0.6;
	return opacity * (share < 1 ? share * share * (3 - 2 * share) : 1);
}

static void paint(const struct overlay *o, double x, double y, const uint8_t *from, uint8_t *to)
{
	const struct heat_window *w = o->window;
	if (x < w->left || x >= w->right || y < w->top || y >= w->bottom) {
		for (int c = 0; c < 3; c++)
			to[c] = (uint8_t)(from[c] * OUTSIDE + 0.5);
		return;
	}
	double cell_x = (x - w->left) / (w->right - w->left) * o->heat->width - 0.5;
	double cell_y = (y - w->top) / (w->bottom - w->top) * o->heat->height - 0.5;
	double heat = o->largest > 0 ? (double)(heat_at(o->heat, cell_x, cell_y) / o->largest) : 0;
	const uint8_t *colour = o->ramp.rgb[(int)(heat * 255 + 0.5)];
	for (int c = 0; c < 3; c++)
		to[c] = mixed(from[c], colour[c], veil(heat, o->opacity));
}

enum cnn_status heat_overlay(const struct heat *heat, const struct image *photo,
                             const struct heat_window *window, double opacity, struct image *out,
                             struct cnn_error *err)
{
	struct overlay o = {heat, window, {{{0}}}, opacity, heat_largest(heat)};
	if (!photo->px || photo->channels != 3)
		return cnn_fail(err, CNN_BAD_ARG, "heat: a photo of %d channels, want 3",
		                (int)photo->channels);
	if (!(window->left < window->right && window->top < window->bottom))
		return cnn_fail(err, CNN_BAD_ARG, "heat: an empty part of the photo");
	if (!(opacity >= 0 && opacity <= 1))
		return cnn_fail(err, CNN_BAD_ARG, "heat: opacity %g, must be 0..1", opacity);
	enum cnn_status status =
		pixels_new(out, photo->width, photo->height, 3, "the photo with heat", err);
	if (status)
		return status;
	heat_ramp(&o.ramp);
	for (int32_t y = 0; y < photo->height; y++)
		for (int32_t x = 0; x < photo->width; x++) {
			size_t at = ((size_t)y * (size_t)photo->width + (size_t)x) * 3;
			paint(&o, x + 0.5, y + 0.5, photo->px + at, out->px + at);
		}
	return CNN_OK;
}
