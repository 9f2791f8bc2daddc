/* winograd.h - 3 x 3 convolutions of stride 1 by Winograd's F(4x4, 3x3); the arithmetic is in
 * engine/kernels/winograd_f32.h. */
#ifndef ENGINE_PLAN_WINOGRAD_H
#define ENGINE_PLAN_WINOGRAD_H
#include "engine/plan/gemm.h"

/* Would the convolution that `a` describes be faster this way? `a` needs no weights yet. The answer depends on
 * shapes, cache and kernels alone, never on the batch. */
bool winograd_pays(const struct gemm_args *a);

/* The step for a convolution for which winograd_pays(); `weights` is ONNX's [n][kc][3][3]. Of `a` everything
 * but packed, zero and what gemm_finish() sets is used. */
enum cnn_status lower_winograd(struct lowering *l, const struct node *n, const struct gemm_args *a,
                               const float *weights, struct cnn_error *err);

#endif
