/* Products of matrices of bytes with constant ones: QLinearMatMul and QGemm, as products of int16 rows. */
#include "engine/kernels/bytes.h"
#include "engine/operators/quantised.h"
#include "engine/plan/lower.h"

#include <string.h>

/* Rows and panels of columns of one item of a parallel loop; rows: a multiple of every kernel's MR. */
enum { ROWS = 48, PANELS = 8 };

struct qmatmul_args {
	struct ref x, y;
	struct gemm_s16 gemm;
	size_t rows, inner, columns, pairs;
	int32_t x_zero;
	bool x_signed;
	const int16_t *packed; /* panels [pairs][NR][2] */
	struct requantise result;
};

struct qmatmul_job {
	const struct qmatmul_args *a;
	const struct run *run;
	size_t first, row_blocks, panel_blocks;
};

static void multiply(const struct qmatmul_args *a, size_t n, size_t from, size_t to,
                     const int16_t *rows, uint8_t *y)
{
	size_t nr = a->gemm.nr, lda = 2 * a->pairs;
	for (size_t j = from * nr; j < to * nr && j < a->columns; j += nr) {
		size_t columns = a->columns - j < nr ? a->columns - j : nr;
		struct requantise r = a->result;
		r.bias += j;
		r.scale += j;
		for (size_t i = 0; i < n; i += a->gemm.mr)
			a->gemm.fn(n - i < a->gemm.mr ? n - i : a->gemm.mr, columns, a->pairs,
			           rows + i * lda, lda, a->packed + j * lda, &r,
			           y + i * a->columns + j, a->columns);
	}
}

static void run_block(void *ctx, size_t item, size_t thread)
{
	const struct qmatmul_job *job = ctx;
	const struct qmatmul_args *a = job->a;
	size_t block = item / job->panel_blocks, panel = item % job->panel_blocks * PANELS;
	size_t picture = job->first + block / job->row_blocks;
	size_t row = block % job->row_blocks * ROWS;
	size_t n = a->rows - row < ROWS ? a->rows - row : ROWS;
	int16_t *rows = (int16_t *)(void *)(job->run->scratch + thread * job->run->scratch_stride);
	const uint8_t *x = (const uint8_t *)ref_at(job->run, &a->x, picture) + row * a->inner;
	uint8_t *y = (uint8_t *)ref_at(job->run, &a->y, picture) + row * a->columns;
	for (size_t i = 0; i < n; i++) {
		int16_t *to = rows + i * 2 * a->pairs;
		to[2 * a->pairs - 1] = 0; /* a last odd number */
		widen_bytes(a->inner, x + i * a->inner, a->x_signed, a->x_zero, to);
	}
	multiply(a, n, panel, panel + PANELS, rows, y);
}

static void run_qmatmul(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct qmatmul_args *a = step->args;
	size_t panels = (a->columns + a->gemm.nr - 1) / a->gemm.nr;
	struct qmatmul_job job = {a, run, first, (a->rows + ROWS - 1) / ROWS,
	                          (panels + PANELS - 1) / PANELS};
	cnn_parallel_for(run->pool, n * job.row_blocks * job.panel_blocks, run_block, &job);
}

static bool pack(struct lowering *l, const struct node *n, struct qmatmul_args *a)
{
	const struct value *w = graph_in(l->g, n, 3), *w_zero = graph_in(l->g, n, 5);
	bool turned = n->op == OP_QGEMM && n->attr.quant.trans_b;
	size_t nr = a->gemm.nr, whole = (a->columns + nr - 1) / nr * nr;
	int16_t *packed = lower_alloc(l, whole * a->pairs, 2 * sizeof *packed);
	if (!packed)
		return false;
	memset(packed, 0, whole * a->pairs * 2 * sizeof *packed);
	for (size_t j = 0; j < a->columns; j++) {
		int16_t *panel = packed + (j / nr * nr * a->pairs + j % nr) * 2;
		int32_t zero = quantised_zero(w_zero, (int64_t)j);
		for (size_t k = 0; k < a->inner; k++) {
			size_t at = turned ? j * a->inner + k : k * a->columns + j;
			panel[k / 2 * nr * 2 + k % 2] =
				(int16_t)(resolve_int(w, (int64_t)at) - zero);
		}
	}
	a->packed = packed;
	return true;
}

/* Bias and scale of each column, with room for a kernel's last ones. */
static bool read_result(struct lowering *l, const struct node *n, struct qmatmul_args *a)
{
	bool gemm = n->op == OP_QGEMM;
	const struct value *w_scale = graph_in(l->g, n, 4),
			   *bias = gemm ? graph_in(l->g, n, 6) : NULL;
	uint32_t y = gemm ? 7 : 6;
	float alpha = gemm ? n->attr.quant.alpha : 1;
	float x_scale = quantised_scale_of(l->g, n, 1), y_scale = quantised_scale_of(l->g, n, y);
	size_t room = a->columns + a->gemm.nr;
	int32_t *sums = lower_alloc(l, room, sizeof *sums);
	float *scales = lower_alloc(l, room, sizeof *scales);
	if (!sums || !scales)
		return false;
	memset(sums, 0, room * sizeof *sums);
	memset(scales, 0, room * sizeof *scales);
	for (size_t j = 0; j < a->columns; j++) {
		if (bias)
			sums[j] = ((const int32_t *)bias->data)[graph_elements(bias) == 1 ? 0 : j];
		scales[j] = alpha * x_scale * quantised_scale(w_scale, (int64_t)j) / y_scale;
	}
	struct quantised_range r =
		quantised_range(graph_out(l->g, n)->dtype, quantised_zero_of(l->g, n, y + 1));
	a->result = (struct requantise){sums, scales, r.zero, r.lo, r.hi};
	return true;
}

enum cnn_status lower_qmatmul(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	struct qmatmul_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	a->gemm = l->k->gemm_s16;
	a->inner = (size_t)x->dim[x->rank - 1];
	a->columns = (size_t)y->dim[y->rank - 1];
	a->rows = (size_t)graph_elements(x) / a->inner;
	a->pairs = (a->inner + 1) / 2;
	a->x_zero = quantised_zero_of(l->g, n, 2);
	a->x_signed = x->dtype == CNN_S8;
	if (!pack(l, n, a) || !read_result(l, n, a))
		return lower_no_memory(n, err);
	lower_scratch(l, ROWS * 2 * a->pairs * sizeof(int16_t));
	enum cnn_status status = lower_step(l, run_qmatmul, a, a->gemm.name, n, n->out[0],
	                                    a->inner * a->columns * sizeof(int16_t), err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
