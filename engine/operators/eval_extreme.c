/* eval_extreme.c - ArgMax, ArgMin and TopK. Of floats, NaN is the greatest and the least: it is found first. */
#include "engine/operators/eval.h"
#include "engine/operators/numbers.h"

#include <string.h>

/* Does value a come before b? Equal ones do not. */
static bool float_before(float a, float b, bool least)
{
	if (a != a || b != b)
		return a != a && b == b;
	return least ? a < b : a > b;
}

static bool int_before(int64_t a, int64_t b, bool least)
{
	return least ? a < b : a > b;
}

/* Columns of one outer index, a block at a time: best[] goes down the axis with them. */
static void arg_floats(const struct node *n, const float *x, struct axis_view v, int64_t m,
                       int64_t *out)
{
	float best[NUMBERS_BLOCK];
	bool least = n->op == OP_ARG_MIN, last = n->attr.axes.last_index;
	for (int64_t i = 0; i < v.n; i++, x += v.inner) {
		for (int64_t c = 0; c < m; c++) {
			bool before = i == 0 || float_before(x[c], best[c], least);
			if (!before && last)
				before = !float_before(best[c], x[c], least);
			if (before) {
				best[c] = x[c];
				out[c] = i;
			}
		}
	}
}

static void arg_ints(const struct node *n, const struct value *x, int64_t at, struct axis_view v,
                     int64_t m, int64_t *out)
{
	int64_t best[NUMBERS_BLOCK], a[NUMBERS_BLOCK];
	bool least = n->op == OP_ARG_MIN, last = n->attr.axes.last_index;
	enum number_kind kind = number_kind(x->dtype);
	for (int64_t i = 0; i < v.n; i++, at += v.inner) {
		numbers_load_int(x->data, x->dtype, at, 1, m, a);
		for (int64_t c = 0; c < m; c++) {
			int64_t k = number_ordered(kind, a[c]);
			bool before = i == 0 || int_before(k, best[c], least);
			if (before || (last && k == best[c])) {
				best[c] = k;
				out[c] = i;
			}
		}
	}
}

EVAL_RULE(eval_arg)
{
	const struct value *x = graph_in(g, n, 0);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, n->attr.axes.axis, x->rank, &axis, err);
	if (s)
		return s;
	struct axis_view v = axis_view(x, axis);
	int64_t *to = out[0];
	for (int64_t o = 0; o < v.outer; o++) {
		for (int64_t c = 0, m; c < v.inner; c += m, to += m) {
			int64_t at = o * v.n * v.inner + c;
			m = v.inner - c < NUMBERS_BLOCK ? v.inner - c : NUMBERS_BLOCK;
			if (x->dtype == CNN_F32)
				arg_floats(n, (const float *)x->data + at, v, m, to);
			else
				arg_ints(n, x, at, v, m, to);
		}
	}
	return CNN_OK;
}

/* One vector of TopK: elements from[i * step], the indices of the best in heap[k * step]. */
struct top {
	const struct value *x;
	int64_t from, step, k;
	bool least;
	enum number_kind kind;
	int64_t *heap;
};

/* Element a of the vector comes before b; of equals, the one with the lower index. */
static bool before(const struct top *t, int64_t a, int64_t b)
{
	int64_t p = t->from + a * t->step, q = t->from + b * t->step;
	if (t->kind == NUMBER_FLOAT) {
		const float *x = t->x->data;
		if (float_before(x[p], x[q], t->least) || float_before(x[q], x[p], t->least))
			return float_before(x[p], x[q], t->least);
		return a < b;
	}
	int64_t u, v;
	numbers_load_int(t->x->data, t->x->dtype, p, 1, 1, &u);
	numbers_load_int(t->x->data, t->x->dtype, q, 1, 1, &v);
	u = number_ordered(t->kind, u);
	v = number_ordered(t->kind, v);
	return u == v ? a < b : int_before(u, v, t->least);
}

/* Put `index` where entry `at` of a heap of `size` was: each entry comes after its children. */
static void sift(const struct top *t, int64_t at, int64_t size, int64_t index)
{
	for (int64_t child; (child = 2 * at + 1) < size; at = child) {
		if (child + 1 < size &&
		    before(t, t->heap[child * t->step], t->heap[(child + 1) * t->step]))
			child++;
		if (!before(t, index, t->heap[child * t->step]))
			break;
		t->heap[at * t->step] = t->heap[child * t->step];
	}
	t->heap[at * t->step] = index;
}

/* The best k in a heap whose root is the worst of them; then the root goes to the end, again and again. */
static void top_of(const struct top *t, int64_t n)
{
	for (int64_t i = 0; i < t->k; i++)
		t->heap[i * t->step] = i;
	for (int64_t i = t->k / 2; i-- > 0;)
		sift(t, i, t->k, t->heap[i * t->step]);
	for (int64_t i = t->k; i < n; i++)
		if (before(t, i, t->heap[0]))
			sift(t, 0, t->k, i);
	for (int64_t size = t->k - 1; size > 0; size--) {
		int64_t last = t->heap[size * t->step];
		t->heap[size * t->step] = t->heap[0];
		sift(t, 0, size, last);
	}
}

EVAL_RULE(eval_top_k)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, n->attr.axes.axis, x->rank, &axis, err);
	if (s || graph_elements(y) == 0)
		return s;
	struct axis_view v = axis_view(x, axis);
	struct top t = {.x = x, .step = v.inner, .k = y->dim[axis]};
	t.least = n->attr.axes.smallest;
	t.kind = number_kind(x->dtype);
	for (int64_t o = 0; o < v.outer; o++) {
		for (int64_t c = 0; c < v.inner; c++) {
			int64_t to = o * t.k * v.inner + c;
			t.from = o * v.n * v.inner + c;
			t.heap = (int64_t *)out[1] + to;
			top_of(&t, v.n);
			for (int64_t i = 0; i < t.k; i++) {
				int64_t from = t.from + t.heap[i * t.step] * t.step;
				size_t size = cnn_dtype_size(x->dtype);
				memcpy((char *)out[0] + (size_t)(to + i * t.step) * size,
				       (const char *)x->data + (size_t)from * size, size);
			}
		}
	}
	return CNN_OK;
}
