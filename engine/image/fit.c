#include "engine/image/fit.h"

#include "engine/image/resize.h"

/* a * b / c, rounded down; c >= 1. At least 1 and at most INT32_MAX. */
static int32_t scale_side(int32_t a, int32_t b, int32_t c)
{
	int64_t value = (int64_t)a * b / c;
	return value < 1 ? 1 : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

void image_fit_size(const struct image_fit *fit, int32_t src_width, int32_t src_height,
                    int32_t *width, int32_t *height)
{
	if (fit->crop == IMAGE_CROP_NONE) {
		*width = fit->width;
		*height = fit->height;
		return;
	}
	int32_t resized = fit->resize_short < 1 ? 1 : fit->resize_short;
	if (src_width <= src_height) {
		*width = resized;
		*height = scale_side(resized, src_height, src_width);
	} else {
		*height = resized;
		*width = scale_side(resized, src_width, src_height);
	}
	if (*width >= fit->width && *height >= fit->height)
		return;
	/* Too small for the cut: the side that needs the larger scale becomes as long as the cut. */
	if ((int64_t)fit->width * src_height >= (int64_t)fit->height * src_width) {
		*width = fit->width;
		*height = scale_side(src_height, fit->width, src_width);
	} else {
		*height = fit->height;
		*width = scale_side(src_width, fit->height, src_height);
	}
}

/* Half of a margin, rounded half to even. */
static int32_t half_of(int32_t margin)
{
	int32_t half = margin / 2;
	return margin % 2 ? half + half % 2 : half;
}

void image_fit_cut(const struct image_fit *fit, int32_t resized_width, int32_t resized_height,
                   int32_t *left, int32_t *top)
{
	*left = half_of(resized_width - fit->width);
	*top = half_of(resized_height - fit->height);
}

enum cnn_status fit_check(const struct image_fit *fit, struct cnn_error *err)
{
	if (fit->width < 1 || fit->height < 1)
		return cnn_fail(err, CNN_BAD_ARG, "fit: cannot make %d x %d pixels",
		                (int)fit->width, (int)fit->height);
	if (fit->channels != 1 && fit->channels != 3)
		return cnn_fail(err, CNN_BAD_ARG, "fit: cannot make %d channels, only 1 or 3",
		                (int)fit->channels);
	if (fit->crop != IMAGE_CROP_CENTER && fit->crop != IMAGE_CROP_NONE)
		return cnn_fail(err, CNN_BAD_ARG, "fit: unknown crop %d", (int)fit->crop);
	return CNN_OK;
}

enum cnn_status fit_resized(const struct image *src, const struct image_fit *fit,
                            int32_t resized_width, int32_t resized_height, struct image *out,
                            struct cnn_error *err)
{
	if (!src->px || src->width < 1 || src->height < 1)
		return cnn_fail(err, CNN_BAD_ARG, "fit: no picture");
	if (src->channels != fit->channels)
		return cnn_fail(err, CNN_BAD_ARG, "fit: picture has %d channels, want %d",
		                (int)src->channels, (int)fit->channels);
	struct resize_window window = {
		.full_width = resized_width,
		.full_height = resized_height,
		.width = fit->width,
		.height = fit->height,
	};
	image_fit_cut(fit, resized_width, resized_height, &window.left, &window.top);
	return resize_window(src, &window, out, err);
}

enum cnn_status image_fit_to(const struct image *src, const struct image_fit *fit,
                             struct image *out, struct cnn_error *err)
{
	enum cnn_status status = fit_check(fit, err);
	if (status)
		return status;
	if (src->width < 1 || src->height < 1)
		return cnn_fail(err, CNN_BAD_ARG, "fit: no picture");
	int32_t width, height;
	image_fit_size(fit, src->width, src->height, &width, &height);
	return fit_resized(src, fit, width, height, out, err);
}
