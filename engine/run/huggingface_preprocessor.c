#include "engine/run/huggingface.h"
#include "engine/run/reader.h"

#include <math.h>

#define FILE_NAME "preprocessor_config.json"

/* From this size on, ConvNeXt's processor resizes without cutting. */
#define NO_CUT_FROM 384

/* A flag of the file, or its absence. */
struct flag {
	bool said, on;
};

static bool is_on(struct flag f, bool unsaid)
{
	return f.said ? f.on : unsaid;
}

static enum cnn_status read_flag(const struct reader *r, const json_t *root, const char *key,
                                 struct flag *out)
{
	return reader_flag(r, root, key, &out->said, &out->on);
}

/* --- size and crop --------------------------------------------------------------------------- */

/* "size" and "crop_size": a number, two of them, or the shorter side. */
struct size {
	int32_t height, width, shortest, plain;
	bool unknown; /* a form that convd does not know */
};

static enum cnn_status read_pair(const struct reader *r, const char *key, const json_t *pair,
                                 struct size *out)
{
	json_t *named = json_pack("{s:O, s:O}", "height", json_array_get(pair, 0), "width",
	                          json_array_get(pair, 1));
	if (!named)
		return cnn_fail_memory(r->err, key, 0);
	enum cnn_status status = reader_pixels(r, named, "height", &out->height);
	if (!status)
		status = reader_pixels(r, named, "width", &out->width);
	json_decref(named);
	return status;
}

static enum cnn_status read_size(const struct reader *r, const json_t *root, const char *key,
                                 struct size *out)
{
	const json_t *v = reader_get(root, key);
	*out = (struct size){0};
	if (!v)
		return CNN_OK;
	if (json_is_integer(v))
		return reader_pixels(r, root, key, &out->plain);
	if (json_is_array(v) && json_array_size(v) == 2)
		return read_pair(r, key, v, out);
	if (!json_is_object(v))
		return reader_wrong(r, key, "a number of pixels or an object");
	enum cnn_status status = reader_pixels(r, v, "height", &out->height);
	if (!status)
		status = reader_pixels(r, v, "width", &out->width);
	if (!status)
		status = reader_pixels(r, v, "shortest_edge", &out->shortest);
	out->unknown = !out->shortest && (!out->height || !out->width);
	return status;
}

/* What becomes of a picture: resized, to `short_side` or without regard to its shape, and cut. */
struct way {
	struct size size, crop;
	bool cuts;
	double crop_pct; /* 0: none */
};

