#include "engine/train/grid.h"

/* A position that moves through the grid in the order of its output. */
struct at {
	size_t picture, row, column;
};

static bool output_is_dense(const struct grid *g)
{
	return g->out_row == g->columns * g->out_pixel &&
	       (g->pictures == 1 || g->out_picture == g->rows * g->out_row);
}

static void advance(const struct grid *g, struct at *at)
{
	if (++at->column < g->columns)
		return;
	at->column = 0;
	if (++at->row < g->rows)
		return;
	at->row = 0;
	at->picture++;
}

static size_t in_at(const struct grid *g, const struct at *at)
{
	return at->picture * g->in_picture + at->row * g->in_row + at->column * g->in_pixel;
}

static size_t out_at(const struct grid *g, const struct at *at)
{
	return at->picture * g->out_picture + at->row * g->out_row + at->column * g->out_pixel;
}

/* All positions for the panels of columns first .. end - 1. */
static void multiply_panels(const struct grid_product *m, const struct grid *g, const float *in,
                            float *out, const struct epilogue *ep, size_t first, size_t end)
{
	const struct gemm_f32 *gemm = &m->k->gemm_f32;
	size_t mr = gemm->mr, total = g->pictures * g->rows * g->columns;
	bool dense = output_is_dense(g);
	struct at at = {0};
	for (size_t done = 0; done < total;) {
		size_t left = dense ? total - done : g->columns - at.column;
		size_t height = left < mr ? left : mr, to = out_at(g, &at);
		for (size_t i = 0; i < height; i++, advance(g, &at)) {
			const float *from = in + in_at(g, &at);
			for (size_t t = 0; t < m->taps; t++)
				m->ptr[t * mr + i] = from + m->offset[t];
		}
		done += height;
		for (size_t column = first; column < end; column += gemm->nr) {
			size_t width = m->n - column < gemm->nr ? m->n - column : gemm->nr;
			struct epilogue here = {
				.bias = ep->bias ? ep->bias + column : NULL,
				.residual = ep->residual ? ep->residual + to + column : NULL,
				.lo = ep->lo,
				.hi = ep->hi,
			};
			gemm->fn(height, width, m->taps, m->kc, m->ptr,
			         m->packed + column * m->taps * m->kc, out + to + column,
			         g->out_pixel, &here);
		}
	}
}

void grid_multiply(const struct grid_product *m, const struct grid *g, const float *in, float *out,
                   const struct epilogue *ep)
{
	/* Some panels stay in half of L2 while all positions go by. */
	size_t nr = m->k->gemm_f32.nr, panel = m->taps * m->kc * nr * sizeof(float);
	size_t together = m->l2_bytes / 2 / (panel ? panel : 1);
	size_t step = (together ? together : 1) * nr;
	for (size_t first = 0; first < m->n; first += step)
		multiply_panels(m, g, in, out, ep, first,
		                m->n - first < step ? m->n : first + step);
}

/* --- gradients of weights ------------------------------------------------------------------------ */

/* One band of rows; a and b are its rows' first pixels. */
static void outer_band(const struct grid_product *m, const struct outer_rows *shape,
                       const float **a, const float **b, float *dw, size_t ldw)
{
	const struct gemm_tn_f32 *gemm = &m->k->gemm_tn_f32;
	const float *at_a[GRID_BAND], *at_b[GRID_BAND];
	struct outer_rows rows = *shape;
	rows.a = at_a;
	rows.b = at_b;
	for (size_t j = 0; j < m->n; j += gemm->nr) {
		size_t width = m->n - j < gemm->nr ? m->n - j : gemm->nr;
		for (size_t r = 0; r < rows.n; r++)
			at_b[r] = b[r] + j;
		for (size_t t = 0; t < m->taps; t++)
			for (size_t i = 0; i < m->kc; i += gemm->mr) {
				size_t height = m->kc - i < gemm->mr ? m->kc - i : gemm->mr;
				for (size_t r = 0; r < rows.n; r++)
					at_a[r] = a[r] + m->offset[t] + i;
				gemm->fn(height, width, &rows, dw + (t * m->kc + i) * ldw + j, ldw);
			}
	}
}

void grid_outer(const struct grid_product *m, const struct grid *g, const float *in,
                const float *dz, float *dw, size_t ldw)
{
	/* Bands whose two rows stay in the L1 cache: every tile of dw reads them. */
	enum { L1_BYTES = 24 << 10 };
	struct grid flat = *g;
	/* Single positions of many pictures are one row. */
	if (g->rows == 1 && g->columns == 1) {
		flat.columns = g->pictures;
		flat.in_pixel = g->in_picture;
		flat.out_pixel = g->out_picture;
		flat.pictures = 1;
	}
	struct outer_rows rows = {
		.pixels = flat.columns, .a_step = flat.in_pixel, .b_step = flat.out_pixel};
	size_t bytes = flat.columns * (flat.in_pixel + flat.out_pixel) * sizeof(float);
	size_t band = L1_BYTES / (bytes ? bytes : 1);
	band = band < 1 ? 1 : band > GRID_BAND ? GRID_BAND : band;
	const float **a = m->ptr, **b = m->ptr + GRID_BAND;
	for (size_t picture = 0; picture < flat.pictures; picture++)
		for (size_t row = 0; row < flat.rows; row++) {
			struct at at = {picture, row, 0};
			a[rows.n] = in + in_at(&flat, &at);
			b[rows.n] = dz + out_at(&flat, &at);
			rows.n++;
			bool last = picture + 1 == flat.pictures && row + 1 == flat.rows;
			if (rows.n < band && !last)
				continue;
			outer_band(m, &rows, a, b, dw, ldw);
			rows.n = 0;
		}
}
