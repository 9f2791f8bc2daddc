/* shapes_dense.c - matrix products and normalisations. */
#include "engine/operators/shapes.h"

SHAPE_RULE(shape_gemm)
{
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 1), *c = graph_in(g, n, 2);
	const struct gemm_attr *attr = &n->attr.gemm;
	enum cnn_status s = shape_require_f32(g, n, err);
	if (s)
		return s;
	if (a->rank != 2 || b->rank != 2)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': Gemm of %s and %s", n->name,
		                shape_text(a).s, shape_text(b).s);
	int64_t m = a->dim[attr->trans_a ? 1 : 0], k = a->dim[attr->trans_a ? 0 : 1];
	int64_t kb = b->dim[attr->trans_b ? 1 : 0], cols = b->dim[attr->trans_b ? 0 : 1];
	if (k != kb)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': %lld columns of A meet %lld rows of B", n->name,
		                (long long)k, (long long)kb);
	int64_t dim[CNN_MAX_RANK] = {m, cols};
	s = shape_set(g, n, 0, CNN_F32, 2, dim, err);
	if (s || !c)
		return s;
	int32_t rank;
	const struct value *out = graph_out(g, n);
	if (!resolve_broadcast(c, out, &rank, dim) || rank != 2 || dim[0] != m || dim[1] != cols)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': bias %s does not fit %s", n->name,
		                shape_text(c).s, shape_text(out).s);
	return CNN_OK;
}

/* numpy's matmul: a vector is a row on the left and a column on the right. */
SHAPE_RULE(shape_matmul)
{
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 1);
	enum cnn_status s = shape_require_f32(g, n, err);
	if (s)
		return s;
	if (a->rank < 1 || b->rank < 1)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': MatMul of a scalar", n->name);
	int64_t k = a->dim[a->rank - 1], kb = b->dim[b->rank == 1 ? 0 : b->rank - 2];
	struct value batch_a = *a, batch_b = *b;
	batch_a.rank = a->rank > 2 ? a->rank - 2 : 0;
	batch_b.rank = b->rank > 2 ? b->rank - 2 : 0;
	int64_t dim[CNN_MAX_RANK];
	int32_t rank;
	if (k != kb || !resolve_broadcast(&batch_a, &batch_b, &rank, dim))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': MatMul of %s and %s", n->name,
		                shape_text(a).s, shape_text(b).s);
	if (a->rank > 1)
		dim[rank++] = a->dim[a->rank - 2];
	if (b->rank > 1)
		dim[rank++] = b->dim[b->rank - 1];
	return shape_set(g, n, 0, CNN_F32, rank, dim, err);
}

SHAPE_RULE(shape_batch_norm)
{
	static const char *const what[] = {NULL, "scale is", "bias is", "mean is", "variance is"};
	const struct value *x = graph_in(g, n, 0);
	enum cnn_status s = shape_require_f32(g, n, err);
	if (s)
		return s;
	if (x->rank < 2)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': BatchNormalization of a tensor of %d dimensions",
		                n->name, x->rank);
	for (uint32_t i = 1; i < n->n_in; i++) {
		const struct value *p = graph_in(g, n, i);
		s = shape_require_constant(g, n, i, what[i], err);
		if (s)
			return s;
		if (p->rank != 1 || p->dim[0] != x->dim[1])
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': its %s %s for %lld channels", n->name, what[i],
			                shape_text(p).s, (long long)x->dim[1]);
	}
	return shape_set(g, n, 0, CNN_F32, x->rank, x->dim, err);
}

SHAPE_RULE(shape_lrn)
{
	const struct value *x = graph_in(g, n, 0);
	enum cnn_status s = shape_require_f32(g, n, err);
	if (s)
		return s;
	if (x->rank < 2 || n->attr.norm.size < 1)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': LRN of size %lld over a tensor of %d dimensions",
		                n->name, (long long)n->attr.norm.size, x->rank);
	return shape_set(g, n, 0, CNN_F32, x->rank, x->dim, err);
}
