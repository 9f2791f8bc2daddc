/* heat_map.c - a map, and where its cells are in the photo. */
#include "engine/see/heat.h"

#include <math.h>
#include <stdlib.h>

const char *heat_method_name(enum heat_method method)
{
	static const char *const names[] = {
		[HEAT_AUTO] = "auto",
		[HEAT_CAM] = "cam",
		[HEAT_GRADCAM] = "gradcam",
		[HEAT_OCCLUSION] = "occlusion",
	};
	return names[method];
}

enum cnn_status heat_new(struct heat *out, int32_t height, int32_t width, struct cnn_error *err)
{
	size_t cells = (size_t)height * (size_t)width;
	out->map = calloc(cells, sizeof *out->map);
	if (!out->map)
		return cnn_fail_memory(err, "a heat map", cells * sizeof *out->map);
	out->height = height;
	out->width = width;
	return CNN_OK;
}

void heat_clear(struct heat *heat)
{
	if (!heat)
		return;
	free(heat->map);
	*heat = (struct heat){.map = NULL};
}

void heat_window(const struct image_fit *fit, int32_t photo_width, int32_t photo_height,
                 struct heat_window *out)
{
	int32_t width, height, left, top;
	image_fit_size(fit, photo_width, photo_height, &width, &height);
	image_fit_cut(fit, width, height, &left, &top);
	double x = (double)photo_width / width, y = (double)photo_height / height;
	*out = (struct heat_window){
		.left = left * x,
		.top = top * y,
		.right = (left + fit->width) * x,
		.bottom = (top + fit->height) * y,
	};
}

float heat_largest(const struct heat *heat)
{
	float largest = 0;
	for (size_t i = 0; i < (size_t)heat->height * (size_t)heat->width; i++)
		largest = heat->map[i] > largest ? heat->map[i] : largest;
	return largest;
}

void heat_find_peak(const struct heat *heat, const struct heat_window *window,
                    struct heat_peak *out)
{
	*out = (struct heat_peak){.found = false};
	for (int32_t i = 0; i < heat->height; i++)
		for (int32_t k = 0; k < heat->width; k++) {
			float value = heat->map[(size_t)i * (size_t)heat->width + (size_t)k];
			if (!(value > out->value))
				continue;
			*out = (struct heat_peak){
				.found = true, .row = i, .column = k, .value = value};
		}
	out->x = window->left + (out->column + 0.5) / heat->width * (window->right - window->left);
	out->y = window->top + (out->row + 0.5) / heat->height * (window->bottom - window->top);
}

/* Two neighbours along an axis of n cells, and how far from the first to the second. */
struct between {
	int32_t first, second;
	float share;
};

static struct between between_of(double at, int32_t n)
{
	at = at < 0 ? 0 : at > n - 1 ? n - 1 : at;
	int32_t first = (int32_t)floor(at);
	return (struct between){first, first + 1 < n ? first + 1 : first, (float)(at - first)};
}

static float warm(const struct heat *heat, int32_t row, int32_t column)
{
	float value = heat->map[(size_t)row * (size_t)heat->width + (size_t)column];
	return value > 0 ? value : 0;
}

float heat_at(const struct heat *heat, double x, double y)
{
	struct between c = between_of(x, heat->width), r = between_of(y, heat->height);
	float above = warm(heat, r.first, c.first) * (1 - c.share) +
	              warm(heat, r.first, c.second) * c.share;
	float below = warm(heat, r.second, c.first) * (1 - c.share) +
	              warm(heat, r.second, c.second) * c.share;
	return above * (1 - r.share) + below * r.share;
}

void heat_stretch(const struct heat *heat, int32_t width, int32_t height, float *out)
{
	float largest = heat_largest(heat);
	double x = (double)heat->width / width, y = (double)heat->height / height;
	for (int32_t i = 0; i < height; i++)
		for (int32_t k = 0; k < width; k++)
			*out++ = largest > 0
			                 ? heat_at(heat, (k + 0.5) * x - 0.5, (i + 0.5) * y - 0.5) /
			                           largest
			                 : 0;
}
