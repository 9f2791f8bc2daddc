#include "engine/plan/winograd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IN = WINOGRAD_IN, OUT = WINOGRAD_OUT, POINTS = WINOGRAD_POINTS, KERNEL = 3 };
/* Output channels whose products are kept at a time. */
enum { MAX_COLUMNS = 64 };
/* A row of floats at a multiple of 4 KiB from the next would share its sets of the L1 cache. */
enum { SKEW = 16 };

/* --- running ------------------------------------------------------------------------------ */

/* One picture's operands. */
struct winograd_view {
	const struct winograd_args *a;
	const struct rows *x, *y;
	const float *residual; /* laid out like the whole output, or NULL */
};

static void transform_input(const struct winograd_view *view, size_t first, size_t n, float *v)
{
	const struct winograd_args *a = view->a;
	const struct gemm_window *w = &a->window;
	for (size_t t = first; t < first + n; t++, v += a->v_row) {
		int32_t y = (int32_t)(t / a->tiles_x) * OUT - w->pad[0];
		int32_t x = (int32_t)(t % a->tiles_x) * OUT - w->pad[1];
		const float *in[POINTS];
		for (int32_t ky = 0; ky < IN; ky++) {
			int32_t iy = y + ky;
			bool outside = iy < 0 || iy >= w->in_h;
			const float *row = outside ? NULL : rows_at(view->x, iy);
			for (int32_t kx = 0; kx < IN; kx++)
				in[ky * IN + kx] = outside || x + kx < 0 || x + kx >= w->in_w
				                           ? a->zero
				                           : row + (size_t)(x + kx) * w->pixel;
		}
		a->k->winograd_input_f32(a->channels, in, v, a->v_point);
	}
}

/* m[point][tile][column] for the output channels from `column` on: a matrix product for each point. */
static void multiply(const struct winograd_args *a, size_t column, size_t columns, size_t n,
                     const float *v, float *m)
{
	static const struct epilogue none = {.lo = -INFINITY, .hi = INFINITY};
	const struct gemm_f32 *gemm = &a->k->gemm_f32;
	for (size_t point = 0; point < POINTS; point++, v += a->v_point, m += a->m_point) {
		const float *b = a->packed + point * a->packed_point + column * a->channels;
		for (size_t j = 0; j < columns; j += gemm->nr, b += gemm->nr * a->channels) {
			size_t width = columns - j < gemm->nr ? columns - j : gemm->nr;
			for (size_t i = 0; i < n; i += gemm->mr) {
				const float *rows[GEMM_MAX_MR];
				size_t height = n - i < gemm->mr ? n - i : gemm->mr;
				for (size_t r = 0; r < height; r++)
					rows[r] = v + (i + r) * a->v_row;
				gemm->fn(height, width, 1, a->channels, rows, b,
				         m + i * a->m_row + j, a->m_row, &none);
			}
		}
	}
}

static void transform_output(const struct winograd_view *view, size_t column, size_t columns,
                             size_t first, size_t n, const float *m)
{
	const struct winograd_args *a = view->a;
	const struct gemm_window *w = &a->window;
	struct winograd_place place = {.row_stride = (size_t)w->out_w * a->pixel,
	                               .pixel_stride = a->pixel};
	for (size_t t = first; t < first + n; t++, m += a->m_row) {
		int32_t oy = (int32_t)(t / a->tiles_x) * OUT, ox = (int32_t)(t % a->tiles_x) * OUT;
		size_t at = (size_t)ox * a->pixel + column;
		float *y = rows_at(view->y, oy) + at;
		struct epilogue ep = {
			.bias = a->bias ? a->bias + column : NULL,
			.residual = view->residual
		                            ? view->residual + (size_t)oy * place.row_stride + at
		                            : NULL,
			.lo = a->lo,
			.hi = a->hi,
		};
		place.rows = (size_t)(w->out_h - oy < OUT ? w->out_h - oy : OUT);
		place.columns = (size_t)(w->out_w - ox < OUT ? w->out_w - ox : OUT);
		a->k->winograd_output_f32(columns, &place, m, a->m_point, y, &ep);
		for (size_t r = 0; r < place.rows && a->tail.kind != ACT_NONE; r++)
			for (size_t c = 0; c < place.columns; c++)
				tail_apply(a->k, &a->tail, columns,
				           y + r * place.row_stride + c * a->pixel);
	}
}

