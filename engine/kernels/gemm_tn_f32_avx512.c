#ifdef __x86_64__
#	include "engine/kernels/gemm_tn_f32.h"

void gemm_tn_f32_14x32_avx512(size_t m, size_t n, const struct outer_rows *rows, float *c,
                              size_t ldc)
{
	/* One instance for each number of rows. */
	switch (m) {
	case 1:
		tn_columns(1, n, rows, c, ldc);
		break;
	case 2:
		tn_columns(2, n, rows, c, ldc);
		break;
	case 3:
		tn_columns(3, n, rows, c, ldc);
		break;
	case 4:
		tn_columns(4, n, rows, c, ldc);
		break;
	case 5:
		tn_columns(5, n, rows, c, ldc);
		break;
	case 6:
		tn_columns(6, n, rows, c, ldc);
		break;
	case 7:
		tn_columns(7, n, rows, c, ldc);
		break;
	case 8:
		tn_columns(8, n, rows, c, ldc);
		break;
	case 9:
		tn_columns(9, n, rows, c, ldc);
		break;
	case 10:
		tn_columns(10, n, rows, c, ldc);
		break;
	case 11:
		tn_columns(11, n, rows, c, ldc);
		break;
	case 12:
		tn_columns(12, n, rows, c, ldc);
		break;
	case 13:
		tn_columns(13, n, rows, c, ldc);
		break;
	case 14:
		tn_columns(14, n, rows, c, ldc);
		break;
	}
}
#endif
