/* fake_train.h - engine/train.h without training: its functions, for the one program that includes this. They
 * take the place of the library's. What they do is set by `fake`. */
#ifndef TESTS_UNIT_SERVER_FAKE_TRAIN_H
#define TESTS_UNIT_SERVER_FAKE_TRAIN_H
#include "engine/train.h"
#include "tests/test.h"

#include <signal.h>

enum { FAKE_SIDE = 8, FAKE_VAL = 12, FAKE_TRAIN = 30, FAKE_CLASSES = 3, FAKE_EPOCHS = 1000 };

static struct {
	size_t skips;       /* files that dataset_open() leaves out */
	bool no_val;        /* there are no validation pictures */
	int32_t nan_epoch;  /* the loss is no number here; 0: never */
	int32_t stop_epoch; /* SIGTERM arrives during this epoch; 0: never */
	bool stop_twice;    /* and once more */
	bool disk_full;     /* trainer_export() fails */
	struct dataset_options data;
	struct train_options options; /* as they came; the strings die with the command */
	char from[4096];
	size_t runs; /* epochs that were trained in this process */
} fake;

const struct train_arch train_archs[] = {
	{"resnet-small", "a small one", 96}, {"tiny", "a tiny one", 32}, {0}};

struct dataset {
	uint8_t px[3 * FAKE_SIDE * FAKE_SIDE];
	struct image picture;
};

enum cnn_status dataset_open(const char *path, const struct dataset_options *options,
                             struct cnn_pool *pool, struct dataset **out, struct cnn_error *err)
{
	(void)pool;
	fake.data = *options;
	for (size_t i = 0; i < fake.skips; i++)
		options->on_skip(options->ctx, "a/b.jpg", "not a picture");
	options->on_progress(options->ctx, 1, 1);
	if (strstr(path, "broken"))
		return cnn_fail(err, CNN_BAD_ARG, "%s: a single class", path);
	struct dataset *d = calloc(1, sizeof *d);
	CHECK(d);
	d->picture = (struct image){d->px, FAKE_SIDE, FAKE_SIDE, 3};
	*out = d;
	return CNN_OK;
}

void dataset_free(struct dataset *d)
{
	free(d);
}

size_t dataset_classes(const struct dataset *d)
{
	(void)d;
	return FAKE_CLASSES;
}

const char *dataset_class_name(const struct dataset *d, size_t cls)
{
	static const char *const names[] = {"alp", "b\n<i>", "see \xc3\xa4"};
	(void)d;
	return names[cls];
}

size_t dataset_count(const struct dataset *d, enum dataset_split split)
{
	(void)d;
	return split == DATASET_TRAIN ? FAKE_TRAIN : fake.no_val ? 0 : FAKE_VAL;
}

size_t dataset_skipped(const struct dataset *d)
{
	(void)d;
	return fake.skips;
}

int32_t dataset_size(const struct dataset *d)
{
	(void)d;
	return FAKE_SIDE;
}

int32_t dataset_resize_short(const struct dataset *d)
{
	(void)d;
	return FAKE_SIDE + 1;
}

int32_t dataset_channels(const struct dataset *d)
{
	return d->picture.channels;
}

bool dataset_val_is_own(const struct dataset *d)
{
	(void)d;
	return true;
}

uint64_t dataset_fingerprint(const struct dataset *d)
{
	(void)d;
	return 0xabcdef;
}

struct dataset_sample dataset_get(const struct dataset *d, enum dataset_split split, size_t i)
{
	CHECK(i < dataset_count(d, split));
	return (struct dataset_sample){&d->picture, (uint32_t)i % FAKE_CLASSES, "val/alp/1.jpg"};
}

struct trainer {
	struct train_options options;
	struct train_epoch history[FAKE_EPOCHS];
	size_t n;
};

enum cnn_status trainer_new(const struct train_options *options, const struct dataset *data,
                            struct cnn_pool *pool, struct trainer **out, struct cnn_error *err)
{
	(void)data;
	(void)pool;
	(void)err;
	struct trainer *t = calloc(1, sizeof *t);
	CHECK(t && options->epochs <= FAKE_EPOCHS);
	t->options = fake.options = *options;
	snprintf(fake.from, sizeof fake.from, "%s", options->from ? options->from : "");
	*out = t;
	return CNN_OK;
}

