/* Lavin and Gray (2016); see engine/kernels/winograd_f32.h. */
#include "engine/train/grid.h"

#include <math.h>

enum { IN = WINOGRAD_IN, OUT = WINOGRAD_OUT, POINTS = WINOGRAD_POINTS };
/* A distance of a multiple of 4 KiB would put all points in one set of the L1 cache. */
enum { SKEW = 16 };

size_t grid_winograd_block(const struct kernels *k, size_t l2_bytes, size_t kc, size_t n)
{
	size_t mr = k->gemm_f32.mr, tile = POINTS * sizeof(float) * (kc + n);
	size_t block = l2_bytes / tile / mr * mr;
	return block < 4 * mr ? 4 * mr : block;
}

size_t grid_winograd_floats(const struct grid_winograd *w)
{
	return POINTS * (w->block * (w->kc + w->n) + (size_t)2 * SKEW);
}

struct tile {
	size_t picture, y, x; /* of its first output */
};

static struct tile tile_at(const struct grid *g, size_t index)
{
	size_t across = (g->columns + OUT - 1) / OUT, down = (g->rows + OUT - 1) / OUT;
	struct tile t = {index / (across * down), index / across % down * OUT,
	                 index % across * OUT};
	return t;
}

static void tiles_in(const struct grid_winograd *w, const struct grid *g, const float *in,
                     size_t first, size_t n, float *v, size_t point)
{
	for (size_t i = 0; i < n; i++, v += w->kc) {
		struct tile t = tile_at(g, first + i);
		const float *from =
			in + t.picture * g->in_picture + t.y * g->in_row + t.x * g->in_pixel;
		const float *d[POINTS];
		for (size_t y = 0; y < IN; y++)
			for (size_t x = 0; x < IN; x++)
				d[y * IN + x] = from + y * g->in_row + x * g->in_pixel;
		w->k->winograd_input_f32(w->kc, d, v, point);
	}
}

static void multiply_points(const struct grid_winograd *w, size_t n, const float *v, size_t v_point,
                            float *m, size_t m_point)
{
	static const struct epilogue none = {.lo = -INFINITY, .hi = INFINITY};
	const struct gemm_f32 *gemm = &w->k->gemm_f32;
	size_t packed = gemm_f32_packed_size(gemm, w->n, w->kc);
	for (size_t f = 0; f < POINTS; f++, v += v_point, m += m_point)
		for (size_t j = 0; j < w->n; j += gemm->nr) {
			size_t width = w->n - j < gemm->nr ? w->n - j : gemm->nr;
			const float *b = w->packed + f * packed + j * w->kc;
			for (size_t i = 0; i < n; i += gemm->mr) {
				const float *rows[GEMM_MAX_MR];
				size_t height = n - i < gemm->mr ? n - i : gemm->mr;
				for (size_t r = 0; r < height; r++)
					rows[r] = v + (i + r) * w->kc;
				gemm->fn(height, width, 1, w->kc, rows, b, m + i * w->n + j, w->n,
				         &none);
			}
		}
}

static void tiles_out(const struct grid_winograd *w, const struct grid *g, size_t first, size_t n,
                      const float *m, size_t point, float *out, const struct epilogue *ep)
{
	struct winograd_place place = {.row_stride = g->out_row, .pixel_stride = g->out_pixel};
	for (size_t i = 0; i < n; i++, m += w->n) {
		struct tile t = tile_at(g, first + i);
		size_t to = t.picture * g->out_picture + t.y * g->out_row + t.x * g->out_pixel;
		struct epilogue here = *ep;
		here.residual = ep->residual ? ep->residual + to : NULL;
		place.rows = g->rows - t.y < OUT ? g->rows - t.y : OUT;
		place.columns = g->columns - t.x < OUT ? g->columns - t.x : OUT;
		w->k->winograd_output_f32(w->n, &place, m, point, out + to, &here);
	}
}

void grid_convolve(const struct grid_winograd *w, const struct grid *g, const float *in, float *out,
                   const struct epilogue *ep)
{
	size_t tiles = g->pictures * ((g->rows + OUT - 1) / OUT) * ((g->columns + OUT - 1) / OUT);
	size_t v_point = w->block * w->kc + SKEW, m_point = w->block * w->n + SKEW;
	float *v = w->scratch, *m = v + POINTS * v_point;
	for (size_t first = 0; first < tiles; first += w->block) {
		size_t n = tiles - first < w->block ? tiles - first : w->block;
		tiles_in(w, g, in, first, n, v, v_point);
		multiply_points(w, n, v, v_point, m, m_point);
		tiles_out(w, g, first, n, m, m_point, out, ep);
	}
}

void grid_winograd_pack(const struct kernels *k, size_t kc, size_t n, const float *b,
                        float *temporary, float *packed)
{
	const struct gemm_f32 *gemm = &k->gemm_f32;
	size_t size = gemm_f32_packed_size(gemm, n, kc);
	for (size_t c = 0; c < kc; c++) {
		const float *taps[9];
		for (size_t t = 0; t < 9; t++)
			taps[t] = b + (t * kc + c) * n;
		k->winograd_kernel_f32(n, taps, temporary + c * n, kc * n);
	}
	for (size_t f = 0; f < POINTS; f++)
		gemm_f32_pack(gemm, n, kc, temporary + f * kc * n, n, 1, packed + f * size);
}
