/* IDX files: MNIST and its kin. A header of the rank and the sides, then all pictures in one piece. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/train/dataset.h"

enum { MAX_RANK = 4, MAX_SIDE = 65535, MAX_NAMES_BYTES = 1 << 16 };

static const char *const stems[DATASET_SPLITS] = {"train", "t10k"};

/* --- which files ---------------------------------------------------------- */

static const struct dataset_entry *find(const struct dataset_source *s, struct dataset_range in,
                                        const char *name)
{
	for (size_t i = in.from; i < in.to; i++)
		if (!s->entry[i].folder && strcmp(s->entry[i].path + in.skip, name) == 0)
			return &s->entry[i];
	return NULL;
}

/* "train-images-idx3-ubyte", in all the ways it is written; `tail` is "" or ".gz". */
static const struct dataset_entry *find_part(const struct dataset_source *s,
                                             struct dataset_range in, const char *stem,
                                             const char *part, const char *ranks, const char *tail)
{
	for (; *ranks; ranks++)
		for (int dot = 0; dot < 2; dot++) {
			char name[64];
			snprintf(name, sizeof name, "%s-%s%cidx%c-ubyte%s", stem, part,
			         dot ? '.' : '-', *ranks, tail);
			const struct dataset_entry *e = find(s, in, name);
			if (e)
				return e;
		}
	return NULL;
}

bool dataset_has_idx(const struct dataset_source *s, struct dataset_range range)
{
	return find_part(s, range, stems[DATASET_TRAIN], "images", "34", "") ||
	       find_part(s, range, stems[DATASET_TRAIN], "images", "34", ".gz");
}

static enum cnn_status need_part(const struct dataset_source *s, struct dataset_range in,
                                 const char *stem, const char *part, const char *ranks,
                                 const struct dataset_entry **out, struct cnn_error *err)
{
	*out = find_part(s, in, stem, part, ranks, "");
	if (*out)
		return CNN_OK;
	const struct dataset_entry *packed = find_part(s, in, stem, part, ranks, ".gz");
	if (packed)
		return cnn_fail(err, CNN_IO, "%s/%s: compressed, use gunzip first", s->path,
		                packed->path);
	return cnn_fail(err, CNN_IO, "%s: no file %s-%s-idx%c-ubyte", s->path, stem, part,
	                ranks[0]);
}

/* --- pictures ------------------------------------------------------------- */

struct idx {
	const char *file;
	int fd;
	uint64_t offset, size; /* of the file, and then of the data in it */
	uint32_t rank, dim[MAX_RANK];
};

static enum cnn_status broken(const struct dataset_source *s, const struct idx *x, const char *why,
                              struct cnn_error *err)
{
	return cnn_fail(err, CNN_IO, "%s/%s: %s", s->path, x->file, why);
}

static enum cnn_status read_whole(const struct dataset_source *s, const struct dataset_entry *e,
                                  size_t limit, uint8_t **bytes, size_t *len, struct cnn_error *err)
{
	struct cnn_error why;
	enum cnn_status status = dataset_read_entry(s, e, limit, bytes, len, &why);
	return status ? cnn_fail(err, status, "%s/%s: %s", s->path, e->path, why.text) : CNN_OK;
}

