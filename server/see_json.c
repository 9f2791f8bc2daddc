#include "server/see_json.h"

#include "server/model_json.h"

json_t *see_json_stats(const struct see_stats *s, bool place)
{
	json_t *o = json_pack("{s:i, s:f, s:f, s:f, s:f, s:f}", "channel", (int)s->channel, "min",
	                      (double)s->min, "max", (double)s->max, "mean", (double)s->mean,
	                      "strength", (double)s->strength, "sparsity", (double)s->sparsity);
	if (place)
		json_object_set_new(o, "max_at", json_pack("[i, i]", (int)s->max_y, (int)s->max_x));
	if (s->not_finite)
		json_object_set_new(o, "not_finite", json_integer((json_int_t)s->not_finite));
	return o;
}

json_t *see_json_layout(const struct see_layout *l)
{
	return json_pack("{s:I, s:i, s:i, s:i, s:i, s:i}", "tiles", (json_int_t)l->shown, "columns",
	                 (int)l->columns, "gap", (int)l->gap, "tile_width", (int)l->width,
	                 "tile_height", (int)l->height, "zoom", (int)l->zoom);
}

static json_t *shape_json(const struct see_picked *p, const struct see_filters *f)
{
	if (f)
		return json_pack("[I, I, I, I]", (json_int_t)f->filters, (json_int_t)f->slices,
		                 (json_int_t)f->height, (json_int_t)f->width);
	return json_pack("[I, I, I]", (json_int_t)p->channels, (json_int_t)p->height,
	                 (json_int_t)p->width);
}

json_t *see_json_layer(const struct cnn_model *model, const char *name, const struct see_picked *p,
                       const struct see_filters *filters)
{
	json_t *list = json_array();
	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(list, see_json_stats(&p->stats[p->channel[i]], !filters));
	return json_pack("{s:o, s:o, s:o, s:b, s:o}", "model", model_json_id(model, name), "layer",
	                 model_json_layer(model, p->layer), "shape", shape_json(p, filters),
	                 "quantised", (int)p->quantised, filters ? "filters" : "channels", list);
}
