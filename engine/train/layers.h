/* layers.h - the layers that have no weights. */
#ifndef ENGINE_TRAIN_LAYERS_H
#define ENGINE_TRAIN_LAYERS_H
#include "engine/train/network.h"

enum { POOL_NO_WINNER = UINT16_MAX };

/* Height, width in all pairs. Global pools: the window is the whole map. */
struct pool {
	int32_t kernel[2], stride[2], pad[2], pad_behind[2], dilation[2];
	bool average, count_padding;
	/* [max_batch][out floats]: the maximum's tap, POOL_NO_WINNER where a window sees no number. NULL for averages. */
	uint16_t *winner;
};
struct concat {
	size_t n;
	uint32_t *in; /* [n] features of equal height and width */
};
struct dropout {
	double rate;
	uint64_t stream; /* which dropout of the network this is */
};

extern const struct layer_kind pool_kind;    /* detail: struct pool */
extern const struct layer_kind concat_kind;  /* detail: struct concat; layer.in is not used */
extern const struct layer_kind dropout_kind; /* detail: struct dropout */

#endif
