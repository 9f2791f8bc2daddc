/* export_window.c - convolutions and pools as opset 17 has them. */
#include "engine/onnx/exporter.h"

#define AXES 3

static struct window_axis axis_of(const struct window_attr *w, int32_t axis)
{
	int32_t i = axis - 1;
	if (axis == 0)
		return w->depth;
	return (struct window_axis){w->kernel[i], w->stride[i], w->dilation[i], w->pad[i],
	                            w->pad[i + 2]};
}

static void put_windows(struct sheet *s, bool dilations)
{
	const struct window_attr *w = &s->node->attr.window;
	size_t axes = (size_t)w->spatial;
	int64_t kernel[AXES], stride[AXES], dilation[AXES], pad[2 * AXES];
	for (size_t i = 0; i < axes; i++) {
		struct window_axis a = axis_of(w, AXES - w->spatial + (int32_t)i);
		kernel[i] = a.kernel;
		stride[i] = a.stride;
		dilation[i] = a.dilation;
		pad[i] = a.before;
		pad[axes + i] = a.after;
	}
	put_ints(s->e, s->file, "kernel_shape", kernel, axes);
	put_ints(s->e, s->file, "strides", stride, axes);
	put_ints(s->e, s->file, "pads", pad, 2 * axes);
	if (dilations)
		put_ints(s->e, s->file, "dilations", dilation, axes);
}

static bool is_dilated(const struct window_attr *w)
{
	return w->dilation[0] != 1 || w->dilation[1] != 1 ||
	       (w->spatial == AXES && w->depth.dilation != 1);
}

/* The pads that came of an auto_pad leave nothing over. */
static bool rounds_up(const struct window_attr *w)
{
	return w->ceil_mode && w->auto_pad == PAD_EXPLICIT;
}

enum cnn_status write_convolution(struct sheet *s, struct cnn_error *err)
{
	const struct window_attr *w = &s->node->attr.window;
	(void)err;
	put_windows(s, true);
	put_int(s->e, s->file, "group", w->group);
	if (s->node->op != OP_CONV_TRANSPOSE)
		return CNN_OK;
	/* What output_shape asked for is in the pads and here. */
	int64_t extra[AXES];
	for (int32_t i = 0; i < w->spatial; i++)
		extra[i] = w->output_pad[AXES - w->spatial + i];
	put_ints(s->e, s->file, "output_padding", extra, (size_t)w->spatial);
	return CNN_OK;
}

enum cnn_status write_max_pool(struct sheet *s, struct cnn_error *err)
{
	const struct window_attr *w = &s->node->attr.window;
	(void)err;
	put_windows(s, true);
	put_int(s->e, s->file, "ceil_mode", rounds_up(w));
	put_int(s->e, s->file, "storage_order", w->column_major);
	return CNN_OK;
}

enum cnn_status write_average_pool(struct sheet *s, struct cnn_error *err)
{
	const struct window_attr *w = &s->node->attr.window;
	put_windows(s, false);
	put_int(s->e, s->file, "ceil_mode", rounds_up(w));
	put_int(s->e, s->file, "count_include_pad", w->count_include_pad);
	return !is_dilated(w) ? CNN_OK
	                      : cnn_fail(err, CNN_UNSUPPORTED,
	                                 "node '%s': opset 17 has no AveragePool with dilations",
	                                 s->node->name);
}

enum cnn_status write_lp_pool(struct sheet *s, struct cnn_error *err)
{
	const struct window_attr *w = &s->node->attr.window;
	put_windows(s, false);
	put_int(s->e, s->file, "p", w->power);
	if (is_dilated(w) || rounds_up(w))
		return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': opset 17 has no LpPool with %s",
		                s->node->name, is_dilated(w) ? "dilations" : "ceil_mode");
	return CNN_OK;
}

enum cnn_status write_global_lp_pool(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "p", s->node->attr.window.power);
	return CNN_OK;
}
