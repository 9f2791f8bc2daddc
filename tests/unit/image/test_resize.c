#include "tests/test.h"

#include "engine/image/image.h"
#include "engine/image/resize.h"

static struct image make(int width, int height, int channels)
{
	struct image img = {NULL, width, height, channels};
	size_t n = (size_t)width * (size_t)height * (size_t)channels;
	img.px = malloc(n);
	CHECK(img.px);
	uint32_t state = 12345;
	for (size_t i = 0; i < n; i++) {
		state = state * 1664525 + 1013904223;
		img.px[i] = (uint8_t)(state >> 24);
	}
	return img;
}

static void resize(const struct image *src, int width, int height, struct image *out)
{
	struct cnn_error err = {0};
	CHECK_INT(image_resize(src, width, height, out, &err), CNN_OK);
	CHECK_INT(out->width, width);
	CHECK_INT(out->height, height);
	CHECK_INT(out->channels, src->channels);
}

/* The triangle filter by its definition, in double precision: weight of input k in output i. */
static double weight(int k, int i, int in, int out)
{
	double scale = (double)in / out, support = fmax(scale, 1.0);
	double center = (i + 0.5) * scale;
	int first = (int)fmax(0, center - support + 0.5);
	int end = (int)fmin(in, center + support + 0.5);
	double total = 0;
	for (int j = first; j < end; j++)
		total += fmax(0, 1 - fabs((j + 0.5 - center) / support));
	if (k < first || k >= end)
		return 0;
	return fmax(0, 1 - fabs((k + 0.5 - center) / support)) / total;
}

static double by_definition(const struct image *src, int x, int y, int c, int width, int height)
{
	double sum = 0;
	for (int v = 0; v < src->height; v++) {
		double down = weight(v, y, src->height, height);
		if (down == 0)
			continue;
		for (int u = 0; u < src->width; u++)
			sum += down * weight(u, x, src->width, width) *
			       src->px[(v * src->width + u) * src->channels + c];
	}
	return sum;
}

static void follows_the_definition(void)
{
	static const int sizes[][4] = {{31, 23, 7, 5},   {31, 23, 30, 24}, {5, 4, 17, 19},
	                               {40, 3, 3, 9},    {1, 40, 6, 3},    {24, 24, 24, 8},
	                               {24, 24, 12, 24}, {2, 2, 1, 1}};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		for (int channels = 1; channels <= 3; channels += 2) {
			const int *s = sizes[i];
			struct image src = make(s[0], s[1], channels), out = {0};
			resize(&src, s[2], s[3], &out);
			for (int y = 0; y < s[3]; y++)
				for (int x = 0; x < s[2]; x++)
					for (int c = 0; c < channels; c++)
						CHECK_NEAR(out.px[(y * s[2] + x) * channels + c],
						           by_definition(&src, x, y, c, s[2], s[3]),
						           1.01);
			image_clear(&src);
			image_clear(&out);
		}
	}
}

static void same_size_is_a_copy(void)
{
	struct image src = make(37, 21, 3), out = {0};
	resize(&src, 37, 21, &out);
	CHECK(out.px != src.px);
	CHECK(memcmp(out.px, src.px, 37 * 21 * 3) == 0);
	image_clear(&src);
	image_clear(&out);
}

static void flat_stays_flat(void)
{
	static const int values[] = {0, 1, 127, 254, 255};
	static const int sizes[][2] = {{1, 1}, {7, 3}, {50, 50}, {200, 3}, {3, 200}};
	for (size_t v = 0; v < 5; v++) {
		struct image src = make(50, 40, 3);
		memset(src.px, values[v], 50 * 40 * 3);
		for (size_t s = 0; s < 5; s++) {
			struct image out = {0};
			resize(&src, sizes[s][0], sizes[s][1], &out);
			for (int i = 0; i < sizes[s][0] * sizes[s][1] * 3; i++)
				CHECK_INT(out.px[i], values[v]);
			image_clear(&out);
		}
		image_clear(&src);
	}
}

static void extreme_ratios(void)
{
	static const int sizes[][2] = {{1, 30000}, {30000, 1}, {65500, 2}};
	const struct image_fit fit = {224, 224, 3, 256, IMAGE_CROP_CENTER};
	for (size_t s = 0; s < 3; s++) {
		struct image src = make(sizes[s][0], sizes[s][1], 3), out = {0};
		CHECK_INT(image_fit_to(&src, &fit, &out, NULL), CNN_OK);
		CHECK_INT(out.width, 224);
		image_clear(&out);
		resize(&src, 1, 1, &out);
		image_clear(&out);
		image_clear(&src);
	}
}

