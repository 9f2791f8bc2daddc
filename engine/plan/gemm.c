#include "engine/plan/gemm.h"

#include <string.h>

/* One picture's operands. */
struct gemm_view {
	const struct gemm_args *a;
	const struct rows *x, *y;
	const float *residual; /* laid out like the whole output, or NULL */
	const float **ptr;     /* [taps * GEMM_MAX_MR], scratch */
	float *copies;         /* [GEMM_MAX_MR * taps * kc], scratch, when the taps are gathered */
};

/* The address of tap (ky, kx) for output position (oy, ox), or the zeros. */
static const float *tap_address(const struct gemm_view *v, int32_t oy, int32_t ox, int32_t ky,
                                int32_t kx)
{
	const struct gemm_window *w = &v->a->window;
	int32_t iy = oy * w->stride[0] - w->pad[0] + ky * w->dilation[0];
	int32_t ix = ox * w->stride[1] - w->pad[1] + kx * w->dilation[1];
	if (iy < 0 || iy >= w->in_h || ix < 0 || ix >= w->in_w)
		return v->a->zero;
	return rows_at(v->x, iy) + (size_t)ix * w->pixel;
}

/* Pointers to the rows of A of `m` rows from `row` on: ptr[t * mr + i]. */
static void find_rows(const struct gemm_view *v, size_t group, size_t row, size_t m)
{
	const struct gemm_args *a = v->a;
	const struct gemm_window *w = &a->window;
	size_t mr = a->k->gemm_f32.mr, from = group * a->kc;
	if (w->plain && v->x->mask == ROWS_ALL) {
		for (size_t i = 0; i < m; i++)
			v->ptr[i] = v->x->base + from + (row + i) * w->pixel;
		return;
	}
	int32_t oy = (int32_t)(row / (size_t)w->out_w), ox = (int32_t)(row % (size_t)w->out_w);
	for (size_t i = 0; i < m; i++) {
		const float **p = v->ptr + i;
		for (int32_t ky = 0; ky < w->kernel[0]; ky++)
			for (int32_t kx = 0; kx < w->kernel[1]; kx++, p += mr) {
				const float *tap = tap_address(v, oy, ox, ky, kx);
				*p = tap == a->zero ? tap : tap + from;
			}
		if (++ox == w->out_w) {
			ox = 0;
			oy++;
		}
	}
}

/* Copy the taps of each row together, so that the kernel sees one long row. */
static void gather_rows(const struct gemm_view *v, size_t m)
{
	const struct gemm_args *a = v->a;
	size_t mr = a->k->gemm_f32.mr, k = a->taps * a->kc;
	for (size_t i = 0; i < m; i++) {
		float *to = v->copies + i * k;
		for (size_t t = 0; t < a->taps; t++) {
			const float *from = v->ptr[t * mr + i];
			for (size_t c = 0; c < a->kc; c++)
				*to++ = from[c];
		}
	}
	for (size_t i = 0; i < m; i++)
		v->ptr[i] = v->copies + i * k;
}

/* The window's rows are contiguous: ptr[ky * mr + i] shows them where they lie. Those that reach beyond
 * the picture are copied, zeros around them. */
static void find_window_rows(const struct gemm_view *v, size_t row, size_t m)
{
	const struct gemm_args *a = v->a;
	const struct gemm_window *w = &a->window;
	size_t mr = a->k->gemm_f32.mr, width = (size_t)w->kernel[1] * a->kc;
	float *copies = v->copies;
	int32_t oy = (int32_t)(row / (size_t)w->out_w), ox = (int32_t)(row % (size_t)w->out_w);
	for (size_t i = 0; i < m; i++) {
		int32_t ix = ox * w->stride[1] - w->pad[1];
		int32_t left = ix < 0 ? -ix : 0, end = w->in_w - ix;
		if (end > w->kernel[1])
			end = w->kernel[1];
		for (int32_t ky = 0; ky < w->kernel[0]; ky++) {
			int32_t iy = oy * w->stride[0] - w->pad[0] + ky * w->dilation[0];
			const float **p = &v->ptr[(size_t)ky * mr + i];
			if (iy < 0 || iy >= w->in_h || left >= end) {
				*p = a->zero;
				continue;
			}
			const float *from = rows_at(v->x, iy);
			if (left == 0 && end == w->kernel[1]) {
				*p = from + (size_t)ix * w->pixel;
				continue;
			}
			*p = copies;
			size_t before = (size_t)left * a->kc, inside = (size_t)(end - left) * a->kc;
			memset(copies, 0, width * sizeof *copies);
			memcpy(copies + before, from + (size_t)(ix + left) * w->pixel,
			       inside * sizeof *copies);
			copies += width;
		}
		if (++ox == w->out_w) {
			ox = 0;
			oy++;
		}
	}
}

