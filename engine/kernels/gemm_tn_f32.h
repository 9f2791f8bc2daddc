/* gemm_tn_f32.h - sums of outer products, the gradient of a convolution's weights, for the vector of the including
 * file. */
#ifndef ENGINE_KERNELS_GEMM_TN_F32_H
#define ENGINE_KERNELS_GEMM_TN_F32_H
#include "engine/kernels/kernels.h"
#include "engine/kernels/vector.h"

/* Rows of a tile: two vectors of sums for each, and what is left of the level's registers for operands. */
enum { MR = LANES == 16 ? 14 : LANES == 8 ? 6 : 4 };

/* `width`: lanes of the last vector. */
ALWAYS_INLINE void tn_tile(size_t m, size_t vectors, size_t width, const struct outer_rows *rows,
                           float *c, size_t ldc)
{
	vec acc[MR][2] = {0};
	const size_t last = vectors - 1;
	for (size_t r = 0; r < rows->n; r++) {
		const float *a = rows->a[r], *b = rows->b[r];
		for (size_t p = 0; p < rows->pixels; p++, a += rows->a_step, b += rows->b_step) {
			vec column[2];
			UNROLLED for (size_t v = 0; v < vectors; v++) column[v] =
				load_first(b + v * LANES, v < last ? LANES : width);
			UNROLLED for (size_t i = 0; i < m; i++)
			{
				vec value = set_vec(a[i]);
				UNROLLED for (size_t v = 0; v < vectors; v++) acc[i][v] =
					fma_vec(value, column[v], acc[i][v]);
			}
		}
	}
	UNROLLED for (size_t i = 0; i < m; i++) UNROLLED for (size_t v = 0; v < vectors; v++)
	{
		float *to = c + i * ldc + v * LANES;
		size_t n = v < last ? LANES : width;
		store_first(to, n, load_first(to, n) + acc[i][v]);
	}
}

/* Instances with whole vectors, which need no masks, and with a last one of any width. */
ALWAYS_INLINE void tn_columns(size_t m, size_t n, const struct outer_rows *rows, float *c,
                              size_t ldc)
{
	if (n == 2 * LANES)
		tn_tile(m, 2, LANES, rows, c, ldc);
	else if (n == LANES)
		tn_tile(m, 1, LANES, rows, c, ldc);
	else if (n > LANES)
		tn_tile(m, 2, n - LANES, rows, c, ldc);
	else
		tn_tile(m, 1, n, rows, c, ldc);
}

#endif
