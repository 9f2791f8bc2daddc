/* eval.h - what each operator computes, for every type that it takes: portable, and the reference for the
 * kernels. Constants are computed by these rules at load, and what has no kernel at run time.
 *
 * A rule is called after its node's shape rule, with a zeroed buffer for each output. It reads its inputs'
 * values through graph_in(), keeps nothing, allocates nothing, and may run on several threads at once. */
#ifndef ENGINE_GRAPH_EVAL_H
#define ENGINE_GRAPH_EVAL_H
#include "engine/graph/graph.h"
#include "engine/graph/resolve.h"

typedef enum cnn_status (*eval_rule)(const struct graph *g, const struct node *n, void *const *out,
                                     struct cnn_error *err);
extern const eval_rule eval_table[OP_COUNT]; /* NULL: not evaluated at load */

/* The node runs by its rule, on tensors in ONNX's order, because no kernel takes its types or its form.
 * A rule may then find the values of its inputs changed from run to run, though not those that the shapes
 * depend on. */
bool eval_at_run_time(const struct graph *g, const struct node *n);

/* Steps of arithmetic that an evaluation takes, of operators that are much work; else 0. */
int64_t eval_work(const struct graph *g, const struct node *n);

/* The operator only renames its input's elements: the output shares the input's data. */
bool eval_is_view(enum op op);

/* Visits the offsets of a strided tensor in the row-major order of dim[]. Starts at `at`. */
struct stride_walk {
	int32_t rank;
	const int64_t *dim;
	int64_t stride[CNN_MAX_RANK], index[CNN_MAX_RANK];
	int64_t at;
};
void stride_walk_next(struct stride_walk *w);
/* Over v as broadcast to `to`: axes of one element, and those v does not have, stand still. */
struct stride_walk stride_walk_broadcast(const struct value *v, const struct value *to);
/* Row-major strides in elements. */
void stride_row_major(int32_t rank, const int64_t *dim, int64_t stride[CNN_MAX_RANK]);

#define EVAL_RULE(name)                                                                     \
	enum cnn_status name(const struct graph *g, const struct node *n, void *const *out, \
	                     struct cnn_error *err)

/* eval_conv.c */
EVAL_RULE(eval_conv);
EVAL_RULE(eval_conv_transpose);
/* eval_pool.c */
EVAL_RULE(eval_max_pool);
EVAL_RULE(eval_average_pool);
EVAL_RULE(eval_lp_pool);
EVAL_RULE(eval_global_pool);
/* eval_norm.c */
EVAL_RULE(eval_batch_norm);
EVAL_RULE(eval_instance_norm);
EVAL_RULE(eval_group_norm);
EVAL_RULE(eval_layer_norm);
/* eval_norm_axes.c */
EVAL_RULE(eval_lrn);
EVAL_RULE(eval_mean_variance_norm);
EVAL_RULE(eval_lp_norm);
/* eval_product.c */
EVAL_RULE(eval_matmul);
EVAL_RULE(eval_gemm);
/* eval_einsum.c */
EVAL_RULE(eval_einsum);
/* eval_arithmetic.c */
EVAL_RULE(eval_unary);
EVAL_RULE(eval_clip);
EVAL_RULE(eval_fold); /* Add ... Pow, Min, Max, Sum, Mean */
EVAL_RULE(eval_reduce);
/* eval_movement.c */
EVAL_RULE(eval_concat);
EVAL_RULE(eval_split);
EVAL_RULE(eval_slice);
EVAL_RULE(eval_pad);
EVAL_RULE(eval_transpose);
EVAL_RULE(eval_gather);
EVAL_RULE(eval_expand);
/* eval_create.c */
EVAL_RULE(eval_shape);
EVAL_RULE(eval_cast);
EVAL_RULE(eval_constant_of_shape);
EVAL_RULE(eval_range);
/* eval_quantise.c */
EVAL_RULE(eval_quantize); /* and DequantizeLinear */
EVAL_RULE(eval_dynamic_quantize);
/* eval_qconv.c */
EVAL_RULE(eval_qlinear_conv);
EVAL_RULE(eval_conv_integer);
/* eval_qmatmul.c */
EVAL_RULE(eval_qlinear_matmul);
EVAL_RULE(eval_matmul_integer);
EVAL_RULE(eval_qgemm);
/* eval_qelementwise.c */
EVAL_RULE(eval_qlinear_add);
EVAL_RULE(eval_qlinear_mul);
EVAL_RULE(eval_qlinear_curve);
EVAL_RULE(eval_qlinear_concat);
/* eval_qpool.c */
EVAL_RULE(eval_qlinear_pool);
/* eval_qsoftmax.c */
EVAL_RULE(eval_qlinear_softmax);

/* Stores modulo 2^bits; bool is "not zero". */
void eval_store_int(void *data, enum cnn_dtype dtype, int64_t i, int64_t value);

#endif