/* What follows in memory in an output row by row: all, or up to where the ring begins anew. */
static size_t rows_until_wrap(const struct gemm_view *v, size_t row)
{
	if (v->y->mask == ROWS_ALL)
		return SIZE_MAX;
	size_t width = (size_t)v->a->window.out_w, mask = (size_t)v->y->mask;
	return ((row / width | mask) + 1) * width - row;
}

static float *output_at(const struct gemm_view *v, size_t row)
{
	if (v->y->mask == ROWS_ALL)
		return v->y->base + row * v->a->ldc;
	size_t width = (size_t)v->a->window.out_w;
	return rows_at(v->y, (int32_t)(row / width)) + row % width * v->a->ldc;
}

static void run_tile(const struct gemm_view *v, size_t group, size_t panel, size_t row, size_t m)
{
	const struct gemm_args *a = v->a;
	const struct gemm_f32 *gemm = &a->k->gemm_f32;
	size_t taps = a->gather == GATHER_ALL    ? 1
	              : a->gather == GATHER_ROWS ? (size_t)a->window.kernel[0]
	                                         : a->taps;
	size_t kc = a->taps * a->kc / taps;
	size_t column = panel * gemm->nr, n = a->n - column < gemm->nr ? a->n - column : gemm->nr;
	size_t first = group * a->n + column;
	float *y = output_at(v, row) + first;
	struct epilogue ep = {
		.bias = a->bias ? a->bias + first : NULL,
		.residual = v->residual ? v->residual + row * a->ldc + first : NULL,
		.lo = a->lo,
		.hi = a->hi,
	};
	const float *b = a->packed + group * gemm_f32_packed_size(gemm, a->n, a->taps * a->kc) +
	                 panel * gemm->nr * a->taps * a->kc;
	gemm->fn(m, n, taps, kc, v->ptr, b, y, a->ldc, &ep);
}

/* Once for all panels: a call for each tile would cost as much as what it computes. */
static void finish_rows(const struct gemm_view *v, size_t group, size_t panel_first,
                        size_t panel_end, size_t row, size_t m)
{
	const struct gemm_args *a = v->a;
	size_t from = panel_first * a->k->gemm_f32.nr, to = panel_end * a->k->gemm_f32.nr;
	size_t n = (to < a->n ? to : a->n) - from;
	float *y = output_at(v, row) + group * a->n + from;
	if (n == a->ldc)
		tail_apply(a->k, &a->tail, m * n, y);
	else
		for (size_t i = 0; i < m; i++)
			tail_apply(a->k, &a->tail, n, y + i * a->ldc);
}

/* Rows row..end of one picture for some of the panels. */
static void run_rows(const struct gemm_view *v, size_t group, size_t panel_first, size_t panel_end,
                     size_t row, size_t end)
{
	const struct gemm_args *a = v->a;
	size_t mr = a->k->gemm_f32.mr;
	while (row < end) {
		size_t m = end - row < mr ? end - row : mr, together = rows_until_wrap(v, row);
		if (m > together)
			m = together;
		if (a->gather == GATHER_ROWS)
			find_window_rows(v, row, m);
		else
			find_rows(v, group, row, m);
		if (a->gather == GATHER_ALL)
			gather_rows(v, m);
		for (size_t panel = panel_first; panel < panel_end; panel++)
			run_tile(v, group, panel, row, m);
		if (a->tail.kind != ACT_NONE)
			finish_rows(v, group, panel_first, panel_end, row, m);
		row += m;
	}
}

static void use_scratch(struct gemm_view *v, char *scratch)
{
	v->ptr = (const float **)(void *)scratch;
	v->copies = (float *)(void *)(scratch + v->a->taps * GEMM_MAX_MR * sizeof *v->ptr);
}

static size_t panels_of(const struct gemm_args *a)
{
	return (a->n + a->k->gemm_f32.nr - 1) / a->k->gemm_f32.nr;
}

void gemm_rows(const void *args, const struct rows *x, const struct rows *y, const float *residual,
               int32_t from, int32_t to, char *scratch)
{
	const struct gemm_args *a = args;
	struct gemm_view v = {.a = a, .x = x, .y = y, .residual = residual};
	size_t width = (size_t)a->window.out_w, panels = panels_of(a);
	use_scratch(&v, scratch);
	for (size_t group = 0; group < a->groups; group++)
		run_rows(&v, group, 0, panels, (size_t)from * width, (size_t)to * width);
}

