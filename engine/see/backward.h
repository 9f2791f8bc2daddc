/* backward.h - the gradient of one number of a graph, operator by operator: the chain rule, from the output back.
 *
 * It is meant for the few layers behind the last feature maps: rules are plain loops, for the reading. The operators
 * of convolutional networks' heads have one; whatever has none says so before anything is computed. */
#ifndef ENGINE_SEE_BACKWARD_H
#define ENGINE_SEE_BACKWARD_H
#include "engine/graph/graph.h"

/* What a node does to the operands that vary, as far as a gradient needs to know. */
enum backward_kind {
	BACKWARD_NONE, /* no rule for the operator, or not for this form of it */
	BACKWARD_AFFINE, /* a sum of multiples of its operands and a constant: one gradient for all pictures */
	BACKWARD_CURVED, /* the gradient depends on where it is taken */
};

/* varies[value]: it depends on what the gradient is taken by, as a node's first output or not at all. Values that do not
 * vary must be constants. */
enum backward_kind backward_kind(const struct graph *g, const struct node *n, const bool *varies);

/* A node whose backward_kind() is not NONE and, unless it is affine, whose operands have data: to the gradient by each operand adds what
 * comes through this node. gradient[value] is as many floats as the value has elements, or NULL for one that does
 * not vary. Of quantised values it is by the real number that they stand for; rounding and saturation count as
 * nothing (the straight-through estimator: Bengio, Leonard and Courville, 2013, "Estimating or Propagating
 * Gradients Through Stochastic Neurons"). */
enum cnn_status backward_node(const struct graph *g, const struct node *n, float *const *gradient,
                              struct cnn_error *err);

/* --- private to backward*.c --- */

typedef enum cnn_status (*backward_rule)(const struct graph *g, const struct node *n,
                                         float *const *gradient, struct cnn_error *err);
#define BACKWARD_RULE(name)                                                                       \
	enum cnn_status name(const struct graph *g, const struct node *n, float *const *gradient, \
	                     struct cnn_error *err)

/* Gradients by operand i (NULL: it does not vary) and by the output. */
static inline float *backward_in(const struct node *n, float *const *gradient, uint32_t i)
{
	return i < n->n_in && n->in[i] != NO_VALUE ? gradient[n->in[i]] : NULL;
}

/* backward_pointwise.c */
float backward_slope(const struct graph *g, const struct node *n, float x);
BACKWARD_RULE(backward_unary);
/* backward_broadcast.c */
BACKWARD_RULE(backward_sum);
BACKWARD_RULE(backward_mul);
BACKWARD_RULE(backward_div);
BACKWARD_RULE(backward_pow);
BACKWARD_RULE(backward_prelu);
/* backward_products.c */
BACKWARD_RULE(backward_gemm);
BACKWARD_RULE(backward_matmul);
BACKWARD_RULE(backward_conv);
BACKWARD_RULE(backward_batch_norm);
/* Of weights that are floats, [output channels][input channels / groups][taps]. */
void backward_convolve(const struct graph *g, const struct node *n, const float *weights,
                       float *const *gradient);
/* backward_quantised.c */
BACKWARD_RULE(backward_qlinear_matmul);
BACKWARD_RULE(backward_qgemm);
BACKWARD_RULE(backward_qlinear_conv);
BACKWARD_RULE(backward_qlinear_add);
/* backward_pools.c */
BACKWARD_RULE(backward_average_pool);
BACKWARD_RULE(backward_max_pool);
BACKWARD_RULE(backward_global_pool);
BACKWARD_RULE(backward_reduce);
/* backward_moves.c */
BACKWARD_RULE(backward_view);
BACKWARD_RULE(backward_transpose);
BACKWARD_RULE(backward_concat);
BACKWARD_RULE(backward_slice);

#endif
