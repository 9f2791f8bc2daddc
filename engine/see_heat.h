/* see_heat.h - where a network looked to find a class in a picture.
 *
 *	heat_explain ---> struct heat      a number for each cell of the part that the network saw
 *	                        |
 *	heat_overlay      the photo with the map over it, as colours
 *
 * Three methods, the first that the network allows is the best one:
 *
 *	CAM        The network ends in an average over each of its last feature maps and a weighted sum of these
 *	           averages for each class: the same weighted sum of the maps themselves. Their average, with the bias, is
 *	           the class's score. Zhou, Khosla, Lapedriza, Oliva, Torralba: Learning Deep Features for Discriminative
 *	           Localization, CVPR 2016.
 *	Grad-CAM   Anything that has a gradient stands between the last feature maps and the scores: maps are weighted by
 *	           the mean of the score's gradient over each of them. Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra:
 *	           Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017.
 *	Occlusion  Any network: a patch is slid over the picture, and where it lowers the class's share there was what
 *	           the network went by. The patch is a seventh of the picture's side and moves on by half of itself, which
 *	           takes 169 runs of a square picture; up to twice as large and fewer for networks that run long.
 *	           Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, ECCV 2014. */
#ifndef ENGINE_SEE_HEAT_H
#define ENGINE_SEE_HEAT_H
#include "engine/cnn.h"
#include "engine/see.h"

enum heat_method { HEAT_AUTO, HEAT_CAM, HEAT_GRADCAM, HEAT_OCCLUSION };
const char *heat_method_name(enum heat_method method); /* "cam", "gradcam", "occlusion", "auto" */

struct heat_options {
	enum heat_method method; /* HEAT_AUTO: CAM, else Grad-CAM, else occlusion */
	int64_t cls;             /* -1: the best one */
	/* While occlusion goes on, from the caller's thread; false ends it. May be NULL. */
	bool (*on_progress)(void *ctx, size_t done, size_t total);
	void *ctx;
};

/* A map over the fitted picture, whose cells are equal parts of it. The caller's: heat_clear(). */
struct heat {
	enum heat_method method; /* never HEAT_AUTO */
	const char *layer;       /* whose maps they are, as the file calls it; "" for occlusion */
	uint32_t cls;
	float share; /* the class's score as the model answers it */
	int32_t height, width;
	float *map; /* [height][width]: > 0 speaks for the class, < 0 against it */
};
void heat_clear(struct heat *heat); /* NULL-safe; *heat becomes empty */

/* A class from text: its number, its label or one of the names in it ("tabby, tabby cat"), or part of the only label
 * that has it; case does not matter. NULL or "": -1, the best one. CNN_BAD_ARG: none, or several. */
enum cnn_status heat_class(const struct cnn_model *model, const char *text, int64_t *out,
                           struct cnn_error *err);

/* Where the class was seen in a picture, fitted as for a run. `see` is a viewer of `model`; NULL: occlusion is all there
 * is. `session`, of `model`, makes the scores and runs occlusion; NULL: the viewer makes them, and there is no occlusion.
 * CNN_UNSUPPORTED: the network does not allow the method, the text says why; CNN_BAD_ARG: no such class, or
 * on_progress() ended it. */
enum cnn_status heat_explain(struct see *see, struct cnn_model *model, struct cnn_session *session,
                             const struct image *picture, const struct heat_options *options,
                             struct heat *out, struct cnn_error *err);

/* --- in the photo ------------------------------------------------------------------------------- */

/* The part of a photo that a model sees, in the photo's pixels: from (left, top) up to (right, bottom). */
struct heat_window {
	double left, top, right, bottom;
};
void heat_window(const struct image_fit *fit, int32_t photo_width, int32_t photo_height,
                 struct heat_window *out);

/* Where the class was seen best: the middle of the map's largest cell, if that is above 0. */
struct heat_peak {
	bool found;          /* else the rest means nothing */
	int32_t row, column; /* of the map */
	float value;
	double x, y; /* in the photo's pixels */
};
void heat_find_peak(const struct heat *heat, const struct heat_window *window,
                    struct heat_peak *out);

/* out[height][width] in 0..1 for an image of this size of which the map covers all: bilinear between the middles of
 * cells, negative ones as 0, the largest of the map's cells as 1. */
void heat_stretch(const struct heat *heat, int32_t width, int32_t height, float *out);

/* The whole photo to put a map over, upright, with 3 channels; made smaller when a side is longer than max_side. *header is
 * the photo's as it was sent. The caller clears *out. */
enum cnn_status heat_photo(const uint8_t *bytes, size_t len, const struct image_limits *limits,
                           int32_t max_side, struct image *out, struct image_header *header,
                           struct cnn_error *err);

/* The photo, which has 3 channels, with heat as colours over what the model saw; the rest is darker. `window` is in
 * this photo's pixels, opacity 0..1 is that of the hottest place. The caller clears *out. */
enum cnn_status heat_overlay(const struct heat *heat, const struct image *photo,
                             const struct heat_window *window, double opacity, struct image *out,
                             struct cnn_error *err);

#endif