/* At most a->block tiles of one picture; v and m have room for them. */
static void run_tiles(const struct winograd_view *view, size_t first, size_t n, char *scratch)
{
	const struct winograd_args *a = view->a;
	float *v = (float *)(void *)scratch, *m = v + POINTS * a->v_point;
	transform_input(view, first, n, v);
	for (size_t column = 0; column < a->n; column += a->columns) {
		size_t columns = a->n - column < a->columns ? a->n - column : a->columns;
		multiply(a, column, columns, n, v, m);
		transform_output(view, column, columns, first, n, m);
	}
}

void winograd_rows(const void *args, const struct rows *x, const struct rows *y,
                   const float *residual, int32_t from, int32_t to, char *scratch)
{
	const struct winograd_args *a = args;
	const struct winograd_view view = {a, x, y, residual};
	size_t first = (size_t)(from / OUT) * a->tiles_x;
	size_t end = (size_t)((to + OUT - 1) / OUT) * a->tiles_x;
	for (; first < end; first += a->block)
		run_tiles(&view, first, end - first < a->block ? end - first : a->block, scratch);
}

/* --- as a step of its own --------------------------------------------------------------------- */

struct winograd_job {
	const struct winograd_args *a;
	const struct run *run;
	size_t first, blocks; /* first picture; work items of each */
};

static void run_block(void *ctx, size_t item, size_t thread)
{
	const struct winograd_job *job = ctx;
	const struct winograd_args *a = job->a;
	const struct run *run = job->run;
	const struct gemm_window *w = &a->window;
	size_t picture = job->first + item / job->blocks, first = item % job->blocks * a->block;
	size_t n = a->tiles_y * a->tiles_x - first;
	const struct rows x = {ref_at(run, &a->x, picture), (size_t)w->in_w * w->pixel, ROWS_ALL};
	const struct rows y = {ref_at(run, &a->y, picture), (size_t)w->out_w * a->pixel, ROWS_ALL};
	const struct winograd_view view = {
		a, &x, &y, a->has_residual ? ref_at(run, &a->residual, picture) : NULL};
	run_tiles(&view, first, n < a->block ? n : a->block,
	          run->scratch + thread * run->scratch_stride);
}

void winograd_step(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct winograd_args *a = step->args;
	size_t tiles = a->tiles_y * a->tiles_x;
	struct winograd_job job = {a, run, first, (tiles + a->block - 1) / a->block};
	cnn_parallel_for(run->pool, n * job.blocks, run_block, &job);
}

/* --- deciding ------------------------------------------------------------------------------ */

static size_t tiles_along(int32_t out)
{
	return ((size_t)out + OUT - 1) / OUT;
}

static double round_up(size_t n, size_t to)
{
	return (double)((n + to - 1) / to * to);
}

bool winograd_pays(const struct lowering *l, const struct gemm_args *a)
{
	const struct gemm_window *w = &a->window;
	for (int i = 0; i < 2; i++)
		if (w->kernel[i] != KERNEL || w->stride[i] != 1 || w->dilation[i] != 1)
			return false;
	const struct gemm_f32 *gemm = &a->k->gemm_f32;
	if (a->groups != 1 || a->kc < gemm->nr / 2 || a->n < gemm->nr / 2)
		return false;
	/* Both in multiply-adds for each pair of channels. A transform costs about 6 for each value; weights
	 * that do not stay in L2 come at 8 bytes in the time of a cycle, or two vectors' multiply-adds. */
	size_t tiles = tiles_along(w->out_h) * tiles_along(w->out_w);
	double pairs = (double)a->kc * (double)a->n;
	double direct = round_up(a->rows, gemm->mr) * KERNEL * KERNEL;
	double by_points = round_up(tiles, gemm->mr) * POINTS;
	double transforms = 6.0 * (double)tiles * POINTS * (double)(a->kc + a->n) / pairs;
	double more_bytes = (POINTS - KERNEL * KERNEL) * sizeof(float);
	bool streamed = POINTS * pairs * sizeof(float) > (double)l->options->l2_bytes / 2;
	double streaming = streamed ? more_bytes / 8 * gemm->nr : 0;
	return by_points + transforms + streaming < 0.8 * direct;
}

/* --- lowering ------------------------------------------------------------------------------ */

