/* The sections with pictures: the first layer's filters and the worst mistakes. */
#include "server/commands/train_report_parts.h"

#include "engine/image/encode_png.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	MISTAKES_MAX = 24,
	PICTURE_SIDE = 192, /* of a mistake; larger ones are made smaller */
	TINY = 96,          /* pictures below it are shown with their pixels */
	FILTERS_MAX = 1024,
	FILTER_SIDE = 52, /* CSS pixels, about */
	KERNEL_MAX = 64,
};

/* The colour between the filters: --stage of the style. */
static const uint8_t stage[3] = {0x20, 0x24, 0x2e};

static void print_base64(FILE *f, const uint8_t *bytes, size_t len)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)bytes[i] << 16;
		bits |= n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
		bits |= n > 2 ? bytes[i + 2] : 0;
		fputc(digit[bits >> 18], f);
		fputc(digit[bits >> 12 & 63], f);
		fputc(n > 1 ? digit[bits >> 6 & 63] : '=', f);
		fputc(n > 2 ? digit[bits & 63] : '=', f);
	}
}

/* The picture itself in the page, with a description. */
static enum cnn_status print_image(FILE *f, const struct image *img, const char *attributes,
                                   const char *alt, struct cnn_error *err)
{
	uint8_t *png;
	size_t len;
	enum cnn_status status = image_encode_png(img, &png, &len, err);
	if (status)
		return status;
	fprintf(f, "<img %s alt=\"", attributes);
	report_text(f, alt);
	fputs("\" src=\"data:image/png;base64,", f);
	print_base64(f, png, len);
	fputs("\">", f);
	free(png);
	return CNN_OK;
}

/* --- filters --------------------------------------------------------------------------------- */

static uint8_t shade(float weight, float most)
{
	float share = most > 0 ? weight / most : 0;
	return isfinite(share) ? (uint8_t)lroundf(127.5f + 127.5f * share) : 0;
}

/* Gray is 0, brighter is positive, darker negative; the largest weight of the kernel has full strength. */
static void draw_kernel(const struct report_data *d, const float *w, struct image *out,
                        int32_t left, int32_t top)
{
	int32_t width = d->filter_width, height = d->filter_height;
	float most = 0;
	for (int32_t i = 0; i < d->filter_channels * height * width; i++)
		most = fmaxf(most, fabsf(w[i]));
	for (int32_t c = 0; c < d->filter_channels; c++)
		for (int32_t y = 0; y < height; y++)
			for (int32_t x = 0; x < width; x++) {
				size_t at =
					(size_t)(top + y) * (size_t)out->width + (size_t)(left + x);
				int32_t last = d->filter_channels == 1 ? 2 : c;
				for (int32_t k = c; k <= last; k++)
					out->px[3 * at + (size_t)k] = shade(*w, most);
				w++;
			}
}

/* All kernels in rows, a pixel apart. */
static enum cnn_status draw_filters(const struct report_data *d, int32_t n, int32_t columns,
                                    struct image *out, struct cnn_error *err)
{
	int32_t rows = (n + columns - 1) / columns;
	*out = (struct image){.width = columns * (d->filter_width + 1) - 1,
	                      .height = rows * (d->filter_height + 1) - 1,
	                      .channels = 3};
	size_t pixels = (size_t)out->width * (size_t)out->height;
	out->px = malloc(3 * pixels);
	if (!out->px)
		return cnn_fail_memory(err, "the filters' picture", 3 * pixels);
	for (size_t i = 0; i < pixels; i++)
		memcpy(out->px + 3 * i, stage, 3);
	size_t size =
		(size_t)d->filter_channels * (size_t)d->filter_height * (size_t)d->filter_width;
	for (int32_t i = 0; i < n; i++)
		draw_kernel(d, d->filter + (size_t)i * size, out,
		            i % columns * (d->filter_width + 1),
		            i / columns * (d->filter_height + 1));
	return CNN_OK;
}

/* Filters of other channels are no pictures, and larger ones no filters. */
static bool can_be_shown(const struct report_data *d)
{
	return (d->filter_channels == 1 || d->filter_channels == 3) && d->n_filters >= 1 &&
	       d->filter_height >= 1 && d->filter_height <= KERNEL_MAX && d->filter_width >= 1 &&
	       d->filter_width <= KERNEL_MAX;
}

