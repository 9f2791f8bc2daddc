/* draw.h - graphs node by node, for arch.c and for a new last layer on an old network. Names are unique as long as
 * all nodes come from one pen. */
#ifndef ENGINE_TRAIN_DRAW_H
#define ENGINE_TRAIN_DRAW_H
#include "engine/graph/graph.h"
#include "engine/train/random.h"

struct pen {
	struct graph *g;
	struct random random;
	value_id at;      /* the result of the last node; NO_VALUE once memory has run out */
	int32_t channels; /* of it */
	size_t n;         /* nodes drawn, for their names */
	const char *prefix;
};

/* Each takes pen->at and leaves its result there; shapes are for graph_infer() to find. */
struct draw_conv {
	int32_t out, kernel, stride, groups; /* padding: kernel / 2 on all sides */
	bool bias;
};
void draw_conv(struct pen *p, struct draw_conv c);
void draw_norm(struct pen *p, float gamma);
void draw_relu(struct pen *p);
void draw_relu6(struct pen *p);
void draw_max_pool(struct pen *p, int32_t kernel, int32_t stride, int32_t pad);
void draw_global_average(struct pen *p);
void draw_flatten(struct pen *p);
void draw_add(struct pen *p, value_id other);
void draw_dropout(struct pen *p, double rate); /* none for rate 0 */
/* in: the length of the row that pen->at is. Weights are normal with this deviation. */
void draw_dense(struct pen *p, int32_t in, int32_t out, double deviation);

#endif
