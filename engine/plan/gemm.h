/* gemm.h - the loop around gemm_f32 that convolutions and matrix products share. */
#ifndef ENGINE_PLAN_GEMM_H
#define ENGINE_PLAN_GEMM_H
#include "engine/plan/rows.h"

/* Where the rows of A lie: row r of a picture is the output position (r / out_w, r % out_w). */
struct gemm_window {
	int32_t in_h, in_w, out_h, out_w;
	int32_t kernel[2], stride[2], pad[2], dilation[2]; /* height, width; pad: top, left */
	size_t pixel; /* floats from one input pixel to the next */
	bool plain;   /* 1x1, stride 1, no padding: row r is pixel r */
};

/* What the kernel sees of a row of A when kc is too small for it: */
enum gemm_gather {
	GATHER_NONE, /* taps rows of kc */
	GATHER_ROWS, /* a row for each row of the window, where it lies, or copied where it meets padding */
	GATHER_ALL, /* one row, copied together */
};

struct gemm_args {
	const struct kernels *k;
	struct ref x, y, residual;
	bool has_residual;
	struct gemm_window window;
	size_t rows; /* of one picture */
	size_t groups;
	size_t kc, taps; /* K = taps * kc, of one group */
	size_t n;        /* output columns of one group */
	size_t ldc;      /* floats from one output row to the next */
	enum gemm_gather gather;
	const float *packed; /* [groups][gemm_f32_packed_size(n, K)] */
	const float *bias;   /* [groups * n], or NULL */
	const float *zero;   /* gemm_zeros() zeros, what padding shows */
	float lo, hi;
	struct tail tail;
	size_t row_block, panel_block; /* of one work item, in tiles and panels */
	size_t packed_group;           /* floats of one group's panels */
	bool panels_first; /* the rows of an item go by each panel, instead of the panels by each row */
};

step_fn gemm_step;
rows_fn gemm_rows;

size_t gemm_zeros(const struct gemm_args *a);
/* Cut the work; everything above row_block is set. The caller claims the scratch. */
void gemm_finish(struct lowering *l, struct gemm_args *a);
/* Scratch bytes that one thread needs. */
size_t gemm_scratch(const struct gemm_args *a);

#endif
