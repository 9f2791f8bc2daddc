#include "engine/run/describe.h"
#include "engine/run/file.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_JSON_BYTES ((size_t)4 << 20)

/* One reading of model.json: where errors point to. */
struct reader {
	const char *path;
	struct arena *arena;
	struct cnn_error *err;
};

static enum cnn_status wrong(const struct reader *r, const char *key, const char *want)
{
	return cnn_fail(r->err, CNN_BAD_MODEL, "%s: \"%s\" must be %s", r->path, key, want);
}

static enum cnn_status read_string(const struct reader *r, const json_t *object, const char *key,
                                   const char **out)
{
	const json_t *v = json_object_get(object, key);
	if (!v || json_is_null(v))
		return CNN_OK;
	if (!json_is_string(v))
		return wrong(r, key, "a string");
	char *copy = arena_strdup(r->arena, json_string_value(v));
	if (!copy)
		return cnn_fail_memory(r->err, r->path, json_string_length(v));
	text_clean(copy);
	*out = copy;
	return CNN_OK;
}

/* A string out of a list; its index. */
static enum cnn_status read_choice(const struct reader *r, const json_t *object, const char *key,
                                   const char *const *choices, const char *text, bool *has,
                                   int *out)
{
	const char *word = NULL;
	enum cnn_status status = read_string(r, object, key, &word);
	if (status || !word)
		return status;
	for (int i = 0; choices[i]; i++) {
		if (strcmp(word, choices[i]) == 0) {
			*has = true;
			*out = i;
			return CNN_OK;
		}
	}
	return wrong(r, key, text);
}

static enum cnn_status read_size(const struct reader *r, const json_t *object, const char *key,
                                 int32_t *out)
{
	const json_t *v = json_object_get(object, key);
	if (!v || json_is_null(v))
		return CNN_OK;
	if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > 16384)
		return wrong(r, key, "a whole number of pixels, 1 to 16384");
	*out = (int32_t)json_integer_value(v);
	return CNN_OK;
}

/* One number for each channel. A single number stands for all of them. */
static enum cnn_status read_vector(const struct reader *r, const json_t *object, const char *key,
                                   double out[3], size_t *n, bool *has)
{
	const json_t *v = json_object_get(object, key);
	if (!v || json_is_null(v))
		return CNN_OK;
	*n = json_is_number(v) ? 1 : json_array_size(v);
	if (*n != 1 && *n != 3)
		return wrong(r, key, "one number or three");
	for (size_t i = 0; i < *n; i++) {
		const json_t *number = json_is_number(v) ? v : json_array_get(v, i);
		if (!json_is_number(number) || !isfinite(json_number_value(number)))
			return wrong(r, key, "numbers");
		out[i] = json_number_value(number);
	}
	for (size_t i = *n; i < 3; i++)
		out[i] = out[0];
	*has = true;
	return CNN_OK;
}

static enum cnn_status read_input(const struct reader *r, const json_t *input,
                                  struct description *d)
{
	static const char *const crops[] = {"center", "none", NULL};
	static const char *const channels[] = {"RGB", "BGR", "L", NULL};
	static const char *const filters[] = {"bilinear-antialias", NULL};
	if (!input || json_is_null(input))
		return CNN_OK;
	if (!json_is_object(input))
		return wrong(r, "input", "an object");
	int crop = 0, order = 0, filter = 0;
	enum cnn_status status = read_size(r, input, "width", &d->width);
	if (!status)
		status = read_size(r, input, "height", &d->height);
	if (!status)
		status = read_size(r, input, "resize_short", &d->resize_short);
	if (!status)
		status = read_choice(r, input, "crop", crops, "\"center\" or \"none\"",
		                     &d->has_crop, &crop);
	if (!status)
		status = read_choice(r, input, "channels", channels, "\"RGB\", \"BGR\" or \"L\"",
		                     &d->has_channels, &order);
	if (!status)
		status = read_choice(r, input, "interpolation", filters, "\"bilinear-antialias\"",
		                     &d->has_interpolation, &filter);
	if (!status)
		status = read_vector(r, input, "mean", d->mean, &d->n_mean, &d->has_mean);
	if (!status)
		status = read_vector(r, input, "std", d->std, &d->n_std, &d->has_std);
	d->crop = (enum image_crop)crop;
	d->channels = (enum cnn_channels)order;
	for (size_t i = 0; i < 3 && !status && d->has_std; i++)
		if (d->std[i] == 0)
			status = wrong(r, "std", "other than 0");
	const json_t *scale = json_object_get(input, "scale");
	if (!status && scale && !json_is_null(scale)) {
		if (!json_is_number(scale) || !(json_number_value(scale) > 0) ||
		    !isfinite(json_number_value(scale)))
			return wrong(r, "scale", "a number above 0");
		d->has_scale = true;
		d->scale = json_number_value(scale);
		/* pixels are 0..255: nobody multiplies them by more than 1; "255" means "/ 255" */
		if (d->scale > 1)
			d->scale = 1 / d->scale;
	}
	return status;
}

static enum cnn_status read_root(const struct reader *r, const json_t *root, struct description *d)
{
	static const char *const activations[] = {"none", "softmax", "sigmoid", NULL};
	if (!json_is_object(root))
		return cnn_fail(r->err, CNN_BAD_MODEL, "%s: not a JSON object", r->path);
	const struct {
		const char *key, **out;
	} strings[] = {
		{"name", &d->name},     {"version", &d->version},     {"task", &d->task},
		{"source", &d->source}, {"licence", &d->licence},     {"license", &d->licence},
		{"labels", &d->labels}, {"precision", &d->precision},
	};
	enum cnn_status status = CNN_OK;
	for (size_t i = 0; i < sizeof strings / sizeof strings[0] && !status; i++)
		status = read_string(r, root, strings[i].key, strings[i].out);
	if (!status)
		status = read_input(r, json_object_get(root, "input"), d);
	const json_t *output = json_object_get(root, "output");
	if (!status && output && !json_is_null(output)) {
		int activation = 0;
		if (!json_is_object(output))
			return wrong(r, "output", "an object");
		status = read_choice(r, output, "activation", activations,
		                     "\"softmax\", \"sigmoid\" or \"none\"", &d->has_activation,
		                     &activation);
		d->activation = (enum cnn_output_activation)activation;
	}
	if (!status && d->name && !*d->name)
		status = wrong(r, "name", "a name");
	return status;
}

enum cnn_status describe_read(const char *dir, struct arena *arena, struct description *out,
                              struct cnn_error *err)
{
	*out = (struct description){0};
	struct reader r = {
		.path = arena_printf(arena, "%s/model.json", dir), .arena = arena, .err = err};
	if (!r.path)
		return cnn_fail_memory(err, "model.json", strlen(dir));
	uint8_t *bytes;
	size_t len;
	enum cnn_status status = file_read(r.path, MAX_JSON_BYTES, true, &bytes, &len, err);
	if (status || !bytes)
		return status;
	json_error_t where;
	json_t *root = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, &where);
	free(bytes);
	if (!root)
		return cnn_fail(err, CNN_BAD_MODEL, "%s: line %d: %s", r.path, where.line,
		                where.text);
	status = read_root(&r, root, out);
	json_decref(root);
	return status;
}
