/* eval_binary.c - functions of two numbers, and folds of more, broadcast. */
#include "engine/operators/eval.h"
#include "engine/operators/numbers.h"

#include <math.h>
#include <string.h>

static float compute(enum op op, float a, float b)
{
	switch (op) {
	case OP_SUB:
		return a - b;
	case OP_MUL:
		return a * b;
	case OP_DIV:
		return a / b;
	case OP_POW:
		return powf(a, b);
	case OP_MOD:
		return fmodf(a, b);
	case OP_MIN:
		return b < a || b != b ? b : a;
	case OP_MAX:
		return b > a || b != b ? b : a;
	case OP_PRELU:
		return a < 0 ? a * b : a;
	default:
		return a + b; /* Add, Sum, Mean */
	}
}

static int64_t power(int64_t base, int64_t exponent, enum number_kind kind)
{
	if (exponent < 0 && kind == NUMBER_SIGNED)
		return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
	uint64_t result = 1, b = (uint64_t)base;
	for (uint64_t e = (uint64_t)exponent; e; e >>= 1, b *= b)
		if (e & 1)
			result *= b;
	return (int64_t)result;
}

/* b is not 0. The result truncates towards zero. */
static int64_t divide(int64_t a, int64_t b, enum number_kind kind)
{
	if (kind == NUMBER_UNSIGNED)
		return (int64_t)((uint64_t)a / (uint64_t)b);
	return b == -1 ? (int64_t) - (uint64_t)a : a / b;
}

/* b is not 0. Python's remainder has b's sign, C's has a's. */
static int64_t remainder_of(int64_t a, int64_t b, enum number_kind kind, bool as_c)
{
	if (kind == NUMBER_UNSIGNED)
		return (int64_t)((uint64_t)a % (uint64_t)b);
	int64_t r = b == -1 ? 0 : a % b;
	return r && !as_c && (r < 0) != (b < 0) ? r + b : r;
}

/* Bits shifted out are gone, also all of them. */
static int64_t shift(int64_t a, int64_t by, bool left)
{
	if ((uint64_t)by > 63)
		return 0;
	return (int64_t)(left ? (uint64_t)a << by : (uint64_t)a >> by);
}

/* Unsigned arithmetic wraps where signed would be undefined. */
static int64_t compute_int(const struct node *n, enum number_kind kind, int64_t a, int64_t b)
{
	switch (n->op) {
	case OP_SUB:
		return (int64_t)((uint64_t)a - (uint64_t)b);
	case OP_MUL:
		return (int64_t)((uint64_t)a * (uint64_t)b);
	case OP_DIV:
		return divide(a, b, kind);
	case OP_POW:
		return power(a, b, kind);
	case OP_MOD:
		return remainder_of(a, b, kind, n->attr.flag.on);
	case OP_BIT_SHIFT:
		return shift(a, b, n->attr.flag.on);
	case OP_MIN:
		return number_ordered(kind, b) < number_ordered(kind, a) ? b : a;
	case OP_MAX:
		return number_ordered(kind, b) > number_ordered(kind, a) ? b : a;
	case OP_PRELU:
		return kind == NUMBER_SIGNED && a < 0 ? (int64_t)((uint64_t)a * (uint64_t)b) : a;
	case OP_AND:
		return a & b;
	case OP_OR:
		return a | b;
	case OP_XOR:
		return a ^ b;
	default:
		return (int64_t)((uint64_t)a + (uint64_t)b);
	}
}

/* A block of a row: m elements of a and b, to out[to..]. */
struct block {
	const struct value *a, *b;
	int64_t a_at, a_step, b_at, b_step, m;
	enum cnn_dtype dtype; /* of the output */
	void *out;
	int64_t to;
};

static void block_floats(const struct node *n, const struct block *k)
{
	float a[NUMBERS_BLOCK], b[NUMBERS_BLOCK], *to = (float *)k->out + k->to;
	numbers_load_float(k->a->data, k->a_at, k->a_step, k->m, a);
	numbers_load_float(k->b->data, k->b_at, k->b_step, k->m, b);
	for (int64_t i = 0; i < k->m; i++)
		to[i] = compute(n->op, a[i], b[i]);
}

static enum cnn_status block_ints(const struct node *n, const struct block *k,
                                  struct cnn_error *err)
{
	int64_t a[NUMBERS_BLOCK], b[NUMBERS_BLOCK];
	enum number_kind kind = number_kind(k->dtype);
	bool divides = n->op == OP_DIV || n->op == OP_MOD;
	numbers_load_int(k->a->data, k->a->dtype, k->a_at, k->a_step, k->m, a);
	numbers_load_int(k->b->data, k->b->dtype, k->b_at, k->b_step, k->m, b);
	if (n->op == OP_POW) /* whether an exponent is negative is its own type's matter */
		kind = number_kind(k->b->dtype);
	for (int64_t i = 0; i < k->m; i++) {
		if (divides && b[i] == 0)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': integer division by zero",
			                n->name);
		a[i] = compute_int(n, kind, a[i], b[i]);
	}
	numbers_store_int(k->out, k->dtype, k->to, 1, k->m, a);
	return CNN_OK;
}

/* Pow of two types. */
static void block_powers(const struct block *k)
{
	double a[NUMBERS_BLOCK], b[NUMBERS_BLOCK];
	numbers_load_double(k->a->data, k->a->dtype, k->a_at, k->a_step, k->m, a);
	numbers_load_double(k->b->data, k->b->dtype, k->b_at, k->b_step, k->m, b);
	for (int64_t i = 0; i < k->m; i++)
		a[i] = pow(a[i], b[i]);
	numbers_store_double(k->out, k->dtype, k->to, 1, k->m, a);
}