void trainer_free(struct trainer *t)
{
	free(t);
}

static void fake_epoch(struct trainer *t)
{
	t->history[t->n] = (struct train_epoch){.epoch = (int32_t)t->n + 1,
	                                        .lr = 0.1,
	                                        .train_loss = 1.5,
	                                        .train_accuracy = 0.5,
	                                        .val_loss = fake.no_val ? -1 : 1.25,
	                                        .val_accuracy = fake.no_val ? -1 : 0.75,
	                                        .seconds = 2};
	t->n++;
}

enum cnn_status trainer_run(struct trainer *t, const struct train_events *events,
                            struct cnn_error *err)
{
	while (t->n < (size_t)t->options.epochs && !events->stop(events->ctx)) {
		int32_t epoch = (int32_t)t->n + 1;
		const struct train_progress p = {.epoch = epoch,
		                                 .epochs = t->options.epochs,
		                                 .done = FAKE_TRAIN,
		                                 .total = FAKE_TRAIN};
		events->on_step(events->ctx, &p);
		if (epoch == fake.stop_epoch)
			raise(SIGTERM);
		if (epoch == fake.stop_epoch && fake.stop_twice)
			raise(SIGTERM);
		if (epoch == fake.nan_epoch)
			return cnn_fail(err, CNN_BAD_MODEL, "epoch %d, step 1: the loss is nan",
			                epoch);
		fake_epoch(t);
		fake.runs++;
		enum cnn_status status = events->on_epoch(events->ctx, &t->history[t->n - 1], err);
		if (status)
			return status;
	}
	return CNN_OK;
}

enum cnn_status trainer_save(const struct trainer *t, const char *path, struct cnn_error *err)
{
	FILE *f = fopen(path, "w");
	if (!f)
		return cnn_fail(err, CNN_IO, "%s: cannot be written", path);
	fprintf(f, "%zu of %d", t->n, t->options.epochs);
	fclose(f);
	return CNN_OK;
}

enum cnn_status trainer_load(struct trainer *t, const char *path, struct cnn_error *err)
{
	size_t n = 0;
	int epochs = 0;
	FILE *f = fopen(path, "r");
	CHECK(f && fscanf(f, "%zu of %d", &n, &epochs) == 2);
	fclose(f);
	if (epochs != t->options.epochs)
		return cnn_fail(err, CNN_BAD_ARG, "%s: is of other options", path);
	while (t->n < n)
		fake_epoch(t);
	return CNN_OK;
}

const struct train_epoch *trainer_history(const struct trainer *t, size_t *n)
{
	*n = t->n;
	return t->history;
}

int64_t trainer_parameters(const struct trainer *t)
{
	(void)t;
	return 1234567;
}

int64_t trainer_macs(const struct trainer *t)
{
	(void)t;
	return 7654321;
}

/* All right but the last. */
enum cnn_status trainer_guess(struct trainer *t, struct train_guess *guesses, struct cnn_error *err)
{
	(void)t;
	(void)err;
	for (size_t i = 0; i < FAKE_VAL; i++)
		guesses[i] = (struct train_guess){
			i, (uint32_t)(i + (i == FAKE_VAL - 1)) % FAKE_CLASSES, 0.5f};
	return CNN_OK;
}

const float *trainer_filters(const struct trainer *t, int32_t *count, int32_t *channels,
                             int32_t *height, int32_t *width)
{
	static const float filters[2 * 3 * 3 * 3] = {1, -1};
	(void)t;
	*count = 2;
	*channels = *height = *width = 3;
	return filters;
}

void trainer_normalization(const struct trainer *t, double mean[3], double std[3])
{
	(void)t;
	for (int c = 0; c < 3; c++) {
		mean[c] = 0.1 * (c + 1);
		std[c] = 0.25;
	}
}

enum cnn_status trainer_export(const struct trainer *t, const char *path, bool fold_batch_norm,
                               struct cnn_error *err)
{
	(void)t;
	if (fake.disk_full)
		return cnn_fail(err, CNN_IO, "%s: No space left on device", path);
	FILE *f = fopen(path, "w");
	CHECK(f);
	fputs(fold_batch_norm ? "folded" : "whole", f);
	fclose(f);
	return CNN_OK;
}

#endif
