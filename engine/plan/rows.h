/* rows.h - what can make its output some rows at a time.
 *
 * Layers whose activations outgrow the cache run together by bands of rows (band.c): a few rows of the last
 * layer, for them the rows of the layer before, and so on, each in a ring that stays in L2. */
#ifndef ENGINE_PLAN_ROWS_H
#define ENGINE_PLAN_ROWS_H
#include "engine/plan/lower.h"

#define ROWS_ALL INT32_MAX /* the mask of a feature map that is there as a whole */

/* Rows of one picture's feature map, [rows][W][C]: all of it, or a ring that keeps the latest. */
struct rows {
	float *base;
	size_t row;   /* floats */
	int32_t mask; /* rows of the ring - 1, those a power of two; or ROWS_ALL */
};

static inline float *rows_at(const struct rows *v, int32_t r)
{
	return v->base + (size_t)(r & v->mask) * v->row;
}

/* Make output rows from..to of one picture. `residual` is laid out like the whole output; NULL: none. */
typedef void rows_fn(const void *args, const struct rows *x, const struct rows *y,
                     const float *residual, int32_t from, int32_t to, char *scratch);

/* One node's work, row by row. */
struct row_work {
	rows_fn *fn;
	const void *args;
	const char *kernel; /* what runs, for people */
	int32_t in_rows, out_rows;
	int32_t window, stride,
		pad;  /* input rows that an output row sees; its first: o * stride - pad */
	int32_t unit; /* `from` is a multiple of it; `to` too, or is out_rows */
	size_t in_row, out_row; /* floats of a row */
	size_t weight_bytes, scratch_bytes;
};

/* The rows' share of lowering a node: everything but steps and operands. */
enum cnn_status rows_of_conv(struct lowering *l, const struct node *n, struct row_work *out,
                             struct cnn_error *err);
enum cnn_status rows_of_pool(struct lowering *l, const struct node *n, struct row_work *out,
                             struct cnn_error *err);

/* Lower the nodes from g->node[first] on as one step by bands of rows, when that pays: *n is how many it
 * took, 0 when the node runs by itself. */
enum cnn_status lower_band(struct lowering *l, size_t first, size_t *n, struct cnn_error *err);

#endif
