#include "engine/plan/gemm.h"

#include "engine/base/cpu.h"

#include <string.h>

/* What one run of the step shares between its work items. */
struct gemm_job {
	const struct gemm_args *a;
	const struct run *run;
	size_t scratch_bytes;
	size_t first, rows; /* first picture; rows of all its pictures together */
	size_t row_blocks, panel_blocks;
};

/* The address of tap (ky, kx) for output position (oy, ox), or the zeros. */
static const float *tap_address(const struct gemm_args *a, const float *x, int32_t oy, int32_t ox,
                                int32_t ky, int32_t kx)
{
	const struct gemm_window *w = &a->window;
	int32_t iy = oy * w->stride[0] - w->pad[0] + ky * w->dilation[0];
	int32_t ix = ox * w->stride[1] - w->pad[1] + kx * w->dilation[1];
	if (iy < 0 || iy >= w->in_h || ix < 0 || ix >= w->in_w)
		return a->zero;
	return x + ((size_t)iy * (size_t)w->in_w + (size_t)ix) * w->pixel;
}

/* Pointers to the rows of A of `m` rows of one picture, from `row` on: ptr[t * mr + i]. */
static void find_rows(const struct gemm_job *job, size_t group, size_t row, size_t m,
                      const float **ptr)
{
	const struct gemm_args *a = job->a;
	const struct gemm_window *w = &a->window;
	size_t mr = a->k->gemm_f32.mr, r = row % a->rows;
	const float *x = ref_at(job->run, &a->x, job->first + row / a->rows) + group * a->kc;
	if (w->plain) {
		for (size_t i = 0; i < m; i++)
			ptr[i] = x + (r + i) * w->pixel;
		return;
	}
	int32_t oy = (int32_t)(r / (size_t)w->out_w), ox = (int32_t)(r % (size_t)w->out_w);
	for (size_t i = 0; i < m; i++) {
		const float **p = ptr + i;
		for (int32_t ky = 0; ky < w->kernel[0]; ky++)
			for (int32_t kx = 0; kx < w->kernel[1]; kx++, p += mr)
				*p = tap_address(a, x, oy, ox, ky, kx);
		if (++ox == w->out_w) {
			ox = 0;
			oy++;
		}
	}
}

/* Copy the taps of each row together, so that the kernel sees one long row. */
static void gather_rows(const struct gemm_args *a, size_t m, const float **ptr, float *rows)
{
	size_t mr = a->k->gemm_f32.mr, k = a->taps * a->kc;
	for (size_t i = 0; i < m; i++) {
		float *to = rows + i * k;
		for (size_t t = 0; t < a->taps; t++) {
			const float *from = ptr[t * mr + i];
			for (size_t c = 0; c < a->kc; c++)
				*to++ = from[c];
		}
	}
	for (size_t i = 0; i < m; i++)
		ptr[i] = rows + i * k;
}

/* The window's rows are contiguous: ptr[ky * mr + i] shows them where they lie. Those that reach beyond
 * the picture are copied, zeros around them. */
