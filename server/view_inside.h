/* view_inside.h - the kinds of views, each in a file of its own. Viewing thread only. */
#ifndef SERVER_VIEW_INSIDE_H
#define SERVER_VIEW_INSIDE_H
#include "server/view_run.h"

/* Of an answer in floats, and of the numbers that a picture is made of. */
#define VIEW_MAX_BYTES ((size_t)64 << 20)

struct viewing {
	const struct view_ask *ask;
	const struct view_model *model;
	struct see *see;
	const struct view_progress *progress;
	struct arena *arena; /* of the reply's headers */
	struct reply *reply;
	struct image_header *header; /* of the photo, once it was read */
};

/* Each sets the reply, or says why it cannot. */
enum cnn_status view_input(const struct viewing *v, struct cnn_error *err);
enum cnn_status view_activations(const struct viewing *v, struct cnn_error *err);
enum cnn_status view_filters(const struct viewing *v, struct cnn_error *err);
enum cnn_status view_strip(const struct viewing *v, struct cnn_error *err);
enum cnn_status view_explain(const struct viewing *v, struct cnn_error *err);

/* The photo as the model takes it. The caller clears it. */
enum cnn_status view_read(const struct viewing *v, struct image *picture, struct cnn_error *err);
enum cnn_status view_reply_png(const struct viewing *v, const struct image *picture,
                               struct cnn_error *err);
/* *data, from malloc(), is taken over. `shape` is the header's text. */
void view_reply_floats(const struct viewing *v, float **data, size_t count, const char *shape);
/* The header that lists the chosen ones, when they are not too many. */
void view_reply_channels(const struct viewing *v, const uint32_t *channel, size_t n);

#endif
