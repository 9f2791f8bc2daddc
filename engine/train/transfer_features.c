/* The features of all pictures, by the inference engine. */
#include "engine/cnn.h"
#include "engine/onnx/export.h"
#include "engine/train/transfer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Views of a training picture: as many as this, or as fit. */
enum { MAX_VIEWS = 8 };
static const size_t MAX_BYTES = (size_t)1 << 30;

/* Load the graph up to its features as a model. The facade loads files: this one is in memory only. */
static enum cnn_status load_bytes(const uint8_t *bytes, size_t len, enum cnn_isa isa,
                                  struct cnn_model **out, struct cnn_error *err)
{
	const struct cnn_load_options options = {.max_isa = isa, .max_batch = 1};
	char path[64];
	int fd = memfd_create("features.onnx", MFD_CLOEXEC);
	size_t done = 0;
	while (fd >= 0 && done < len) {
		ssize_t n = write(fd, bytes + done, len - done);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	enum cnn_status status;
	if (fd < 0 || done < len) {
		status = cnn_fail(err, CNN_NO_MEMORY, "the feature layers: %s", strerror(errno));
	} else {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		status = cnn_model_load(path, &options, out, err);
	}
	if (fd >= 0)
		close(fd);
	return status;
}

static enum cnn_status load_feature_model(const struct transfer *t, enum cnn_isa isa,
                                          struct cnn_model **out, struct cnn_error *err)
{
	static const struct onnx_export_options options = {.producer_name = "convd"};
	struct graph *g = t->graph;
	uint8_t *bytes;
	size_t len;
	value_id output = g->output[0];
	g->output[0] = t->features;
	enum cnn_status status = onnx_export(g, &options, &bytes, &len, err);
	g->output[0] = output;
	if (status)
		return status;
	status = load_bytes(bytes, len, isa, out, err);
	free(bytes);
	return status;
}

struct extraction {
	const struct transfer *t;
	const struct train_options *o;
	const struct dataset *data;
	const struct augmenter *a;
	struct cnn_session **session; /* [threads] */
	float *scratch; /* [threads][scratch_floats]: taps, a picture, the same in the model's order */
	size_t scratch_floats, picture_floats;
	enum dataset_split split;
	size_t views;
	float *rows; /* [pictures][views][n] */
};

static void extract_picture(void *ctx, size_t i, size_t thread)
{
	const struct extraction *e = ctx;
	float *taps = e->scratch + thread * e->scratch_floats, *x = taps + augment_scratch(e->a);
	float *planes = x + e->picture_floats;
	size_t channels = (size_t)e->a->channels, pixels = e->picture_floats / channels;
	const struct image *picture = dataset_get(e->data, e->split, i).picture;
	struct augmenter plain = *e->a;
	plain.how = (struct train_augment){0};
	for (size_t view = 0; view < e->views; view++) {
		struct random r =
			random_seeded(e->o->seed, RANDOM_AUGMENT, (uint64_t)i * MAX_VIEWS + view);
		if (e->split == DATASET_VAL)
			augment_plain(e->a, picture, x);
		else
			augment_picture(view ? e->a : &plain, picture, r, taps, x);
		for (size_t p = 0; p < pixels && !e->t->channels_last; p++)
			for (size_t c = 0; c < channels; c++)
				planes[c * pixels + p] = x[p * channels + c];
		/* Its only error is a batch that is too large. */
		cnn_session_run_tensor(e->session[thread], e->t->channels_last ? x : planes, 1,
		                       true, e->rows + (i * e->views + view) * e->t->n, NULL, NULL);
	}
}

/* Mean and deviation of the training rows, and all rows by them. A row's length comes to about 1, so that one
 * learning rate and one weight decay suit rows of any length. */
static void standardize(const struct transfer *t, size_t train_rows, size_t val_rows,
                        struct features *f)
{
	double length = sqrt((double)t->n);
	for (size_t k = 0; k < t->n; k++) {
		double sum = 0, square = 0;
		for (size_t i = 0; i < train_rows; i++) {
			double x = (double)f->train[i * t->n + k];
			sum += x;
			square += x * x;
		}
		double mean = sum / (double)train_rows;
		double deviation = sqrt(fmax(square / (double)train_rows - mean * mean, 0));
		/* A feature that never moves says nothing. */
		f->mean[k] = (float)mean;
		f->inverse[k] = deviation > 1e-6 * fabs(mean) + 1e-12
		                        ? (float)(1 / (deviation * length))
		                        : 0;
	}
	for (size_t i = 0; i < train_rows * t->n; i++)
		f->train[i] = (f->train[i] - f->mean[i % t->n]) * f->inverse[i % t->n];
	for (size_t i = 0; i < val_rows * t->n; i++)
		f->val[i] = (f->val[i] - f->mean[i % t->n]) * f->inverse[i % t->n];
}

static enum cnn_status extract(struct extraction *e, struct cnn_pool *pool, struct features *f,
                               struct cnn_error *err)
{
	size_t pictures[DATASET_SPLITS];
	for (int s = 0; s < DATASET_SPLITS; s++) {
		pictures[s] = dataset_count(e->data, (enum dataset_split)s);
		e->split = (enum dataset_split)s;
		e->views = s == DATASET_TRAIN ? f->views : 1;
		e->rows = s == DATASET_TRAIN ? f->train : f->val;
		cnn_parallel_for(pool, pictures[s], extract_picture, e);
	}
	standardize(e->t, pictures[DATASET_TRAIN] * f->views, pictures[DATASET_VAL], f);
	for (size_t i = 0; i < pictures[DATASET_TRAIN] * f->views * e->t->n; i++)
		if (!isfinite(f->train[i]))
			return cnn_fail(err, CNN_BAD_MODEL,
			                "%s: its features are no finite numbers", e->o->from);
	return CNN_OK;
}

static enum cnn_status allocate(const struct transfer *t, const struct dataset *data,
                                struct arena *arena, struct features *f, struct cnn_error *err)
{
	size_t train = dataset_count(data, DATASET_TRAIN), val = dataset_count(data, DATASET_VAL);
	size_t views = MAX_BYTES / (train * t->n * sizeof(float));
	f->views = views < 1 ? 1 : views > MAX_VIEWS ? MAX_VIEWS : views;
	f->train = arena_alloc(arena, train * f->views, t->n * sizeof *f->train);
	f->val = arena_alloc(arena, val, t->n * sizeof *f->val);
	f->mean = arena_alloc(arena, t->n, sizeof *f->mean);
	f->inverse = arena_alloc(arena, t->n, sizeof *f->inverse);
	return f->train && f->val && f->mean && f->inverse
	               ? CNN_OK
	               : cnn_fail(err, CNN_NO_MEMORY,
	                          "out of memory for the features of %zu pictures", train + val);
}

enum cnn_status transfer_features(const struct transfer *t, const struct train_options *o,
                                  const struct dataset *data, const struct augmenter *a,
                                  struct cnn_pool *pool, struct arena *arena, struct features *out,
                                  struct cnn_error *err)
{
	size_t threads = cnn_pool_threads(pool);
	struct extraction e = {.t = t, .o = o, .data = data, .a = a};
	struct cnn_model *model = NULL;
	e.picture_floats = (size_t)a->size * (size_t)a->size * (size_t)a->channels;
	e.scratch_floats = augment_scratch(a) + 2 * e.picture_floats;
	enum cnn_status status = allocate(t, data, arena, out, err);
	if (!status)
		status = load_feature_model(t, o->max_isa, &model, err);
	if (status)
		return status;
	e.session = calloc(threads, sizeof *e.session);
	e.scratch = calloc(threads, e.scratch_floats * sizeof *e.scratch);
	if (!e.session || !e.scratch)
		status = cnn_fail(err, CNN_NO_MEMORY, "out of memory for training");
	for (size_t i = 0; !status && i < threads; i++)
		status = cnn_session_new(model, NULL, &e.session[i], err);
	if (!status)
		status = extract(&e, pool, out, err);
	for (size_t i = 0; e.session && i < threads; i++)
		cnn_session_free(e.session[i]);
	free(e.session);
	free(e.scratch);
	cnn_model_unref(model);
	return status;
}
