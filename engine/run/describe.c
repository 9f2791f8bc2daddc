#include "engine/run/describe.h"
#include "engine/run/reader.h"

static enum cnn_status read_values(const struct reader *r, const json_t *input,
                                   struct description *d)
{
	enum cnn_status status =
		reader_vector(r, input, "mean", true, d->mean, &d->n_mean, &d->has_mean);
	if (!status)
		status = reader_vector(r, input, "std", false, d->std, &d->n_std, &d->has_std);
	if (!status)
		status = reader_positive(r, input, "scale", &d->has_scale, &d->scale);
	/* pixels are 0..255: nobody multiplies them by more than 1; "255" means "/ 255" */
	if (d->has_scale && d->scale > 1)
		d->scale = 1 / d->scale;
	return status;
}

static enum cnn_status read_input(const struct reader *r, const json_t *input,
                                  struct description *d)
{
	static const char *const crops[] = {"center", "none", NULL};
	static const char *const channels[] = {"RGB", "BGR", "L", NULL};
	static const char *const filters[] = {"bilinear-antialias", NULL};
	if (!input)
		return CNN_OK;
	if (!json_is_object(input))
		return reader_wrong(r, "input", "an object");
	int crop = 0, order = 0, filter = 0;
	enum cnn_status status = reader_pixels(r, input, "width", &d->width);
	if (!status)
		status = reader_pixels(r, input, "height", &d->height);
	if (!status)
		status = reader_pixels(r, input, "resize_short", &d->resize_short);
	if (!status)
		status = reader_choice(r, input, "crop", crops, "\"center\" or \"none\"",
		                       &d->has_crop, &crop);
	if (!status)
		status = reader_choice(r, input, "channels", channels, "\"RGB\", \"BGR\" or \"L\"",
		                       &d->has_channels, &order);
	if (!status)
		status = reader_choice(r, input, "interpolation", filters, "\"bilinear-antialias\"",
		                       &d->has_interpolation, &filter);
	if (!status)
		status = read_values(r, input, d);
	d->crop = (enum image_crop)crop;
	d->channels = (enum cnn_channels)order;
	d->size_by = d->width || d->height ? r->path : NULL;
	d->fit_by = d->has_crop || d->resize_short ? r->path : NULL;
	d->channels_by = d->has_channels ? r->path : NULL;
	d->values_by = d->has_scale || d->has_mean || d->has_std ? r->path : NULL;
	return status;
}

static enum cnn_status read_output(const struct reader *r, const json_t *output,
                                   struct description *d)
{
	static const char *const activations[] = {"none", "softmax", "sigmoid", NULL};
	int activation = 0;
	if (!output)
		return CNN_OK;
	if (!json_is_object(output))
		return reader_wrong(r, "output", "an object");
	enum cnn_status status = reader_choice(r, output, "activation", activations,
	                                       "\"softmax\", \"sigmoid\" or \"none\"",
	                                       &d->has_activation, &activation);
	d->activation = (enum cnn_output_activation)activation;
	return status ? status : reader_string(r, output, "name", &d->output);
}

static enum cnn_status read_batching(const struct reader *r, const json_t *batching,
                                     struct cnn_batching *out)
{
	if (!batching)
		return CNN_OK;
	if (!json_is_object(batching))
		return reader_wrong(r, "batching", "an object");
	bool has = false, weighs = false;
	enum cnn_status status =
		reader_integer(r, batching, "max_batch", 1, 256, &has, &out->max_batch);
	if (!status)
		status = reader_integer(r, batching, "max_delay_us", 0, 1000000,
		                        &out->has_max_delay, &out->max_delay_us);
	if (!status)
		status = reader_integer(r, batching, "priority", 1, 9, &has, &out->priority);
	if (!status)
		status = reader_positive(r, batching, "weight", &weighs, &out->weight);
	if (!status && weighs && !(out->weight >= 0.001 && out->weight <= 1000))
		status = reader_wrong(r, "weight", "a number, 0.001 to 1000");
	return status;
}

static enum cnn_status read_root(const struct reader *r, const json_t *root, struct description *d)
{
	const struct {
		const char *key, **out;
	} strings[] = {
		{"name", &d->name},     {"version", &d->version},     {"task", &d->task},
		{"source", &d->source}, {"licence", &d->licence},     {"license", &d->licence},
		{"labels", &d->labels}, {"precision", &d->precision},
	};
	enum cnn_status status = CNN_OK;
	for (size_t i = 0; i < sizeof strings / sizeof strings[0] && !status; i++)
		status = reader_string(r, root, strings[i].key, strings[i].out);
	if (!status)
		status = read_input(r, reader_get(root, "input"), d);
	if (!status)
		status = read_output(r, reader_get(root, "output"), d);
	if (!status)
		status = read_batching(r, reader_get(root, "batching"), &d->batching);
	if (!status && d->name && !*d->name)
		status = reader_wrong(r, "name", "a name");
	return status;
}

enum cnn_status describe_read(const char *dir, struct arena *arena, struct description *out,
                              struct cnn_error *err)
{
	*out = (struct description){0};
	struct reader r;
	json_t *root;
	enum cnn_status status = reader_open(&r, dir, "model.json", arena, &root, err);
	if (status || !root)
		return status;
	out->json = r.path;
	status = read_root(&r, root, out);
	json_decref(root);
	return status;
}