enum cnn_status report_filters(FILE *f, const struct report_data *d, struct cnn_error *err)
{
	if (!can_be_shown(d))
		return CNN_OK;
	int32_t n = d->n_filters < FILTERS_MAX ? d->n_filters : FILTERS_MAX;
	int32_t columns = n < 16 ? n : 16;
	int32_t zoom = FILTER_SIDE / d->filter_width > 1 ? FILTER_SIDE / d->filter_width : 1;
	struct image mosaic = {0};
	char attributes[64], alt[96];
	enum cnn_status status = draw_filters(d, n, columns, &mosaic, err);
	fprintf(f,
	        "<h2>What the first layer looks for</h2>\n<p class=soft>The first layer slides "
	        "each of these "
	        "%" PRId32 " filters of %" PRId32 " × %" PRId32
	        " weights over the picture, and answers where "
	        "a part of it looks like the filter. Gray is a weight of 0, bright ones are "
	        "positive, "
	        "dark ones negative%s. Nobody drew them: stripes find edges in a direction, "
	        "spots find dots%s.</p>\n<div class=\"card stage\">",
	        d->n_filters, d->filter_width, d->filter_height,
	        d->filter_channels == 3 ? ", for red, green and blue" : "",
	        d->filter_channels == 3 ? ", coloured ones find a colour beside another" : "");
	snprintf(attributes, sizeof attributes, "width=%" PRId32, mosaic.width * zoom);
	snprintf(alt, sizeof alt, "%" PRId32 " filters of the first layer", n);
	if (!status)
		status = print_image(f, &mosaic, attributes, alt, err);
	fputs("</div>\n", f);
	image_clear(&mosaic);
	return status;
}

/* --- mistakes -------------------------------------------------------------------------------- */

/* The surest wrong guesses, surest first; returns how many. */
static size_t worst(const struct report_data *d, size_t found[MISTAKES_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < d->val; i++) {
		const struct report_guess *g = &d->guess[i];
		if (g->cls == g->guess || !g->picture)
			continue;
		size_t at = n < MISTAKES_MAX ? n++ : MISTAKES_MAX;
		for (; at > 0 && d->guess[found[at - 1]].probability < g->probability; at--)
			if (at < MISTAKES_MAX)
				found[at] = found[at - 1];
		if (at < MISTAKES_MAX)
			found[at] = i;
	}
	return n;
}

static enum cnn_status print_picture(FILE *f, const struct report_guess *g, struct cnn_error *err)
{
	const struct image *p = g->picture;
	struct image smaller = {0};
	enum cnn_status status = CNN_OK;
	int32_t side = p->width > p->height ? p->width : p->height;
	if (side > PICTURE_SIDE) {
		int32_t width = (int32_t)((int64_t)p->width * PICTURE_SIDE / side);
		int32_t height = (int32_t)((int64_t)p->height * PICTURE_SIDE / side);
		status = image_resize(p, width > 1 ? width : 1, height > 1 ? height : 1, &smaller,
		                      err);
		p = &smaller;
	}
	if (!status)
		status = print_image(f, p, side < TINY ? "class=tiny" : "", g->file, err);
	image_clear(&smaller);
	return status;
}

static enum cnn_status print_mistake(FILE *f, const struct report_data *d,
                                     const struct report_guess *g, struct cnn_error *err)
{
	fputs("<figure>", f);
	enum cnn_status status = print_picture(f, g, err);
	fputs("<figcaption><b>", f);
	report_text(f, d->class_name[g->cls]);
	fputs("</b><br>taken for <em>", f);
	report_text(f, d->class_name[g->guess]);
	fprintf(f, "</em> at %.1f%%<small>", 100 * (double)g->probability);
	report_text(f, g->file);
	fputs("</small></figcaption></figure>\n", f);
	return status;
}

enum cnn_status report_mistakes(FILE *f, const struct report_data *d, struct cnn_error *err)
{
	size_t found[MISTAKES_MAX], n = worst(d, found);
	fputs("<h2>The worst mistakes</h2>\n", f);
	if (n == 0) {
		fputs("<p class=soft>There is none: every validation picture is right.</p>\n", f);
		return CNN_OK;
	}
	fputs("<p class=soft>The validation pictures that the network was most sure of, and wrong. "
	      "They are worth a look: often the picture shows both things, or lies in the wrong "
	      "folder.</p>\n"
	      "<div class=wall>\n",
	      f);
	enum cnn_status status = CNN_OK;
	for (size_t i = 0; i < n && !status; i++)
		status = print_mistake(f, d, &d->guess[found[i]], err);
	fputs("</div>\n", f);
	return status;
}
