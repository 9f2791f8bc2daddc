/* eval_qmatmul.c - products of matrices of bytes, exact in 32 bits. */
#include "engine/operators/eval.h"
#include "engine/operators/quantised.h"

/* Columns and rows computed at once; the inner loop is over LANES, which the compiler knows. */
#define COLUMNS 256
#define ROWS    4
#define LANES   16

struct tile {
	uint32_t sum[ROWS][COLUMNS];
	int16_t b[COLUMNS];
};

struct matrix {
	const struct value *v, *zero; /* zero: for each row of the left, each column of the right */
	int64_t row, column;          /* strides */
};

struct problem {
	struct matrix a, b;
	int64_t rows, inner, columns;
	/* What the sums become: */
	const struct value *bias; /* of the result's shape, broadcast */
	const struct value *a_scale, *b_scale;
	float alpha, y_scale;
	struct quantised_range range;
	enum cnn_dtype dtype;
	const struct value *y;
	void *out;
};

static int32_t element(const struct value *v, int64_t i)
{
	return v->dtype == CNN_U8 ? ((const uint8_t *)v->data)[i] : ((const int8_t *)v->data)[i];
}

/* Row k of the right matrix, n columns from `column` on. */
static void load(struct tile *t, const struct matrix *b, int64_t base, int64_t k, int64_t column,
                 int64_t n)
{
	int64_t at = base + k * b->row + column * b->column;
	bool one = !b->zero || graph_elements(b->zero) == 1;
	int32_t zero = quantised_zero(b->zero, 0);
	if (b->column == 1 && one && b->v->dtype == CNN_U8) {
		const uint8_t *from = (const uint8_t *)b->v->data + at;
		for (int64_t i = 0; i < n; i++)
			t->b[i] = (int16_t)(from[i] - zero);
		return;
	}
	for (int64_t i = 0; i < n; i++)
		t->b[i] = (int16_t)(element(b->v, at + i * b->column) -
		                    (one ? zero : quantised_zero(b->zero, column + i)));
}

/* Unsigned sums wrap where signed ones would be undefined. */
static void add_products(struct tile *t, int64_t n, int r, int16_t a)
{
	for (int64_t i = 0; i < n; i += LANES)
		for (int64_t k = 0; k < LANES; k++)
			t->sum[r][i + k] += (uint32_t)((int32_t)t->b[i + k] * a);
}

static int64_t bias_at(const struct problem *p, int64_t row, int64_t column)
{
	const struct value *c = p->bias;
	if (!c)
		return 0;
	int64_t columns = c->rank ? c->dim[c->rank - 1] : 1;
	int64_t rows = c->rank > 1 ? c->dim[c->rank - 2] : 1;
	return ((const int32_t *)
	                c->data)[(rows == 1 ? 0 : row) * columns + (columns == 1 ? 0 : column)];
}

static void store(const struct problem *p, const struct tile *t, int r, int64_t row, int64_t column,
                  int64_t n, int64_t to)
{
	for (int64_t i = 0; i < n; i++) {
		uint32_t bias = (uint32_t)bias_at(p, row, column + i);
		int32_t sum = (int32_t)(t->sum[r][i] + bias);
		if (p->dtype == CNN_S32) {
			((int32_t *)p->out)[to + i] = sum;
			continue;
		}
		float scale = p->alpha * quantised_scale(p->a_scale, row) *
		              quantised_scale(p->b_scale, column + i);
		if (p->dtype == CNN_F32)
			((float *)p->out)[to + i] = (float)sum * scale;
		else
			((uint8_t *)p->out)[to + i] = (uint8_t)quantised_store(
				(float)sum * (scale / p->y_scale), p->range);
	}
}

static void multiply(const struct problem *p, int64_t a_base, int64_t b_base, int64_t to)
{
	struct tile t;
	for (int64_t column = 0; column < p->columns; column += COLUMNS) {
		int64_t n = p->columns - column < COLUMNS ? p->columns - column : COLUMNS;
		int64_t whole = (n + LANES - 1) / LANES * LANES;
		for (int64_t row = 0; row < p->rows; row += ROWS) {
			int count = (int)(p->rows - row < ROWS ? p->rows - row : ROWS);
			memset(&t, 0, sizeof t);
			for (int64_t k = 0; k < p->inner; k++) {
				load(&t, &p->b, b_base, k, column, n);
				for (int r = 0; r < count; r++) {
					int64_t at =
						a_base + (row + r) * p->a.row + k * p->a.column;
					int32_t zero = quantised_zero(p->a.zero, row + r);
					add_products(&t, whole, r,
					             (int16_t)(element(p->a.v, at) - zero));
				}
			}
			for (int r = 0; r < count; r++)
				store(p, &t, r, row + r, column, n,
				      to + (row + r) * p->columns + column);
		}
	}
}

