/* attributes_window.c - attributes of Conv and the pools. */
#include "engine/onnx/attributes.h"

/* Reads a list into out[], the last spatial axis at index 1 of each half. All lists of a node have
 * the same number of axes; *axes is 0 until the first. */
static enum cnn_status read_axes(struct draft *d, const char *name, size_t halves, int32_t *axes,
                                 int32_t *out, bool *found, struct cnn_error *err)
{
	const int64_t *list = NULL;
	size_t n = 0;
	enum cnn_status s = attribute_ints(d, name, &list, &n, found, err);
	if (s || !*found)
		return s;
	size_t count = n / halves;
	if (n == 0 || n % halves != 0 || (*axes && count != (size_t)*axes))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute %s has %zu numbers",
		                d->name, name, n);
	if (count > 2)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': %s over %zu spatial axes is not supported", d->name,
		                op_table[d->op].onnx_name, count);
	*axes = (int32_t)count;
	for (size_t i = 0; i < n; i++) {
		if (list[i] < INT32_MIN || list[i] > INT32_MAX)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %lld in %s is out of range",
			                d->name, (long long)list[i], name);
		out[i / count * 2 + 2 - count + i % count] = (int32_t)list[i];
	}
	return CNN_OK;
}

static enum cnn_status read_pool(struct draft *d, struct window_attr *w, bool has_kernel,
                                 struct cnn_error *err)
{
	if (!has_kernel)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute kernel_shape is missing",
		                d->name);
	enum cnn_status s = attribute_bool(d, "ceil_mode", &w->ceil_mode, err);
	if (!s && d->op == OP_AVERAGE_POOL)
		s = attribute_bool(d, "count_include_pad", &w->count_include_pad, err);
	/* The order of the indices output, which is refused when it is used. */
	if (!s && d->op == OP_MAX_POOL)
		attribute_ignore(d, "storage_order");
	return s;
}

enum cnn_status read_window(struct draft *d, struct cnn_error *err)
{
	static const char *const modes[] = {[PAD_EXPLICIT] = "NOTSET",
	                                    [PAD_VALID] = "VALID",
	                                    [PAD_SAME_UPPER] = "SAME_UPPER",
	                                    [PAD_SAME_LOWER] = "SAME_LOWER"};
	struct window_attr w = {.stride = {1, 1}, .dilation = {1, 1}, .group = 1};
	bool has_kernel, found;
	int mode = PAD_EXPLICIT;
	int64_t group = 1;
	bool dilates = d->op == OP_CONV || d->opset >= (d->op == OP_MAX_POOL ? 10 : 19);
	enum cnn_status s = read_axes(d, "kernel_shape", 1, &w.spatial, w.kernel, &has_kernel, err);
	if (!s)
		s = read_axes(d, "strides", 1, &w.spatial, w.stride, &found, err);
	if (!s && dilates)
		s = read_axes(d, "dilations", 1, &w.spatial, w.dilation, &found, err);
	if (!s)
		s = read_axes(d, "pads", 2, &w.spatial, w.pad, &found, err);
	if (!s)
		s = attribute_choice(d, "auto_pad", modes, 4, &mode, err);
	if (!s && d->op == OP_CONV)
		s = attribute_int(d, "group", &group, NULL, err);
	if (!s && d->op != OP_CONV)
		s = read_pool(d, &w, has_kernel, err);
	if (!s && (group < 1 || group > INT32_MAX))
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': group %lld is out of range", d->name,
		             (long long)group);
	w.auto_pad = (enum auto_pad)mode;
	w.group = (int32_t)group;
	d->attr.window = w;
	return s;
}
