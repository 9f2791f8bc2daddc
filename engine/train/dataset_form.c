/* What size and how many channels all pictures are made to have. */
#include <stdlib.h>

#include "engine/train/dataset.h"

enum { MAX_SIZE = 16384 };

enum cnn_status dataset_check_options(const struct dataset_options *o, struct cnn_error *err)
{
	if (o->size < 0 || o->size > MAX_SIZE)
		return cnn_fail(err, CNN_BAD_ARG, "pictures of size %d: not in 0 .. %d",
		                (int)o->size, MAX_SIZE);
	if (o->resize_short < 0 || o->resize_short > MAX_SIZE ||
	    (o->resize_short && o->resize_short < o->size))
		return cnn_fail(err, CNN_BAD_ARG,
		                "pictures resized to %d: not in %d, their size, .. %d",
		                (int)o->resize_short, (int)o->size, MAX_SIZE);
	if (o->channels != 0 && o->channels != 1 && o->channels != 3)
		return cnn_fail(err, CNN_BAD_ARG, "pictures of %d channels: only 1 or 3",
		                (int)o->channels);
	if (!(o->val_fraction >= 0 && o->val_fraction <= 0.9))
		return cnn_fail(err, CNN_BAD_ARG, "a share of %g for validation: not in 0 .. 0.9",
		                o->val_fraction);
	if (o->max_pixels < 1)
		return cnn_fail(err, CNN_BAD_ARG, "pictures of at most %lld pixels",
		                (long long)o->max_pixels);
	return CNN_OK;
}

size_t dataset_max_file(const struct dataset_options *o)
{
	/* 16 bits and alpha, not compressed at all, and what cameras put behind a picture */
	size_t bytes;
	if (__builtin_mul_overflow((size_t)o->max_pixels, 8, &bytes) ||
	    __builtin_add_overflow(bytes, (size_t)16 << 20, &bytes) || bytes > SIZE_MAX / 2)
		return SIZE_MAX / 2;
	return bytes;
}

/* The header of the first training picture that has one. */
static enum cnn_status probe_first(const struct dataset_source *s, struct image_header *out,
                                   struct cnn_error *err)
{
	struct cnn_error first = {0}, why = {0};
	for (size_t i = 0; i < s->items; i++) {
		uint8_t *bytes;
		size_t len;
		if (s->item[i].split != DATASET_TRAIN)
			continue;
		enum cnn_status status = dataset_read_item(
			s, &s->item[i], dataset_max_file(s->options), &bytes, &len, &why);
		if (!status) {
			status = image_probe(bytes, len, out, &why);
			free(bytes);
		}
		if (status == CNN_OK)
			return CNN_OK;
		if (!first.text[0])
			cnn_fail(&first, status, "%s: %s", s->item[i].file, why.text);
	}
	return cnn_fail(err, CNN_BAD_IMAGE, "%s: no file can be read as a picture, the first is %s",
	                s->path, first.text);
}

enum cnn_status dataset_decide_form(const struct dataset_source *s, struct dataset_form *form,
                                    struct cnn_error *err)
{
	const struct dataset_options *o = s->options;
	struct image_header first = {
		.width = s->width, .height = s->height, .channels = s->channels};
	if (!s->width && (!o->size || !o->channels)) {
		enum cnn_status status = probe_first(s, &first, err);
		if (status)
			return status;
	}
	bool square = first.width == first.height;
	if (!o->size && (!square || first.width > MAX_SIZE))
		return cnn_fail(err, CNN_BAD_ARG,
		                "%s: the pictures have %d x %d pixels: a size for all is needed",
		                s->path, (int)first.width, (int)first.height);
	form->own_size = !o->size;
	form->size = o->size ? o->size : first.width;
	form->channels = o->channels ? o->channels : first.channels;
	bool as_is = form->own_size || (s->width == form->size && square);
	form->resize_short = o->resize_short ? o->resize_short
	                     : as_is         ? form->size
	                                     : (form->size * 8 + 3) / 7;
	if (form->resize_short < form->size)
		return cnn_fail(err, CNN_BAD_ARG, "%s: pictures of size %d cannot be resized to %d",
		                s->path, (int)form->size, (int)form->resize_short);
	return CNN_OK;
}