static void bad_arguments(void)
{
	struct image src = make(4, 4, 3), none = {0}, out = {0};
	struct cnn_error err = {0};
	CHECK_INT(image_resize(&src, 0, 4, &out, &err), CNN_BAD_ARG);
	CHECK_INT(image_resize(&src, 4, -1, &out, &err), CNN_BAD_ARG);
	CHECK_INT(image_resize(&none, 4, 4, &out, &err), CNN_BAD_ARG);
	const struct image_fit gray = {4, 4, 1, 4, IMAGE_CROP_CENTER};
	CHECK_INT(image_fit_to(&src, &gray, &out, &err), CNN_BAD_ARG);
	const struct image_fit empty = {0, 4, 3, 4, IMAGE_CROP_CENTER};
	CHECK_INT(image_fit_to(&src, &empty, &out, &err), CNN_BAD_ARG);
	const struct image_fit two = {4, 4, 2, 4, IMAGE_CROP_CENTER};
	CHECK_INT(image_fit_to(&src, &two, &out, &err), CNN_BAD_ARG);
	/* More bytes than there can be; the sizes alone must not overflow. */
	CHECK_INT(image_resize(&src, INT32_MAX, INT32_MAX, &out, &err), CNN_NO_MEMORY);
	CHECK(out.px == NULL);
	image_clear(&src);
}

/* --- kernels -------------------------------------------------------------- */

static uint32_t random_below(uint32_t *state, uint32_t n)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 8) % n;
}

/* As many inputs and outputs as asked for, windows that move on, weights that sum to at most 1, or to a bit over. */
static struct resize_taps random_taps(int32_t in, int32_t n, uint32_t *state)
{
	struct resize_taps t = {.n = n, .max_taps = in};
	t.first = malloc((size_t)n * sizeof *t.first);
	t.taps = malloc((size_t)n * sizeof *t.taps);
	t.weight = calloc((size_t)n * (size_t)in, sizeof *t.weight);
	CHECK(t.first && t.taps && t.weight);
	int32_t widest = 1 + (int32_t)random_below(state, (uint32_t)in);
	for (int32_t i = 0; i < n; i++) {
		t.first[i] = (int32_t)((int64_t)(in - 1) * i / n);
		int32_t left = in - t.first[i];
		t.taps[i] = left < widest ? left : widest;
		int32_t *w = t.weight + (size_t)i * (size_t)in;
		for (int32_t k = 0; k < t.taps[i]; k++)
			w[k] = (int32_t)random_below(state, (2u << RESIZE_PRECISION) /
			                                            (uint32_t)t.taps[i]);
		if (random_below(state, 4) == 0)
			for (int32_t k = 0; k < t.taps[i]; k++)
				w[k] = ((1 << RESIZE_PRECISION) + 4 * t.taps[i]) / t.taps[i];
	}
	return t;
}

/* Every buffer is exactly as large as it must be. */
static void compare_rows(const struct resize_kernel *kernel, int32_t in, int32_t n, int32_t rows,
                         int32_t channels, uint32_t seed)
{
	struct resize_taps t = random_taps(in, n, &seed);
	size_t len = (size_t)in * (size_t)channels, made = (size_t)n * (size_t)channels;
	uint8_t *px = malloc(len * (size_t)rows), *scratch = malloc(resize_scratch(&t, channels));
	uint8_t *want = malloc(made * (size_t)rows), *got = malloc(made * (size_t)rows);
	CHECK(px && scratch && want && got);
	for (size_t i = 0; i < len * (size_t)rows; i++)
		px[i] = random_below(&seed, 3) ? (uint8_t)random_below(&seed, 256) : 255;
	resize_kernel_portable.rows(&t, px, len, rows, channels, want, made, scratch);
	kernel->rows(&t, px, len, rows, channels, got, made, scratch);
	CHECK(memcmp(want, got, made * (size_t)rows) == 0);

	/* The rows as those to be summed. */
	uint8_t *down = malloc(len), *expected = malloc(len);
	int32_t weight[RESIZE_ROWS];
	CHECK(down && expected);
	for (int32_t k = 0; k < rows; k++)
		weight[k] = (int32_t)random_below(&seed, (2u << RESIZE_PRECISION) / (uint32_t)rows);
	resize_kernel_portable.column(weight, rows, px, len, len, expected);
	kernel->column(weight, rows, px, len, len, down);
	CHECK(memcmp(down, expected, len) == 0);
	free(expected);
	free(down);
	free(got);
	free(want);
	free(scratch);
	free(px);
	free(t.first);
	free(t.taps);
	free(t.weight);
}

