#include "engine/run/metadata.h"

#include "engine/run/label_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BY "the file's metadata"

/* NULL when there is no such key. */
static const char *find(const struct onnx_info *info, const char *key)
{
	for (size_t i = 0; i < info->n_meta; i++)
		if (strcmp(info->meta_keys[i], key) == 0)
			return info->meta_values[i];
	return NULL;
}

static bool says(const struct onnx_info *info, const char *key, const char *value)
{
	const char *text = find(info, key);
	return text && strcmp(text, value) == 0;
}

/* "0.5", "0.1, 0.2, 0.3", with or without brackets: how many numbers, 0 when it is anything else. */
static size_t read_numbers(const char *text, double out[3])
{
	size_t n = 0;
	if (!text)
		return 0;
	text += strspn(text, " [(");
	for (;;) {
		char *end;
		double x = strtod(text, &end);
		if (end == text || !isfinite(x) || n == 3)
			return 0;
		out[n++] = x;
		text = end + strspn(end, " ");
		if (*text != ',')
			break;
		text++;
	}
	return text[strspn(text, " ])")] ? 0 : n;
}

/* --- the input ------------------------------------------------------------------------------ */

static bool is_side(double x)
{
	return x >= 1 && x <= 16384 && x == floor(x);
}

static void read_size(const struct onnx_info *info, const struct value *input,
                      struct description *d, struct assumptions *assumed)
{
	double side[3];
	size_t n = read_numbers(find(info, "imgsz"), side);
	int32_t axis = input_channel_axis(input), y = axis == 3 ? 1 : 2;
	if (n < 1 || n > 2 || !axis || d->size_by)
		return;
	double height = side[0], width = side[n - 1];
	if (!is_side(height) || !is_side(width))
		return;
	if ((input->dim[y] > 0 && input->dim[y] != (int64_t)height) ||
	    (input->dim[y + 1] > 0 && input->dim[y + 1] != (int64_t)width)) {
		assume(assumed, "size: the graph's, which is not the imgsz of " BY);
		return;
	}
	if (input->dim[y] > 0 && input->dim[y + 1] > 0)
		return;
	d->height = (int32_t)height;
	d->width = (int32_t)width;
	d->size_by = BY;
	assume(assumed, "size: %d × %d, the imgsz of " BY, d->width, d->height);
}

/* What Ultralytics' own classifiers do; they write no mean. */
static void read_ultralytics(struct description *d, struct assumptions *assumed)
{
	if (!d->fit_by) {
		d->has_crop = true;
		d->crop = IMAGE_CROP_CENTER;
		d->resize_to_input = true;
		d->fit_by = BY;
		assume(assumed,
		       "resize_short: the input's shorter side, as Ultralytics does, by " BY);
	}
	if (d->values_by)
		return;
	d->has_scale = d->has_mean = d->has_std = true;
	d->scale = 1.0 / 255;
	d->n_mean = d->n_std = 1;
	for (int i = 0; i < 3; i++) {
		d->mean[i] = 0;
		d->std[i] = 1;
	}
	d->values_by = BY;
	assume(assumed, "scale, mean, std: pixels are divided by 255, as Ultralytics does, by " BY);
}

/* What pixels are multiplied by before `mean` and `std` apply: 1 when these are for 0..255, 1/255 when for 0..1,
 * 0 when they fit both. */
static double scale_for(const double mean[3], const double std[3])
{
	double most_mean = 0, least_std = std[0], most_std = std[0];
	for (int i = 0; i < 3; i++) {
		most_mean = fmax(most_mean, fabs(mean[i]));
		least_std = fmin(least_std, std[i]);
		most_std = fmax(most_std, std[i]);
	}
	if (most_mean > 1)
		return least_std >= 1 ? 1 : 0;
	if (least_std > 1)
		return most_mean == 0 ? 1 : 0;
	return most_std < 1 ? 1.0 / 255 : 0;
}

static void read_values(const struct onnx_info *info, struct description *d,
                        struct assumptions *assumed)
{
	double mean[3], std[3];
	size_t n_mean = read_numbers(find(info, "mean"), mean);
	size_t n_std = read_numbers(find(info, "std"), std);
	if (d->values_by || n_mean % 2 == 0 || n_std % 2 == 0)
		return;
	for (size_t i = n_mean; i < 3; i++)
		mean[i] = mean[0];
	for (size_t i = n_std; i < 3; i++)
		std[i] = std[0];
	if (!(fmin(std[0], fmin(std[1], std[2])) > 0))
		return;
	double scale = scale_for(mean, std);
	if (scale == 0) {
		assume(assumed,
		       "mean and std of " BY " are not used: they fit pixels of 0..1 as well as "
		       "of 0..255");
		return;
	}
	d->has_scale = d->has_mean = d->has_std = true;
	d->scale = scale;
	memcpy(d->mean, mean, sizeof mean);
	memcpy(d->std, std, sizeof std);
	d->n_mean = n_mean;
	d->n_std = n_std;
	d->values_by = BY;
	assume(assumed, "mean, std: those of " BY ", for pixels of 0..%s",
	       scale == 1 ? "255" : "1");
}

void metadata_describe(const struct onnx_info *info, const struct value *input,
                       struct description *d, struct assumptions *assumed)
{
	read_size(info, input, d, assumed);
	read_values(info, d, assumed);
	if (says(info, "author", "Ultralytics") && says(info, "task", "classify"))
		read_ultralytics(d, assumed);
}

/* --- labels --------------------------------------------------------------------------------- */

enum cnn_status metadata_labels(const struct onnx_info *info, size_t classes, struct arena *arena,
                                struct assumptions *assumed, struct label_list *out,
                                struct cnn_error *err)
{
	static const char *const keys[] = {"labels", "classes", "class_names", "names"};
	const char *wrong = NULL;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const char *text = find(info, keys[i]);
		struct label_list list;
		if (!text || !*text)
			continue;
		enum cnn_status status = label_text_read(text, classes, arena, &list, err);
		if (status)
			return status;
		if (list.n == classes) {
			*out = list;
			out->by = BY;
			assume(assumed, "labels: %zu from \"%s\" of " BY, classes, keys[i]);
			return CNN_OK;
		}
		wrong = wrong ? wrong : keys[i];
	}
	if (wrong)
		assume(assumed,
		       "labels: none; \"%s\" of " BY " does not have one for each of %zu classes",
		       wrong, classes);
	return CNN_OK;
}
