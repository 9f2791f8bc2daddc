/* shapes_window.c - convolutions and pools. */
#include "engine/operators/shapes.h"
#include "engine/operators/window.h"

static enum cnn_status check_groups(const struct node *n, int64_t channels, const char *what,
                                    struct cnn_error *err)
{
	int64_t group = n->attr.window.group;
	if (group < 1 || channels < 1 || channels % group != 0)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': group %lld does not divide %lld %schannels", n->name,
		                (long long)group, (long long)channels, what);
	return CNN_OK;
}

static enum cnn_status check_bias(const struct graph *g, const struct node *n, int64_t channels,
                                  struct cnn_error *err)
{
	const struct value *b = graph_in(g, n, 2);
	if (b && (b->rank != 1 || b->dim[0] != channels))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': bias %s for %lld output channels",
		                n->name, shape_text(b).s, (long long)channels);
	return CNN_OK;
}

SHAPE_RULE(shape_conv)
{
	struct window_attr *w = &n->attr.window;
	const struct value *x = graph_in(g, n, 0), *k = graph_in(g, n, 1);
	int64_t dim[CNN_MAX_RANK];
	enum cnn_status s = shape_require_f32(g, n, err);
	if (!s)
		s = window_kernel(n, x, k, w, err);
	if (!s)
		s = check_groups(n, x->dim[1], "", err);
	if (!s)
		s = check_groups(n, k->dim[0], "output ", err);
	if (!s && k->dim[1] != x->dim[1] / w->group)
		s = cnn_fail(err, CNN_BAD_MODEL,
		             "node '%s': weights %s do not fit an input of %lld channels in "
		             "%d groups",
		             n->name, shape_text(k).s, (long long)x->dim[1], w->group);
	if (!s)
		s = check_bias(g, n, k->dim[0], err);
	if (!s)
		s = window_output(n, x, w, k->dim[0], dim, err);
	return s ? s : shape_set(g, n, 0, CNN_F32, x->rank, dim, err);
}

/* The output's size along one axis, and the pads and the output padding that give it. */
static enum cnn_status transposed_axis(const struct node *n, struct window_attr *w, int axis,
                                       int64_t in, int64_t *out, struct cnn_error *err)
{
	struct window_axis a = window_get(w, axis);
	int64_t extra = w->output_pad[axis], want = w->output_size[axis];
	if (extra < 0 || extra > WINDOW_MAX || want < 0 || in < 1 || in > GRAPH_MAX_ELEMENTS)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': output_padding %lld or output_shape %lld is out of "
		                "range, or its input is empty",
		                n->name, (long long)extra, (long long)want);
	bool upper = w->auto_pad == PAD_SAME_UPPER;
	if (!want && (upper || w->auto_pad == PAD_SAME_LOWER))
		want = in * a.stride;
	if (w->auto_pad == PAD_VALID)
		a.before = a.after = 0;
	int64_t whole = (in - 1) * a.stride + (int64_t)(a.kernel - 1) * a.dilation + 1 + extra;
	if (want) {
		int64_t total = whole > want ? whole - want : 0;
		/* What no window reaches is padding of the output. */
		extra += want > whole ? want - whole : 0;
		if (total / 2 >= WINDOW_MAX || extra > WINDOW_MAX)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': an output of %lld is out of range", n->name,
			                (long long)want);
		int64_t small = total / 2, large = total - small;
		a.before = (int32_t)(upper ? small : large);
		a.after = (int32_t)(upper ? large : small);
		w->output_pad[axis] = (int32_t)extra;
		*out = want;
	} else {
		*out = whole - a.before - a.after;
	}
	window_set(w, axis, a);
	if (*out < 1)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its output is empty", n->name);
	return CNN_OK;
}

SHAPE_RULE(shape_conv_transpose)
{
	struct window_attr *w = &n->attr.window;
	const struct value *x = graph_in(g, n, 0), *k = graph_in(g, n, 1);
	enum cnn_status s = shape_require_f32(g, n, err);
	if (!s)
		s = window_kernel(n, x, k, w, err);
	if (!s)
		s = check_groups(n, x->dim[1], "", err);
	if (!s && (k->dim[0] != x->dim[1] || k->dim[1] < 1))
		s = cnn_fail(err, CNN_BAD_MODEL,
		             "node '%s': weights %s do not fit an input of %lld channels", n->name,
		             shape_text(k).s, (long long)x->dim[1]);
	if (s)
		return s;
	int64_t dim[CNN_MAX_RANK] = {x->dim[0], k->dim[1] * w->group};
	for (int32_t d = 2; d < x->rank && !s; d++)
		s = transposed_axis(n, w, d - 2 + WINDOW_AXES + 2 - x->rank, x->dim[d], &dim[d],
		                    err);
	if (!s)
		s = check_bias(g, n, dim[1], err);
	return s ? s : shape_set(g, n, 0, CNN_F32, x->rank, dim, err);
}

SHAPE_RULE(shape_pool)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t dim[CNN_MAX_RANK];
	bool bytes = n->op == OP_MAX_POOL && (x->dtype == CNN_U8 || x->dtype == CNN_S8);
	enum cnn_status s = bytes ? CNN_OK : shape_require_f32(g, n, err);
	if (!s)
		s = window_check(n, x, &n->attr.window, err);
	if (!s)
		s = window_output(n, x, &n->attr.window, x->dim[1], dim, err);
	for (uint32_t k = 0; k < n->n_out && !s; k++)
		s = shape_set(g, n, k, k ? CNN_S64 : x->dtype, x->rank, dim, err);
	return s;
}

SHAPE_RULE(shape_global_pool)
{
	const struct value *x = graph_in(g, n, 0);
	enum cnn_status s = shape_require_f32(g, n, err);
	if (s)
		return s;
	if (x->rank < 3)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s of a tensor of %d dimensions",
		                n->name, op_table[n->op].onnx_name, x->rank);
	int64_t dim[CNN_MAX_RANK] = {x->dim[0], x->dim[1]};
	for (int32_t i = 2; i < x->rank; i++) {
		if (x->dim[i] < 1)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its input is empty",
			                n->name);
		dim[i] = 1;
	}
	return shape_set(g, n, 0, CNN_F32, x->rank, dim, err);
}