static uint32_t big_endian(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The file must be as long as its header says, to the byte. */
static enum cnn_status read_header(const struct dataset_source *s, struct idx *x,
                                   struct cnn_error *err)
{
	uint8_t head[4 + 4 * MAX_RANK];
	struct cnn_error why;
	if (x->size < 4)
		return broken(s, x, "not an IDX file", err);
	size_t have = x->size < sizeof head ? (size_t)x->size : sizeof head;
	enum cnn_status status = dataset_read_at(x->fd, x->offset, head, have, &why);
	if (status)
		return broken(s, x, why.text, err);
	x->rank = head[3];
	if (head[0] != 0 || head[1] != 0 || x->rank < 1)
		return broken(s, x, "not an IDX file", err);
	if (head[2] != 8)
		return broken(s, x, "not an IDX file of bytes", err);
	if (x->rank > MAX_RANK || have < 4 + 4 * (size_t)x->rank)
		return broken(s, x, "an IDX file of the wrong rank or without its sides", err);

	uint64_t header = 4 + 4 * (uint64_t)x->rank, want = header, data = 1;
	bool overflow = false;
	for (uint32_t i = 0; i < x->rank; i++) {
		x->dim[i] = big_endian(head + 4 + 4 * (size_t)i);
		overflow |= __builtin_mul_overflow(data, (uint64_t)x->dim[i], &data);
	}
	overflow |= __builtin_add_overflow(want, data, &want);
	if (overflow || want != x->size)
		return cnn_fail(err, CNN_IO, "%s/%s: has %llu bytes, its header says %llu%s",
		                s->path, x->file, (unsigned long long)x->size,
		                (unsigned long long)want, overflow ? " or more" : "");
	x->offset += header;
	x->size -= header;
	return CNN_OK;
}

static enum cnn_status check_shape(const struct dataset_source *s, const struct idx *x,
                                   struct cnn_error *err)
{
	if (x->rank != 3 && x->rank != 4)
		return broken(s, x, "pictures must be of rank 3, or 4 with the channels last", err);
	if (x->rank == 4 && x->dim[3] != 1 && x->dim[3] != 3)
		return broken(s, x, "pictures must have 1 or 3 channels", err);
	if (x->dim[0] == 0 || x->dim[1] == 0 || x->dim[2] == 0)
		return broken(s, x, "holds no pictures", err);
	if (x->dim[1] > MAX_SIDE || x->dim[2] > MAX_SIDE ||
	    (int64_t)x->dim[1] * x->dim[2] > s->options->max_pixels)
		return broken(s, x, "its pictures are over the limits", err);
	return CNN_OK;
}

static enum cnn_status open_pictures(struct dataset_source *s, const struct dataset_entry *e,
                                     enum dataset_split split, struct idx *x, struct cnn_error *err)
{
	*x = (struct idx){.file = e->path, .fd = s->tar, .offset = e->offset, .size = e->size};
	struct cnn_error why;
	enum cnn_status status = CNN_OK;
	if (e->refused)
		return broken(s, x, e->refused, err);
	if (s->tar < 0)
		status = dataset_open_file(s, e->path, &s->idx[split], &x->size, &why);
	if (status)
		return broken(s, x, why.text, err);
	if (s->tar < 0)
		x->fd = s->idx[split];
	status = read_header(s, x, err);
	return status ? status : check_shape(s, x, err);
}

/* All pictures are of one kind. */
static enum cnn_status set_shape(struct dataset_source *s, const struct idx *x,
                                 struct cnn_error *err)
{
	int32_t height = (int32_t)x->dim[1], width = (int32_t)x->dim[2];
	int32_t channels = x->rank == 4 ? (int32_t)x->dim[3] : 1;
	if (s->width && (s->width != width || s->height != height || s->channels != channels))
		return broken(s, x, "its pictures are not of the training pictures' size", err);
	s->width = width;
	s->height = height;
	s->channels = channels;
	return CNN_OK;
}

/* --- labels --------------------------------------------------------------- */

static enum cnn_status read_labels(const struct dataset_source *s, const struct dataset_entry *e,
                                   uint32_t n, uint8_t **labels, struct cnn_error *err)
{
	enum { HEADER = 8 };
	static const uint8_t kind[4] = {0, 0, 8, 1};
	uint8_t *bytes;
	size_t len;
	enum cnn_status status = read_whole(s, e, (size_t)n + HEADER, &bytes, &len, err);
	if (status)
		return status;
	if (len != (size_t)n + HEADER || memcmp(bytes, kind, 4) != 0 ||
	    big_endian(bytes + 4) != n) {
		free(bytes);
		return cnn_fail(err, CNN_IO, "%s/%s: not an IDX file of %lu labels", s->path,
		                e->path, (unsigned long)n);
	}
	memmove(bytes, bytes + HEADER, n);
	*labels = bytes;
	return CNN_OK;
}

static enum cnn_status add_pictures(struct dataset_source *s, const struct idx *x,
                                    const uint8_t *labels, enum dataset_split split,
                                    struct cnn_error *err)
{
	uint64_t each = x->size / x->dim[0];
	enum cnn_status status = CNN_OK;
	for (uint32_t i = 0; i < x->dim[0] && !status; i++) {
		const struct dataset_item item = {
			.file = arena_printf(s->arena, "%s[%lu]", x->file, (unsigned long)i),
			.offset = x->offset + i * each,
			.size = each,
			.fd = x->fd,
			.cls = labels[i],
			.split = split,
		};
		status = item.file ? dataset_add_item(s, &item, err)
		                   : cnn_fail_memory(err, "the names of pictures", 64);
	}
	return status;
}

static enum cnn_status take_split(struct dataset_source *s, struct dataset_range in,
                                  enum dataset_split split, struct cnn_error *err)
{
	const struct dataset_entry *images, *named;
	struct idx x;
	uint8_t *labels = NULL;
	enum cnn_status status = need_part(s, in, stems[split], "images", "34", &images, err);
	if (!status)
		status = need_part(s, in, stems[split], "labels", "1", &named, err);
	if (!status)
		status = open_pictures(s, images, split, &x, err);
	if (!status)
		status = set_shape(s, &x, err);
	if (!status)
		status = read_labels(s, named, x.dim[0], &labels, err);
	if (status)
		return status;
	status = add_pictures(s, &x, labels, split, err);
	free(labels);
	return status;
}

/* --- names of classes ----------------------------------------------------- */

static enum cnn_status name_by_numbers(struct dataset_source *s, uint32_t n, struct cnn_error *err)
{
	enum cnn_status status = CNN_OK;
	for (uint32_t i = 0; i < n && !status; i++) {
		char name[16];
		int len = snprintf(name, sizeof name, "%lu", (unsigned long)i);
		status = dataset_add_class(s, name, (size_t)len, err);
	}
	return status;
}

/* A name a line; "\r" before the end of a line and blank lines at the end of the file do not count. */
static enum cnn_status name_by_lines(struct dataset_source *s, const struct dataset_entry *e,
                                     struct cnn_error *err)
{
	uint8_t *bytes;
	size_t len;
	enum cnn_status status = read_whole(s, e, MAX_NAMES_BYTES, &bytes, &len, err);
	if (status)
		return status;
	while (len > 0 && strchr("\r\n \t", bytes[len - 1]))
		len--;
	const char *text = (const char *)bytes, *end = text + len;
	while (text < end && !status) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((line_end ? line_end : end) - text), trimmed = n;
		if (trimmed > 0 && text[trimmed - 1] == '\r')
			trimmed--;
		if (trimmed == 0)
			status = cnn_fail(err, CNN_BAD_ARG, "%s/%s: line %zu is empty", s->path,
			                  e->path, s->classes + 1);
		else
			status = dataset_add_class(s, text, trimmed, err);
		text += n + (line_end != NULL);
	}
	free(bytes);
	return status;
}

