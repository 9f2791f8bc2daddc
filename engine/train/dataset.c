#include "engine/train/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/train/random.h"

struct picture {
	struct image image;
	const char *file;
	uint32_t cls;
};

struct dataset {
	struct arena *arena; /* names */
	const char **class_name;
	size_t classes;
	struct picture *picture; /* DATASET_TRAIN's, then DATASET_VAL's */
	size_t count[DATASET_SPLITS];
	size_t skipped;
	struct dataset_form form;
	bool val_is_own;
	uint64_t fingerprint;
};

void dataset_free(struct dataset *d)
{
	if (!d)
		return;
	for (size_t i = 0; d->picture && i < d->count[DATASET_TRAIN] + d->count[DATASET_VAL]; i++)
		image_clear(&d->picture[i].image);
	free(d->picture);
	free(d->class_name);
	arena_free(d->arena);
	free(d);
}

/* --- opening -------------------------------------------------------------- */

static void close_file(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void source_free(struct dataset_source *s)
{
	close_file(s->folder);
	close_file(s->tar);
	for (size_t i = 0; i < DATASET_SPLITS; i++)
		close_file(s->idx[i]);
	for (size_t i = 0; i < s->items; i++)
		image_clear(&s->item[i].picture);
	free(s->entry);
	free(s->item);
	free(s->class_name);
	arena_free(s->arena);
}

static enum cnn_status list(struct dataset_source *s, struct cnn_error *err)
{
	struct stat st;
	s->arena = arena_new();
	if (!s->arena)
		return cnn_fail_memory(err, "the names of files", 1);
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return cnn_fail(err, CNN_IO, "%s: %s", s->path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		s->folder = fd;
		return dataset_list_folder(s, err);
	}
	s->tar = fd;
	return dataset_list_tar(s, err);
}

/* Each class has a picture to learn from; `decoded`: after the bad ones were left out. */
static enum cnn_status check_classes(const struct dataset_source *s, bool decoded,
                                     struct cnn_error *err)
{
	if (s->classes == 0)
		return cnn_fail(err, CNN_BAD_ARG,
		                "%s: no pictures, there must be a folder of them for each class",
		                s->path);
	if (s->classes == 1)
		return cnn_fail(err, CNN_BAD_ARG,
		                "%s: '%s' is the only class, there must be two or more", s->path,
		                s->class_name[0]);
	bool *seen = calloc(s->classes, sizeof *seen);
	if (!seen)
		return cnn_fail_memory(err, "the list of classes", s->classes);
	for (size_t i = 0; i < s->items; i++)
		if (s->item[i].split == DATASET_TRAIN && (!decoded || s->item[i].picture.px))
			seen[s->item[i].cls] = true;
	size_t cls = 0;
	while (cls < s->classes && seen[cls])
		cls++;
	free(seen);
	if (cls < s->classes)
		return cnn_fail(err, CNN_BAD_ARG, "%s: class '%s' has no pictures%s", s->path,
		                s->class_name[cls],
		                decoded ? " that can be read for training" : "");
	return CNN_OK;
}

/* --- holding out ---------------------------------------------------------- */

/* Shuffles n items' indices as far as the part that is held out. */
static void hold_out_class(struct dataset_source *s, size_t *index, size_t n, size_t cls)
{
	struct random r = random_seeded(s->options->seed, RANDOM_HOLD_OUT, cls);
	size_t held = (size_t)((double)n * s->options->val_fraction + 0.5);
	if (held >= n)
		held = n ? n - 1 : 0;
	for (size_t i = 0; i < held; i++) {
		size_t other = i + random_below(&r, (uint32_t)(n - i));
		size_t taken = index[other];
		index[other] = index[i];
		s->item[taken].split = DATASET_VAL;
	}
}

static enum cnn_status hold_out(struct dataset_source *s, struct cnn_error *err)
{
	size_t *index = calloc(s->items, sizeof *index);
	size_t *end = calloc(s->classes + 1, sizeof *end);
	if (!index || !end) {
		free(index);
		free(end);
		return cnn_fail_memory(err, "the list of pictures", s->items * sizeof *index);
	}
	for (size_t i = 0; i < s->items; i++)
		end[s->item[i].cls + 1]++;
	for (size_t c = 1; c <= s->classes; c++)
		end[c] += end[c - 1];
	/* end[c] is where class c begins; filling it moves it to the end. */
	for (size_t i = 0; i < s->items; i++)
		index[end[s->item[i].cls]++] = i;
	for (size_t c = 0, from = 0; c < s->classes; from = end[c++])
		hold_out_class(s, index + from, end[c] - from, c);
	free(index);
	free(end);
	return CNN_OK;
}

/* --- the dataset ---------------------------------------------------------- */

static void hash_number(uint64_t *h, uint64_t x)
{
	*h = random_mix(*h + UINT64_C(0x9e3779b97f4a7c15)) ^ x;
}

static void hash_classes(struct dataset *d)
{
	hash_number(&d->fingerprint, (uint64_t)d->form.size);
	hash_number(&d->fingerprint, (uint64_t)d->form.resize_short);
	hash_number(&d->fingerprint, (uint64_t)d->form.channels);
	hash_number(&d->fingerprint, d->classes);
	for (size_t i = 0; i < d->classes; i++)
		for (const char *p = d->class_name[i];; p++) {
			hash_number(&d->fingerprint, (unsigned char)*p);
			if (!*p)
				break;
		}
}

/* Takes the pictures over. */
static void take_split(struct dataset *d, struct dataset_source *s, enum dataset_split split)
{
	struct picture *to = d->picture + (split == DATASET_VAL ? d->count[DATASET_TRAIN] : 0);
	for (size_t i = 0; i < s->items; i++) {
		struct dataset_item *item = &s->item[i];
		if (item->split != split || !item->picture.px)
			continue;
		to[d->count[split]++] = (struct picture){item->picture, item->file, item->cls};
		item->picture = (struct image){0};
		hash_number(&d->fingerprint, item->cls);
		hash_number(&d->fingerprint, item->hash);
	}
	hash_number(&d->fingerprint, d->count[split]);
}

static enum cnn_status dataset_new(struct dataset_source *s, const struct dataset_form *form,
                                   struct dataset **out, struct cnn_error *err)
{
	struct dataset *d = calloc(1, sizeof *d);
	struct picture *pictures = calloc(s->items, sizeof *pictures);
	if (!d || !pictures) {
		free(d);
		free(pictures);
		return cnn_fail_memory(err, "the pictures", s->items * sizeof *pictures);
	}
	*d = (struct dataset){
		.arena = s->arena,
		.class_name = s->class_name,
		.classes = s->classes,
		.picture = pictures,
		.skipped = s->skipped,
		.form = *form,
		.val_is_own = s->val_is_own,
	};
	s->arena = NULL;
	s->class_name = NULL;
	hash_classes(d);
	take_split(d, s, DATASET_TRAIN);
	take_split(d, s, DATASET_VAL);
	d->fingerprint = random_mix(d->fingerprint);
	*out = d;
	return CNN_OK;
}

enum cnn_status dataset_open(const char *path, const struct dataset_options *options,
                             struct cnn_pool *pool, struct dataset **out, struct cnn_error *err)
{
	struct dataset_source s = {
		.path = path, .options = options, .folder = -1, .tar = -1, .idx = {-1, -1}};
	struct dataset_form form = {0};
	enum cnn_status status = dataset_check_options(options, err);
	if (!status)
		status = list(&s, err);
	if (!status)
		status = dataset_layout(&s, err);
	if (!status)
		status = check_classes(&s, false, err);
	if (!status)
		status = dataset_decide_form(&s, &form, err);
	if (!status && !s.val_is_own)
		status = hold_out(&s, err);
	if (!status)
		status = dataset_decode(&s, &form, pool, err);
	if (!status)
		status = check_classes(&s, true, err);
	if (!status)
		status = dataset_new(&s, &form, out, err);
	source_free(&s);
	return status;
}

/* --- looking at it -------------------------------------------------------- */

size_t dataset_classes(const struct dataset *d)
{
	return d->classes;
}

const char *dataset_class_name(const struct dataset *d, size_t cls)
{
	return d->class_name[cls];
}

size_t dataset_count(const struct dataset *d, enum dataset_split split)
{
	return d->count[split];
}

size_t dataset_skipped(const struct dataset *d)
{
	return d->skipped;
}

int32_t dataset_size(const struct dataset *d)
{
	return d->form.size;
}

int32_t dataset_resize_short(const struct dataset *d)
{
	return d->form.resize_short;
}

int32_t dataset_channels(const struct dataset *d)
{
	return d->form.channels;
}

bool dataset_val_is_own(const struct dataset *d)
{
	return d->val_is_own;
}

uint64_t dataset_fingerprint(const struct dataset *d)
{
	return d->fingerprint;
}

struct dataset_sample dataset_get(const struct dataset *d, enum dataset_split split, size_t i)
{
	const struct picture *p =
		&d->picture[split == DATASET_VAL ? d->count[DATASET_TRAIN] + i : i];
	return (struct dataset_sample){&p->image, p->cls, p->file};
}
