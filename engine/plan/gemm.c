#include "engine/plan/gemm_view.h"

/* Half of the smallest L1 there is. */
enum { PANEL_IN_L1 = 16384 };

/* Tiles of a work item; rounding makes them up to half as many more. */
enum { ROW_BLOCK = 8, MAX_ROW_BLOCK = ROW_BLOCK + ROW_BLOCK / 2 };

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

/* Some of the columns. */
struct panels {
	size_t first, end;
};

/* y: of the first row and column of the group */
static void run_tile(const struct gemm_view *v, size_t group, size_t panel, const float *const *ptr,
                     float *y, size_t row, size_t m)
{
	const struct gemm_args *a = v->a;
	const struct gemm_f32 *gemm = &a->k->gemm_f32;
	size_t taps = a->gather == GATHER_ALL    ? 1
	              : a->gather == GATHER_ROWS ? (size_t)a->window.kernel[0]
	                                         : a->taps;
	size_t kc = a->taps * a->kc / taps;
	size_t column = panel * gemm->nr, n = a->n - column < gemm->nr ? a->n - column : gemm->nr;
	size_t first = group * a->n + column;
	struct epilogue ep = {
		.bias = a->bias ? a->bias + first : NULL,
		.residual = v->residual ? v->residual + row * a->ldc + first : NULL,
		.lo = a->lo,
		.hi = a->hi,
	};
	const float *b = a->packed + group * a->packed_group + panel * gemm->nr * a->taps * a->kc;
	gemm->fn(m, n, taps, kc, ptr, b, y + column, a->ldc, &ep);
}

/* The rest of the activation, of rows that follow each other: all columns of them at once where that is what
 * was made, since each call has its price. */
static void finish_rows(const struct gemm_view *v, size_t group, const struct panels *p, size_t row,
                        size_t m)
{
	const struct gemm_args *a = v->a;
	if (a->tail.kind == ACT_NONE)
		return;
	size_t nr = a->k->gemm_f32.nr, column = p->first * nr;
	size_t end = p->end * nr < a->n ? p->end * nr : a->n, n = end - column;
	float *y = output_at(v, row) + group * a->n + column;
	if (n == a->ldc)
		tail_apply(a->k, &a->tail, m * n, y);
	else
		for (size_t i = 0; i < m; i++)
			tail_apply(a->k, &a->tail, n, y + i * a->ldc);
}

/* `high` tiles of `rows` rows, then some of one row fewer. */
struct tiles {
	size_t rows, high;
};

/* Of nearly equal height: a last one of few rows would take as long as a whole one. */
static struct tiles cut_tiles(const struct gemm_args *a, size_t rows)
{
	size_t mr = a->k->gemm_f32.mr, n = (rows + mr - 1) / mr;
	struct tiles t = {(rows + n - 1) / n, 0};
	t.high = rows - n * (t.rows - 1);
	return t;
}

static size_t next_tile(struct tiles *left)
{
	if (left->high == 0)
		return left->rows - 1;
	left->high--;
	return left->rows;
}

/* Rows row..end, which follow each other in the output, for some of the panels. */
static void run_together(const struct gemm_view *v, size_t group, const struct panels *p,
                         size_t row, size_t end)
{
	const struct gemm_args *a = v->a;
	const struct tiles tiles = cut_tiles(a, end - row);
	const size_t first = row;
	float *y = output_at(v, row) + group * a->n;
	if (a->window.plain && a->panels_first) {
		/* Each row of A is one pointer, whatever the tile. */
		gemm_find_rows(v, group, row, end - row);
		for (size_t panel = p->first; panel < p->end; panel++) {
			struct tiles left = tiles;
			for (size_t m, at = 0; at < end - row; at += m) {
				m = next_tile(&left);
				run_tile(v, group, panel, v->ptr + at, y + at * a->ldc, row + at,
				         m);
			}
		}
		finish_rows(v, group, p, row, end - row);
		return;
	}
	struct tiles left = tiles;
	for (size_t m; row < end; row += m) {
		m = next_tile(&left);
		gemm_find_rows(v, group, row, m);
		for (size_t panel = p->first; panel < p->end; panel++)
			run_tile(v, group, panel, v->ptr, y + (row - first) * a->ldc, row, m);
		finish_rows(v, group, p, row, m);
	}
}

