/* gemm_view.h - one picture's operands in the loop around gemm_f32. Private to gemm.c and gemm_view.c. */
#ifndef ENGINE_PLAN_GEMM_VIEW_H
#define ENGINE_PLAN_GEMM_VIEW_H
#include "engine/plan/gemm.h"

struct gemm_view {
	const struct gemm_args *a;
	const struct rows *x, *y;
	const float *residual; /* laid out like the whole output, or NULL */
	const float **ptr;     /* [taps * GEMM_MAX_MR], more for plain windows; scratch */
	float *copies;         /* [GEMM_MAX_MR * taps * kc], scratch, when the taps are gathered */
};

/* Point ptr[t * mr + i] at the rows of A of the `m` output positions from `row` on; m is at most MR, but of
 * plain windows as many as there is room for. */
void gemm_find_rows(const struct gemm_view *v, size_t group, size_t row, size_t m);

#endif
