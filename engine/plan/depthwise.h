/* depthwise.h - convolutions with one input channel for each output channel. */
#ifndef ENGINE_PLAN_DEPTHWISE_H
#define ENGINE_PLAN_DEPTHWISE_H
#include "engine/plan/gemm.h"

struct depthwise_args {
	const struct kernels *k;
	struct ref x, y, residual;
	bool has_residual;
	struct gemm_window window;
	const float *weights; /* [taps][channels] */
	const float *bias;
	float lo, hi;
	struct tail tail;
};

step_fn depthwise_step;
rows_fn depthwise_rows;

/* Pack `weights`, ONNX's [channels][1][kh][kw], and claim scratch; k, window, bias and the activation are
 * taken from `a`. NULL when memory runs out. */
struct depthwise_args *depthwise_new(struct lowering *l, const struct gemm_args *a,
                                     const float *weights);

#endif
