/* shapes_norm.c - normalisations. */
#include "engine/operators/shapes.h"

/* A float32 tensor of at least that many dimensions, with the output's shape that of the input. */
static enum cnn_status same_shape(struct graph *g, const struct node *n, int32_t min_rank,
                                  struct cnn_error *err)
{
	const struct value *x = graph_in(g, n, 0);
	enum cnn_status s = shape_require_f32(g, n, err);
	if (!s && x->rank < min_rank)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s of a tensor of %d dimensions",
		             n->name, op_table[n->op].onnx_name, x->rank);
	return s ? s : shape_set(g, n, 0, CNN_F32, x->rank, x->dim, err);
}

/* Every input but the first is a list of `count` numbers. */
static enum cnn_status check_lists(const struct graph *g, const struct node *n, int64_t count,
                                   const char *of, struct cnn_error *err)
{
	static const char *const what[] = {NULL, "scale", "bias", "mean", "variance"};
	for (uint32_t i = 1; i < n->n_in; i++) {
		const struct value *p = graph_in(g, n, i);
		if (p->rank != 1 || p->dim[0] != count)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its %s is %s for %lld %s",
			                n->name, what[i], shape_text(p).s, (long long)count, of);
	}
	return CNN_OK;
}

SHAPE_RULE(shape_batch_norm)
{
	const struct value *x = graph_in(g, n, 0);
	enum cnn_status s = same_shape(g, n, 1, err);
	return s ? s : check_lists(g, n, x->rank > 1 ? x->dim[1] : 1, "channels", err);
}

SHAPE_RULE(shape_instance_norm)
{
	enum cnn_status s = same_shape(g, n, 3, err);
	return s ? s : check_lists(g, n, graph_in(g, n, 0)->dim[1], "channels", err);
}

SHAPE_RULE(shape_group_norm)
{
	const struct value *x = graph_in(g, n, 0);
	const struct norm_attr *a = &n->attr.norm;
	enum cnn_status s = same_shape(g, n, 3, err);
	if (!s && (a->groups < 1 || x->dim[1] % a->groups != 0))
		s = cnn_fail(err, CNN_BAD_MODEL,
		             "node '%s': num_groups %lld does not divide %lld channels", n->name,
		             (long long)a->groups, (long long)x->dim[1]);
	if (!s && a->by_group)
		return check_lists(g, n, a->groups, "groups", err);
	return s ? s : check_lists(g, n, x->dim[1], "channels", err);
}

/* Scale and bias broadcast to the input. Mean and deviation keep the normalised axes, with one element. */
SHAPE_RULE(shape_layer_norm)
{
	static const char *const what[] = {NULL, "scale", "bias"};
	const struct value *x = graph_in(g, n, 0);
	int32_t axis = 0;
	enum cnn_status s = same_shape(g, n, 1, err);
	if (!s)
		s = resolve_axis(n, n->attr.norm.axis, x->rank, &axis, err);
	int64_t dim[CNN_MAX_RANK];
	for (uint32_t i = 1; i < n->n_in && !s; i++) {
		const struct value *p = graph_in(g, n, i);
		int32_t rank;
		bool fits = !p || (resolve_broadcast(x, p, &rank, dim) && rank == x->rank);
		for (int32_t d = 0; p && fits && d < rank; d++)
			fits = dim[d] == x->dim[d];
		if (!fits)
			s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s %s does not fit %s",
			             n->name, what[i], shape_text(p).s, shape_text(x).s);
	}
	for (int32_t d = 0; d < x->rank; d++)
		dim[d] = d < axis ? x->dim[d] : 1;
	for (uint32_t k = 1; k < n->n_out && !s; k++)
		s = shape_set(g, n, k, CNN_F32, x->rank, dim, err);
	return s;
}

SHAPE_RULE(shape_lrn)
{
	enum cnn_status s = same_shape(g, n, 2, err);
	if (!s && (n->attr.norm.size < 1 || n->attr.norm.size > INT32_MAX))
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': LRN of size %lld", n->name,
		             (long long)n->attr.norm.size);
	return s;
}

SHAPE_RULE(shape_mean_variance_norm)
{
	const struct value *x = graph_in(g, n, 0);
	bool seen[CNN_MAX_RANK] = {false};
	enum cnn_status s = same_shape(g, n, 1, err);
	for (int32_t i = 0; i < n->attr.perm.n && !s; i++) {
		int32_t axis = 0;
		s = resolve_axis(n, n->attr.perm.perm[i], x->rank, &axis, err);
		if (!s && seen[axis])
			s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': axis %d is given twice",
			             n->name, axis);
		seen[axis] = true;
	}
	return s;
}

SHAPE_RULE(shape_lp_norm)
{
	const struct value *x = graph_in(g, n, 0);
	int32_t axis;
	enum cnn_status s = same_shape(g, n, 1, err);
	if (!s)
		s = resolve_axis(n, n->attr.axes.axis, x->rank, &axis, err);
	if (!s && n->attr.axes.power != 1 && n->attr.axes.power != 2)
		s = cnn_fail(err, CNN_UNSUPPORTED,
		             "node '%s': LpNormalization of p %d is not supported", n->name,
		             n->attr.axes.power);
	return s;
}
