/* lower.h - from a node to the steps that compute it. Private to plan/. */
#ifndef ENGINE_PLAN_LOWER_H
#define ENGINE_PLAN_LOWER_H
#include "engine/kernels/elementwise.h"
#include "engine/plan/plan.h"

/* Memory that holds one value, or several that are the same bytes under different shapes. */
struct storage {
	size_t bytes;         /* for one picture */
	uint32_t first, last; /* steps */
	bool used, batched;
	size_t offset;
};

struct lowering {
	const struct graph *g;
	struct plan *plan;
	struct arena *arena; /* the plan's */
	const struct plan_options *options;
	const struct kernels *k;
	uint32_t *uses;       /* [values]: inputs, residuals and graph outputs that name it */
	uint32_t *storage_of; /* [values]; UINT32_MAX: constant or not yet made */
	/* [values]: where a value may lie, when it can, within the concatenation that alone reads it */
	struct slice {
		value_id whole; /* NO_VALUE: nowhere */
		size_t first;   /* channel */
		bool taken;     /* it lies there */
	} * slice;
	struct storage *storage;
	size_t n_storage, cap_storage;
	size_t cap_step;
	/* refs handed out, to be filled once places are known */
	struct pending {
		struct ref *ref;
		uint32_t storage;
		size_t skip; /* bytes of the storage before it */
	} * pending;
	size_t n_pending, cap_pending;
};

typedef enum cnn_status lower_fn(struct lowering *l, const struct node *n, struct cnn_error *err);
extern lower_fn *const lower_table[OP_COUNT];

/* A new step that makes `out`. Its operands are declared with lower_read/lower_write *after* this
 * call, in the same node's lowering. Arguments are copied by reference: they live in the arena. */
enum cnn_status lower_step(struct lowering *l, step_fn *fn, const void *args, const char *kernel,
                           const struct node *n, value_id out, size_t weight_bytes,
                           struct cnn_error *err);

/* The present step reads / writes value v through *ref (filled when places are decided; constants at
 * once). */
enum cnn_status lower_read(struct lowering *l, value_id v, struct ref *ref, struct cnn_error *err);
enum cnn_status lower_write(struct lowering *l, value_id v, struct ref *ref, struct cnn_error *err);
/* The same for a step that can leave room between the pixels that it writes: *pixel is the floats from one to the
 * next. What is only concatenated is made where it will lie. */
enum cnn_status lower_write_pixels(struct lowering *l, value_id v, struct ref *ref, size_t *pixel,
                                   struct cnn_error *err);
/* n's output is its first input under another shape: no step, but for one that does nothing where layers are to be
 * seen. When the input is constant it cannot be. */
enum cnn_status lower_alias(struct lowering *l, const struct node *n, struct cnn_error *err);
/* Arena memory of the present step alone, `bytes` for each picture. */
enum cnn_status lower_temporary(struct lowering *l, size_t bytes, struct ref *ref,
                                struct cnn_error *err);
/* Each thread gets at least this much scratch in every step. */
void lower_scratch(struct lowering *l, size_t bytes);
void *lower_alloc(struct lowering *l, size_t count, size_t size);
/* The plan outlives the graph: what it keeps of the graph's constants are copies. */
const void *lower_copy(struct lowering *l, const void *data, size_t bytes);
enum cnn_status lower_no_memory(const struct node *n, struct cnn_error *err);
enum cnn_status lower_unsupported(const struct node *n, const char *why, struct cnn_error *err);

/* A shape in memory order: dim[i] elements, stride[i] elements apart, outermost first. `axis` is the
 * ONNX axis of each. */
struct physical {
	int32_t rank;
	int32_t axis[CNN_MAX_RANK];
	int64_t dim[CNN_MAX_RANK], stride[CNN_MAX_RANK];
};
void physical_shape(const struct value *v, struct physical *out);
/* stride of ONNX axis `axis` of v in memory, elements */
int64_t physical_stride(const struct value *v, int32_t axis);
/* Do two values with the same elements lie in memory the same way? */
bool physical_same(const struct value *a, const struct value *b);

/* What is left of an activation after the kernel's own clamp. */
struct tail {
	enum act kind;
	float lo, hi;
};
void tail_apply(const struct kernels *k, const struct tail *tail, size_t n, float *y);
struct tail tail_of(const struct activation *a);
/* The clamp of an activation, -INFINITY and INFINITY when it is another kind; *tail gets that. */
void tail_split(const struct activation *a, float *lo, float *hi, struct tail *tail);

lower_fn lower_conv, lower_matmul, lower_gemm, lower_pool, lower_global_pool, lower_batch_norm,
	lower_lrn, lower_layer_norm, lower_unary, lower_binary, lower_softmax, lower_reduce,
	lower_concat, lower_split, lower_slice, lower_pad, lower_view, lower_transpose,
	lower_gather, lower_expand, lower_layout, lower_tile, lower_depth_to_space,
	lower_space_to_depth, lower_resize, lower_qlinear_conv;

/* Operators on bytes. */
lower_fn lower_qmatmul, lower_pool_bytes, lower_quantise, lower_pair_bytes, lower_table_bytes,
	lower_concat_bytes;

/* Bytes from one layout into the other. */
enum cnn_status lower_layout_bytes(struct lowering *l, const struct node *n, struct cnn_error *err);

/* A QLinearConv that is depthwise, and small enough for a kernel's lists of pixels. */
bool qdwconv_fits(const struct lowering *l, const struct node *n);
lower_fn lower_qdwconv;

/* Any operator and type that has an evaluation rule, in plain layout. */
lower_fn lower_generic;

/* The first and the last steps: pictures or tensors into graph input `index`, graph output `index` out. */
enum cnn_status lower_input(struct lowering *l, size_t index, struct cnn_error *err);
/* The QuantizeLinear that alone reads graph input `index`, when one step can make its result; or NULL. */
const struct node *input_quantised_at_once(const struct lowering *l, size_t index);
enum cnn_status lower_input_bytes(struct lowering *l, size_t index, const struct node *n,
                                  struct cnn_error *err);
enum cnn_status lower_output(struct lowering *l, size_t index, struct cnn_error *err);

#endif
