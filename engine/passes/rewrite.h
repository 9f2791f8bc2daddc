/* rewrite.h - what the passes share: who uses a value, and joining two nodes. */
#ifndef ENGINE_PASSES_REWRITE_H
#define ENGINE_PASSES_REWRITE_H
#include "engine/passes/passes.h"

/* Uses of every value, counted once at the start of a pass. A pass that only joins nodes
 * (rewrite_join) and adds values after the count keeps it true for the values it still looks at. */
struct uses {
	size_t n;
	uint32_t *count;   /* inputs, residuals and graph outputs that name the value */
	node_id *consumer; /* one node that reads it; NO_NODE when none */
};
enum cnn_status uses_count(const struct graph *g, struct uses *out, struct cnn_error *err);
void uses_free(struct uses *uses);

/* Try a rewrite on every node that lives, in order, with the uses counted before. */
typedef void rewrite_fn(struct graph *g, struct pass_log *log, const struct uses *uses,
                        struct node *n);
enum cnn_status rewrite_each(struct graph *g, struct pass_log *log, rewrite_fn *rewrite,
                             struct cnn_error *err);

/* The node that alone reads v, or NULL. */
struct node *uses_only_consumer(const struct graph *g, const struct uses *uses, value_id v);
/* The live node that makes v, or NULL. */
struct node *rewrite_producer(const struct graph *g, value_id v);

/* `second`, the only reader of first's output, has become part of `first`: first takes over its
 * output and second dies. */
void rewrite_join(struct graph *g, struct pass_log *log, struct node *first, struct node *second);

/* A layer that is gone: it became part of `into`. */
void rewrite_log(struct pass_log *log, const struct node *gone, const struct node *into);

/* The constant float behind v when it is a single number. */
bool rewrite_scalar(const struct graph *g, value_id v, float *out);

/* A constant of one number for each element along `axis` of `like` (or one for all), which
 * broadcasts over the other axes: copies it to out[like->dim[axis]]. */
bool rewrite_axis_vector(const struct graph *g, value_id v, const struct value *like, int32_t axis,
                         double *out);

/* A new value with the type and shape of `like`; NO_VALUE when memory runs out. */
value_id rewrite_value_like(struct graph *g, const char *name, value_id like);

bool rewrite_same_shape(const struct value *a, const struct value *b);

#endif
