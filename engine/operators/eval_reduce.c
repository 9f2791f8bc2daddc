/* eval_reduce.c - Reduce*: floats and what has a logarithm or a root in double, other integers in 64 bits. */
#include "engine/operators/eval.h"
#include "engine/operators/numbers.h"

#include <math.h>

/* Axes of the input that stay and that go, outermost first. Along the innermost, `row` outputs lie side by side
 * when it stays (row_in 1), and `run` inputs are folded at once when it goes. */
struct reduction {
	const struct node *node;
	const struct value *x, *y;
	void *out;
	int32_t kept, gone;
	int64_t kept_dim[CNN_MAX_RANK], kept_in[CNN_MAX_RANK];
	int64_t gone_dim[CNN_MAX_RANK], gone_in[CNN_MAX_RANK];
	int64_t row, run, terms;
	enum number_kind kind;
};

/* An odometer's offset over dim[]; false after the last index. */
static bool advance(int32_t rank, const int64_t *dim, const int64_t *stride, int64_t *index,
                    int64_t *at)
{
	for (int32_t d = rank - 1; d >= 0; d--) {
		*at += stride[d];
		if (++index[d] < dim[d])
			return true;
		*at -= stride[d] * dim[d];
		index[d] = 0;
	}
	return false;
}

static bool in_double(const struct reduction *r)
{
	enum op op = r->node->op;
	return r->x->dtype == CNN_F32 || op == OP_REDUCE_L2 || op == OP_REDUCE_LOG_SUM ||
	       op == OP_REDUCE_LOG_SUM_EXP;
}

static double fold(enum op op, double acc, double v, double shift)
{
	switch (op) {
	case OP_REDUCE_MAX:
		return v > acc || v != v ? v : acc;
	case OP_REDUCE_MIN:
		return v < acc || v != v ? v : acc;
	case OP_REDUCE_PROD:
		return acc * v;
	case OP_REDUCE_L1:
		return acc + fabs(v);
	case OP_REDUCE_L2:
	case OP_REDUCE_SUM_SQUARE:
		return acc + v * v;
	case OP_REDUCE_LOG_SUM_EXP:
		return acc + exp(v - shift);
	default:
		return acc + v;
	}
}

static double neutral(enum op op)
{
	return op == OP_REDUCE_MAX   ? -INFINITY
	       : op == OP_REDUCE_MIN ? INFINITY
	                             : op == OP_REDUCE_PROD;
}

static double finish(const struct reduction *r, double acc, double shift)
{
	switch (r->node->op) {
	case OP_REDUCE_MEAN:
		return acc / (double)r->terms;
	case OP_REDUCE_L2:
		return sqrt(acc);
	case OP_REDUCE_LOG_SUM:
		return log(acc);
	case OP_REDUCE_LOG_SUM_EXP:
		return shift + log(acc);
	default:
		return acc;
	}
}

/* acc[i] = fold of all that goes into output i of m, the first's input being at `from`. */
static void fold_doubles(const struct reduction *r, enum op op, int64_t from, int64_t m,
                         const double *shift, double *acc)
{
	int64_t index[CNN_MAX_RANK] = {0}, at = from;
	double v[NUMBERS_BLOCK];
	for (int64_t i = 0; i < m; i++)
		acc[i] = neutral(op);
	do {
		for (int64_t k = 0, n; k < r->run; k += n) {
			n = r->run - k < NUMBERS_BLOCK ? r->run - k : NUMBERS_BLOCK;
			numbers_load_double(r->x->data, r->x->dtype, at + k, 1, n * m, v);
			for (int64_t i = 0; i < n * m; i++) {
				int64_t to = n == 1 ? i : 0;
				acc[to] = fold(op, acc[to], v[i], shift[to]);
			}
		}
	} while (advance(r->gone, r->gone_dim, r->gone_in, index, &at));
}

static void reduce_doubles(const struct reduction *r, int64_t from, int64_t to, int64_t m)
{
	double shift[NUMBERS_BLOCK] = {0}, acc[NUMBERS_BLOCK] = {0};
	/* Less their maximum, no exponential overflows. */
	if (r->node->op == OP_REDUCE_LOG_SUM_EXP && r->terms)
		fold_doubles(r, OP_REDUCE_MAX, from, m, acc, shift);
	for (int64_t i = 0; i < m; i++)
		shift[i] = isinf(shift[i]) ? 0 : shift[i];
	if (r->terms)
		fold_doubles(r, r->node->op, from, m, shift, acc);
	else
		for (int64_t i = 0; i < m; i++)
			acc[i] = neutral(r->node->op);
	for (int64_t i = 0; i < m; i++)
		acc[i] = finish(r, acc[i], shift[i]);
	numbers_store_double(r->out, r->y->dtype, to, 1, m, acc);
}