/* out = a op b; a may be what is in out. */
static enum cnn_status fold_pair(const struct node *n, const struct value *a, const struct value *b,
                                 const struct value *y, void *out, struct cnn_error *err)
{
	struct broadcast w = broadcast_begin(y, 2, (const struct value *const[]){a, b});
	bool floats = a->dtype == CNN_F32 && b->dtype == CNN_F32;
	bool mixed = !floats && (a->dtype == CNN_F32 || b->dtype == CNN_F32);
	struct block k = {.a = a, .b = b, .dtype = y->dtype, .out = out};
	k.a_step = w.step[0];
	k.b_step = w.step[1];
	do {
		for (int64_t at = 0; at < w.row; at += k.m, k.to += k.m) {
			k.m = w.row - at < NUMBERS_BLOCK ? w.row - at : NUMBERS_BLOCK;
			k.a_at = w.at[0] + at * k.a_step;
			k.b_at = w.at[1] + at * k.b_step;
			enum cnn_status s = CNN_OK;
			if (floats)
				block_floats(n, &k);
			else if (mixed)
				block_powers(&k);
			else
				s = block_ints(n, &k, err);
			if (s)
				return s;
		}
	} while (broadcast_next(&w));
	return CNN_OK;
}

/* Mean: what was summed over `terms`. */
static void divide_all(const struct value *y, void *data, int64_t terms)
{
	for (int64_t at = 0, count = graph_elements(y); at < count; at += NUMBERS_BLOCK) {
		int64_t v[NUMBERS_BLOCK],
			m = count - at < NUMBERS_BLOCK ? count - at : NUMBERS_BLOCK;
		if (y->dtype == CNN_F32) {
			for (int64_t i = 0; i < m; i++)
				((float *)data)[at + i] /= (float)terms;
			continue;
		}
		numbers_load_int(data, y->dtype, at, 1, m, v);
		for (int64_t i = 0; i < m; i++)
			v[i] = divide(v[i], terms, number_kind(y->dtype));
		numbers_store_int(data, y->dtype, at, 1, m, v);
	}
}

EVAL_RULE(eval_fold)
{
	const struct value *y = graph_out(g, n);
	struct value left = *graph_in(g, n, 0);
	size_t bytes = (size_t)graph_elements(y) * cnn_dtype_size(y->dtype);
	if (n->n_in == 1 && bytes)
		memcpy(out[0], left.data, bytes);
	for (uint32_t i = 1; i < n->n_in; i++) {
		enum cnn_status s = fold_pair(n, &left, graph_in(g, n, i), y, out[0], err);
		if (s)
			return s;
		left = *y;
		left.data = out[0];
	}
	if (n->op == OP_MEAN)
		divide_all(y, out[0], n->n_in);
	return CNN_OK;
}

#define COMPARE(name, test)                                \
	case name:                                         \
		for (int64_t i = 0; i < m; i++)            \
			to[i] = (uint8_t)(a[i] test b[i]); \
		break;
#define COMPARE_ALL                              \
	switch (op) {                            \
		COMPARE(OP_EQUAL, ==)            \
		COMPARE(OP_GREATER, >)           \
		COMPARE(OP_GREATER_OR_EQUAL, >=) \
		COMPARE(OP_LESS, <)              \
		COMPARE(OP_LESS_OR_EQUAL, <=)    \
	default:                                 \
		break;                           \
	}

static void compare_floats(enum op op, int64_t m, const float *a, const float *b, uint8_t *to)
{
	COMPARE_ALL
}

static void compare_ints(enum op op, int64_t m, const int64_t *a, const int64_t *b,
                         uint8_t *to){COMPARE_ALL}

#undef COMPARE
#undef COMPARE_ALL

EVAL_RULE(eval_compare)
{
	(void)err;
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 1);
	struct broadcast w =
		broadcast_begin(graph_out(g, n), 2, (const struct value *const[]){a, b});
	enum number_kind kind = number_kind(a->dtype);
	uint8_t *to = out[0];
	do {
		for (int64_t at = 0, m; at < w.row; at += m, to += m) {
			float fa[NUMBERS_BLOCK], fb[NUMBERS_BLOCK];
			int64_t ia[NUMBERS_BLOCK], ib[NUMBERS_BLOCK];
			int64_t p = w.at[0] + at * w.step[0], q = w.at[1] + at * w.step[1];
			m = w.row - at < NUMBERS_BLOCK ? w.row - at : NUMBERS_BLOCK;
			if (kind == NUMBER_FLOAT) {
				numbers_load_float(a->data, p, w.step[0], m, fa);
				numbers_load_float(b->data, q, w.step[1], m, fb);
				compare_floats(n->op, m, fa, fb, to);
				continue;
			}
			numbers_load_int(a->data, a->dtype, p, w.step[0], m, ia);
			numbers_load_int(b->data, b->dtype, q, w.step[1], m, ib);
			for (int64_t i = 0; i < m; i++) {
				ia[i] = number_ordered(kind, ia[i]);
				ib[i] = number_ordered(kind, ib[i]);
			}
			compare_ints(n->op, m, ia, ib, to);
		}
	} while (broadcast_next(&w));
	return CNN_OK;
}
