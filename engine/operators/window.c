/* window.c - checks of windows, and where they lie. */
#include "engine/operators/window.h"
#include "engine/operators/shapes.h"

struct window_axis window_get(const struct window_attr *w, int axis)
{
	int i = axis - 1;
	if (axis == 0)
		return w->depth;
	return (struct window_axis){w->kernel[i], w->stride[i], w->dilation[i], w->pad[i],
	                            w->pad[i + 2]};
}

void window_set(struct window_attr *w, int axis, struct window_axis value)
{
	int i = axis - 1;
	if (axis == 0) {
		w->depth = value;
		return;
	}
	w->kernel[i] = value.kernel;
	w->stride[i] = value.stride;
	w->dilation[i] = value.dilation;
	w->pad[i] = value.before;
	w->pad[i + 2] = value.after;
}

void window_dims(const struct value *v, int64_t dim[WINDOW_AXES])
{
	int32_t missing = WINDOW_AXES + 2 - v->rank;
	for (int32_t a = 0; a < WINDOW_AXES; a++)
		dim[a] = a < missing ? 1 : v->dim[2 + a - missing];
}

struct window_range window_inside(int64_t count, int64_t step, int64_t offset, int64_t limit)
{
	struct window_range r = {0, 0};
	if (offset < 0)
		r.lo = (-offset + step - 1) / step;
	if (offset < limit)
		r.hi = (limit - offset - 1) / step + 1;
	if (r.hi > count)
		r.hi = count;
	if (r.lo > r.hi)
		r.lo = r.hi;
	return r;
}

static enum cnn_status check_axis(const struct node *n, struct window_axis a, struct cnn_error *err)
{
	const struct {
		const char *what;
		int32_t value, min;
	} field[] = {{"kernel", a.kernel, 1},
	             {"stride", a.stride, 1},
	             {"dilation", a.dilation, 1},
	             {"pad", a.before, 0},
	             {"pad", a.after, 0}};
	for (size_t k = 0; k < sizeof field / sizeof field[0]; k++)
		if (field[k].value < field[k].min || field[k].value > WINDOW_MAX)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s %d is out of range",
			                n->name, field[k].what, field[k].value);
	return CNN_OK;
}

enum cnn_status window_check(const struct node *n, const struct value *x, struct window_attr *w,
                             struct cnn_error *err)
{
	if (x->rank < 3)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s of a tensor of %d dimensions",
		                n->name, op_table[n->op].onnx_name, x->rank);
	if (x->rank > WINDOW_AXES + 2)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': %s over %d spatial axes is not supported", n->name,
		                op_table[n->op].onnx_name, x->rank - 2);
	if (w->spatial && w->spatial != x->rank - 2)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': attributes for %d spatial axes, input with %d", n->name,
		                w->spatial, x->rank - 2);
	w->spatial = x->rank - 2;
	for (int axis = 0; axis < WINDOW_AXES; axis++) {
		if (axis < WINDOW_AXES - w->spatial)
			window_set(w, axis, (struct window_axis){1, 1, 1, 0, 0});
		enum cnn_status s = check_axis(n, window_get(w, axis), err);
		if (s)
			return s;
	}
	return CNN_OK;
}

enum cnn_status window_kernel(const struct node *n, const struct value *x,
                              const struct value *weights, struct window_attr *w,
                              struct cnn_error *err)
{
	if (weights->rank != x->rank)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': weights %s for an input of %d dimensions", n->name,
		                shape_text(weights).s, x->rank);
	if (x->rank < 3 || x->rank > WINDOW_AXES + 2)
		return window_check(n, x, w, err);
	for (int32_t a = 2; a < weights->rank; a++) {
		int axis = a - 2 + WINDOW_AXES + 2 - x->rank;
		struct window_axis at = window_get(w, axis);
		int64_t size = weights->dim[a];
		if (at.kernel && at.kernel != size)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': kernel_shape says %d, its weights are %s",
			                n->name, at.kernel, shape_text(weights).s);
		if (size < 1 || size > WINDOW_MAX)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': weights %s", n->name,
			                shape_text(weights).s);
		at.kernel = (int32_t)size;
		window_set(w, axis, at);
	}
	return window_check(n, x, w, err);
}

/* auto_pad SAME: as many outputs as strides fit into the input. */
static enum cnn_status same_axis(const struct node *n, bool upper, struct window_axis *a,
                                 int64_t extent, int64_t in, int64_t *out, struct cnn_error *err)
{
	if (in < 1 || in > GRAPH_MAX_ELEMENTS)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its input is empty", n->name);
	*out = (in - 1) / a->stride + 1;
	int64_t total = (*out - 1) * a->stride + extent - in;
	if (total < 0)
		total = 0;
	if (total / 2 >= WINDOW_MAX)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': pad %lld is out of range", n->name,
		                (long long)total);
	int64_t small = total / 2, large = total - small;
	a->before = (int32_t)(upper ? small : large);
	a->after = (int32_t)(upper ? large : small);
	return CNN_OK;
}

static enum cnn_status output_axis(const struct node *n, const struct window_attr *w,
                                   struct window_axis *a, int64_t in, int64_t *out,
                                   struct cnn_error *err)
{
	int64_t stride = a->stride, extent = (int64_t)(a->kernel - 1) * a->dilation + 1;
	if (w->auto_pad == PAD_SAME_UPPER || w->auto_pad == PAD_SAME_LOWER)
		return same_axis(n, w->auto_pad == PAD_SAME_UPPER, a, extent, in, out, err);
	if (w->auto_pad == PAD_VALID)
		a->before = a->after = 0;
	int64_t room = in + a->before + a->after - extent;
	if (in < 1 || room < 0)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': a kernel of extent %lld does not fit its padded input "
		                "of %lld",
		                n->name, (long long)extent, (long long)(in + a->before + a->after));
	*out = room / stride + 1;
	if (w->ceil_mode && w->auto_pad == PAD_EXPLICIT) {
		/* A window more for the rest, but none that starts in the padding behind. */
		*out += room % stride != 0;
		*out -= (*out - 1) * stride >= in + a->before;
	}
	return CNN_OK;
}

enum cnn_status window_output(const struct node *n, const struct value *x, struct window_attr *w,
                              int64_t channels, int64_t dim[CNN_MAX_RANK], struct cnn_error *err)
{
	dim[0] = x->dim[0];
	dim[1] = channels;
	for (int32_t d = 2; d < x->rank; d++) {
		int axis = d - 2 + WINDOW_AXES + 2 - x->rank;
		struct window_axis a = window_get(w, axis);
		enum cnn_status s = output_axis(n, w, &a, x->dim[d], &dim[d], err);
		if (s)
			return s;
		window_set(w, axis, a);
	}
	return CNN_OK;
}
