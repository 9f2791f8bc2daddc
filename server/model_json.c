#include "server/model_json.h"

#include "engine/base/cpu.h"

#include <stdlib.h>
#include <string.h>

static json_t *shape_json(const struct cnn_shape *shape)
{
	json_t *list = json_array();
	for (int32_t i = 0; list && i < shape->rank; i++)
		json_array_append_new(list, json_integer(shape->dim[i]));
	return list;
}

static json_t *numbers_json(const int32_t *n, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < count; i++)
		json_array_append_new(list, json_integer(n[i]));
	return list;
}

json_t *model_json_id(const struct cnn_model *model, const char *name)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	return json_pack("{s:s, s:s, s:s}", "name", name, "version", info->version, "sha256",
	                 info->sha256);
}

static json_t *preprocessing_json(const struct cnn_preprocess *p)
{
	static const char *const crops[] = {
		[IMAGE_CROP_CENTER] = "center", [IMAGE_CROP_NONE] = "none"};
	static const char *const channels[] = {
		[CNN_CHANNELS_RGB] = "RGB", [CNN_CHANNELS_BGR] = "BGR", [CNN_CHANNELS_L] = "L"};
	json_t *mean = json_array(), *std = json_array();
	for (int32_t i = 0; mean && std && i < p->fit.channels; i++) {
		json_array_append_new(mean, json_real(p->mean[i]));
		json_array_append_new(std, json_real(p->std[i]));
	}
	json_t *resize =
		p->fit.crop == IMAGE_CROP_CENTER ? json_integer(p->fit.resize_short) : json_null();
	return json_pack("{s:i, s:i, s:o, s:s, s:s, s:s, s:f, s:o, s:o}", "width", p->fit.width,
	                 "height", p->fit.height, "resize_short", resize, "crop",
	                 crops[p->fit.crop], "interpolation", "bilinear-antialias", "channels",
	                 channels[p->channels], "scale", p->scale, "mean", mean, "std", std);
}

static json_t *labels_json(const struct cnn_model *model)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	json_t *list = json_array();
	for (size_t c = 0; list && c < info->labels; c++)
		json_array_append_new(list, json_string(cnn_model_label(model, c)));
	return list;
}

json_t *model_json_info(const struct cnn_model *model, const char *name)
{
	static const char *const activations[] = {[CNN_OUTPUT_NONE] = "none",
	                                          [CNN_OUTPUT_SOFTMAX] = "softmax",
	                                          [CNN_OUTPUT_SIGMOID] = "sigmoid"};
	const struct cnn_model_info *info = cnn_model_info(model);
	json_t *assumed = json_array();
	for (size_t i = 0; assumed && i < info->n_assumed; i++)
		json_array_append_new(assumed, json_string(info->assumed[i]));
	json_t *input = json_pack("{s:s, s:s, s:o}", "name", info->input_name, "datatype",
	                          "float32", "shape", shape_json(&info->input));
	json_t *output =
		json_pack("{s:s, s:s, s:o, s:I, s:s}", "name", info->output_name, "datatype",
	                  "float32", "shape", shape_json(&info->output), "classes",
	                  (json_int_t)info->classes, "activation", activations[info->activation]);
	json_t *pictures =
		info->takes_pictures ? preprocessing_json(&info->preprocess) : json_null();
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:o, s:o, s:o, "
	                 "s:o, s:I, s:I, "
	                 "s:I, s:I, s:s, s:o}",
	                 "name", name, "version", info->version, "task", info->task, "source",
	                 info->source, "licence", info->licence, "precision", info->precision,
	                 "sha256", info->sha256, "file_bytes", (json_int_t)info->file_bytes,
	                 "ir_version", (json_int_t)info->ir_version, "opset",
	                 (json_int_t)info->opset, "producer", info->producer, "input", input,
	                 "preprocessing", pictures, "output", output, "labels", labels_json(model),
	                 "parameters", (json_int_t)info->parameters, "macs", (json_int_t)info->macs,
	                 "weight_bytes", (json_int_t)info->weight_bytes, "max_batch",
	                 (json_int_t)info->max_batch, "isa", cpu_isa_name(cnn_model_isa(model)),
	                 "assumed", assumed);
}