static enum cnn_status check_labels(const struct dataset_source *s, struct cnn_error *err)
{
	for (size_t i = 0; i < s->items; i++)
		if (s->item[i].cls >= s->classes)
			return cnn_fail(err, CNN_BAD_ARG,
			                "%s/%s: label %lu, but there are %zu classes", s->path,
			                s->item[i].file, (unsigned long)s->item[i].cls, s->classes);
	return CNN_OK;
}

enum cnn_status dataset_take_idx(struct dataset_source *s, struct dataset_range range,
                                 struct cnn_error *err)
{
	const struct dataset_entry *names = find(s, range, "labels.txt");
	enum cnn_status status = take_split(s, range, DATASET_TRAIN, err);
	uint32_t classes = 0;
	for (size_t i = 0; i < s->items; i++)
		if (s->item[i].cls >= classes)
			classes = s->item[i].cls + 1;
	if (!status && (find_part(s, range, stems[DATASET_VAL], "images", "34", "") ||
	                find_part(s, range, stems[DATASET_VAL], "images", "34", ".gz"))) {
		s->val_is_own = true;
		status = take_split(s, range, DATASET_VAL, err);
	}
	if (!status)
		status = names ? name_by_lines(s, names, err) : name_by_numbers(s, classes, err);
	return status ? status : check_labels(s, err);
}