static void run_rows(const struct gemm_view *v, size_t group, const struct panels *p, size_t row,
                     size_t end)
{
	for (size_t next; row < end; row = next) {
		size_t together = rows_until_wrap(v, row);
		next = end - row < together ? end : row + together;
		run_together(v, group, p, row, next);
	}
}

static size_t pointer_bytes(const struct gemm_args *a)
{
	size_t rows = a->window.plain ? MAX_ROW_BLOCK * GEMM_MAX_MR : a->taps * GEMM_MAX_MR;
	return rows * sizeof(float *);
}

static void use_scratch(struct gemm_view *v, char *scratch)
{
	v->ptr = (const float **)(void *)scratch;
	v->copies = (float *)(void *)(scratch + pointer_bytes(v->a));
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
	size_t width = (size_t)a->window.out_w, end = (size_t)to * width;
	size_t block = a->row_block * a->k->gemm_f32.mr;
	const struct panels all = {0, panels_of(a)};
	use_scratch(&v, scratch);
	for (size_t row = (size_t)from * width, next; row < end; row = next) {
		next = end - row < block ? end : row + block;
		for (size_t group = 0; group < a->groups; group++)
			run_rows(&v, group, &all, row, next);
	}
}

/* --- as a step of its own --------------------------------------------------------------------- */

/* What one run of the step shares between its work items. */
struct gemm_job {
	const struct gemm_args *a;
	const struct run *run;
	size_t first, rows; /* first picture; rows of all its pictures together */
	size_t row_blocks, panel_blocks;
};

/* Blocks are whole tiles, but for the last row. */
static size_t first_row(const struct gemm_job *job, size_t row_block)
{
	size_t mr = job->a->k->gemm_f32.mr, tiles = (job->rows + mr - 1) / mr;
	size_t row = row_block * tiles / job->row_blocks * mr;
	return row < job->rows ? row : job->rows;
}

static void run_item(void *ctx, size_t item, size_t thread)
{
	const struct gemm_job *job = ctx;
	const struct gemm_args *a = job->a;
	const struct run *run = job->run;
	size_t row_block = item % job->row_blocks, rest = item / job->row_blocks;
	size_t group = rest / job->panel_blocks, panel_block = rest % job->panel_blocks;
	struct panels panels = {panel_block * a->panel_block, panels_of(a)};
	if (panels.end - panels.first > a->panel_block)
		panels.end = panels.first + a->panel_block;
	size_t row = first_row(job, row_block), row_end = first_row(job, row_block + 1);

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
		run_rows(&v, group, &panels, row - first, end - first);
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
	size_t mr = a->k->gemm_f32.mr, tiles = (job.rows + mr - 1) / mr;
	job.row_blocks = tiles < a->row_block ? 1 : (tiles + a->row_block / 2) / a->row_block;
	cnn_parallel_for(run->pool, a->groups * job.panel_blocks * job.row_blocks, run_item, &job);
}

size_t gemm_scratch(const struct gemm_args *a)
{
	size_t gathered = a->gather ? GEMM_MAX_MR * a->taps * a->kc * sizeof(float) : 0;
	return pointer_bytes(a) + gathered;
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
	a->packed_group = gemm_f32_packed_size(&a->k->gemm_f32, a->n, a->taps * a->kc);
	a->panels_first = panel_bytes <= PANEL_IN_L1;
	a->panel_block = l->options->l2_bytes / 2 / (panel_bytes ? panel_bytes : 1);
	if (a->panel_block < 1)
		a->panel_block = 1;
	if (a->panel_block > panels)
		a->panel_block = panels;
	a->row_block = ROW_BLOCK;
	/* Enough items for every thread to get some, first by rows, then by columns. */
	size_t want = l->options->threads_hint > 1 ? 4 * l->options->threads_hint : 1;
	while (a->row_block > 1 && (tiles + a->row_block - 1) / a->row_block < want)
		a->row_block /= 2;
	size_t row_blocks = (tiles + a->row_block - 1) / a->row_block;
	while (a->panel_block > 1 &&
	       a->groups * row_blocks * ((panels + a->panel_block - 1) / a->panel_block) < want)
		a->panel_block /= 2;
}
