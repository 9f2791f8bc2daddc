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
/* The result depends on the input's shape and type, not on its values. */
bool eval_by_shape_alone(enum op op);

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

/* eval_unary.c */
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
EVAL_RULE(eval_is_nan); /* IsNaN, IsInf */
/* eval_binary.c */
EVAL_RULE(eval_fold); /* Add ... Pow, Min, Max, Sum, Mean, Mod, BitShift, PRelu, And, Or, Xor */
EVAL_RULE(eval_compare);
/* eval_select.c */
EVAL_RULE(eval_where);
EVAL_RULE(eval_clip);
/* eval_cast.c */
EVAL_RULE(eval_cast);
/* eval_reduce.c */
EVAL_RULE(eval_reduce);
/* eval_extreme.c */
EVAL_RULE(eval_arg);
EVAL_RULE(eval_top_k);
/* eval_along.c */
EVAL_RULE(eval_cum_sum);
EVAL_RULE(eval_softmax);
/* eval_movement.c */
EVAL_RULE(eval_concat);
EVAL_RULE(eval_split);
EVAL_RULE(eval_slice);
EVAL_RULE(eval_transpose);
EVAL_RULE(eval_expand);
EVAL_RULE(eval_tile);
/* eval_pad.c */
EVAL_RULE(eval_pad);
/* eval_blocks.c */
EVAL_RULE(eval_depth_to_space);
EVAL_RULE(eval_space_to_depth);
/* eval_gather.c */
EVAL_RULE(eval_gather);
EVAL_RULE(eval_gather_elements);
EVAL_RULE(eval_gather_nd);
/* eval_scatter.c */
EVAL_RULE(eval_scatter_elements);
EVAL_RULE(eval_scatter_nd);
/* eval_marks.c */
EVAL_RULE(eval_one_hot);
EVAL_RULE(eval_trilu);
EVAL_RULE(eval_eye_like);
/* eval_resize.c */
EVAL_RULE(eval_resize);
/* eval_create.c */
EVAL_RULE(eval_shape);
EVAL_RULE(eval_size);
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

/* out, row-major in w's dim, = elements of `size` bytes of `in` along the walk. */
void copy_walk(void *out, const void *in, size_t size, struct stride_walk w);

/* Index i of `index` as a position in an axis of `dim` elements; negative ones count from its end. */
enum cnn_status eval_index(const struct node *n, const struct value *index, int64_t i, int64_t dim,
                           int64_t *at, struct cnn_error *err);

/* Stores modulo 2^bits; bool is "not zero". */
void eval_store_int(void *data, enum cnn_dtype dtype, int64_t i, int64_t value);

#endif