/* u[6][6] = G g G^T */
static void transform_kernel(const float *g, float u[POINTS])
{
	static const double G[IN][KERNEL] = {
		{1.0 / 4, 0, 0},
		{-1.0 / 6, -1.0 / 6, -1.0 / 6},
		{-1.0 / 6, 1.0 / 6, -1.0 / 6},
		{1.0 / 24, 1.0 / 12, 1.0 / 6},
		{1.0 / 24, -1.0 / 12, 1.0 / 6},
		{0, 0, 1},
	};
	double half[IN][KERNEL];
	for (int i = 0; i < IN; i++)
		for (int x = 0; x < KERNEL; x++)
			half[i][x] = G[i][0] * g[x] + G[i][1] * g[KERNEL + x] +
			             G[i][2] * g[2 * KERNEL + x];
	for (int i = 0; i < IN; i++)
		for (int j = 0; j < IN; j++)
			u[i * IN + j] = (float)(half[i][0] * G[j][0] + half[i][1] * G[j][1] +
			                        half[i][2] * G[j][2]);
}

/* ONNX's [n][channels][3][3] into each point's packed panels, a panel's columns at a time: all points of all
 * weights, before packing, would be four times the file's. */
static const float *pack_points(struct lowering *l, const struct winograd_args *a,
                                const float *weights)
{
	const struct gemm_f32 *gemm = &a->k->gemm_f32;
	size_t floats, points = gemm->nr * a->channels; /* of one point: [nr][channels] */
	if (__builtin_mul_overflow(a->packed_point, (size_t)POINTS, &floats))
		return NULL;
	float *packed = lower_alloc(l, floats, sizeof *packed);
	float *panel = calloc(points, POINTS * sizeof *panel);
	for (size_t column = 0; packed && panel && column < a->n; column += gemm->nr) {
		size_t columns = a->n - column < gemm->nr ? a->n - column : gemm->nr;
		const float *from = weights + column * a->channels * KERNEL * KERNEL;
		for (size_t i = 0; i < columns * a->channels; i++) {
			float u[POINTS];
			transform_kernel(from + i * KERNEL * KERNEL, u);
			for (size_t point = 0; point < POINTS; point++)
				panel[point * points + i] = u[point];
		}
		for (size_t point = 0; point < POINTS; point++)
			gemm_f32_pack(gemm, columns, a->channels, panel + point * points, 1,
			              a->channels,
			              packed + point * a->packed_point + column * a->channels);
	}
	const float *done = panel ? packed : NULL;
	free(panel);
	return done;
}

/* Cut the work so that what one item transforms stays in half of L2, and so that each thread gets some. */
static void cut_tiles(struct lowering *l, struct winograd_args *a)
{
	size_t mr = a->k->gemm_f32.mr, nr = a->k->gemm_f32.nr;
	size_t tiles = a->tiles_y * a->tiles_x;
	a->columns = (a->n + nr - 1) / nr * nr;
	if (a->columns > MAX_COLUMNS)
		a->columns = MAX_COLUMNS;
	a->v_row = a->channels % (4096 / sizeof(float)) ? a->channels : a->channels + SKEW;
	a->m_row = a->columns;
	size_t tile_bytes = POINTS * sizeof(float) * (a->v_row + a->m_row);
	a->block = l->options->l2_bytes / 2 / tile_bytes / mr * mr;
	if (a->block < 2 * mr)
		a->block = 2 * mr;
	size_t threads = l->options->threads_hint;
	while (threads > 1 && a->block > mr && tiles / a->block < 2 * threads)
		a->block -= mr;
	if (a->block > tiles)
		a->block = tiles;
	a->v_point = a->block * a->v_row + SKEW;
	a->m_point = a->block * a->m_row + SKEW;
}

size_t winograd_scratch(const struct winograd_args *a)
{
	return POINTS * (a->v_point + a->m_point) * sizeof(float);
}

struct winograd_args *winograd_new(struct lowering *l, const struct gemm_args *a,
                                   const float *weights)
{
	struct winograd_args *w = lower_alloc(l, 1, sizeof *w);
	if (!w)
		return NULL;
	*w = (struct winograd_args){
		.k = a->k,
		.has_residual = a->has_residual,
		.window = a->window,
		.channels = a->kc,
		.n = a->n,
		.pixel = a->n,
		.tiles_y = tiles_along(a->window.out_h),
		.tiles_x = tiles_along(a->window.out_w),
		.bias = a->bias,
		.zero = lower_alloc(l, a->kc, sizeof(float)),
		.lo = a->lo,
		.hi = a->hi,
		.tail = a->tail,
		.packed_point = gemm_f32_packed_size(&a->k->gemm_f32, a->n, a->kc),
	};
	w->packed = pack_points(l, w, weights);
	cut_tiles(l, w);
	return w->zero && w->packed ? w : NULL;
}
