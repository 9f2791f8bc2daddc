/* eval_select.c - Where and Clip. */
#include "engine/operators/eval.h"
#include "engine/operators/numbers.h"

#define SELECT(type)                                                               \
	for (int64_t i = 0; i < w.row; i++)                                        \
		((type *)out[0])[to + i] =                                         \
			choose[w.at[0] + i * w.step[0]]                            \
				? ((const type *)x->data)[w.at[1] + i * w.step[1]] \
				: ((const type *)y->data)[w.at[2] + i * w.step[2]];

EVAL_RULE(eval_where)
{
	(void)err;
	const struct value *condition = graph_in(g, n, 0), *x = graph_in(g, n, 1),
			   *y = graph_in(g, n, 2);
	struct broadcast w =
		broadcast_begin(graph_out(g, n), 3, (const struct value *const[]){condition, x, y});
	const uint8_t *choose = condition->data;
	int64_t to = 0;
	do {
		switch (cnn_dtype_size(x->dtype)) {
		case 1:
			SELECT(uint8_t)
			break;
		case 2:
			SELECT(uint16_t)
			break;
		case 4:
			SELECT(uint32_t)
			break;
		default:
			SELECT(uint64_t)
		}
		to += w.row;
	} while (broadcast_next(&w));
	return CNN_OK;
}

#undef SELECT

static void clip_floats(int64_t count, const float *x, const float *lo, const float *hi, float *y)
{
	for (int64_t i = 0; i < count; i++) {
		float v = x[i];
		v = lo && v < *lo ? *lo : v;
		y[i] = hi && v > *hi ? *hi : v;
	}
}

/* The bounds may come from another node: they are read when it has run. */
EVAL_RULE(eval_clip)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0), *lo = graph_in(g, n, 1), *hi = graph_in(g, n, 2);
	int64_t count = graph_elements(x);
	if (x->dtype == CNN_F32) {
		clip_floats(count, x->data, lo ? lo->data : NULL, hi ? hi->data : NULL, out[0]);
		return CNN_OK;
	}
	enum number_kind kind = number_kind(x->dtype);
	int64_t least = 0, most = 0;
	if (lo)
		numbers_load_int(lo->data, lo->dtype, 0, 1, 1, &least);
	if (hi)
		numbers_load_int(hi->data, hi->dtype, 0, 1, 1, &most);
	for (int64_t at = 0; at < count; at += NUMBERS_BLOCK) {
		int64_t v[NUMBERS_BLOCK],
			m = count - at < NUMBERS_BLOCK ? count - at : NUMBERS_BLOCK;
		numbers_load_int(x->data, x->dtype, at, 1, m, v);
		for (int64_t i = 0; i < m; i++) {
			if (lo && number_ordered(kind, v[i]) < number_ordered(kind, least))
				v[i] = least;
			if (hi && number_ordered(kind, v[i]) > number_ordered(kind, most))
				v[i] = most;
		}
		numbers_store_int(out[0], x->dtype, at, 1, m, v);
	}
	return CNN_OK;
}
