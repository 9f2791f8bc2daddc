/* attributes_window.c - attributes of convolutions and pools. */
#include "engine/onnx/attributes.h"

#define AXES 3

/* The lists of a node, each with depth, height, width in its last places. */
struct window_lists {
	int32_t axes; /* how many each has; 0 until the first */
	int32_t kernel[AXES], stride[AXES], dilation[AXES], pad[2 * AXES];
	int32_t output_pad[AXES], output_size[AXES];
};

/* Reads a list into out[], the last spatial axis at the end of each half. `skipped` numbers at its beginning may be
 * there or not. */
static enum cnn_status read_axes(struct draft *d, const char *name, size_t halves, size_t skipped,
                                 int32_t *axes, int32_t *out, bool *found, struct cnn_error *err)
{
	const int64_t *list = NULL;
	size_t n = 0;
	enum cnn_status s = attribute_ints(d, name, &list, &n, found, err);
	if (s || !*found)
		return s;
	if (skipped && *axes && n == (size_t)*axes + skipped) {
		list += skipped;
		n -= skipped;
	}
	size_t count = n / halves;
	if (n == 0 || n % halves != 0 || (*axes && count != (size_t)*axes))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute %s has %zu numbers",
		                d->name, name, n);
	if (count > AXES)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': %s over %zu spatial axes is not supported", d->name,
		                op_table[d->op].onnx_name, count);
	*axes = (int32_t)count;
	for (size_t i = 0; i < n; i++) {
		if (list[i] < INT32_MIN || list[i] > INT32_MAX)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %lld in %s is out of range",
			                d->name, (long long)list[i], name);
		out[i / count * AXES + AXES - count + i % count] = (int32_t)list[i];
	}
	return CNN_OK;
}

static enum cnn_status read_lists(struct draft *d, struct window_lists *l, bool *has_kernel,
                                  struct cnn_error *err)
{
	bool found;
	bool pool = d->op == OP_MAX_POOL || d->op == OP_AVERAGE_POOL || d->op == OP_LP_POOL;
	int64_t dilates_from = d->op == OP_MAX_POOL ? 10 : d->op == OP_LP_POOL ? 18 : 19;
	enum cnn_status s =
		read_axes(d, "kernel_shape", 1, 0, &l->axes, l->kernel, has_kernel, err);
	if (!s)
		s = read_axes(d, "strides", 1, 0, &l->axes, l->stride, &found, err);
	if (!s && (!pool || d->opset >= dilates_from))
		s = read_axes(d, "dilations", 1, 0, &l->axes, l->dilation, &found, err);
	if (!s)
		s = read_axes(d, "pads", 2, 0, &l->axes, l->pad, &found, err);
	if (!s && d->op == OP_CONV_TRANSPOSE)
		s = read_axes(d, "output_padding", 1, 0, &l->axes, l->output_pad, &found, err);
	/* Some exporters have the batch and the channels in front. */
	if (!s && d->op == OP_CONV_TRANSPOSE)
		s = read_axes(d, "output_shape", 1, 2, &l->axes, l->output_size, &found, err);
	if (!s && pool && !*has_kernel)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute kernel_shape is missing",
		             d->name);
	return s;
}

static void keep_lists(const struct window_lists *l, struct window_attr *w)
{
	w->spatial = l->axes;
	w->depth = (struct window_axis){l->kernel[0], l->stride[0], l->dilation[0], l->pad[0],
	                                l->pad[AXES]};
	for (int i = 0; i < 2; i++) {
		w->kernel[i] = l->kernel[1 + i];
		w->stride[i] = l->stride[1 + i];
		w->dilation[i] = l->dilation[1 + i];
		w->pad[i] = l->pad[1 + i];
		w->pad[2 + i] = l->pad[AXES + 1 + i];
	}
	for (int i = 0; i < AXES; i++) {
		w->output_pad[i] = l->output_pad[i];
		w->output_size[i] = l->output_size[i];
	}
}

static enum cnn_status read_power(struct draft *d, struct cnn_error *err)
{
	int64_t power = 2;
	enum cnn_status s = attribute_int(d, "p", &power, NULL, err);
	if (!s && (power < 1 || power > INT32_MAX))
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': p %lld is out of range", d->name,
		             (long long)power);
	d->attr.window.power = (int32_t)power;
	return s;
}

static enum cnn_status read_pool(struct draft *d, struct cnn_error *err)
{
	struct window_attr *w = &d->attr.window;
	enum cnn_status s = attribute_bool(d, "ceil_mode", &w->ceil_mode, err);
	if (!s && d->op == OP_AVERAGE_POOL)
		s = attribute_bool(d, "count_include_pad", &w->count_include_pad, err);
	if (!s && d->op == OP_MAX_POOL)
		s = attribute_bool(d, "storage_order", &w->column_major, err);
	return !s && d->op == OP_LP_POOL ? read_power(d, err) : s;
}

enum cnn_status read_window(struct draft *d, struct cnn_error *err)
{
	static const char *const modes[] = {[PAD_EXPLICIT] = "NOTSET",
	                                    [PAD_VALID] = "VALID",
	                                    [PAD_SAME_UPPER] = "SAME_UPPER",
	                                    [PAD_SAME_LOWER] = "SAME_LOWER"};
	struct window_lists lists = {.stride = {1, 1, 1}, .dilation = {1, 1, 1}};
	bool has_kernel, convolution = d->op == OP_CONV || d->op == OP_CONV_TRANSPOSE ||
	                               d->op == OP_CONV_INTEGER || d->op == OP_QLINEAR_CONV;
	int mode = PAD_EXPLICIT;
	int64_t group = 1;
	enum cnn_status s = read_lists(d, &lists, &has_kernel, err);
	if (!s)
		s = attribute_choice(d, "auto_pad", modes, 4, &mode, err);
	if (!s && convolution)
		s = attribute_int(d, "group", &group, NULL, err);
	if (!s && (group < 1 || group > INT32_MAX))
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': group %lld is out of range", d->name,
		             (long long)group);
	keep_lists(&lists, &d->attr.window);
	d->attr.window.auto_pad = (enum auto_pad)mode;
	d->attr.window.group = (int32_t)group;
	return s || convolution ? s : read_pool(d, err);
}

enum cnn_status read_global_lp_pool(struct draft *d, struct cnn_error *err)
{
	return read_power(d, err);
}
