/* block.h - what most layers of a network are: convolution, batch norm, sum with another map, clamp; each of
 * them may be missing. Together, a feature map passes memory a few times instead of a dozen. */
#ifndef ENGINE_TRAIN_BLOCK_H
#define ENGINE_TRAIN_BLOCK_H
#include "engine/train/conv.h"

struct block {
	bool has_conv, has_bias, has_norm;
	struct conv conv;
	size_t channels, floats;           /* of the output, of one picture of it */
	size_t bias_at, gamma_at, beta_at; /* floats in net->w */
	size_t mean_at, variance_at;       /* in net->stats */
	float epsilon;
	uint32_t residual; /* feature, or NO_FEATURE */
	float lo, hi;
	float *z;                  /* [max_batch][floats] before the norm; NULL without one */
	double *sum;               /* [slices][2][channels] */
	float *partial;            /* [threads][2][channels] */
	float *scale, *shift;      /* [channels] of the norm: y = z * scale + shift */
	float *by_g, *by_z, *plus; /* [channels] of its gradient: dz = by_g * g + by_z * z + plus */
	float *mean, *inverse;     /* [channels] of this batch: mean, 1 / deviation */
};

extern const struct layer_kind block_kind;

/* Allocate what all but the convolution needs; conv, channels, floats, and the flags are set. */
bool block_new(struct network *net, struct block *b);

#endif
