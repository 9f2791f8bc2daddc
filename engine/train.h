/* train.h - learn a network from pictures: the public face of engine/train.
 *
 *	dataset_open ---> struct dataset     pictures and classes, immutable afterwards
 *	                        |
 *	trainer_new  ---> struct trainer     a network, its optimiser, its history
 *	                        |
 *	trainer_run       epochs of forward, backward, update; events tell how it goes
 *	                        |
 *	trainer_export    an .onnx file
 *
 * Nothing is printed. The same data, options and seed give the same weights bit for bit, at any number of
 * threads, and an interrupted run that goes on from its last checkpoint ends with the same weights. */
#ifndef ENGINE_TRAIN_H
#define ENGINE_TRAIN_H
#include "engine/base/parallel.h"
#include "engine/base/status.h"
#include "engine/base/types.h"
#include "engine/image/image.h"

/* --- pictures ----------------------------------------------------------------------------------- */

struct dataset;

enum dataset_split { DATASET_TRAIN, DATASET_VAL, DATASET_SPLITS };

struct dataset_options {
	/* Side of the network's square input in pixels; 0: the pictures' own, which must all be square and of
	 * one size (IDX files). */
	int32_t size;
	/* Validation pictures are cut as a server cuts them: shorter side to resize_short, centre of
	 * size x size. Training pictures are kept whole, their shorter side at resize_short where it was
	 * longer. 0: size * 8 / 7, rounded; with the pictures' own size, and for IDX files of just this
	 * size, no more than it, so that nothing is resized. */
	int32_t resize_short;
	int32_t channels; /* 1 or 3; 0: as the first picture has them */
	double val_fraction; /* held out of each class when the data has no val or test of its own; 0..0.9 */
	uint64_t seed;      /* which ones */
	int64_t max_pixels; /* of one picture */
	size_t max_bytes; /* of memory for all decoded pictures: beyond it, CNN_NO_MEMORY says so; 0: half
	                     of what the process may use */
	/* Called for each file that is left out, with the reason, from one thread at a time; may be NULL. */
	void (*on_skip)(void *ctx, const char *file, const char *reason);
	/* After every few pictures, from one thread at a time; may be NULL. */
	void (*on_progress)(void *ctx, size_t done, size_t total);
	void *ctx;
};

/* Read and decode everything that `path` holds, with all threads of `pool` (may be NULL):
 *
 *	a folder or a .tar of CLASS/picture        classes in byte order of their names
 *	a folder or a .tar with train/CLASS/picture, and val/ or test/ of the same classes
 *	a folder of IDX files (MNIST and its kin): train-images-idx3-ubyte, train-labels-idx1-ubyte and
 *	t10k-... (also with dots for the second dash, also idx4 with channels last), labels.txt optional
 *
 * One folder that holds nothing but these is looked through ("scenes/train/..." in a .tar). Files that are not
 * pictures or cannot be decoded are skipped; when these are more than a fifth, that is an error, and so are a
 * class without pictures, a single class, no pictures at all. Hidden files are ignored; symbolic links are
 * followed, to files only. */
enum cnn_status dataset_open(const char *path, const struct dataset_options *options,
                             struct cnn_pool *pool, struct dataset **out, struct cnn_error *err);
void dataset_free(struct dataset *d); /* NULL-safe */

size_t dataset_classes(const struct dataset *d);
const char *dataset_class_name(const struct dataset *d, size_t cls);
size_t dataset_count(const struct dataset *d, enum dataset_split split);
size_t dataset_skipped(const struct dataset *d);
/* Of every picture of DATASET_VAL; DATASET_TRAIN's have at least this many pixels on their shorter side unless
 * the file had fewer. */
int32_t dataset_size(const struct dataset *d);
int32_t dataset_resize_short(const struct dataset *d);
int32_t dataset_channels(const struct dataset *d);
bool dataset_val_is_own(const struct dataset *d); /* false: held out of the training pictures */
/* Identifies pictures, labels and order; a checkpoint of other data is refused by it. */
uint64_t dataset_fingerprint(const struct dataset *d);

struct dataset_sample {
	const struct image *picture; /* lives as long as the dataset */
	uint32_t cls;
	const char *
		file; /* as `path` holds it: "train/sea/12.jpg"; IDX: "t10k-images-idx3-ubyte[7]" */
};
struct dataset_sample dataset_get(const struct dataset *d, enum dataset_split split, size_t i);

/* --- training ----------------------------------------------------------------------------------- */

struct trainer;

/* The networks that can be trained from nothing. The table ends with a NULL name. */
struct train_arch {
	const char *name;
	const char *summary; /* one line */
	int32_t size;        /* of the input when the data does not say */
};
extern const struct train_arch train_archs[];