static int32_t smaller(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

static void set_fit(struct description *d, enum image_crop crop, int32_t resize_short,
                    struct assumptions *assumed)
{
	if (d->fit_by)
		return;
	d->has_crop = true;
	d->crop = crop;
	d->resize_short = resize_short;
	if (crop == IMAGE_CROP_NONE)
		assume(assumed, "crop: none, by " FILE_NAME);
	else
		assume(assumed, "crop: center, resize_short: %d, by " FILE_NAME, resize_short);
}

static void set_size(struct description *d, const struct reader *r, int32_t height, int32_t width)
{
	if (d->size_by)
		return;
	d->height = height;
	d->width = width;
	d->size_by = r->path;
}

/* Its size is that of the resized picture's shorter side, which a whole number may also mean. */
static void decide_short(const struct reader *r, const struct way *w, int32_t side,
                         struct description *d, struct assumptions *assumed)
{
	int32_t height = side, width = side, resize = side;
	if (w->cuts && (w->crop.height || w->crop.plain)) {
		height = w->crop.height ? w->crop.height : w->crop.plain;
		width = w->crop.width ? w->crop.width : w->crop.plain;
	}
	set_size(d, r, height, width);
	if (w->crop_pct > 0 && side >= NO_CUT_FROM && !w->cuts) {
		set_fit(d, IMAGE_CROP_NONE, 0, assumed);
		return;
	}
	if (w->crop_pct > 0)
		resize = (int32_t)fmin(floor(side / w->crop_pct), 16384);
	else if (!w->cuts && !d->fit_by)
		assume(assumed, "crop: " FILE_NAME " cuts nothing off; convd cuts out the middle");
	set_fit(d, IMAGE_CROP_CENTER, resize, assumed);
}

static void decide_fit(const struct reader *r, const struct way *w, struct description *d,
                       struct assumptions *assumed)
{
	const struct size *s = &w->size;
	if (s->unknown || w->crop.unknown) {
		assume(assumed, "size: " FILE_NAME " has it in a form that convd does not know");
	} else if (s->shortest || (s->plain && (w->cuts || w->crop_pct > 0))) {
		decide_short(r, w, s->shortest ? s->shortest : s->plain, d, assumed);
	} else if (s->height && (w->cuts || w->crop_pct > 0)) {
		if (!d->fit_by)
			assume(assumed,
			       "crop: " FILE_NAME " resizes to %d × %d first, whatever a picture's "
			       "shape; convd keeps the shape",
			       s->width, s->height);
		decide_short(r, w, smaller(s->width, s->height), d, assumed);
	} else if (s->height || s->plain) {
		set_size(d, r, s->height ? s->height : s->plain, s->width ? s->width : s->plain);
		set_fit(d, IMAGE_CROP_NONE, 0, assumed);
	}
	if (d->has_crop && !d->fit_by)
		d->fit_by = r->path;
}

static enum cnn_status read_fit(const struct reader *r, const json_t *root, struct description *d,
                                struct assumptions *assumed)
{
	struct way w = {0};
	struct flag resizes = {0}, cuts = {0};
	bool has_pct = false;
	enum cnn_status status = read_flag(r, root, "do_resize", &resizes);
	if (!status)
		status = read_flag(r, root, "do_center_crop", &cuts);
	if (!status)
		status = read_size(r, root, "size", &w.size);
	if (!status)
		status = read_size(r, root, "crop_size", &w.crop);
	if (!status)
		status = reader_positive(r, root, "crop_pct", &has_pct, &w.crop_pct);
	if (!status && w.crop_pct > 1)
		status = reader_wrong(r, "crop_pct", "at most 1");
	if (status)
		return status;
	w.cuts = is_on(cuts, w.crop.height || w.crop.plain);
	if (is_on(resizes, true))
		decide_fit(r, &w, d, assumed);
	else
		assume(assumed, "size: " FILE_NAME " resizes nothing; convd does");
	return CNN_OK;
}

/* --- interpolation and channels ----------------------------------------------------------------- */

static enum cnn_status read_filter(const struct reader *r, const json_t *root,
                                   const struct description *d, struct assumptions *assumed)
{
	/* Pillow's numbers */
	static const char *const names[] = {"nearest", "lanczos", "bilinear",
	                                    "bicubic", "box",     "hamming"};
	const json_t *v = reader_get(root, "resample");
	if (!v)
		return CNN_OK;
	json_int_t filter = json_integer_value(v);
	if (!json_is_integer(v) || filter < 0 || filter > 5)
		return reader_wrong(r, "resample", "0 to 5, a filter of Pillow's");
	if (filter != 2 && !d->has_interpolation)
		assume(assumed,
		       "interpolation: bilinear, the nearest to the %s filter of " FILE_NAME,
		       names[filter]);
	return CNN_OK;
}

static enum cnn_status read_order(const struct reader *r, const json_t *root, struct description *d,
                                  struct flag *flips, struct assumptions *assumed)
{
	enum cnn_status status = read_flag(r, root, "do_flip_channel_order", flips);
	if (status || !flips->on || d->channels_by)
		return status;
	d->has_channels = true;
	d->channels = CNN_CHANNELS_BGR;
	d->channels_by = r->path;
	assume(assumed, "channels: BGR, by " FILE_NAME);
	return CNN_OK;
}

/* --- values --------------------------------------------------------------------------------------- */

struct values {
	struct flag rescales, normalises, offset, twice;
	bool has_factor, has_mean, has_std;
	double factor, mean[3], std[3];
	size_t n_mean, n_std;
};

static enum cnn_status read_values(const struct reader *r, const json_t *root, struct values *v)
{
	enum cnn_status status = read_flag(r, root, "do_rescale", &v->rescales);
	if (!status)
		status = read_flag(r, root, "do_normalize", &v->normalises);
	if (!status)
		status = read_flag(r, root, "rescale_offset", &v->offset);
	if (!status)
		status = read_flag(r, root, "include_top", &v->twice);
	if (!status)
		status = reader_positive(r, root, "rescale_factor", &v->has_factor, &v->factor);
	if (!status)
		status = reader_vector(r, root, "image_mean", true, v->mean, &v->n_mean,
		                       &v->has_mean);
	return status ? status
	              : reader_vector(r, root, "image_std", false, v->std, &v->n_std, &v->has_std);
}

/* (pixel * factor - offset - mean) / std, the last once more for EfficientNet's include_top. */
static void decide_values(const struct reader *r, const struct values *v, struct flag flips,
                          struct description *d, struct assumptions *assumed)
{
	/* MobileViT's processor, the one with flips, does not normalise and has no flag to say so. */
	bool normalises = is_on(v->normalises, v->has_mean);
	bool known = normalises ? v->has_mean && v->has_std
	                        : v->normalises.said || (flips.said && !v->has_mean);
	if (!known || d->values_by)
		return;
	bool rescales = is_on(v->rescales, true);
	d->has_scale = d->has_mean = d->has_std = true;
	d->scale = !rescales ? 1 : v->has_factor ? v->factor : 1.0 / 255;
	d->n_mean = normalises ? v->n_mean : 1;
	d->n_std = normalises ? v->n_std : 1;
	for (int i = 0; i < 3; i++) {
		double std = normalises ? v->std[i] : 1;
		d->mean[i] = (normalises ? v->mean[i] : 0) + (rescales && v->offset.on ? 1 : 0);
		d->std[i] = v->twice.on ? std * std : std;
	}
	d->values_by = r->path;
	assume(assumed, "scale, mean, std: those of " FILE_NAME);
}

enum cnn_status huggingface_preprocessor(const char *dir, struct arena *arena,
                                         struct description *d, struct assumptions *assumed,
                                         struct cnn_error *err)
{
	struct reader r;
	json_t *root;
	struct flag flips = {0};
	struct values values = {0};
	enum cnn_status status = reader_open(&r, dir, FILE_NAME, arena, &root, err);
	if (status || !root)
		return status;
	status = read_fit(&r, root, d, assumed);
	if (!status)
		status = read_filter(&r, root, d, assumed);
	if (!status)
		status = read_order(&r, root, d, &flips, assumed);
	if (!status)
		status = read_values(&r, root, &values);
	if (!status)
		decide_values(&r, &values, flips, d, assumed);
	json_decref(root);
	return status;
}
