/* resize.h - a window of a resized picture, without computing the rest. */
#ifndef ENGINE_IMAGE_RESIZE_H
#define ENGINE_IMAGE_RESIZE_H
#include "engine/base/cpu.h"
#include "engine/image/image.h"

/* A part of the picture that src would be after resizing it to full_width x full_height. */
struct resize_window {
	int32_t full_width, full_height;
	int32_t left, top, width, height; /* inside the full size */
};

/* The same pixels as image_resize() and then cutting the window out of its result. */
enum cnn_status resize_window(const struct image *src, const struct resize_window *window,
                              struct image *out, struct cnn_error *err);

/* Weights have RESIZE_PRECISION fractional bits: 8 bits of pixel, 22 of weight and two of
 * headroom fill an int32_t. This is the precision that Pillow rounds with. */
#define RESIZE_PRECISION 22

/* For each of n output positions along one axis: which inputs it averages, and how much each
 * of them counts. Weights of one output sum to about 1 << RESIZE_PRECISION. */
struct resize_taps {
	int32_t n;
	int32_t max_taps; /* weights are stored max_taps apart */
	int32_t *first;   /* [n] index of the first input */
	int32_t *taps;    /* [n] how many inputs, 1..max_taps */
	int32_t *weight;  /* [n][max_taps] */
};

/* Rows at a time. */
enum { RESIZE_ROWS = 8 };

/* Kernels give the same bytes at every instruction set. */
struct resize_kernel {
	enum cnn_isa isa;
	/* `rows` <= RESIZE_ROWS rows, in_stride and out_stride bytes apart: out[t->n][channels] from in, whose first
	 * pixel has index 0. channels is 1 or 3. scratch has resize_scratch() bytes. */
	void (*rows)(const struct resize_taps *t, const uint8_t *in, size_t in_stride, int32_t rows,
	             int32_t channels, uint8_t *out, size_t out_stride, uint8_t *scratch);
	/* The weighted sum of `taps` rows of `len` bytes that lie `stride` bytes apart. */
	void (*column)(const int32_t *weight, int32_t taps, const uint8_t *in, size_t stride,
	               size_t len, uint8_t *out);
};
extern const struct resize_kernel resize_kernel_portable, resize_kernel_avx2;

/* The best one that runs here and is not above `max`. */
const struct resize_kernel *resize_kernel(enum cnn_isa max);

/* All inputs and outputs of RESIZE_ROWS rows. */
size_t resize_scratch(const struct resize_taps *t, int32_t channels);

#endif
