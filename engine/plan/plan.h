/* plan.h - the graph turned into a list of calls with every address decided.
 *
 * A batch is not a loop bound: pictures go one by one through the steps whose activations outweigh
 * their weights, so that they stay in the cache, and together through those whose weights outweigh
 * their activations. Steps are therefore grouped into segments; a value that crosses a border
 * between segments has room for the whole batch, the others for one picture. */
#ifndef ENGINE_PLAN_PLAN_H
#define ENGINE_PLAN_PLAN_H
#include "engine/base/parallel.h"
#include "engine/graph/graph.h"
#include "engine/kernels/kernels.h"

/* Where a step finds one of its operands. */
struct ref {
	const void *constant; /* weights: the same for every picture; else NULL */
	size_t offset;        /* of the first picture in run->arena, bytes */
	size_t stride; /* bytes from one picture to the next in memory; 0: one place for all */
};

/* Where pictures come from and results go. */
struct run {
	char *arena;                  /* plan->run_bytes, aligned to ARENA_ALIGN */
	char *scratch;                /* one part for each thread, aligned likewise */
	size_t scratch_stride;        /* bytes from one thread's part to the next */
	struct cnn_pool *pool;        /* NULL: the calling thread alone */
	const uint8_t *const *pixels; /* [pictures], or NULL when the input is a tensor */
	/* [graph inputs], [graph outputs]: each [pictures][elements] of the value's own type, in ONNX's order;
	 * input[0] is not read when there are pixels */
	const void *const *input;
	void *const *output;
	/* [pictures], or NULL: where pixels[i] is NULL, the tensor that is read in its place */
	const void *const *tensor;
	bool raw_output; /* leave out the first output's activation */
	/* [pictures], or NULL: the same for single ones */
	const bool *raw;
	/* plan_run()'s own: a step that fails says so, and no step runs after it */
	enum cnn_status *status;
	struct cnn_error *err;
};

struct step;
/* Run the step for `n` pictures from `first` on. */
typedef void step_fn(const struct step *step, const struct run *run, size_t first, size_t n);

struct step {
	step_fn *fn;
	const void *args;           /* of the step's own kind, in plan->arena */
	const char *kernel;         /* what runs, for people */
	uint32_t layer, last_layer; /* rows of the layer table that it computes, or NO_LAYER */
	value_id out;               /* what it makes; NO_VALUE: nothing in the arena */
	enum cnn_dtype dtype;       /* of what it makes */
	struct ref out_ref;
	int32_t rank; /* of what it makes, in ONNX order, for one picture */
	int64_t dim[CNN_MAX_RANK];
	bool channels_last; /* how that lies in memory */
	size_t weight_bytes;
};

struct segment {
	uint32_t first, end; /* steps */
	bool together;       /* all pictures of the batch at once */
};

struct plan {
	struct arena *arena; /* steps, arguments and packed weights */
	struct step *step;
	size_t n_step;
	struct segment *segment;
	size_t n_segment;
	size_t run_bytes; /* of run->arena, for max_batch pictures */
	size_t live_bytes; /* the most of them that hold something at once: no plan could do with less */
	size_t scratch_bytes; /* of one thread's part of run->scratch */
	size_t weight_bytes;
};

enum output_activation { OUTPUT_NONE, OUTPUT_SOFTMAX, OUTPUT_SIGMOID };

/* How pixels become the graph's input: value = pixel * scale[c] + shift[c], in the order in which
 * the input has its channels; source[c] is the picture's channel. */
struct pixel_input {
	int32_t width, height, channels;
	bool channels_innermost; /* the ONNX shape is [1][H][W][C] */
	int32_t source[3];
	float scale[3], shift[3];
};

struct plan_options {
	const struct kernels *kernels;
	size_t max_batch;
	size_t max_bytes;                 /* for the plan, and for what a run needs; 0: any */
	size_t threads_hint;              /* work is cut at least this fine */
	size_t l2_bytes;                  /* of one core's L2 cache */
	bool keep_layers;                 /* every node's output can be observed */
	const struct pixel_input *pixels; /* NULL: tensors only */
	enum output_activation activation;
};

/* Decide everything. The graph may go afterwards. CNN_UNSUPPORTED (names the node), CNN_NO_MEMORY. */
enum cnn_status plan_new(const struct graph *g, const struct plan_options *options,
                         struct plan **out, struct cnn_error *err);
void plan_free(struct plan *plan); /* NULL-safe */

/* Called after each step; `ns` is its time. False: no step runs after it, and what the run was for is not there. */
typedef bool plan_watch_fn(void *ctx, const struct step *step, const float *out, size_t first,
                           size_t n, uint64_t ns);

/* Run the plan for n pictures. Nothing fails but what a model computes and cannot do: divide an integer by
 * zero, or read outside a tensor. */
enum cnn_status plan_run(const struct plan *plan, const struct run *run, size_t n,
                         plan_watch_fn *watch, void *ctx, struct cnn_error *err);

/* The operand's memory for picture `picture`. */
static inline float *ref_at(const struct run *run, const struct ref *ref, size_t picture)
{
	if (ref->constant)
		return (float *)(uintptr_t)ref->constant;
	return (float *)(run->arena + ref->offset + picture * ref->stride);
}

/* A value's life in steps, inclusive, and its place: memory.c's whole interface. */
struct lifetime {
	uint32_t first, last;
	size_t bytes, offset;
};

/* Largest first, each into the lowest gap that is free for its whole life. Sets every offset (a
 * multiple of align) and *total. A size of 0 gets offset 0; sizes are at most SIZE_MAX / 2. */
enum cnn_status memory_place(struct lifetime *life, size_t n, size_t align, size_t *total,
                             struct cnn_error *err);
/* The largest sum of bytes that are alive in one step, of `life` after memory_place(). */
enum cnn_status memory_live(const struct lifetime *life, size_t n, size_t *most,
                            struct cnn_error *err);

#endif
