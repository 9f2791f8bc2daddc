/* eval_product.c - matrix products of float32, and of integers modulo 2^bits. */
#include "engine/operators/eval.h"
#include "engine/operators/lanes.h"

/* y[rows][columns] += a * b; how far apart rows, columns and terms of the sums lie in a and b. */
struct product {
	int64_t rows, columns, terms;
	int64_t a_row, a_term, b_term, b_column;
};

#define MULTIPLY(name, type)                                                                     \
	ADD_SCALED(add_##name, type)                                                             \
	static void name(const struct product *p, const void *left, const void *right, void *to) \
	{                                                                                        \
		const type *a = left, *b = right;                                                \
		type *y = to;                                                                    \
		for (int64_t i = 0; i < p->rows; i++, a += p->a_row, y += p->columns) {          \
			if (p->b_column == 1) {                                                  \
				for (int64_t k = 0; k < p->terms; k++)                           \
					add_##name(p->columns, a[k * p->a_term],                 \
					           b + k * p->b_term, y);                        \
				continue;                                                        \
			}                                                                        \
			for (int64_t j = 0; j < p->columns; j++) {                               \
				const type *column = b + j * p->b_column;                        \
				for (int64_t k = 0; k < p->terms; k++)                           \
					y[j] += a[k * p->a_term] * column[k * p->b_term];        \
			}                                                                        \
		}                                                                                \
	}
MULTIPLY(multiply_f32, float)
MULTIPLY(multiply_u32, uint32_t)
MULTIPLY(multiply_u64, uint64_t)

/* Signed integers are multiplied as unsigned ones: the low bits are the same, and they wrap. */
static void multiply(const struct product *p, enum cnn_dtype dtype, const void *a, const void *b,
                     void *y)
{
	if (dtype == CNN_F32)
		multiply_f32(p, a, b, y);
	else if (cnn_dtype_size(dtype) == 4)
		multiply_u32(p, a, b, y);
	else
		multiply_u64(p, a, b, y);
}

/* The batch of an operand's matrices, or one matrix: their shape, broadcast to the output's. */
static struct stride_walk batch_walk(const struct value *v, const struct value *batch,
                                     int64_t matrix)
{
	struct value own = *v;
	own.rank = v->rank > 2 ? v->rank - 2 : 0;
	struct stride_walk w = stride_walk_broadcast(&own, batch);
	for (int32_t i = 0; i < w.rank; i++)
		w.stride[i] *= matrix;
	return w;
}

EVAL_RULE(eval_matmul)
{
	(void)err;
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 1), *y = graph_out(g, n);
	struct product p = {.a_term = 1, .b_column = 1};
	p.terms = a->dim[a->rank - 1];
	p.rows = a->rank > 1 ? a->dim[a->rank - 2] : 1;
	p.columns = b->rank > 1 ? b->dim[b->rank - 1] : 1;
	p.a_row = p.terms;
	p.b_term = p.columns;
	struct value batch = *y;
	batch.rank = y->rank - (a->rank > 1) - (b->rank > 1);
	struct stride_walk left = batch_walk(a, &batch, p.rows * p.terms);
	struct stride_walk right = batch_walk(b, &batch, p.terms * p.columns);
	int64_t size = (int64_t)cnn_dtype_size(a->dtype), matrix = p.rows * p.columns;
	for (int64_t i = 0, count = graph_elements(&batch); i < count && matrix; i++) {
		multiply(&p, a->dtype, (const char *)a->data + left.at * size,
		         (const char *)b->data + right.at * size,
		         (char *)out[0] + i * matrix * size);
		stride_walk_next(&left);
		stride_walk_next(&right);
	}
	return CNN_OK;
}

/* An integer times alpha or beta, without its fraction. */
static int64_t scaled(int64_t x, float by)
{
	double product = (double)x * (double)by;
	const struct value v = {.dtype = CNN_F64, .data = &product};
	return by == 1 ? x : resolve_int(&v, 0);
}

EVAL_RULE(eval_gemm)
{
	(void)err;
	const struct gemm_attr *attr = &n->attr.gemm;
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 1), *c = graph_in(g, n, 2);
	const struct value *y = graph_out(g, n);
	struct product p = {.rows = y->dim[0], .columns = y->dim[1]};
	p.terms = a->dim[attr->trans_a ? 0 : 1];
	p.a_row = attr->trans_a ? 1 : p.terms;
	p.a_term = attr->trans_a ? p.rows : 1;
	p.b_term = attr->trans_b ? 1 : p.columns;
	p.b_column = attr->trans_b ? p.terms : 1;
	multiply(&p, a->dtype, a->data, b->data, out[0]);
	const struct value product = {.dtype = y->dtype, .data = out[0]};
	struct stride_walk w = stride_walk_broadcast(c ? c : y, y);
	for (int64_t i = 0, count = graph_elements(y); i < count; i++, stride_walk_next(&w)) {
		if (y->dtype == CNN_F32) {
			float *to = (float *)out[0] + i;
			*to = attr->alpha * *to;
			if (c)
				*to += attr->beta * ((const float *)c->data)[w.at];
			continue;
		}
		uint64_t sum = (uint64_t)scaled(resolve_int(&product, i), attr->alpha);
		if (c)
			sum += (uint64_t)scaled(resolve_int(c, w.at), attr->beta);
		eval_store_int(out[0], y->dtype, i, (int64_t)sum);
	}
	return CNN_OK;
}
