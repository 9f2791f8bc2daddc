/* layer_json.c - rows of the layer table as JSON, and their totals. */
#include "server/model_json.h"

#include "server/layer_totals.h"

static json_t *shape_json(const struct cnn_shape *shape)
{
	json_t *list = json_array();
	for (int32_t i = 0; list && i < shape->rank; i++)
		json_array_append_new(list, json_integer(shape->dim[i]));
	return list;
}

static json_t *integers_json(const int32_t *n, size_t count, bool known)
{
	if (!known)
		return json_null();
	json_t *list = json_array();
	for (size_t i = 0; list && i < count; i++)
		json_array_append_new(list, json_integer(n[i]));
	return list;
}

static json_t *reals_json(const double *n, size_t count, bool known)
{
	if (!known)
		return json_null();
	json_t *list = json_array();
	for (size_t i = 0; list && i < count; i++)
		json_array_append_new(list, json_real(n[i]));
	return list;
}

static json_t *inputs_json(const struct cnn_model *model, const struct cnn_layer *l)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < l->n_inputs; i++)
		json_array_append_new(
			list, json_string(l->inputs[i] == CNN_LAYER_PICTURE
		                                  ? "input"
		                                  : cnn_model_layer(model, l->inputs[i])->name));
	return list;
}

/* Layers may share a name, or be called "input": numbers tell them apart. */
static json_t *input_rows_json(const struct cnn_layer *l)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < l->n_inputs; i++)
		json_array_append_new(list, l->inputs[i] == CNN_LAYER_PICTURE
		                                    ? json_null()
		                                    : json_integer(l->inputs[i]));
	return list;
}

static json_t *ratio_json(double ratio)
{
	return ratio > 0 ? json_real(ratio) : json_null();
}

/* What a layer is. */
static json_t *shape_part(const struct cnn_model *model, size_t index, const struct cnn_layer *l)
{
	return json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i}", "index",
	                 (json_int_t)index, "name", l->name, "op", l->op, "inputs",
	                 inputs_json(model, l), "input_rows", input_rows_json(l), "input_shape",
	                 shape_json(&l->input), "output_shape", shape_json(&l->output), "kernel",
	                 integers_json(l->kernel, 2, l->windowed), "stride",
	                 integers_json(l->stride, 2, l->windowed), "padding",
	                 integers_json(l->pad, 4, l->windowed), "dilation",
	                 integers_json(l->dilation, 2, l->windowed), "groups",
	                 l->windowed ? l->groups : 1);
}

/* What it costs and sees. */
static json_t *cost_part(const struct cnn_layer *l)
{
	bool part = l->receptive_field[0] != 0;
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:s, s:s?}", "parameters",
	                 (json_int_t)l->parameters, "weight_bytes", (json_int_t)l->weight_bytes,
	                 "output_bytes", (json_int_t)l->output_bytes, "macs", (json_int_t)l->macs,
	                 "macs_if_dense", (json_int_t)l->macs_if_dense, "macs_ratio",
	                 ratio_json(layer_ratio(l->macs, l->macs_if_dense)), "receptive_field",
	                 integers_json(l->receptive_field, 2, part), "receptive_field_start",
	                 reals_json(l->receptive_field_start, 2, part), "jump",
	                 reals_json(l->jump, 2, part), "formula", l->formula, "fused_into",
	                 l->fused_into);
}

json_t *model_json_layer(const struct cnn_model *model, size_t layer)
{
	const struct cnn_layer *l = cnn_model_layer(model, layer);
	json_t *row = shape_part(model, layer, l), *cost = cost_part(l);
	if (!row || !cost || json_object_update(row, cost) != 0) {
		json_decref(row);
		row = NULL;
	}
	json_decref(cost);
	return row;
}

static json_t *totals_json(const struct cnn_model *model)
{
	struct layer_totals t = layer_totals(model);
	json_t *largest =
		t.layers ? json_string(cnn_model_layer(model, t.largest)->name) : json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:o}", "layers",
	                 (json_int_t)t.layers, "parameters", (json_int_t)t.parameters, "macs",
	                 (json_int_t)t.macs, "macs_if_dense", (json_int_t)t.macs_if_dense,
	                 "macs_ratio", ratio_json(layer_ratio(t.macs, t.macs_if_dense)),
	                 "weight_bytes", (json_int_t)t.weight_bytes, "output_bytes",
	                 (json_int_t)t.output_bytes, "largest_output_bytes",
	                 (json_int_t)t.largest_output_bytes, "largest_output", largest);
}

json_t *model_json_layers(const struct cnn_model *model, const char *name)
{
	json_t *rows = json_array();
	for (size_t i = 0; rows && i < cnn_model_layers(model); i++) {
		if (json_array_append_new(rows, model_json_layer(model, i)) != 0) {
			json_decref(rows);
			rows = NULL;
		}
	}
	return json_pack("{s:o, s:o, s:o}", "model", model_json_id(model, name), "layers", rows,
	                 "totals", totals_json(model));
}
