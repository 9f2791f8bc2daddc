#include "server/heat_json.h"

#include "server/model_json.h"

static json_t *map_json(const struct heat *heat)
{
	json_t *rows = json_array();
	for (int32_t y = 0; rows && y < heat->height; y++) {
		json_t *row = json_array();
		for (int32_t x = 0; row && x < heat->width; x++)
			json_array_append_new(row,
			                      json_real((double)heat->map[y * heat->width + x]));
		json_array_append_new(rows, row);
	}
	return json_pack("{s:i, s:i, s:o}", "height", heat->height, "width", heat->width, "values",
	                 rows);
}

json_t *heat_json(const struct cnn_model *model, const char *name, const struct heat_told *told)
{
	const struct heat *heat = told->heat;
	const struct heat_window *w = told->window;
	json_t *peak = told->peak->found
	                       ? json_pack("{s:f, s:f, s:f}", "x", told->peak->x, "y",
	                                   told->peak->y, "value", (double)told->peak->value)
	                       : json_null();
	json_t *seen = json_pack("{s:f, s:f, s:f, s:f}", "left", w->left, "top", w->top, "right",
	                         w->right, "bottom", w->bottom);
	json_t *image =
		json_pack("{s:s, s:i, s:i}", "format", image_format_name(told->photo->format),
	                  "width", told->photo->width, "height", told->photo->height);
	return json_pack("{s:o, s:i, s:s, s:f, s:s, s:s, s:o, s:o, s:o, s:o}", "model",
	                 model_json_id(model, name), "class", (int)heat->cls, "label",
	                 cnn_model_label(model, heat->cls), "probability", (double)heat->share,
	                 "method", heat_method_name(heat->method), "layer", heat->layer, "peak",
	                 peak, "seen", seen, "image", image, "map", map_json(heat));
}
