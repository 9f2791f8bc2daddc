/* view_run.h - what a view computes, on the viewing thread. */
#ifndef SERVER_VIEW_RUN_H
#define SERVER_VIEW_RUN_H
#include "engine/see_heat.h"
#include "engine/see_picture.h"
#include "server/reply.h"

enum view_kind {
	VIEW_INPUT,       /* the picture as the network takes it */
	VIEW_ACTIVATIONS, /* one layer's feature maps */
	VIEW_FILTERS,     /* a convolution's weights */
	VIEW_STRIP,       /* a thumbnail of every layer */
	VIEW_EXPLAIN,     /* where a class was seen */
	VIEW_KINDS
};
const char *view_kind_name(enum view_kind kind); /* "activations" */

enum view_form { VIEW_PNG, VIEW_JSON, VIEW_FLOATS };

/* What is wanted. Strings and lists are from malloc(): view_ask_clear(). */
struct view_ask {
	enum view_kind kind;
	enum view_form form;
	char *layer;
	uint32_t *channel; /* of activations and filters */
	size_t n_channel, strongest;
	bool shared_scale;
	int32_t zoom;
	int32_t width, height, columns; /* of a strip */
	char *class;
	enum heat_method method;
	double opacity;
	uint8_t *body; /* holds the picture */
	const uint8_t *picture;
	size_t picture_len;
};
void view_ask_clear(struct view_ask *ask);

/* The model that is served, and what it makes of pictures. */
struct view_model {
	struct cnn_model *model;
	const char *name;
	struct image_limits limits;
	bool jpeg_scaling;
};

/* How it goes on, and whether to go on. */
struct view_progress {
	bool (*on)(void *ctx, size_t done, size_t total);
	void *ctx;
};

/* The viewer is of the same model. The reply's headers are in `arena`. On failure the reply is an error, too. */
void view_run(const struct view_ask *ask, const struct view_model *model, struct see *see,
              const struct view_progress *progress, struct arena *arena, struct reply *reply);
void view_fail(enum cnn_status status, const char *text, struct reply *reply);

#endif