/* --- as a step of its own --------------------------------------------------------------------- */

/* What one run of the step shares between its work items. */
struct gemm_job {
	const struct gemm_args *a;
	const struct run *run;
	size_t first, rows; /* first picture; rows of all its pictures together */
	size_t row_blocks, panel_blocks;
};

static void run_item(void *ctx, size_t item, size_t thread)
{
	const struct gemm_job *job = ctx;
	const struct gemm_args *a = job->a;
	const struct run *run = job->run;
	size_t row_block = item % job->row_blocks, rest = item / job->row_blocks;
	size_t group = rest / job->panel_blocks, panel_block = rest % job->panel_blocks;
	size_t panels = panels_of(a);
	size_t panel_first = panel_block * a->panel_block, panel_end = panel_first + a->panel_block;
	if (panel_end > panels)
		panel_end = panels;
	size_t block = a->row_block * a->k->gemm_f32.mr;
	size_t row = row_block * block, row_end = row + block;
	if (row_end > job->rows)
		row_end = job->rows;

	/* A tile's rows may belong to two pictures, whose outputs need not be neighbours. */
	while (row < row_end) {
		size_t picture = row / a->rows, first = picture * a->rows;
		size_t end = first + a->rows < row_end ? first + a->rows : row_end;
		picture += job->first;
		const struct gemm_window *w = &a->window;
		const struct rows x = {ref_at(run, &a->x, picture), (size_t)w->in_w * w->pixel,
		                       ROWS_ALL};
		const struct rows y = {ref_at(run, &a->y, picture), (size_t)w->out_w * a->ldc,
		                       ROWS_ALL};
		struct gemm_view v = {.a = a, .x = &x, .y = &y};
		if (a->has_residual)
			v.residual = ref_at(run, &a->residual, picture);
		use_scratch(&v, run->scratch + thread * run->scratch_stride);
		run_rows(&v, group, panel_first, panel_end, row - first, end - first);
		row = end;
	}
}

void gemm_step(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct gemm_args *a = step->args;
	struct gemm_job job = {
		.a = a,
		.run = run,
		.first = first,
		.rows = a->rows * n,
		.panel_blocks = (panels_of(a) + a->panel_block - 1) / a->panel_block,
	};
	size_t block_rows = a->row_block * a->k->gemm_f32.mr;
	job.row_blocks = (job.rows + block_rows - 1) / block_rows;
	cnn_parallel_for(run->pool, a->groups * job.panel_blocks * job.row_blocks, run_item, &job);
}

size_t gemm_scratch(const struct gemm_args *a)
{
	size_t pointers = a->taps * GEMM_MAX_MR * sizeof(float *);
	size_t gathered = a->gather ? GEMM_MAX_MR * a->taps * a->kc * sizeof(float) : 0;
	return pointers + gathered;
}

size_t gemm_zeros(const struct gemm_args *a)
{
	return a->gather == GATHER_ROWS ? (size_t)a->window.kernel[1] * a->kc : a->kc;
}

void gemm_finish(struct lowering *l, struct gemm_args *a)
{
	size_t mr = a->k->gemm_f32.mr, nr = a->k->gemm_f32.nr;
	size_t panels = (a->n + nr - 1) / nr, tiles = (a->rows + mr - 1) / mr;
	/* A block of panels stays in half of L2 while the rows go by. */
	size_t panel_bytes = a->taps * a->kc * nr * sizeof(float);
	a->panel_block = l->options->l2_bytes / 2 / (panel_bytes ? panel_bytes : 1);
	if (a->panel_block < 1)
		a->panel_block = 1;
	if (a->panel_block > panels)
		a->panel_block = panels;
	a->row_block = 8;
	/* Enough items for every thread to get some, first by rows, then by columns. */
	size_t want = l->options->threads_hint > 1 ? 4 * l->options->threads_hint : 1;
	while (a->row_block > 1 && (tiles + a->row_block - 1) / a->row_block < want)
		a->row_block /= 2;
	size_t row_blocks = (tiles + a->row_block - 1) / a->row_block;
	while (a->panel_block > 1 &&
	       a->groups * row_blocks * ((panels + a->panel_block - 1) / a->panel_block) < want)
		a->panel_block /= 2;
}
