/* All pictures decoded, by all threads. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/image/upright.h"
#include "engine/train/dataset.h"
#include "engine/train/random.h"

enum { MAX_SIDE = 65535, PROGRESS_EVERY = 16 };

struct decoding {
	struct dataset_source *s;
	const struct dataset_form *form;
	struct image_limits limits;
	struct image_fit fit;
	size_t max_bytes, max_file;
	atomic_size_t bytes; /* of all pictures so far */
	atomic_bool stop;
	/* under the lock */
	pthread_mutex_t lock;
	size_t done, bad, first_bad;
	struct cnn_error example; /* why first_bad is bad */
	enum cnn_status status;
	struct cnn_error *err;
};

/* --- one picture ---------------------------------------------------------- */

/* The size that a training picture is kept at: its own, or the shorter side at resize_short. */
static void train_size(const struct decoding *d, int32_t width, int32_t height, int32_t *to_width,
                       int32_t *to_height)
{
	int32_t resize_short = d->form->resize_short;
	*to_width = width;
	*to_height = height;
	if (width <= resize_short || height <= resize_short)
		return;
	const struct image_fit whole = {1, 1, d->form->channels, resize_short, IMAGE_CROP_CENTER};
	image_fit_size(&whole, width, height, to_width, to_height);
}

static enum cnn_status check_own_size(const struct decoding *d, const struct image_header *header,
                                      struct cnn_error *err)
{
	int32_t size = d->form->size;
	if (d->form->own_size && (header->width != size || header->height != size))
		return cnn_fail(err, CNN_BAD_ARG,
		                "%d x %d pixels, but the first picture has %d x %d: "
		                "a size for all is needed",
		                (int)header->width, (int)header->height, (int)size, (int)size);
	return CNN_OK;
}

static enum cnn_status decode_file(const struct decoding *d, const uint8_t *bytes, size_t len,
                                   enum dataset_split split, struct image *out,
                                   struct cnn_error *err)
{
	struct image_header header;
	enum cnn_status status = image_probe(bytes, len, &header, err);
	if (!status)
		status = check_own_size(d, &header, err);
	if (status)
		return status;
	if (split == DATASET_VAL)
		return image_read(bytes, len, &d->limits, true, &d->fit, out, NULL, err);
	struct image_fit whole = {.channels = d->form->channels, .crop = IMAGE_CROP_NONE};
	train_size(d, header.width, header.height, &whole.width, &whole.height);
	return image_read(bytes, len, &d->limits, true, &whole, out, NULL, err);
}

/* The pixels of an IDX file in the channels that are wanted. */
static enum cnn_status take_pixels(const struct decoding *d, const uint8_t *bytes,
                                   struct image *out, struct cnn_error *err)
{
	const struct dataset_source *s = d->s;
	struct upright up = {0};
	size_t row = (size_t)s->width * (size_t)s->channels;
	enum cnn_status status = upright_begin(&up, s->channels == 1 ? UPRIGHT_GRAY : UPRIGHT_RGB,
	                                       1, s->width, s->height, d->form->channels, err);
	for (int32_t y = 0; y < s->height && !status; y++) {
		memcpy(upright_row(&up, y), bytes + (size_t)y * row, row);
		upright_row_done(&up, y);
	}
	if (!status) {
		*out = up.img;
		up.img = (struct image){0};
	}
	upright_free(&up);
	return status;
}

static enum cnn_status decode_pixels(const struct decoding *d, const uint8_t *bytes,
                                     enum dataset_split split, struct image *out,
                                     struct cnn_error *err)
{
	struct image whole = {0};
	enum cnn_status status = take_pixels(d, bytes, &whole, err);
	if (status)
		return status;
	int32_t width, height;
	train_size(d, whole.width, whole.height, &width, &height);
	if (split == DATASET_VAL) {
		status = image_fit_to(&whole, &d->fit, out, err);
	} else if (width != whole.width || height != whole.height) {
		status = image_resize(&whole, width, height, out, err);
	} else {
		*out = whole;
		return CNN_OK;
	}
	image_clear(&whole);
	return status;
}

static enum cnn_status decode_item(const struct decoding *d, struct dataset_item *item,
                                   struct cnn_error *err)
{
	uint8_t *bytes;
	size_t len;
	enum cnn_status status = dataset_read_item(d->s, item, d->max_file, &bytes, &len, err);
	if (status)
		return status;
	status = d->s->width ? decode_pixels(d, bytes, item->split, &item->picture, err)
	                     : decode_file(d, bytes, len, item->split, &item->picture, err);
	free(bytes);
	return status;
}

