/* model.h - what a loaded model is made of. Private to run/ and see/. */
#ifndef ENGINE_RUN_MODEL_H
#define ENGINE_RUN_MODEL_H
#include "engine/plan/plan.h"
#include "engine/run/describe.h"
#include <stdatomic.h>

struct cnn_model {
	atomic_size_t references;
	struct arena *arena; /* everything below but the plan */
	struct cnn_model_info info;
	struct label_list labels;
	struct cnn_layer *layer;
	size_t n_layer;
	struct plan *plan;
	struct graph *graph; /* as it was planned; NULL unless its layers are kept */
	size_t max_batch;
	size_t max_bytes; /* for the graph, the plan and all sessions together */
	atomic_size_t session_bytes;
	enum cnn_isa isa;
};

/* Things that no file said, collected while loading. */
#define MAX_ASSUMED 32
struct assumptions {
	struct arena *arena;
	const char *text[MAX_ASSUMED];
	size_t n;
};
/* Adds one sentence; without memory it is lost, which harms nothing. */
void assume(struct assumptions *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Which axis of a rank 4 input holds the channels, 1 or 3; 0 when neither can. */
int32_t input_channel_axis(const struct value *v);

/* Decide the input's channels where the graph leaves them open: as a file says, or the first weights. */
void input_channels_decide(struct graph *g, const struct description *d,
                           struct assumptions *assumed);

/* Decide the input's open dimensions (batch 1; height and width as a file says, else 224), check
 * them against that file, and mark it shaped. */
enum cnn_status input_decide(struct graph *g, const struct description *d,
                             struct assumptions *assumed, struct cnn_error *err);

/* Does the input take pictures? Then how they are made to fit, in *out, and the plan's view of
 * it, in *pixels. */
enum cnn_status preprocess_decide(const struct graph *g, const struct description *d,
                                  struct assumptions *assumed, bool *takes_pictures,
                                  struct cnn_preprocess *out, struct pixel_input *pixels,
                                  struct cnn_error *err);

/* Leave the graph with one output: the one that model.json names, else the first. */
enum cnn_status output_pick(struct graph *g, const struct description *d,
                            struct assumptions *assumed, struct cnn_error *err);

/* What convd applies to the graph's output: a file's word, or softmax unless the graph ends in
 * one. Look before the passes. */
enum cnn_output_activation activation_decide(const struct graph *g, const struct description *d,
                                             struct assumptions *assumed);

#endif
