#include "engine/image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/image/pixels.h"

static void taps_free(struct resize_taps *t)
{
	free(t->first);
	free(t->taps);
	free(t->weight);
	*t = (struct resize_taps){0};
}

/* The triangle filter, as wide as one output pixel is in input pixels (never narrower than one),
 * clipped at the picture's edges and normalised there. */
static void fill_taps(struct resize_taps *t, int32_t in_size, int32_t out_size, int32_t from,
                      double *weights)
{
	double scale = (double)in_size / out_size;
	double support = scale < 1.0 ? 1.0 : scale;
	double sharpness = 1.0 / support;
	for (int32_t i = 0; i < t->n; i++) {
		double center = ((double)from + i + 0.5) * scale;
		double low = center - support + 0.5, high = center + support + 0.5;
		int32_t first = low < 0 ? 0 : (int32_t)low;
		int32_t end = high > in_size ? in_size : (int32_t)high;
		int32_t n = end - first;
		double total = 0;
		for (int32_t k = 0; k < n; k++) {
			double distance = fabs((k + first - center + 0.5) * sharpness);
			weights[k] = distance < 1.0 ? 1.0 - distance : 0.0;
			total += weights[k];
		}
		int32_t *out = t->weight + (size_t)i * (size_t)t->max_taps;
		for (int32_t k = 0; k < n; k++) {
			double share = total != 0.0 ? weights[k] / total : weights[k];
			out[k] = (int32_t)(0.5 + share * (1 << RESIZE_PRECISION));
		}
		t->first[i] = first;
		t->taps[i] = n;
	}
}

/* Taps of the n outputs from `from` on, of out_size that in_size inputs are resized to. */
static enum cnn_status taps_new(struct resize_taps *t, int32_t in_size, int32_t out_size,
                                int32_t from, int32_t n, struct cnn_error *err)
{
	double scale = (double)in_size / out_size;
	double max_taps = ceil(scale < 1.0 ? 1.0 : scale) * 2 + 1;
	if (max_taps > INT32_MAX)
		return cnn_fail(err, CNN_IMAGE_TOO_LARGE,
		                "a side of %d pixels is too long to resize", (int)in_size);
	*t = (struct resize_taps){.n = n, .max_taps = (int32_t)max_taps};

	size_t bytes;
	double *weights = NULL;
	if (__builtin_mul_overflow((size_t)n * sizeof *t->weight, (size_t)t->max_taps, &bytes))
		return cnn_fail_memory(err, "the resizing filter", SIZE_MAX);
	t->weight = malloc(bytes);
	t->first = malloc((size_t)n * sizeof *t->first);
	t->taps = malloc((size_t)n * sizeof *t->taps);
	weights = malloc((size_t)t->max_taps * sizeof *weights);
	if (!t->weight || !t->first || !t->taps || !weights) {
		taps_free(t);
		free(weights);
		return cnn_fail_memory(err, "the resizing filter", bytes);
	}
	fill_taps(t, in_size, out_size, from, weights);
	free(weights);
	return CNN_OK;
}

static size_t row_bytes(const struct image *img)
{
	return (size_t)img->width * (size_t)img->channels;
}

/* Rows `from` .. of src, as many as `out` has, each resized (or only cut) to the window's width. */
static enum cnn_status resize_rows(const struct image *src, const struct resize_window *window,
                                   int32_t from, struct image *out, struct cnn_error *err)
{
	const uint8_t *in = src->px + (size_t)from * row_bytes(src);
	uint8_t *to = out->px;
	if (window->full_width == src->width) {
		in += (size_t)window->left * (size_t)src->channels;
		for (int32_t y = 0; y < out->height;
		     y++, in += row_bytes(src), to += row_bytes(out))
			memcpy(to, in, row_bytes(out));
		return CNN_OK;
	}
	struct resize_taps across;
	enum cnn_status status =
		taps_new(&across, src->width, window->full_width, window->left, window->width, err);
	if (status)
		return status;
	uint8_t *scratch = malloc(resize_scratch(&across, src->channels));
	if (!scratch) {
		status = cnn_fail_memory(err, "the resizing of rows",
		                         resize_scratch(&across, src->channels));
		taps_free(&across);
		return status;
	}
	const struct resize_kernel *kernel = resize_kernel(CNN_ISA_COUNT);
	for (int32_t y = 0; y < out->height; y += RESIZE_ROWS) {
		int32_t rows = out->height - y < RESIZE_ROWS ? out->height - y : RESIZE_ROWS;
		kernel->rows(&across, in + (size_t)y * row_bytes(src), row_bytes(src), rows,
		             src->channels, to + (size_t)y * row_bytes(out), row_bytes(out),
		             scratch);
	}
	free(scratch);
	taps_free(&across);
	return CNN_OK;
}

/* Both directions; rows first, rounded to 8 bits, then columns: the order decides the rounding. */
static enum cnn_status resize_both(const struct image *src, const struct resize_window *window,
                                   struct image *out, struct cnn_error *err)
{
	struct image rows = {0};
	struct resize_taps down;
	enum cnn_status status =
		taps_new(&down, src->height, window->full_height, window->top, window->height, err);
	if (status)
		return status;
	int32_t from = down.first[0];
	int32_t end = down.first[down.n - 1] + down.taps[down.n - 1];
	status = pixels_new(&rows, window->width, end - from, src->channels,
	                    "the half-resized picture", err);
	if (status)
		goto done;
	status = resize_rows(src, window, from, &rows, err);
	if (status)
		goto done;
	size_t stride = row_bytes(&rows);
	for (int32_t y = 0; y < down.n; y++)
		resize_kernel(CNN_ISA_COUNT)
			->column(down.weight + (size_t)y * (size_t)down.max_taps, down.taps[y],
		                 rows.px + (size_t)(down.first[y] - from) * stride, stride, stride,
		                 out->px + (size_t)y * stride);
done:
	image_clear(&rows);
	taps_free(&down);
	return status;
}

enum cnn_status resize_window(const struct image *src, const struct resize_window *window,
                              struct image *out, struct cnn_error *err)
{
	struct image made = {0};
	enum cnn_status status = pixels_new(&made, window->width, window->height, src->channels,
	                                    "the resized picture", err);
	if (status)
		return status;
	status = window->full_height == src->height
	                 ? resize_rows(src, window, window->top, &made, err)
	                 : resize_both(src, window, &made, err);
	if (status) {
		image_clear(&made);
		return status;
	}
	*out = made;
	return CNN_OK;
}

enum cnn_status image_resize(const struct image *src, int32_t width, int32_t height,
                             struct image *out, struct cnn_error *err)
{
	if (!src->px || src->width < 1 || src->height < 1 ||
	    (src->channels != 1 && src->channels != 3))
		return cnn_fail(err, CNN_BAD_ARG, "resize: no picture");
	if (width < 1 || height < 1)
		return cnn_fail(err, CNN_BAD_ARG, "resize: cannot make %d x %d pixels", (int)width,
		                (int)height);
	const struct resize_window all = {width, height, 0, 0, width, height};
	return resize_window(src, &all, out, err);
}
