#include "server/view_json.h"

#include <math.h>

json_t *view_json_number(double x)
{
	return isfinite(x) ? json_real(x) : json_null();
}

json_t *view_json_shape(size_t channels, size_t height, size_t width)
{
	return json_pack("[I, I, I]", (json_int_t)channels, (json_int_t)height, (json_int_t)width);
}

json_t *view_json_stats(const struct see_stats *s, bool place)
{
	json_t *o =
		json_pack("{s:i, s:o, s:o, s:o, s:o, s:o}", "channel", (int)s->channel, "min",
	                  view_json_number((double)s->min), "max", view_json_number((double)s->max),
	                  "mean", view_json_number((double)s->mean), "strength",
	                  view_json_number((double)s->strength), "sparsity",
	                  view_json_number((double)s->sparsity));
	if (place)
		json_object_set_new(o, "max_position",
		                    json_pack("[i, i]", (int)s->max_y, (int)s->max_x));
	if (s->not_finite)
		json_object_set_new(o, "not_finite", json_integer((json_int_t)s->not_finite));
	return o;
}

json_t *view_json_window(const struct heat_window *w)
{
	return json_pack("{s:f, s:f, s:f, s:f}", "left", w->left, "top", w->top, "right", w->right,
	                 "bottom", w->bottom);
}

json_t *view_json_image(const struct image_header *h)
{
	return json_pack("{s:s, s:i, s:i}", "format", image_format_name(h->format), "width",
	                 h->width, "height", h->height);
}

json_t *view_json_rows(const float *number, size_t height, size_t width)
{
	json_t *rows = json_array();
	for (size_t y = 0; rows && y < height; y++) {
		json_t *row = json_array();
		for (size_t x = 0; row && x < width; x++)
			json_array_append_new(row, view_json_number((double)*number++));
		json_array_append_new(rows, row);
	}
	return rows;
}

json_t *view_json_peak(const struct heat_peak *peak)
{
	if (!peak->found)
		return json_pack("{s:b}", "found", 0);
	return json_pack("{s:b, s:f, s:f, s:f}", "found", 1, "x", peak->x, "y", peak->y, "value",
	                 (double)peak->value);
}

json_t *view_json_top(const struct cnn_model *model, const float *scores, size_t top)
{
	enum { MOST = 5 };
	uint32_t best[MOST];
	json_t *list = json_array();
	struct cnn_error err;
	if (cnn_scores_check(model, scores, &err) != CNN_OK)
		return list;
	size_t n = cnn_top(scores, cnn_model_info(model)->classes, top < MOST ? top : MOST, best);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:i, s:s, s:f}", "class", (int)best[i],
		                                      "label", cnn_model_label(model, best[i]),
		                                      "probability", (double)scores[best[i]]));
	return list;
}
