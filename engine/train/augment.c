#include "engine/train/augment.h"

#include <math.h>
#include <string.h>

/* Part of a picture, in its pixels; may reach beyond it. */
struct region {
	double left, top, width, height;
	bool flip;
};

/* Where an output row or column comes from: between pixels `at` and at + 1, or -1: black. */
struct tap {
	int32_t at, next;
	float weight; /* of next */
};

static double between(struct random *r, double lo, double hi)
{
	return lo + (hi - lo) * random_unit(r);
}

/* Szegedy et al. (2014): a random part of the area with a random aspect ratio. */
static bool random_part(const struct augmenter *a, const struct image *p, struct random *r,
                        struct region *out)
{
	enum { TRIES = 10 };
	for (int i = 0; i < TRIES; i++) {
		double area = between(r, a->how.min_area, 1) * p->width * p->height;
		double aspect = exp(between(r, log(3.0 / 4), log(4.0 / 3)));
		out->width = sqrt(area * aspect);
		out->height = sqrt(area / aspect);
		if (out->width > p->width || out->height > p->height)
			continue;
		out->left = between(r, 0, p->width - out->width);
		out->top = between(r, 0, p->height - out->height);
		return true;
	}
	return false;
}

static struct region choose_region(const struct augmenter *a, const struct image *p,
                                   struct random *r)
{
	struct region region = {0};
	bool whole = a->how.min_area <= 0 || a->how.min_area >= 1;
	if (whole || !random_part(a, p, r, &region)) {
		/* What a server would cut out of it, at whole pixels of the resized picture. */
		double shorter = p->width < p->height ? p->width : p->height;
		double pixel = shorter / a->resize_short;
		region.width = region.height = pixel * a->size;
		region.left = pixel * rint((p->width / pixel - a->size) / 2);
		region.top = pixel * rint((p->height / pixel - a->size) / 2);
	}
	if (a->how.pad) {
		double pixel = region.width / a->size;
		region.left += pixel *
		               ((double)random_below(r, 2 * (uint32_t)a->how.pad + 1) - a->how.pad);
		region.top += pixel *
		              ((double)random_below(r, 2 * (uint32_t)a->how.pad + 1) - a->how.pad);
	}
	region.flip = a->how.flip && random_next(r) >> 63;
	return region;
}

static void make_taps(double from, double extent, int32_t size, int32_t limit, bool flip,
                      struct tap *taps)
{
	double step = extent / size;
	for (int32_t i = 0; i < size; i++) {
		double x = from + ((flip ? size - 1 - i : i) + 0.5) * step - 0.5;
		double whole = floor(x);
		struct tap *t = &taps[i];
		*t = (struct tap){-1, -1, 0};
		if (x < -0.5 || x > limit - 0.5)
			continue;
		t->at = whole < 0 ? 0 : (int32_t)whole;
		t->next = t->at + 1 < limit ? t->at + 1 : t->at;
		t->weight = whole < 0 ? 0 : (float)(x - whole);
	}
}

/* Bilinear: out[size][size][channels], 0..255. */
static void sample(const struct image *p, int32_t size, const struct tap *column,
                   const struct tap *row, float *out)
{
	size_t channels = (size_t)p->channels, width = (size_t)p->width * channels;
	for (int32_t y = 0; y < size; y++) {
		const struct tap *r = &row[y];
		for (int32_t x = 0; x < size; x++, out += channels) {
			const struct tap *c = &column[x];
			if (r->at < 0 || c->at < 0) {
				memset(out, 0, channels * sizeof *out);
				continue;
			}
			const uint8_t *upper = p->px + (size_t)r->at * width;
			const uint8_t *lower = p->px + (size_t)r->next * width;
			size_t left = (size_t)c->at * channels, right = (size_t)c->next * channels;
			for (size_t k = 0; k < channels; k++) {
				float u = upper[left + k] +
				          c->weight * (float)(upper[right + k] - upper[left + k]);
				float l = lower[left + k] +
				          c->weight * (float)(lower[right + k] - lower[left + k]);
				out[k] = u + r->weight * (l - u);
			}
		}
	}
}

/* ITU-R 601 */
static float luma(const float *px, size_t channels)
{
	return channels == 3 ? 0.299f * px[0] + 0.587f * px[1] + 0.114f * px[2] : px[0];
}

static void jitter(const struct augmenter *a, struct random *r, size_t pixels, float *out)
{
	double most = a->how.jitter;
	size_t channels = (size_t)a->channels;
	float brightness = (float)between(r, 1 - most, 1 + most);
	float contrast = (float)between(r, 1 - most, 1 + most);
	float saturation = (float)between(r, 1 - most, 1 + most);
	double sum = 0;
	for (size_t i = 0; i < pixels; i++)
		sum += (double)luma(out + i * channels, channels);
	float middle = brightness * (float)(sum / (double)pixels);
	for (size_t i = 0; i < pixels; i++, out += channels) {
		float gray = luma(out, channels);
		for (size_t k = 0; k < channels; k++) {
			float v = gray + saturation * (out[k] - gray);
			v = middle + contrast * (brightness * v - middle);
			out[k] = v < 0 ? 0 : v > 255 ? 255 : v;
		}
	}
}

static void normalize(const struct augmenter *a, size_t pixels, float *out)
{
	size_t channels = (size_t)a->channels;
	for (size_t i = 0; i < pixels * channels; i++)
		out[i] = (out[i] / 255 - a->mean[i % channels]) * a->inverse_std[i % channels];
}

/* DeVries and Taylor (2017). */
static void cut_out(const struct augmenter *a, struct random *r, float *out)
{
	int32_t side = (int32_t)(a->how.cutout * a->size + 0.5), size = a->size;
	if (random_next(r) >> 63)
		return;
	int32_t left = (int32_t)random_below(r, (uint32_t)size) - side / 2;
	int32_t top = (int32_t)random_below(r, (uint32_t)size) - side / 2;
	int32_t from = left < 0 ? 0 : left, to = left + side > size ? size : left + side;
	for (int32_t y = top < 0 ? 0 : top; y < top + side && y < size; y++)
		memset(out + ((size_t)y * (size_t)size + (size_t)from) * (size_t)a->channels, 0,
		       (size_t)(to - from) * (size_t)a->channels * sizeof *out);
}

size_t augment_scratch(const struct augmenter *a)
{
	return 2 * (size_t)a->size * sizeof(struct tap) / sizeof(float);
}

void augment_picture(const struct augmenter *a, const struct image *picture, struct random r,
                     float *scratch, float *out)
{
	struct tap *column = (struct tap *)(void *)scratch, *row = column + a->size;
	size_t pixels = (size_t)a->size * (size_t)a->size;
	struct region region = choose_region(a, picture, &r);
	make_taps(region.left, region.width, a->size, picture->width, region.flip, column);
	make_taps(region.top, region.height, a->size, picture->height, false, row);
	sample(picture, a->size, column, row, out);
	if (a->how.jitter > 0)
		jitter(a, &r, pixels, out);
	normalize(a, pixels, out);
	if (a->how.cutout > 0)
		cut_out(a, &r, out);
}

void augment_plain(const struct augmenter *a, const struct image *picture, float *out)
{
	size_t pixels = (size_t)a->size * (size_t)a->size;
	for (size_t i = 0; i < pixels * (size_t)a->channels; i++)
		out[i] = picture->px[i];
	normalize(a, pixels, out);
}
