#include "engine/kernels/gemm_tn_f32.h"

void gemm_tn_f32_4x8_portable(size_t m, size_t n, const struct outer_rows *rows, float *c,
                              size_t ldc)
{
	/* One instance for each number of rows. */
#define ROWS(height)                                 \
	case height:                                 \
		tn_columns(height, n, rows, c, ldc); \
		break;
	switch (m) {
		ROWS(1) ROWS(2) ROWS(3) ROWS(4)
	}
#undef ROWS
}
