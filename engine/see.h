/* see.h - what a network makes of a picture: the feature maps of every layer and the filters it has learned, as
 * numbers and as pictures.
 *
 *	see_open --> struct see        the model once more, none of its layers fused away
 *	                 |
 *	see_run         a picture in; each layer's struct see_maps while it is in memory
 *	see_pick        one layer's maps, chosen, to keep
 *	see_filters     the weights of one convolution
 *
 * Served models know nothing of this: whoever wants to watch opens a viewer, and closes it again. A viewer serves
 * one call at a time.
 *
 * A layer's output is shown as channels of height x width floats, in ONNX's order. A leading axis of 1, the batch,
 * is left out; the first that remains counts channels, the last is the width, those between are the height. So
 * [1][64][56][56] are 64 maps of 56 x 56, [1][64][100] 64 of 1 x 100, and the vector [1][1000] 1000 of 1 x 1. */
#ifndef ENGINE_SEE_H
#define ENGINE_SEE_H
#include "engine/cnn.h"

struct see;

struct see_options {
	enum cnn_isa max_isa;
	size_t max_bytes;      /* of memory for the viewer; 0: all that the process may use */
	struct cnn_pool *pool; /* borrowed, may be NULL: the calling thread alone */
};

/* `path` is what cnn_model_load() takes; a served model's info->path and info->sha256 give that model's viewer.
 * sha256 may be NULL. CNN_IO when the file is another one by now; otherwise as cnn_model_load(). */
enum cnn_status see_open(const char *path, const char *sha256, const struct see_options *options,
                         struct see **out, struct cnn_error *err);
void see_close(struct see *see); /* NULL-safe */

/* Its layer table has the same rows as the served model's, and it fits pictures in the same way. */
const struct cnn_model *see_model(const struct see *see);
size_t see_bytes(const struct see *see); /* of memory that it holds */

/* The row of that name, or else of that number. CNN_BAD_ARG names model and layer. */
enum cnn_status see_find(const struct see *see, const char *layer, size_t *out,
                         struct cnn_error *err);

/* --- feature maps ------------------------------------------------------------------------------- */

/* One layer's output for one picture: element (c, y, x) is data[c * channel_step + (y * width + x) * pixel_step]. */
struct see_maps {
	size_t layer; /* for cnn_model_layer() */
	size_t channels, height, width;
	const float *data;
	size_t channel_step, pixel_step;
	enum cnn_dtype
		dtype; /* what the network computes there; other types than float32 have been converted */
	bool quantised; /* and these are the real numbers that the integers stand for */
};

struct see_watch {
	/* Called once for each wanted layer, in the order in which they are computed; `maps` is valid during the call
	 * only. False ends the run. */
	bool (*on_layer)(void *ctx, const struct see_maps *maps);
	void *ctx;
	const bool *wanted; /* [cnn_model_layers()]; NULL: all */
};

/* Run one picture, or tensor. With `scores` ([classes]) it runs to the end unless on_layer() ends it; without
 * (NULL) no longer than to the last wanted layer. */
enum cnn_status see_run(struct see *see, const struct cnn_item *item, float *scores,
                        const struct see_watch *watch, struct cnn_error *err);

/* One channel in numbers. Those that are not finite are counted, and left out of the others. */
struct see_stats {
	uint32_t channel;
	float min, max, mean;
	float strength; /* mean of the absolute values: what channels are ordered by, so that neither one bright
	                   pixel nor a constant sign decides */
	float sparsity;        /* share of elements that are exactly 0 */
	uint32_t max_y, max_x; /* where the largest is, the first of several in reading order */
	size_t not_finite;
};

void see_stats(const struct see_maps *maps, struct see_stats *out); /* [channels], in their order */
/* Strongest first, ties by the lower channel. */
void see_order(struct see_stats *stats, size_t n);
/* out is [n][height][width]; each channel is below maps->channels. */
void see_copy(const struct see_maps *maps, const uint32_t *channel, size_t n, float *out);

/* Which channels (or filters) of a layer: those listed, the `top` strongest, strongest first, or when neither is
 * given all of them. */
struct see_choice {
	const uint32_t *channel;
	size_t n_channel, top;
	size_t max_bytes; /* of the floats that are kept; 0: any */
};

/* Maps to keep, from malloc(); free with see_picked_clear(). */
struct see_picked {
	size_t layer, channels, height, width; /* of the layer */
	enum cnn_dtype dtype;
	bool quantised;
	struct see_stats *stats; /* [channels], in their order */
	uint32_t *channel;       /* [n], the chosen ones */
	size_t n;
	float *maps; /* [n][height][width] */
};

/* Run and keep the chosen maps of one layer. CNN_BAD_ARG: a channel that the layer does not have, or more bytes than
 * the choice allows. */
enum cnn_status see_pick(struct see *see, const struct cnn_item *item, size_t layer,
                         const struct see_choice *choice, struct see_picked *out,
                         struct cnn_error *err);
void see_picked_clear(struct see_picked *picked); /* NULL-safe */

/* --- filters ------------------------------------------------------------------------------------ */

/* A convolution's weights: `filters` of them, each with `slices` of height x width floats, one for each input
 * channel that it reads. Filter k reads the input channels from first(k) = k / (filters / groups) * slices on. */
struct see_filters {
	size_t layer, filters, slices, height, width, groups;
	bool transposed; /* ConvTranspose: each element goes into the output where it lies */
	bool quantised;  /* the numbers that stored integers stand for */
};

/* CNN_BAD_ARG: the layer is no convolution, or its weights are computed, not stored. */
enum cnn_status see_filters(const struct see *see, size_t layer, struct see_filters *out,
                            struct cnn_error *err);
/* Filter `filter` < filters->filters into out[slices][height][width]. */
void see_filter_copy(const struct see *see, const struct see_filters *filters, size_t filter,
                     float *out);
/* What it adds to its sums; 0 when it has no bias. False: that is computed from the picture. */
bool see_filter_bias(const struct see *see, const struct see_filters *filters, size_t filter,
                     float *out);

#endif
