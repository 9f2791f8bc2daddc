/* quantised.h - what operators on quantised tensors share: real = scale * (stored - zero).
 *
 * Results are rounded as onnxruntime's kernels do, so that both give the same integers: the quotient is a
 * float32, cut to the range of the type first and then rounded to the nearest, of two the even one. */
#ifndef ENGINE_OPERATORS_QUANTISED_H
#define ENGINE_OPERATORS_QUANTISED_H
#include "engine/graph/graph.h"
#include "engine/graph/resolve.h"
#include "engine/operators/window.h"

#include <string.h>

/* The nearest integer, of two the even one; |x| at most 2^22. Adding 1.5 * 2^23 leaves no bit for a fraction. */
static inline int32_t quantised_round(float x)
{
	float shifted = x + 12582912.0F;
	int32_t bits;
	memcpy(&bits, &shifted, sizeof bits);
	return bits - 0x4B400000;
}

/* A stored type's range around its zero point. */
struct quantised_range {
	int32_t zero;
	float lo, hi; /* least and largest, minus zero */
};

struct quantised_range quantised_range(enum cnn_dtype dtype, int32_t zero);

/* A NaN becomes the least. */
static inline int32_t quantised_store(float x, struct quantised_range r)
{
	x = x > r.lo ? x : r.lo;
	x = x < r.hi ? x : r.hi;
	return quantised_round(x) + r.zero;
}

static inline bool quantised_is_byte(enum cnn_dtype dtype)
{
	return dtype == CNN_U8 || dtype == CNN_S8;
}

/* Channel i's scale and zero point, of a tensor that has one for each or one for all; zero may be NULL. */
static inline float quantised_scale(const struct value *scale, int64_t i)
{
	return ((const float *)scale->data)[graph_elements(scale) == 1 ? 0 : i];
}
static inline int32_t quantised_zero(const struct value *zero, int64_t i)
{
	return zero ? (int32_t)resolve_int(zero, graph_elements(zero) == 1 ? 0 : i) : 0;
}
/* The first elements of the node's inputs. */
float quantised_scale_of(const struct graph *g, const struct node *n, uint32_t scale);
int32_t quantised_zero_of(const struct graph *g, const struct node *n, uint32_t zero);

/* QuantizeLinear and DequantizeLinear: outer rows of `axis` runs of `inner` elements; `step` is how far apart
 * the scales of neighbouring elements in a run are, and each `block` runs share theirs. */
struct quantised_runs {
	int64_t outer, axis, inner, block, step;
};
/* False when the scale does not fit the tensor. */
bool quantised_runs(const struct value *x, const struct value *scale, const struct quant_attr *attr,
                    struct quantised_runs *out);

/* The windows of a convolution or pool along depth, height and width. */
struct quantised_window {
	int64_t in[WINDOW_AXES], out[WINDOW_AXES];
	struct window_axis axis[WINDOW_AXES];
	int64_t inputs, outputs; /* elements of one channel */
	int64_t taps;            /* elements of one channel's kernel */
};
/* x, y: [N][C][space...] */
struct quantised_window quantised_window(const struct window_attr *w, const struct value *x,
                                         const struct value *y);

/* QLinearAdd in the order of onnxruntime's kernel with fused multiply-add, what does not depend on the elements first:
 * a * x + (b * y + fixed), each sum rounded once. `swap`: x is the second operand. */
struct quantised_sum {
	float a, b, fixed;
	bool swap;
};
struct quantised_sum quantised_sum(const struct graph *g, const struct node *n);

/* What each stored byte of input `x` becomes, whatever its sign, where that is all there is to it: in QLinearSigmoid,
 * QLinearLeakyRelu, QLinearConcat. */
void quantised_table(const struct graph *g, const struct node *n, uint32_t x, uint8_t to[256]);

/* Whether plan/ has more for the node than its evaluation rule on tensors in ONNX's order: all but the pictures
 * is constant, and the form is one that its step takes. */
bool quantised_has_step(const struct graph *g, const struct node *n);

#endif
