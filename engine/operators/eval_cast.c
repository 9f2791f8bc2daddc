/* eval_cast.c - changes of type. */
#include "engine/operators/eval.h"
#include "engine/operators/numbers.h"

/* Floats truncate towards zero; what does not fit into 64 bits saturates, and then integers are taken modulo
 * 2^bits, as in C. */
EVAL_RULE(eval_cast)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0);
	enum cnn_dtype to = n->attr.cast_to;
	bool floats = x->dtype == CNN_F32 || to == CNN_F32;
	for (int64_t at = 0, m, count = graph_elements(x); at < count; at += m) {
		m = count - at < NUMBERS_BLOCK ? count - at : NUMBERS_BLOCK;
		if (to == CNN_F32 && x->dtype != CNN_F32) {
			/* Through double, a large integer would be rounded twice. */
			int64_t v[NUMBERS_BLOCK];
			float *y = (float *)out[0] + at;
			numbers_load_int(x->data, x->dtype, at, 1, m, v);
			for (int64_t i = 0; i < m; i++)
				y[i] = x->dtype == CNN_U64 ? (float)(uint64_t)v[i] : (float)v[i];
		} else if (floats) {
			double v[NUMBERS_BLOCK];
			numbers_load_double(x->data, x->dtype, at, 1, m, v);
			numbers_store_double(out[0], to, at, 1, m, v);
		} else {
			int64_t v[NUMBERS_BLOCK];
			numbers_load_int(x->data, x->dtype, at, 1, m, v);
			numbers_store_int(out[0], to, at, 1, m, v);
		}
	}
	return CNN_OK;
}