json_t *model_json_layer(const struct cnn_model *model, size_t layer)
{
	const struct cnn_layer *l = cnn_model_layer(model, layer);
	bool whole = l->receptive_field[0] == 0;
	return json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:I, s:I, s:I, s:o, s:s, s:s?}",
		"name", l->name, "op", l->op, "input_shape", shape_json(&l->input), "output_shape",
		shape_json(&l->output), "kernel",
		l->windowed ? numbers_json(l->kernel, 2) : json_null(), "stride",
		l->windowed ? numbers_json(l->stride, 2) : json_null(), "padding",
		l->windowed ? numbers_json(l->pad, 4) : json_null(), "dilation",
		l->windowed ? numbers_json(l->dilation, 2) : json_null(), "groups",
		l->windowed ? l->groups : 1, "parameters", (json_int_t)l->parameters, "macs",
		(json_int_t)l->macs, "macs_if_dense", (json_int_t)l->macs_if_dense,
		"receptive_field", whole ? json_null() : numbers_json(l->receptive_field, 2),
		"formula", l->formula, "fused_into", l->fused_into);
}

/* Sums that stay at the largest number instead of wrapping. */
static int64_t add(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static int64_t total_if_dense(const struct cnn_model *model)
{
	int64_t sum = 0;
	for (size_t i = 0; i < cnn_model_layers(model); i++)
		sum = add(sum, cnn_model_layer(model, i)->macs_if_dense);
	return sum;
}

json_t *model_json_layers(const struct cnn_model *model, const char *name)
{
	const struct cnn_model_info *info = cnn_model_info(model);
	size_t n = cnn_model_layers(model);
	json_t *rows = json_array();
	for (size_t i = 0; rows && i < n; i++)
		json_array_append_new(rows, model_json_layer(model, i));
	json_t *totals = json_pack("{s:I, s:I, s:I, s:I}", "layers", (json_int_t)n, "parameters",
	                           (json_int_t)info->parameters, "macs", (json_int_t)info->macs,
	                           "macs_if_dense", (json_int_t)total_if_dense(model));
	return json_pack("{s:o, s:o, s:o}", "model", model_json_id(model, name), "layers", rows,
	                 "totals", totals);
}

json_t *model_json_top(const struct cnn_model *model, const float *scores, size_t top)
{
	size_t classes = cnn_model_info(model)->classes;
	if (top > classes)
		top = classes;
	uint32_t *best = calloc(top + 1, sizeof *best);
	json_t *list = json_array();
	if (!best || !list) {
		free(best);
		json_decref(list);
		return NULL;
	}
	size_t n = cnn_top(scores, classes, top, best);
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(list, json_pack("{s:i, s:s, s:f}", "class", (int)best[i],
		                                      "label", cnn_model_label(model, best[i]),
		                                      "probability", (double)scores[best[i]]));
	}
	free(best);
	return list;
}

json_t *model_json_prediction(const struct cnn_model *model, const char *name,
                              const struct image_header *picture, const float *scores, size_t top,
                              uint32_t batch, const struct prediction_timing *timing)
{
	json_t *predictions = model_json_top(model, scores, top);
	if (!predictions)
		return NULL;
	json_t *image = json_pack("{s:s, s:i, s:i}", "format", image_format_name(picture->format),
	                          "width", picture->width, "height", picture->height);
	json_t *times = json_pack("{s:f, s:f, s:f, s:f}", "decode", timing->decode_ms, "queue",
	                          timing->queue_ms, "inference", timing->inference_ms, "total",
	                          timing->total_ms);
	return json_pack("{s:o, s:o, s:o, s:i, s:o}", "model", model_json_id(model, name),
	                 "predictions", predictions, "image", image, "batch", (int)batch,
	                 "timing_ms", times);
}