static void find_window_rows(const struct gemm_job *job, size_t row, size_t m, const float **ptr,
                             float *copies)
{
	const struct gemm_args *a = job->a;
	const struct gemm_window *w = &a->window;
	size_t mr = a->k->gemm_f32.mr, r = row % a->rows;
	size_t width = (size_t)w->kernel[1] * a->kc;
	const float *x = ref_at(job->run, &a->x, job->first + row / a->rows);
	int32_t oy = (int32_t)(r / (size_t)w->out_w), ox = (int32_t)(r % (size_t)w->out_w);
	for (size_t i = 0; i < m; i++) {
		int32_t ix = ox * w->stride[1] - w->pad[1];
		int32_t left = ix < 0 ? -ix : 0, end = w->in_w - ix;
		if (end > w->kernel[1])
			end = w->kernel[1];
		for (int32_t ky = 0; ky < w->kernel[0]; ky++) {
			int32_t iy = oy * w->stride[0] - w->pad[0] + ky * w->dilation[0];
			const float **p = &ptr[(size_t)ky * mr + i];
			if (iy < 0 || iy >= w->in_h || left >= end) {
				*p = a->zero;
				continue;
			}
			const float *from = x + (size_t)iy * (size_t)w->in_w * w->pixel;
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

/* A tile's rows may belong to two pictures, whose outputs need not be neighbours. */
static size_t rows_within_picture(const struct gemm_args *a, size_t row, size_t m)
{
	size_t left = a->rows - row % a->rows;
	return m < left ? m : left;
}

static void run_tile(const struct gemm_job *job, size_t group, size_t panel, size_t row, size_t m,
                     const float *const *ptr)
{
	const struct gemm_args *a = job->a;
	const struct gemm_f32 *gemm = &a->k->gemm_f32;
	size_t taps = a->gather == GATHER_ALL    ? 1
	              : a->gather == GATHER_ROWS ? (size_t)a->window.kernel[0]
	                                         : a->taps;
	size_t kc = a->taps * a->kc / taps;
	size_t column = panel * gemm->nr, n = a->n - column < gemm->nr ? a->n - column : gemm->nr;
	size_t picture = job->first + row / a->rows;
	size_t at = (row % a->rows) * a->ldc + group * a->n + column;
	float *y = ref_at(job->run, &a->y, picture) + at;
	struct epilogue ep = {
		.bias = a->bias ? a->bias + group * a->n + column : NULL,
		.residual = a->has_residual ? ref_at(job->run, &a->residual, picture) + at : NULL,
		.lo = a->lo,
		.hi = a->hi,
	};
	const float *b = a->packed + group * gemm_f32_packed_size(gemm, a->n, a->taps * a->kc) +
	                 panel * gemm->nr * a->taps * a->kc;
	gemm->fn(m, n, taps, kc, ptr, b, y, a->ldc, &ep);
	if (a->tail.kind != ACT_NONE)
		for (size_t i = 0; i < m; i++)
			tail_apply(&a->tail, n, y + i * a->ldc);
}

static void run_item(void *ctx, size_t item, size_t thread)
{
	const struct gemm_job *job = ctx;
	const struct gemm_args *a = job->a;
	size_t mr = a->k->gemm_f32.mr, nr = a->k->gemm_f32.nr;
	size_t row_block = item % job->row_blocks, rest = item / job->row_blocks;
	size_t group = rest / job->panel_blocks, panel_block = rest % job->panel_blocks;
	size_t panels = (a->n + nr - 1) / nr;
	size_t panel_first = panel_block * a->panel_block, panel_end = panel_first + a->panel_block;
	if (panel_end > panels)
		panel_end = panels;
	size_t row = row_block * a->row_block * mr, row_end = row + a->row_block * mr;
	if (row_end > job->rows)
		row_end = job->rows;

	char *scratch = job->run->scratch + thread * job->scratch_bytes;
	const float **ptr = (const float **)(void *)scratch;
	float *gathered = (float *)(void *)(scratch + a->taps * GEMM_MAX_MR * sizeof *ptr);
	while (row < row_end) {
		size_t m = row_end - row < mr ? row_end - row : mr;
		m = rows_within_picture(a, row, m);
		if (a->gather == GATHER_ROWS)
			find_window_rows(job, row, m, ptr, gathered);
		else
			find_rows(job, group, row, m, ptr);
		if (a->gather == GATHER_ALL)
			gather_rows(a, m, ptr, gathered);
		for (size_t panel = panel_first; panel < panel_end; panel++)
			run_tile(job, group, panel, row, m, ptr);
		row += m;
	}
}

void gemm_step(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct gemm_args *a = step->args;
	size_t mr = a->k->gemm_f32.mr, nr = a->k->gemm_f32.nr;
	size_t panels = (a->n + nr - 1) / nr;
	struct gemm_job job = {
		.a = a,
		.run = run,
		.scratch_bytes = run->scratch_stride,
		.first = first,
		.rows = a->rows * n,
		.panel_blocks = (panels + a->panel_block - 1) / a->panel_block,
	};
	size_t block_rows = a->row_block * mr;
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
	a->panel_block = cpu_l2_bytes() / 2 / (panel_bytes ? panel_bytes : 1);
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
	lower_scratch(l, gemm_scratch(a));
}