static void kernels_agree(void)
{
	const struct resize_kernel *best = resize_kernel(CNN_ISA_COUNT);
	CHECK(resize_kernel(CNN_ISA_PORTABLE) == &resize_kernel_portable);
	uint32_t seed = 1;
	for (int32_t in = 1; in <= 70; in++)
		for (int32_t channels = 1; channels <= 3; channels += 2)
			for (int32_t rows = 1; rows <= RESIZE_ROWS; rows++)
				compare_rows(best, in, 1 + (int32_t)random_below(&seed, 80), rows,
				             channels, seed * 31);
}

/* --- fitting -------------------------------------------------------------- */

static void fit_sizes(void)
{
	static const struct {
		struct image_fit fit;
		int width, height, want_width, want_height;
	} cases[] = {
		{{224, 224, 3, 256, IMAGE_CROP_CENTER}, 500, 375, 341, 256},
		{{224, 224, 3, 256, IMAGE_CROP_CENTER}, 375, 500, 256, 341},
		{{224, 224, 3, 256, IMAGE_CROP_CENTER}, 640, 640, 256, 256},
		{{224, 224, 3, 256, IMAGE_CROP_CENTER}, 10, 20, 256, 512},
		{{224, 224, 3, 256, IMAGE_CROP_CENTER}, 1, 30000, 256, 7680000},
		/* The cut is larger than resize_short: the scale grows. */
		{{224, 224, 3, 100, IMAGE_CROP_CENTER}, 500, 375, 298, 224},
		{{224, 224, 3, 0, IMAGE_CROP_CENTER}, 500, 375, 298, 224},
		{{224, 224, 3, -5, IMAGE_CROP_CENTER}, 375, 500, 224, 298},
		{{300, 100, 3, 120, IMAGE_CROP_CENTER}, 200, 200, 300, 300},
		{{300, 100, 3, 0, IMAGE_CROP_CENTER}, 600, 100, 600, 100},
		{{300, 100, 3, 0, IMAGE_CROP_CENTER}, 200, 100, 300, 150},
		{{100, 300, 3, 120, IMAGE_CROP_CENTER}, 400, 200, 600, 300},
		{{33, 44, 3, 256, IMAGE_CROP_NONE}, 500, 375, 33, 44},
		{{1, 1, 3, INT32_MAX, IMAGE_CROP_CENTER}, 1, INT32_MAX, INT32_MAX, INT32_MAX},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int32_t width, height;
		image_fit_size(&cases[i].fit, cases[i].width, cases[i].height, &width, &height);
		CHECK_INT(width, cases[i].want_width);
		CHECK_INT(height, cases[i].want_height);
		CHECK(width >= cases[i].fit.width && height >= cases[i].fit.height);
	}
}

static int round_half_to_even(int margin)
{
	return (int)nearbyint(margin / 2.0);
}

/* Resizing everything and cutting afterwards gives the same pixels. */
static void fit_is_resize_and_cut(void)
{
	static const int sizes[][2] = {{50, 37}, {37, 50}, {21, 21}, {9, 60}, {24, 24}, {25, 30}};
	static const struct image_fit fits[] = {
		{16, 16, 3, 19, IMAGE_CROP_CENTER}, {16, 13, 3, 20, IMAGE_CROP_CENTER},
		{24, 24, 3, 24, IMAGE_CROP_CENTER}, {12, 30, 3, 0, IMAGE_CROP_CENTER},
		{31, 17, 3, 0, IMAGE_CROP_NONE},    {17, 16, 1, 24, IMAGE_CROP_CENTER},
	};
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		for (size_t f = 0; f < sizeof fits / sizeof fits[0]; f++) {
			const struct image_fit *fit = &fits[f];
			struct image src = make(sizes[s][0], sizes[s][1], fit->channels);
			struct image all = {0}, out = {0};
			int32_t width, height;
			image_fit_size(fit, src.width, src.height, &width, &height);
			resize(&src, width, height, &all);
			CHECK_INT(image_fit_to(&src, fit, &out, NULL), CNN_OK);
			CHECK_INT(out.width, fit->width);
			CHECK_INT(out.height, fit->height);
			int left = round_half_to_even(width - fit->width);
			int top = round_half_to_even(height - fit->height);
			size_t row = (size_t)(fit->width * fit->channels);
			for (int y = 0; y < fit->height; y++)
				CHECK(memcmp(out.px + (size_t)y * row,
				             all.px + ((top + y) * width + left) * fit->channels,
				             row) == 0);
			image_clear(&src);
			image_clear(&all);
			image_clear(&out);
		}
	}
}

TEST_MAIN({"follows_the_definition", follows_the_definition}, {"kernels_agree", kernels_agree},
          {"same_size_is_a_copy", same_size_is_a_copy}, {"flat_stays_flat", flat_stays_flat},
          {"extreme_ratios", extreme_ratios}, {"bad_arguments", bad_arguments},
          {"fit_sizes", fit_sizes}, {"fit_is_resize_and_cut", fit_is_resize_and_cut})
