/* shapes_einsum.c - Einsum. */
#include "engine/operators/einsum.h"
#include "engine/operators/shapes.h"

/* A sum may have this many terms for all outputs together. */
#define EINSUM_MAX_TERMS ((int64_t)1 << 50)

SHAPE_RULE(shape_einsum)
{
	struct einsum e;
	const struct value *x = graph_in(g, n, 0);
	enum cnn_status s = shape_same_types(g, n, err);
	if (!s && x->dtype == CNN_BOOL)
		s = cnn_fail(err, CNN_UNSUPPORTED, "node '%s': Einsum of bool is not supported",
		             n->name);
	if (!s)
		s = einsum_resolve(g, n, &e, err);
	if (s)
		return s;
	int64_t terms = 1;
	for (int32_t i = 0; i < e.n_index; i++)
		if (__builtin_mul_overflow(terms, e.size[i] ? e.size[i] : 1, &terms) ||
		    terms > EINSUM_MAX_TERMS)
			return cnn_fail(err, CNN_UNSUPPORTED,
			                "node '%s': its equation sums too many products", n->name);
	return shape_set(g, n, 0, x->dtype, e.n_out, e.size, err);
}
