/* network.h - a graph as something that can be trained: forward and backward over a batch.
 *
 * Feature maps are [picture][h][w][c]. A batch is cut into slices of neighbouring pictures whose number
 * depends on the network alone; each slice sums its gradients by itself, and the sums are added in the order of the
 * slices: the result does not depend on the number of threads.
 *
 * Weights of a convolution are [group][kh][kw][c][n], whatever the file has. */
#ifndef ENGINE_TRAIN_NETWORK_H
#define ENGINE_TRAIN_NETWORK_H
#include "engine/base/parallel.h"
#include "engine/graph/graph.h"
#include "engine/kernels/kernels.h"

struct feature {
	int32_t h, w, c;
	size_t floats;  /* h * w * c */
	float *x, *g;   /* [max_batch][floats]; g: the loss's gradient, NULL when nobody needs it */
	bool g_written; /* in this backward pass: later users add to it */
};

/* Where a constant of the graph lies among the network's weights. */
struct weights {
	value_id value;
	size_t at, n; /* floats */
	bool decays;  /* weight decay applies: kernels, not biases or norms */
	/* [group][kh][kw][c][n] here, [n * group][c][kh][kw] in the file; all 1 for plain vectors. */
	size_t groups, taps, c, n_out;
	bool transposed; /* the file has [c][n]: MatMul, Gemm without transB */
	size_t spatial; /* dense layer behind a flattened map: positions, which the file has innermost; or 1 */
};

/* A forward or backward pass. */
struct pass_run {
	size_t n;      /* pictures */
	bool training; /* batch statistics, dropout */
	uint64_t seed; /* of this step's dropout */
};

struct network;
struct layer;
struct layer_kind {
	/* Pack weights that have changed; parallel over the layers. */
	void (*prepare)(struct network *net, struct layer *l, char *scratch, bool backward);
	void (*forward)(struct network *net, struct layer *l, const struct pass_run *run);
	void (*backward)(struct network *net, struct layer *l, const struct pass_run *run);
};

struct layer {
	const struct layer_kind *kind;
	const char *name;
	uint32_t in, out; /* features; UINT32_MAX when `detail` knows better */
	void *detail;
	size_t prepare_bytes; /* scratch of prepare() */
};

#define NO_FEATURE UINT32_MAX

struct network {
	struct arena *arena;
	const struct kernels *k;
	struct cnn_pool *pool; /* borrowed */
	size_t l2_bytes;
	size_t max_batch, slices;
	struct feature *feature;
	struct layer *layer;
	size_t n_feature, n_layer;
	uint32_t input, output; /* features */
	int64_t macs;           /* of one picture */

	struct weights *weights;
	size_t n_weights;
	size_t n_w, n_stats; /* floats */
	float *w;            /* [n_w] */
	float *grad;         /* [slices][n_w]; the sum ends up in the first */
	float *stats;        /* [n_stats] running means and variances */

	char *scratch; /* [threads][scratch_bytes] */
	size_t scratch_bytes, scratch_wanted;
};

/* Compile g, which stays the caller's and must outlive the network: graph_infer() has been over it, its one
 * input is [1][c][h][w], its one output [1][classes] or [1][classes][1][1]. CNN_UNSUPPORTED names a node that
 * has no gradient here. */
enum cnn_status network_new(const struct graph *g, size_t max_batch, enum cnn_isa max_isa,
                            struct cnn_pool *pool, struct network **out, struct cnn_error *err);
void network_free(struct network *net); /* NULL-safe */

/* Weights and statistics changed: pack them. Without `backward` only what forward passes need. */
void network_prepare(struct network *net, bool backward);
/* From the input feature's x to the output's; training runs also move the running statistics. */
void network_forward(struct network *net, const struct pass_run *run);
/* From the output feature's g to net->grad, after a training forward of the same batch. */
void network_backward(struct network *net, const struct pass_run *run);

/* Copy weights and statistics between the network's arrays and the graph's constants. */
void network_from_graph(struct network *net, const struct graph *g);
void network_to_graph(const struct network *net, const float *w, const float *stats,
                      struct graph *g);

/* Pictures of slice s of a batch of n: first .. the result - 1. */
static inline size_t slice_end(const struct network *net, size_t n, size_t s, size_t *first)
{
	*first = n * s / net->slices;
	return n * (s + 1) / net->slices;
}

/* body(ctx, slice, thread) for all slices. */
static inline void each_slice(struct network *net, void (*body)(void *ctx, size_t s, size_t thread),
                              void *ctx)
{
	cnn_parallel_for(net->pool, net->slices, body, ctx);
}

static inline char *thread_scratch(const struct network *net, size_t thread)
{
	return net->scratch + thread * net->scratch_bytes;
}

#endif
