/* state.h - what a trainer is; private to trainer*.c. */
#ifndef ENGINE_TRAIN_STATE_H
#define ENGINE_TRAIN_STATE_H
#include "engine/train.h"
#include "engine/train/augment.h"
#include "engine/train/network.h"
#include "engine/train/transfer.h"

struct trainer {
	struct train_options options;
	const struct dataset *data; /* borrowed */
	struct cnn_pool *pool;      /* borrowed */
	struct arena *arena;
	struct graph *graph; /* of the network; with `from`, unfrozen, it is transfer.graph */
	struct network *net;
	struct transfer transfer; /* with options.from */
	struct features features; /* of a frozen one: what the network takes instead of pictures */
	struct augmenter augment;
	double mean[3], std[3];
	size_t classes;

	/* [net->n_w] each; second: AdamW's only; average and its statistics: NULL without options.ema */
	float *first, *second, *average, *average_stats;
	int64_t step; /* updates so far */

	float *target;   /* [batch][classes] */
	uint32_t *label; /* [batch]: the class that counts for accuracy */
	double *loss;    /* [batch] */
	uint8_t *right;  /* [batch] */
	float *scratch;  /* [threads][scratch_floats] */
	size_t scratch_floats;
	uint32_t *order; /* [pictures] of this epoch */

	struct train_epoch *history;
	size_t n_history;
	float *filters; /* [n_w]: trainer_filters() */
};

/* Evaluate the validation pictures with the weights that will be exported. guesses may be NULL. */
void trainer_validate(struct trainer *t, double *loss, double *accuracy,
                      struct train_guess *guesses);

/* The weights and statistics that will be exported. */
const float *trainer_weights(const struct trainer *t);
const float *trainer_stats(const struct trainer *t);

#endif
