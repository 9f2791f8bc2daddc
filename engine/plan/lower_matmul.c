/* Gemm and MatMul: by constant weights as a 1x1 convolution over rows; of two computed
 * matrices by packing the second one as it comes. */
#include "engine/plan/gemm.h"

#include <math.h>

/* y = x * b by the shared loop; b[k * stride_k + j * stride_n] are constant weights. */
static enum cnn_status lower_weights(struct lowering *l, const struct node *n, size_t rows,
                                     size_t k, size_t columns, const float *b, size_t stride_k,
                                     size_t stride_n, const float *bias, struct cnn_error *err)
{
	const struct gemm_f32 *gemm = &l->k->gemm_f32;
	struct gemm_args *a = lower_alloc(l, 1, sizeof *a);
	float *packed = lower_alloc(l, gemm_f32_packed_size(gemm, columns, k), sizeof(float));
	if (!a || !packed)
		return lower_no_memory(n, err);
	gemm_f32_pack(gemm, columns, k, b, stride_k, stride_n, packed);
	a->k = l->k;
	a->window = (struct gemm_window){.pixel = k, .plain = true};
	a->rows = rows;
	a->groups = 1;
	a->taps = 1;
	a->kc = k;
	a->n = a->ldc = columns;
	a->packed = packed;
	a->bias = bias;
	a->has_residual = n->residual != NO_VALUE;
	tail_split(&n->activation, &a->lo, &a->hi, &a->tail);
	gemm_finish(l, a);
	lower_scratch(l, gemm_scratch(a));
	enum cnn_status status = lower_step(l, gemm_step, a, gemm->name, n, n->out[0],
	                                    k * columns * sizeof(float), err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	if (!status && a->has_residual)
		status = lower_read(l, n->residual, &a->residual, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}

/* --- two computed matrices ----------------------------------------------------------- */

struct product_args {
	const struct kernels *k;
	struct ref a, b, y, residual;
	size_t matrices,
		packed_floats; /* in the batch of matrices; of scratch for b, a turned after it */
	bool has_residual;
	size_t m, kk, n;
	bool trans_a, trans_b;
	float alpha;
	const float *bias;
	struct tail tail;
	/* the batch of matrices: how far each step along its dimensions goes in a and b */
	int32_t rank;
	int64_t dim[CNN_MAX_RANK], a_stride[CNN_MAX_RANK], b_stride[CNN_MAX_RANK];
};

static void multiply(const struct product_args *p, const float *a, const float *b, float *packed,
                     float *turned, const float *residual, float *y)
{
	const struct gemm_f32 *gemm = &p->k->gemm_f32;
	gemm_f32_pack(gemm, p->n, p->kk, b, p->trans_b ? 1 : p->n, p->trans_b ? p->kk : 1, packed);
	if (p->trans_a) {
		for (size_t i = 0; i < p->m; i++)
			for (size_t k = 0; k < p->kk; k++)
				turned[i * p->kk + k] = a[k * p->m + i];
		a = turned;
	}
	const float *ptr[GEMM_MAX_MR];
	for (size_t row = 0; row < p->m; row += gemm->mr) {
		size_t m = p->m - row < gemm->mr ? p->m - row : gemm->mr;
		for (size_t i = 0; i < m; i++)
			ptr[i] = a + (row + i) * p->kk;
		for (size_t column = 0; column < p->n; column += gemm->nr) {
			size_t n = p->n - column < gemm->nr ? p->n - column : gemm->nr;
			struct epilogue ep = {.lo = -INFINITY, .hi = INFINITY};
			gemm->fn(m, n, 1, p->kk, ptr, packed + column * p->kk,
			         y + row * p->n + column, p->n, &ep);
		}
	}
	size_t count = p->m * p->n;
	if (p->alpha != 1)
		p->k->unary_f32(UNARY_AFFINE, count, y, p->alpha, 0, y);
	for (size_t row = 0; p->bias && row < p->m; row++)
		p->k->binary_f32(BINARY_ADD, p->n, y + row * p->n, 1, p->bias, 1, y + row * p->n);
	if (residual)
		p->k->binary_f32(BINARY_ADD, count, y, 1, residual, 1, y);
	tail_apply(p->k, &p->tail, count, y);
}

struct product_job {
	const struct product_args *p;
	const struct run *run;
	size_t first;
};

/* One matrix of the batch of matrices of a picture. */
static void run_matrix(void *ctx, size_t item, size_t thread)
{
	const struct product_job *job = ctx;
	const struct product_args *p = job->p;
	size_t picture = job->first + item / p->matrices, matrix = item % p->matrices;
	const float *a = ref_at(job->run, &p->a, picture), *b = ref_at(job->run, &p->b, picture);
	size_t rest = matrix, at = matrix * p->m * p->n;
	for (int32_t d = p->rank - 1; d >= 0; d--) {
		int64_t index = (int64_t)(rest % (size_t)p->dim[d]);
		rest /= (size_t)p->dim[d];
		a += index * p->a_stride[d];
		b += index * p->b_stride[d];
	}
	float *packed = (float *)(void *)(job->run->scratch + thread * job->run->scratch_stride);
	const float *residual =
		p->has_residual ? ref_at(job->run, &p->residual, picture) + at : NULL;
	multiply(p, a, b, packed, packed + p->packed_floats, residual,
	         ref_at(job->run, &p->y, picture) + at);
}

static void run_product(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct product_args *p = step->args;
	struct product_job job = {p, run, first};
	cnn_parallel_for(run->pool, n * p->matrices, run_matrix, &job);
}

static enum cnn_status lower_product(struct lowering *l, const struct node *n,
                                     struct product_args *p, struct cnn_error *err)
{
	p->k = l->k;
	p->tail = tail_of(&n->activation);
	p->has_residual = n->residual != NO_VALUE;
	p->packed_floats = gemm_f32_packed_size(&l->k->gemm_f32, p->n, p->kk);
	p->matrices = 1;
	for (int32_t d = 0; d < p->rank; d++)
		p->matrices *= (size_t)p->dim[d];
	lower_scratch(l, (p->packed_floats + (p->trans_a ? p->m * p->kk : 0)) * sizeof(float));
	enum cnn_status status =
		lower_step(l, run_product, p, l->k->gemm_f32.name, n, n->out[0], 0, err);
	if (!status)
		status = lower_read(l, n->in[0], &p->a, err);
	if (!status)
		status = lower_read(l, n->in[1], &p->b, err);
	if (!status && p->has_residual)
		status = lower_read(l, n->residual, &p->residual, err);
	return status ? status : lower_write(l, n->out[0], &p->y, err);
}

/* beta * C as a bias of `columns` numbers, already known to be constant by row (pass_split_gemm). */
static enum cnn_status gemm_bias(struct lowering *l, const struct node *n, size_t columns,
                                 const float **out, struct cnn_error *err)
{
	const struct value *c = graph_in(l->g, n, 2);
	*out = NULL;
	if (!c)
		return CNN_OK;
	if (!c->data)
		return lower_unsupported(n, "adds a computed bias", err);
	float *bias = lower_alloc(l, columns, sizeof(float));
	if (!bias)
		return lower_no_memory(n, err);
	bool one = graph_elements(c) == 1;
	for (size_t i = 0; i < columns; i++)
		bias[i] = n->attr.gemm.beta * ((const float *)c->data)[one ? 0 : i];
	*out = bias;
	return CNN_OK;
}

enum cnn_status lower_gemm(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct gemm_attr *attr = &n->attr.gemm;
	const struct value *a = graph_in(l->g, n, 0), *b = graph_in(l->g, n, 1),
			   *y = graph_out(l->g, n);
	size_t m = (size_t)y->dim[0], columns = (size_t)y->dim[1];
	size_t k = (size_t)a->dim[attr->trans_a ? 0 : 1];
	const float *bias;
	enum cnn_status status = gemm_bias(l, n, columns, &bias, err);
	if (status)
		return status;
	size_t stride_k = attr->trans_b ? 1 : columns, stride_n = attr->trans_b ? k : 1;
	/* a single row is the same numbers turned or not */
	if (b->data && !a->data && (!attr->trans_a || m == 1)) {
		const float *weights = b->data;
		if (attr->alpha != 1) {
			float *scaled = lower_alloc(l, k * columns, sizeof(float));
			if (!scaled)
				return lower_no_memory(n, err);
			l->k->unary_f32(UNARY_AFFINE, k * columns, weights, attr->alpha, 0, scaled);
			weights = scaled;
		}
		return lower_weights(l, n, m, k, columns, weights, stride_k, stride_n, bias, err);
	}
	struct product_args *p = lower_alloc(l, 1, sizeof *p);
	if (!p)
		return lower_no_memory(n, err);
	p->m = m;
	p->kk = k;
	p->n = columns;
	p->trans_a = attr->trans_a;
	p->trans_b = attr->trans_b;
	p->alpha = attr->alpha;
	p->bias = bias;
	return lower_product(l, n, p, err);
}

/* Strides, in matrices, of an operand over the output's batch dimensions; 0 where it repeats. */
static void batch_strides(const struct value *v, int32_t rank, int64_t matrix,
                          int64_t stride[CNN_MAX_RANK])
{
	int64_t step = matrix;
	for (int32_t d = rank - 1; d >= 0; d--) {
		int32_t axis = d - (rank - (v->rank - 2));
		stride[d] = axis < 0 || v->dim[axis] == 1 ? 0 : step;
		if (axis >= 0)
			step *= v->dim[axis];
	}
}

enum cnn_status lower_matmul(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	struct value a = *graph_in(l->g, n, 0), b = *graph_in(l->g, n, 1);
	const struct value *y = graph_out(l->g, n);
	if (a.rank == 1) { /* a row: [1][k] */
		a.dim[1] = a.dim[0];
		a.dim[0] = 1;
		a.rank = 2;
	}
	if (b.rank == 1) { /* a column: [k][1] */
		b.dim[1] = 1;
		b.rank = 2;
	}
	size_t m = (size_t)a.dim[a.rank - 2], k = (size_t)a.dim[a.rank - 1];
	size_t columns = (size_t)b.dim[b.rank - 1];
	if (b.data && b.rank == 2 && !a.data) {
		size_t rows = (size_t)(graph_elements(y) / (int64_t)columns);
		const struct value *c = graph_in(l->g, n, 2); /* pass_fold_affine's */
		const float *bias = c ? lower_copy(l, c->data, columns * sizeof(float)) : NULL;
		if (c && !bias)
			return lower_no_memory(n, err);
		return lower_weights(l, n, rows, k, columns, b.data, columns, 1, bias, err);
	}
	struct product_args *p = lower_alloc(l, 1, sizeof *p);
	if (!p)
		return lower_no_memory(n, err);
	p->m = m;
	p->kk = k;
	p->n = columns;
	p->alpha = 1;
	p->rank = (a.rank > b.rank ? a.rank : b.rank) - 2;
	batch_strides(&a, p->rank, (int64_t)(m * k), p->a_stride);
	batch_strides(&b, p->rank, (int64_t)(k * columns), p->b_stride);
	for (int32_t d = 0; d < p->rank; d++) {
		int32_t ia = d - (p->rank - (a.rank - 2)), ib = d - (p->rank - (b.rank - 2));
		int64_t da = ia < 0 ? 1 : a.dim[ia], db = ib < 0 ? 1 : b.dim[ib];
		p->dim[d] = da > db ? da : db;
	}
	return lower_product(l, n, p, err);
}
