/* shapes_dense.c - matrix products. */
#include "engine/operators/shapes.h"

/* float32, or integers of 32 and 64 bits. */
static enum cnn_status check_types(const struct graph *g, const struct node *n,
                                   struct cnn_error *err)
{
	enum cnn_dtype dtype = graph_in(g, n, 0)->dtype;
	bool whole = dtype == CNN_S32 || dtype == CNN_U32 || dtype == CNN_S64 || dtype == CNN_U64;
	return whole ? shape_same_types(g, n, err) : shape_require_f32(g, n, err);
}

SHAPE_RULE(shape_gemm)
{
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 1), *c = graph_in(g, n, 2);
	const struct gemm_attr *attr = &n->attr.gemm;
	enum cnn_status s = check_types(g, n, err);
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
	s = shape_set(g, n, 0, a->dtype, 2, dim, err);
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
	enum cnn_status s = check_types(g, n, err);
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
	return shape_set(g, n, 0, a->dtype, rank, dim, err);
}
