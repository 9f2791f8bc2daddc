#ifdef __x86_64__
#	include "engine/kernels/gemm_tn_f32.h"

void gemm_tn_f32_14x32_avx512(size_t m, size_t n, const struct outer_rows *rows, float *c,
                              size_t ldc)
{
	/* One instance for each number of rows. */
#	define ROWS(height)                         \
	case height:                                 \
		tn_columns(height, n, rows, c, ldc); \
		break;
	switch (m) {
		ROWS(1)
		ROWS(2)
		ROWS(3)
		ROWS(4)
		ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
	}
#	undef ROWS
}
#endif
