/* shapes_window.c - Conv and pools: kernels that slide over one or two spatial axes. */
#include "engine/operators/shapes.h"

/* Far above any real network; keeps all sums below far from overflow. */
#define WINDOW_MAX 65536

/* First index of kernel[], stride[], dilation[] in use, and how many of pad[]'s halves. */
static int first_axis(const struct window_attr *w)
{
	return 2 - w->spatial;
}

static enum cnn_status check_window(const struct node *n, const struct value *x,
                                    struct window_attr *w, struct cnn_error *err)
{
	if (x->rank < 3)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s of a tensor of %d dimensions",
		                n->name, op_table[n->op].onnx_name, x->rank);
	if (x->rank > 4)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': %s over %d spatial axes is not supported", n->name,
		                op_table[n->op].onnx_name, x->rank - 2);
	if (w->spatial && w->spatial != x->rank - 2)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': attributes for %d spatial axes, input with %d", n->name,
		                w->spatial, x->rank - 2);
	w->spatial = x->rank - 2;
	if (w->spatial == 1) {
		w->kernel[0] = w->stride[0] = w->dilation[0] = 1;
		w->pad[0] = w->pad[2] = 0;
	}
	for (int i = first_axis(w); i < 2; i++) {
		const struct {
			const char *what;
			int32_t value, min;
		} field[] = {{"kernel", w->kernel[i], 1},
		             {"stride", w->stride[i], 1},
		             {"dilation", w->dilation[i], 1},
		             {"pad", w->pad[i], 0},
		             {"pad", w->pad[i + 2], 0}};
		for (size_t k = 0; k < sizeof field / sizeof field[0]; k++)
			if (field[k].value < field[k].min || field[k].value > WINDOW_MAX)
				return cnn_fail(err, CNN_BAD_MODEL,
				                "node '%s': %s %d is out of range", n->name,
				                field[k].what, field[k].value);
	}
	return CNN_OK;
}

/* The output's size along one axis; resolves auto_pad into pad[]. */
static enum cnn_status window_axis(const struct node *n, struct window_attr *w, int i, int64_t in,
                                   int64_t *out, struct cnn_error *err)
{
	int64_t stride = w->stride[i];
	int64_t extent = (int64_t)(w->kernel[i] - 1) * w->dilation[i] + 1;
	if (w->auto_pad == PAD_SAME_UPPER || w->auto_pad == PAD_SAME_LOWER) {
		if (in < 1 || in > GRAPH_MAX_ELEMENTS)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its input is empty",
			                n->name);
		*out = (in - 1) / stride + 1;
		int64_t total = (*out - 1) * stride + extent - in;
		if (total < 0)
			total = 0;
		if (total / 2 >= WINDOW_MAX)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': pad %lld is out of range",
			                n->name, (long long)total);
		int64_t small = total / 2, large = total - small;
		w->pad[i] = (int32_t)(w->auto_pad == PAD_SAME_UPPER ? small : large);
		w->pad[i + 2] = (int32_t)(w->auto_pad == PAD_SAME_UPPER ? large : small);
		return CNN_OK;
	}
	if (w->auto_pad == PAD_VALID)
		w->pad[i] = w->pad[i + 2] = 0;
	int64_t room = in + w->pad[i] + w->pad[i + 2] - extent;
	if (in < 1 || room < 0)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': a kernel of extent %lld does not fit its padded input "
		                "of %lld",
		                n->name, (long long)extent,
		                (long long)(in + w->pad[i] + w->pad[i + 2]));
	*out = room / stride + 1;
	if (w->ceil_mode && w->auto_pad == PAD_EXPLICIT) {
		/* A window more for the rest, but none that starts in the padding behind. */
		*out += room % stride != 0;
		*out -= (*out - 1) * stride >= in + w->pad[i];
	}
	return CNN_OK;
}

static enum cnn_status window_output(struct graph *g, struct node *n, int64_t channels,
                                     struct cnn_error *err)
{
	struct window_attr *w = &n->attr.window;
	const struct value *x = graph_in(g, n, 0);
	int64_t dim[CNN_MAX_RANK] = {x->dim[0], channels};
	for (int32_t a = 2; a < x->rank; a++) {
		enum cnn_status s =
			window_axis(n, w, first_axis(w) + a - 2, x->dim[a], &dim[a], err);
		if (s)
			return s;
	}
	return shape_set(g, n, 0, x->dtype, x->rank, dim, err);
}

SHAPE_RULE(shape_conv)
{
	struct window_attr *w = &n->attr.window;
	const struct value *x = graph_in(g, n, 0), *k = graph_in(g, n, 1), *b = graph_in(g, n, 2);
	enum cnn_status s = shape_require_f32(g, n, err);
	if (!s)
		s = shape_require_constant(g, n, 1, "weights are", err);
	if (!s)
		s = shape_require_constant(g, n, 2, "bias is", err);
	if (s)
		return s;
	if (k->rank != x->rank)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': weights %s for an input of %d dimensions", n->name,
		                shape_text(k).s, x->rank);
	if (x->rank > 4)
		return check_window(n, x, w, err);
	for (int32_t a = 2; a < k->rank; a++) {
		int i = a - 2 + 4 - x->rank;
		if (w->kernel[i] && w->kernel[i] != k->dim[a])
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': kernel_shape says %d, its weights are %s",
			                n->name, w->kernel[i], shape_text(k).s);
		if (k->dim[a] < 1 || k->dim[a] > WINDOW_MAX)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': weights %s", n->name,
			                shape_text(k).s);
		w->kernel[i] = (int32_t)k->dim[a];
	}
	s = check_window(n, x, w, err);
	if (s)
		return s;
	int64_t group = w->group, in = x->dim[1], out = k->dim[0];
	if (group < 1 || in % group != 0)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': group %lld does not divide %lld channels", n->name,
		                (long long)group, (long long)in);
	if (out < 1 || out % group != 0)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': group %lld does not divide %lld output channels",
		                n->name, (long long)group, (long long)out);
	if (in < 1 || k->dim[1] != in / group)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': weights %s do not fit an input of %lld channels in "
		                "%lld groups",
		                n->name, shape_text(k).s, (long long)in, (long long)group);
	if (b && (b->rank != 1 || b->dim[0] != out))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': bias %s for %lld output channels",
		                n->name, shape_text(b).s, (long long)out);
	return window_output(g, n, out, err);
}

SHAPE_RULE(shape_pool)
{
	const struct value *x = graph_in(g, n, 0);
	enum cnn_status s = shape_require_f32(g, n, err);
	if (!s)
		s = check_window(n, x, &n->attr.window, err);
	return s ? s : window_output(g, n, x->dim[1], err);
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