static size_t picture_bytes(const struct image *p)
{
	return (size_t)p->width * (size_t)p->height * (size_t)p->channels;
}

static uint64_t hash_picture(const struct image *p)
{
	uint64_t h = random_mix((uint64_t)p->width << 32 | (uint64_t)p->height << 2 |
	                        (uint64_t)p->channels);
	size_t n = picture_bytes(p), i = 0;
	for (uint64_t word; i + sizeof word <= n; i += sizeof word) {
		memcpy(&word, p->px + i, sizeof word);
		h = random_mix(h ^ word);
	}
	for (; i < n; i++)
		h = random_mix(h ^ p->px[i]);
	return h;
}

/* --- all of them ---------------------------------------------------------- */

static double mebibytes(double bytes)
{
	return bytes / (1 << 20);
}

/* Under the lock, once. */
static void fail_memory(struct decoding *d, size_t bytes)
{
	size_t done = d->done + 1, all = d->s->items;
	d->status = cnn_fail(d->err, CNN_NO_MEMORY,
	                     "%s: decoded pictures may take %.1f MiB, but %zu of %zu take %.1f MiB "
	                     "and all would "
	                     "take about %.1f MiB",
	                     d->s->path, mebibytes((double)d->max_bytes), done, all,
	                     mebibytes((double)bytes),
	                     mebibytes((double)bytes / (double)done * (double)all));
}

/* Whether the failure is one of the file, and not of this run. */
static bool is_bad_file(enum cnn_status status)
{
	return status != CNN_NO_MEMORY && status != CNN_BAD_ARG;
}

static void note_bad(struct decoding *d, size_t i, const struct cnn_error *why)
{
	if (d->bad++ == 0 || i < d->first_bad) {
		d->first_bad = i;
		d->example = *why;
	}
	dataset_skip(d->s, d->s->item[i].file, why->text);
}

static void note_progress(struct decoding *d)
{
	const struct dataset_options *o = d->s->options;
	d->done++;
	if (o->on_progress && (d->done % PROGRESS_EVERY == 0 || d->done == d->s->items))
		o->on_progress(o->ctx, d->done, d->s->items);
}

static void decode_one(void *ctx, size_t i, size_t thread)
{
	struct decoding *d = ctx;
	struct dataset_item *item = &d->s->item[i];
	struct cnn_error why = {0};
	(void)thread;
	if (atomic_load_explicit(&d->stop, memory_order_relaxed))
		return;
	enum cnn_status status = decode_item(d, item, &why);
	size_t bytes = status ? 0 : picture_bytes(&item->picture);
	bytes += atomic_fetch_add_explicit(&d->bytes, bytes, memory_order_relaxed);
	if (!status)
		item->hash = hash_picture(&item->picture);

	pthread_mutex_lock(&d->lock);
	if (d->status == CNN_OK) {
		if (status && is_bad_file(status))
			note_bad(d, i, &why);
		else if (status)
			d->status = cnn_fail(d->err, status, "%s: %s", item->file, why.text);
		else if (bytes > d->max_bytes)
			fail_memory(d, bytes);
		if (d->status == CNN_OK)
			note_progress(d);
		else
			atomic_store_explicit(&d->stop, true, memory_order_relaxed);
	}
	pthread_mutex_unlock(&d->lock);
}

enum cnn_status dataset_decode(struct dataset_source *s, const struct dataset_form *form,
                               struct cnn_pool *pool, struct cnn_error *err)
{
	const struct dataset_options *o = s->options;
	struct decoding d = {
		.s = s,
		.form = form,
		.limits = {.max_side = MAX_SIDE, .max_pixels = o->max_pixels},
		.fit = {form->size, form->size, form->channels, form->resize_short,
	                IMAGE_CROP_CENTER},
		.max_bytes = o->max_bytes ? o->max_bytes : memory_bytes() / 2,
		.max_file = dataset_max_file(o),
		.err = err,
	};
	pthread_mutex_init(&d.lock, NULL);
	cnn_parallel_for(pool, s->items, decode_one, &d);
	pthread_mutex_destroy(&d.lock);
	if (d.status)
		return d.status;
	if (d.bad > s->items / 5)
		return cnn_fail(
			err, CNN_BAD_IMAGE,
			"%s: %zu of %zu files cannot be read as pictures, the first is %s: %s",
			s->path, d.bad, s->items, s->item[d.first_bad].file, d.example.text);
	return CNN_OK;
}