enum train_optimizer { TRAIN_SGD, TRAIN_ADAMW };

/* How a training picture is changed each time it is shown. All 0: the middle of it as it is. */
struct train_augment {
	double min_area; /* random part of the picture with between this and 1 of its area, 0.05..1; 0 or 1: all */
	int32_t pad; /* crop at random out of the picture with this many pixels of black around it */
	bool flip;   /* left to right, half of the time */
	double jitter; /* brightness, contrast, saturation: each by a factor within 1 -+ jitter */
	double cutout; /* a square of this share of the side turns gray, half of the time */
	double mixup; /* two pictures and their labels mixed, by Beta(mixup, mixup), at most 4; 0: never */
};

struct train_options {
	const char *arch;
	const char *from; /* a pretrained .onnx file or its folder instead of arch; or NULL */
	bool unfreeze;    /* from: also train the layers that were there */
	int32_t epochs, batch;
	enum train_optimizer optimizer;
	double lr;     /* at the end of the warm-up; falls to 0 by half a cosine */
	double warmup; /* epochs */
	double momentum, weight_decay;
	double label_smoothing, dropout;
	double ema; /* weights are averaged over about this many epochs; 0: the last ones are taken */
	struct train_augment augment;
	uint64_t seed;
	enum cnn_isa max_isa;
};

struct train_epoch {
	int32_t epoch; /* 1 .. epochs */
	double lr;
	double train_loss, train_accuracy; /* 0..1; as trained: augmented, and mixed with mixup */
	double val_loss, val_accuracy;     /* -1 when there are no validation pictures */
	double seconds;
};

struct train_progress {
	int32_t epoch, epochs;
	size_t done, total; /* pictures of this epoch */
	double loss, accuracy;
	double pictures_per_second, seconds_left; /* of the whole training */
};

struct train_events {
	void (*on_step)(void *ctx, const struct train_progress *progress); /* may be NULL */
	/* After each epoch's validation; what it returns other than CNN_OK ends the run with it. The
	 * place to call trainer_save(). May be NULL. */
	enum cnn_status (*on_epoch)(void *ctx, const struct train_epoch *epoch,
	                            struct cnn_error *err);
	/* Asked before each epoch: true ends the run with CNN_OK. May be NULL. */
	bool (*stop)(void *ctx);
	void *ctx;
};

/* `data` and `pool` (may be NULL) are borrowed. */
enum cnn_status trainer_new(const struct train_options *options, const struct dataset *data,
                            struct cnn_pool *pool, struct trainer **out, struct cnn_error *err);
void trainer_free(struct trainer *t); /* NULL-safe */

/* Train until options->epochs are done. CNN_BAD_MODEL when the loss or a weight is no number: names epoch and
 * step, and on_epoch() is not told of that epoch. */
enum cnn_status trainer_run(struct trainer *t, const struct train_events *events,
                            struct cnn_error *err);

/* A checkpoint after the last whole epoch. The file is there whole or not at all, on the disk when
 * this returns. Loading refuses one of other options, other data or another network, and a broken one. */
enum cnn_status trainer_save(const struct trainer *t, const char *path, struct cnn_error *err);
enum cnn_status trainer_load(struct trainer *t, const char *path, struct cnn_error *err);

/* The epochs so far, first to last. */
const struct train_epoch *trainer_history(const struct trainer *t, size_t *n);
int64_t trainer_parameters(const struct trainer *t);
int64_t trainer_macs(const struct trainer *t); /* of one picture, forward */

/* The validation pictures through the network as trainer_export() writes it. */
struct train_guess {
	size_t sample; /* of DATASET_VAL */
	uint32_t cls;  /* guessed */
	float probability;
};
/* guesses: [dataset_count(DATASET_VAL)] */
enum cnn_status trainer_guess(struct trainer *t, struct train_guess *guesses,
                              struct cnn_error *err);

/* The first convolution's kernels, [count][channels][height][width]; NULL when the network has none. Valid until
 * the trainer runs again or is freed. */
const float *trainer_filters(const struct trainer *t, int32_t *count, int32_t *channels,
                             int32_t *height, int32_t *width);

/* How a pixel becomes an input: (pixel / 255 - mean[c]) / std[c]. */
void trainer_normalization(const struct trainer *t, double mean[3], double std[3]);

/* Write the network, its logits as output; batch norms become part of the convolutions before them when
 * fold_batch_norm. The file is there whole or not at all. */
enum cnn_status trainer_export(const struct trainer *t, const char *path, bool fold_batch_norm,
                               struct cnn_error *err);

#endif
