/* grid.h - matrix products over positions of feature maps: what convolutions and their gradients share. */
#ifndef ENGINE_TRAIN_GRID_H
#define ENGINE_TRAIN_GRID_H
#include "engine/kernels/kernels.h"

/* Positions [pictures][rows][columns] of an input and an output, each with strides in floats. */
struct grid {
	size_t pictures, rows, columns;
	size_t in_picture, in_row, in_pixel;
	size_t out_picture, out_row, out_pixel;
};

/* out[p][j] = epilogue(sum_t sum_{k < kc} in[p + offset[t]][k] * b[t * kc + k][j]), j < n, for all positions p;
 * `packed` is b in gemm_f32's panels. ptr: room for taps * GEMM_MAX_MR pointers. */
struct grid_product {
	const struct kernels *k;
	size_t l2_bytes;
	size_t taps, kc, n;
	const ptrdiff_t *offset; /* [taps], floats */
	const float *packed;
	const float **ptr;
};
void grid_multiply(const struct grid_product *m, const struct grid *g, const float *in, float *out,
                   const struct epilogue *ep);

/* dw[t * kc + i][j] += sum_p in[p + offset[t]][i] * dz[p][j]; dz lies as the grid's out. ptr: room for
 * 2 * GRID_BAND pointers. */
enum { GRID_BAND = 64 };
void grid_outer(const struct grid_product *m, const struct grid *g, const float *in,
                const float *dz, float *dw, size_t ldw);

/* 3 x 3 of stride 1 by Winograd: in is the upper left of the first 3 x 3 window, and shows what every tile of 6 x 6
 * needs. */
struct grid_winograd {
	const struct kernels *k;
	size_t kc, n;
	size_t block;        /* tiles at a time */
	const float *packed; /* [WINOGRAD_POINTS][gemm_f32_packed_size(n, kc)] */
	float *scratch;      /* grid_winograd_floats() */
};
size_t grid_winograd_block(const struct kernels *k, size_t l2_bytes, size_t kc, size_t n);
size_t grid_winograd_floats(const struct grid_winograd *w);
void grid_convolve(const struct grid_winograd *w, const struct grid *g, const float *in, float *out,
                   const struct epilogue *ep);
/* From b[9][kc][n]; temporary: WINOGRAD_POINTS * kc * n floats. */
void grid_winograd_pack(const struct kernels *k, size_t kc, size_t n, const float *b,
                        float *temporary, float *packed);

#endif
