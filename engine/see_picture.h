/* see_picture.h - feature maps and filters as pictures, and a thumbnail of every layer.
 *
 *	see_pick         --> see_mosaic           one tile for each map
 *	see_pick_filters --> see_filters_picture  one for each filter, or each slice of it
 *	see_strip                                 the strongest map of each layer, all in one run
 *
 * Pictures are RGB; image_encode_png() makes files of them. */
#ifndef ENGINE_SEE_PICTURE_H
#define ENGINE_SEE_PICTURE_H
#include "engine/see.h"

enum see_colours {
	SEE_RAMP,   /* from dark to light, evenly: from the least to the largest */
	SEE_SIGNED, /* white at 0, red above, blue below: the darker, the further from it */
	SEE_RGB,    /* tiles of three planes, which are mixed */
};

/* 0 and false are what suits most. */
struct see_look {
	bool shared;      /* one scale for all tiles, so that they compare; else each has its own */
	int32_t max_side; /* of the picture, pixels: 4096 */
	int32_t zoom;     /* pixels for each number: as many as make a picture of about 1024 */
	int32_t columns;  /* about as many as rows */
};

/* Where the tiles are: the top left pixel of tile i is at x = gap + i % columns * (width + gap) and at
 * y = gap + i / columns * (height + gap). */
struct see_layout {
	int32_t columns, rows, gap;
	int32_t width, height; /* of a tile, pixels */
	int32_t zoom; /* pixels for each number; 0: tiles are smaller than the maps, averaged */
	size_t shown; /* tiles; fewer than there are when the picture would be too large */
};

/* tiles[n][height][width], or with SEE_RGB [n][3][height][width]. What is not finite is magenta. The caller clears
 * *out. CNN_BAD_ARG: nothing to show. */
enum cnn_status see_mosaic(const float *tiles, size_t n, size_t height, size_t width,
                           enum see_colours colours, const struct see_look *look, struct image *out,
                           struct see_layout *layout, struct cnn_error *err);

/* Chosen filters of see_filters(), to keep: picked->channel are the filters, picked->maps is
 * [n][slices][height][width], and picked->height stands for slices * height. */
enum cnn_status see_pick_filters(const struct see *see, const struct see_filters *filters,
                                 const struct see_choice *choice, struct see_picked *out,
                                 struct cnn_error *err);

enum see_filter_form {
	SEE_FILTERS_COLOUR, /* read the picture's colours: a tile for each filter, in these colours */
	SEE_FILTERS_SINGLE, /* read one channel each: a tile for each filter, signed */
	SEE_FILTERS_SLICES, /* a row for each filter, a tile for each input channel, signed; of a single filter a mosaic */
};
/* How the filters of a layer are shown. */
enum see_filter_form see_filter_form(const struct see *see, const struct see_filters *filters);

/* Signed tiles have the number 0 in the middle of their scale, which is that of all when they are slices or
 * look->shared; colours go from each filter's least to its largest. */
enum cnn_status see_filters_picture(const struct see *see, const struct see_filters *filters,
                                    const struct see_picked *picked, const struct see_look *look,
                                    struct image *out, struct see_layout *layout,
                                    struct cnn_error *err);

/* A sheet of thumbnails, one for each layer asked for, in the order of the layer table. */
struct see_strip {
	size_t n, columns;        /* thumbnail i is at column i % columns, row i / columns */
	size_t *layer;            /* [n] */
	struct see_stats *strong; /* [n]: the channel that is shown */
	struct image sheet;
};
struct see_strip_options {
	const bool *wanted;    /* [layers]; NULL: all */
	int32_t width, height; /* of a thumbnail, 1 to 512 pixels */
	int32_t columns;       /* 0: one row, where the sheet is no wider than 16384 pixels */
};

/* One run. A layer whose maps are single numbers is shown by all of them. scores is [classes], or NULL. */
enum cnn_status see_strip(struct see *see, const struct cnn_item *item,
                          const struct see_strip_options *options, float *scores,
                          struct see_strip *out, struct cnn_error *err);
void see_strip_clear(struct see_strip *strip); /* NULL-safe */

#endif
