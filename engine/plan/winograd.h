/* winograd.h - 3 x 3 convolutions of stride 1 by Winograd's F(4x4, 3x3); the arithmetic is in
 * engine/kernels/winograd_f32.h. */
#ifndef ENGINE_PLAN_WINOGRAD_H
#define ENGINE_PLAN_WINOGRAD_H
#include "engine/plan/gemm.h"

/* Would the convolution that `a` describes be faster this way? `a` needs no weights yet. The answer depends on
 * shapes, cache and kernels alone, never on the batch. */
bool winograd_pays(const struct lowering *l, const struct gemm_args *a);

struct winograd_args {
	const struct kernels *k;
	struct ref x, y, residual;
	bool has_residual;
	struct gemm_window window;
	size_t channels, n; /* of the input, of the output */
	size_t pixel;       /* floats from one output pixel to the next */
	size_t tiles_y, tiles_x;
	size_t block;          /* tiles of a work item */
	size_t columns;        /* output channels at a time, a multiple of NR */
	size_t v_row, v_point; /* floats from one tile, from one point to the next */
	size_t m_row, m_point;
	size_t packed_point; /* floats from one point's weights to the next */
	const float *packed; /* [WINOGRAD_POINTS][gemm_f32_packed_size(n, channels)] */
	const float *bias, *zero;
	float lo, hi;
	struct tail tail;
};

step_fn winograd_step;
rows_fn winograd_rows;

/* Transform and pack `weights`, ONNX's [n][kc][3][3], for a convolution for which winograd_pays(). NULL when
 * memory runs out. */
struct winograd_args *winograd_new(struct lowering *l, const struct gemm_args *a,
                                   const float *weights);
/* Scratch bytes that one thread needs. */
size_t winograd_scratch(const struct winograd_args *a);

#endif