/* Unsigned arithmetic wraps. */
static int64_t fold_int(const struct reduction *r, int64_t acc, int64_t v)
{
	uint64_t a = (uint64_t)acc, b = (uint64_t)v;
	switch (r->node->op) {
	case OP_REDUCE_MAX:
		return number_ordered(r->kind, v) > number_ordered(r->kind, acc) ? v : acc;
	case OP_REDUCE_MIN:
		return number_ordered(r->kind, v) < number_ordered(r->kind, acc) ? v : acc;
	case OP_REDUCE_PROD:
		return (int64_t)(a * b);
	case OP_REDUCE_L1:
		return (int64_t)(r->kind == NUMBER_SIGNED && v < 0 ? a - b : a + b);
	case OP_REDUCE_SUM_SQUARE:
		return (int64_t)(a + b * b);
	default:
		return (int64_t)(a + b);
	}
}

/* The least and the greatest of a type, as 64 bits. */
static int64_t extreme(enum cnn_dtype dtype, bool greatest)
{
	unsigned bits = 8 * (unsigned)cnn_dtype_size(dtype);
	if (dtype == CNN_BOOL)
		return greatest;
	if (number_kind(dtype) == NUMBER_UNSIGNED)
		return greatest ? (int64_t)(UINT64_MAX >> (64 - bits)) : 0;
	int64_t most = (int64_t)(UINT64_MAX >> (65 - bits));
	return greatest ? most : -most - 1;
}

static int64_t neutral_int(const struct reduction *r)
{
	enum op op = r->node->op;
	if (op == OP_REDUCE_MAX || op == OP_REDUCE_MIN)
		return extreme(r->x->dtype, op == OP_REDUCE_MIN);
	return op == OP_REDUCE_PROD;
}

static void reduce_ints(const struct reduction *r, int64_t from, int64_t to, int64_t m)
{
	int64_t index[CNN_MAX_RANK] = {0}, at = from, v[NUMBERS_BLOCK], acc[NUMBERS_BLOCK];
	for (int64_t i = 0; i < m; i++)
		acc[i] = neutral_int(r);
	do {
		for (int64_t k = 0, n; k < r->run && r->terms; k += n) {
			n = r->run - k < NUMBERS_BLOCK ? r->run - k : NUMBERS_BLOCK;
			numbers_load_int(r->x->data, r->x->dtype, at + k, 1, n * m, v);
			for (int64_t i = 0; i < n * m; i++) {
				int64_t o = n == 1 ? i : 0;
				acc[o] = fold_int(r, acc[o], v[i]);
			}
		}
	} while (advance(r->gone, r->gone_dim, r->gone_in, index, &at));
	for (int64_t i = 0; i < m && r->node->op == OP_REDUCE_MEAN; i++)
		acc[i] = r->kind == NUMBER_UNSIGNED
		                 ? (int64_t)((uint64_t)acc[i] / (uint64_t)r->terms)
		                 : acc[i] / r->terms;
	numbers_store_int(r->out, r->y->dtype, to, 1, m, acc);
}

static void set_axes(struct reduction *r, const bool reduced[CNN_MAX_RANK])
{
	int64_t stride[CNN_MAX_RANK];
	stride_row_major(r->x->rank, r->x->dim, stride);
	r->row = r->run = r->terms = 1;
	for (int32_t i = 0; i < r->x->rank; i++) {
		int64_t dim = r->x->dim[i];
		bool last = i == r->x->rank - 1;
		r->terms *= reduced[i] ? dim : 1;
		if (last && reduced[i]) {
			r->run = dim;
		} else if (last) {
			r->row = dim;
		} else if (reduced[i]) {
			r->gone_dim[r->gone] = dim;
			r->gone_in[r->gone++] = stride[i];
		} else {
			r->kept_dim[r->kept] = dim;
			r->kept_in[r->kept++] = stride[i];
		}
	}
}

EVAL_RULE(eval_reduce)
{
	bool reduced[CNN_MAX_RANK];
	struct reduction r = {
		.node = n, .x = graph_in(g, n, 0), .y = graph_out(g, n), .out = out[0]};
	enum cnn_status s = resolve_reduced(g, n, reduced, err);
	if (s || graph_elements(r.y) == 0)
		return s;
	set_axes(&r, reduced);
	r.kind = number_kind(r.x->dtype);
	int64_t index[CNN_MAX_RANK] = {0}, from = 0, to = 0;
	do {
		for (int64_t i = 0, m; i < r.row; i += m, to += m) {
			m = r.row - i < NUMBERS_BLOCK ? r.row - i : NUMBERS_BLOCK;
			if (in_double(&r))
				reduce_doubles(&r, from + i, to, m);
			else
				reduce_ints(&r, from + i, to, m);
		}
	} while (advance(r.kept, r.kept_dim, r.kept_in, index, &from));
	return CNN_OK;
}
