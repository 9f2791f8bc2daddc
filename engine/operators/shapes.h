/* shapes.h - types and shapes of a node's outputs from its inputs; private to operators/.
 *
 * A rule finds its node's inputs shaped, checks all that ONNX asks of them, and shapes every
 * output with shape_set(). */
#ifndef ENGINE_GRAPH_SHAPES_H
#define ENGINE_GRAPH_SHAPES_H
#include "engine/graph/graph.h"
#include "engine/graph/resolve.h"

typedef enum cnn_status (*shape_rule)(struct graph *g, struct node *n, struct cnn_error *err);
extern const shape_rule shape_table[OP_COUNT];

/* Refuses ranks, dimensions and sizes outside the limits, naming the node. */
enum cnn_status shape_set(struct graph *g, const struct node *n, uint32_t output,
                          enum cnn_dtype dtype, int32_t rank, const int64_t *dim,
                          struct cnn_error *err);

/* All inputs that are there have the type of input 0; with _f32, and that is float32. */
enum cnn_status shape_same_types(const struct graph *g, const struct node *n,
                                 struct cnn_error *err);
enum cnn_status shape_require_f32(const struct graph *g, const struct node *n,
                                  struct cnn_error *err);
/* The type of input 0 is one that the operator computes (shape_types.c). */
enum cnn_status shape_check_type(const struct graph *g, const struct node *n,
                                 struct cnn_error *err);
enum cnn_status shape_require_constant(const struct graph *g, const struct node *n, uint32_t input,
                                       const char *what, struct cnn_error *err);
bool shape_inputs_constant(const struct graph *g, const struct node *n);

/* "1 × 3 × 224 × 224" for messages. */
struct shape_text {
	char s[192];
};
struct shape_text shape_text(const struct value *v);

#define SHAPE_RULE(name) \
	enum cnn_status name(struct graph *g, struct node *n, struct cnn_error *err)

/* shapes_window.c */
SHAPE_RULE(shape_conv);
SHAPE_RULE(shape_conv_transpose);
SHAPE_RULE(shape_pool);
SHAPE_RULE(shape_global_pool);
/* shapes_dense.c */
SHAPE_RULE(shape_gemm);
SHAPE_RULE(shape_matmul);
/* shapes_einsum.c */
SHAPE_RULE(shape_einsum);
/* shapes_norm.c */
SHAPE_RULE(shape_batch_norm);
SHAPE_RULE(shape_instance_norm);
SHAPE_RULE(shape_group_norm);
SHAPE_RULE(shape_layer_norm);
SHAPE_RULE(shape_lrn);
SHAPE_RULE(shape_mean_variance_norm);
SHAPE_RULE(shape_lp_norm);
/* shapes_elementwise.c */
SHAPE_RULE(shape_unary);
SHAPE_RULE(shape_clip);
SHAPE_RULE(shape_prelu);
SHAPE_RULE(shape_softmax);
SHAPE_RULE(shape_broadcast);
SHAPE_RULE(shape_pow);
SHAPE_RULE(shape_mod);
SHAPE_RULE(shape_to_bool); /* comparisons, IsNaN, IsInf */
SHAPE_RULE(shape_where);
SHAPE_RULE(shape_copy);
SHAPE_RULE(shape_dropout);
SHAPE_RULE(shape_cast);
SHAPE_RULE(shape_cast_like);
/* shapes_reduce.c */
SHAPE_RULE(shape_reduce);
SHAPE_RULE(shape_arg);
SHAPE_RULE(shape_top_k);
SHAPE_RULE(shape_cum_sum);
/* shapes_movement.c */
SHAPE_RULE(shape_concat);
SHAPE_RULE(shape_split);
SHAPE_RULE(shape_slice);
SHAPE_RULE(shape_pad);
SHAPE_RULE(shape_transpose);
SHAPE_RULE(shape_tile);
SHAPE_RULE(shape_depth_to_space);
SHAPE_RULE(shape_space_to_depth);
/* shapes_index.c */
SHAPE_RULE(shape_gather);
SHAPE_RULE(shape_gather_elements);
SHAPE_RULE(shape_gather_nd);
SHAPE_RULE(shape_scatter_elements);
SHAPE_RULE(shape_scatter_nd);
SHAPE_RULE(shape_one_hot);
SHAPE_RULE(shape_trilu);
SHAPE_RULE(shape_eye_like);
/* shapes_resize.c */
SHAPE_RULE(shape_resize);
/* shapes_views.c */
SHAPE_RULE(shape_reshape);
SHAPE_RULE(shape_flatten);
SHAPE_RULE(shape_squeeze);
SHAPE_RULE(shape_unsqueeze);
SHAPE_RULE(shape_expand);
SHAPE_RULE(shape_shape);
SHAPE_RULE(shape_size);
SHAPE_RULE(shape_constant_of_shape);
SHAPE_RULE(shape_range);
/* shapes_quantised.c */
SHAPE_RULE(shape_quantize);
SHAPE_RULE(shape_dynamic_quantize);
SHAPE_RULE(shape_qlinear_conv);
SHAPE_RULE(shape_conv_integer);
SHAPE_RULE(shape_qlinear_matmul);
SHAPE_RULE(shape_matmul_integer);
SHAPE_RULE(shape_qgemm);
SHAPE_RULE(shape_qlinear_binary);
SHAPE_RULE(shape_qlinear_concat);
SHAPE_RULE(shape_qlinear_unary);
SHAPE_RULE(shape_qlinear_pool);

#endif
