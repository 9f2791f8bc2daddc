/* transfer.h - a pretrained classifier with a new last layer; private to trainer*.c.
 *
 * Frozen: its features of every picture are computed once, some views of each training picture, by the inference
 * engine; what is trained is one dense layer on them. Unfrozen: the whole becomes a network. */
#ifndef ENGINE_TRAIN_TRANSFER_H
#define ENGINE_TRAIN_TRANSFER_H
#include "engine/graph/graph.h"
#include "engine/train.h"
#include "engine/train/augment.h"

struct transfer {
	struct graph *graph;   /* the old layers with a new dense one, whose result is the output */
	value_id features;     /* [1][n]: what the new layer takes */
	value_id weight, bias; /* its constants: [classes][n], [classes] */
	size_t n;              /* features */
	int32_t size, channels; /* of the square picture that it takes */
	bool channels_last;     /* its input is [1][size][size][channels] */
	double mean[3], std[3]; /* (pixel / 255 - mean) / std */
	char sha256[65];        /* of the file */
	int64_t macs;
};

/* The classifier at `path` without its last layer with weights, and a new one for `classes`. Errors name the file or
 * the node. Release with transfer_close(). */
enum cnn_status transfer_open(const struct train_options *o, size_t classes, struct transfer *out,
                              struct cnn_error *err);
void transfer_close(struct transfer *t);

/* Rows of features; standardised: over the training rows each feature has mean 0 and deviation 1 / sqrt(n). */
struct features {
	size_t views;          /* of each training picture; the first is the plain one */
	float *train, *val;    /* [pictures][views][n], [pictures][n] */
	float *mean, *inverse; /* [n]: standardised = (feature - mean) * inverse */
};

/* Compute them, with all threads; memory comes from `arena`. */
enum cnn_status transfer_features(const struct transfer *t, const struct train_options *o,
                                  const struct dataset *data, const struct augmenter *a,
                                  struct cnn_pool *pool, struct arena *arena, struct features *out,
                                  struct cnn_error *err);

/* Put a layer trained on standardised features, w[n][classes] and bias, into the graph, which takes plain ones. */
void transfer_finish(const struct transfer *t, const struct features *f, const float *w,
                     const float *bias);

#endif