/* numpy's matmul: the axes before the last two broadcast. */
static void multiply_all(struct problem *p)
{
	const struct value *a = p->a.v, *b = p->b.v, *y = p->y;
	p->rows = a->rank > 1 ? a->dim[a->rank - 2] : 1;
	p->inner = a->dim[a->rank - 1];
	p->columns = b->rank > 1 ? b->dim[b->rank - 1] : 1;
	p->a.row = p->inner;
	p->a.column = 1;
	p->b.row = p->columns;
	p->b.column = 1;
	struct value batch = *y, batch_a = *a, batch_b = *b;
	batch.rank = y->rank - (a->rank > 1) - (b->rank > 1);
	batch_a.rank = a->rank > 2 ? a->rank - 2 : 0;
	batch_b.rank = b->rank > 2 ? b->rank - 2 : 0;
	struct stride_walk wa = stride_walk_broadcast(&batch_a, &batch);
	struct stride_walk wb = stride_walk_broadcast(&batch_b, &batch);
	for (int64_t i = 0, count = graph_elements(&batch); i < count; i++) {
		multiply(p, wa.at * p->rows * p->inner, wb.at * p->inner * p->columns,
		         i * p->rows * p->columns);
		stride_walk_next(&wa);
		stride_walk_next(&wb);
	}
}

EVAL_RULE(eval_qlinear_matmul)
{
	(void)err;
	struct problem p = {
		.a = {.v = graph_in(g, n, 0), .zero = graph_in(g, n, 2)},
		.b = {.v = graph_in(g, n, 3), .zero = graph_in(g, n, 5)},
		.a_scale = graph_in(g, n, 1),
		.b_scale = graph_in(g, n, 4),
		.alpha = 1,
		.y_scale = quantised_scale_of(g, n, 6),
		.range = quantised_range(graph_out(g, n)->dtype, quantised_zero_of(g, n, 7)),
		.dtype = graph_out(g, n)->dtype,
		.y = graph_out(g, n),
		.out = out[0],
	};
	multiply_all(&p);
	return CNN_OK;
}

EVAL_RULE(eval_matmul_integer)
{
	(void)err;
	struct problem p = {.a = {.v = graph_in(g, n, 0), .zero = graph_in(g, n, 2)},
	                    .b = {.v = graph_in(g, n, 1), .zero = graph_in(g, n, 3)},
	                    .dtype = CNN_S32,
	                    .y = graph_out(g, n),
	                    .out = out[0]};
	multiply_all(&p);
	return CNN_OK;
}

EVAL_RULE(eval_qgemm)
{
	(void)err;
	const struct quant_attr *attr = &n->attr.quant;
	const struct value *y = graph_out(g, n);
	bool requantised = y->dtype != CNN_F32;
	struct problem p = {
		.a = {.v = graph_in(g, n, 0), .zero = graph_in(g, n, 2)},
		.b = {.v = graph_in(g, n, 3), .zero = graph_in(g, n, 5)},
		.rows = y->dim[0],
		.columns = y->dim[1],
		.bias = graph_in(g, n, 6),
		.a_scale = graph_in(g, n, 1),
		.b_scale = graph_in(g, n, 4),
		.alpha = attr->alpha,
		.dtype = y->dtype,
		.y = y,
		.out = out[0],
	};
	if (requantised) {
		p.y_scale = quantised_scale_of(g, n, 7);
		p.range = quantised_range(y->dtype, quantised_zero_of(g, n, 8));
	}
	p.inner = p.a.v->dim[attr->trans_a ? 0 : 1];
	p.a.row = attr->trans_a ? 1 : p.inner;
	p.a.column = attr->trans_a ? p.rows : 1;
	p.b.row = attr->trans_b ? 1 : p.columns;
	p.b.column = attr->trans_b ? p.inner : 1;
	multiply(&p, 0, 0, 0);
	return CNN_OK;
}
