/* eval_einsum.c - sums of products over all of an equation's indices, for any equation. */
#include "engine/operators/einsum.h"
#include "engine/operators/eval.h"

#include <string.h>

/* A walk over the indices first .. end-1, the last one fastest, of all operands at once. */
struct walk {
	const struct einsum *e;
	int32_t first, end;
	int64_t index[EINSUM_MAX_INDICES];
};

static void walk_next(struct walk *w, int64_t at[EINSUM_MAX_OPERANDS])
{
	const struct einsum *e = w->e;
	for (int32_t i = w->end - 1; i >= w->first; i--) {
		bool more = ++w->index[i] < e->size[i];
		int64_t by = more ? 1 : 1 - e->size[i];
		for (uint32_t k = 0; k < e->n_operand; k++)
			at[k] += by * e->stride[k][i];
		if (more)
			return;
		w->index[i] = 0;
	}
}

static int64_t walk_count(const struct walk *w)
{
	int64_t count = 1;
	for (int32_t i = w->first; i < w->end; i++)
		count *= w->e->size[i];
	return count;
}

static double product_f32(const struct value *const *v, const struct einsum *e, const int64_t at[])
{
	double product = 1;
	for (uint32_t k = 0; k < e->n_operand; k++)
		product *= (double)((const float *)v[k]->data)[at[k]];
	return product;
}

static uint64_t product_int(const struct value *const *v, const struct einsum *e,
                            const int64_t at[])
{
	uint64_t product = 1;
	for (uint32_t k = 0; k < e->n_operand; k++)
		product *= (uint64_t)resolve_int(v[k], at[k]);
	return product;
}

/* The sum over the last index alone, and `at` stays. */
static double row_f32(const struct value *const *v, const struct einsum *e, int32_t last,
                      const int64_t at[])
{
	double sum = 0;
	if (e->n_operand == 2) {
		const float *a = (const float *)v[0]->data + at[0];
		const float *b = (const float *)v[1]->data + at[1];
		for (int64_t i = 0; i < e->size[last]; i++)
			sum += (double)a[i * e->stride[0][last]] *
			       (double)b[i * e->stride[1][last]];
		return sum;
	}
	int64_t here[EINSUM_MAX_OPERANDS];
	memcpy(here, at, sizeof here);
	for (int64_t i = 0; i < e->size[last]; i++) {
		sum += product_f32(v, e, here);
		for (uint32_t k = 0; k < e->n_operand; k++)
			here[k] += e->stride[k][last];
	}
	return sum;
}

EVAL_RULE(eval_einsum)
{
	struct einsum e;
	enum cnn_status s = einsum_resolve(g, n, &e, err);
	if (s)
		return s;
	const struct value *v[EINSUM_MAX_OPERANDS];
	for (uint32_t k = 0; k < n->n_in; k++)
		v[k] = graph_in(g, n, k);
	const struct value *y = graph_out(g, n);
	bool whole = y->dtype != CNN_F32;
	int64_t at[EINSUM_MAX_OPERANDS] = {0};
	struct walk outer = {.e = &e, .end = e.n_out};
	/* floats sum rows along the last index */
	bool rows = !whole && e.n_index > e.n_out;
	struct walk inner = {.e = &e, .first = e.n_out, .end = e.n_index - rows};
	int64_t terms = walk_count(&inner);
	for (int64_t i = 0, count = graph_elements(y); i < count; i++, walk_next(&outer, at)) {
		double sum = 0;
		uint64_t sum_int = 0;
		for (int64_t t = 0; t < terms; t++, walk_next(&inner, at)) {
			if (whole)
				sum_int += product_int(v, &e, at);
			else
				sum += rows ? row_f32(v, &e, e.n_index - 1, at)
				            : product_f32(v, &e, at);
		}
		if (whole)
			eval_store_int(out[0], y->dtype, i, (int64_t)sum_int);
		else
			((float *)out[0])[i] = (float)sum;
	}
	return CNN_OK;
}
