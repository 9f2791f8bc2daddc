/* export_elementwise.c - attributes of operators on elements and along an axis, as opset 17 has them. */
#include "engine/onnx/exporter.h"

enum cnn_status write_shrink(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_float(s->e, s->file, "lambd", s->node->attr.unary.alpha);
	put_float(s->e, s->file, "bias", s->node->attr.unary.beta);
	return CNN_OK;
}

enum cnn_status write_is_inf(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "detect_negative", !s->node->attr.unary.no_negative);
	put_int(s->e, s->file, "detect_positive", !s->node->attr.unary.no_positive);
	return CNN_OK;
}

enum cnn_status write_mod(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "fmod", s->node->attr.flag.on);
	return CNN_OK;
}

enum cnn_status write_bit_shift(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_string(s->e, s->file, "direction", s->node->attr.flag.on ? "LEFT" : "RIGHT");
	return CNN_OK;
}

enum cnn_status write_arg(struct sheet *s, struct cnn_error *err)
{
	const struct axis_attr *a = &s->node->attr.axes;
	(void)err;
	put_int(s->e, s->file, "axis", a->axis);
	put_int(s->e, s->file, "keepdims", a->keep_dims);
	put_int(s->e, s->file, "select_last_index", a->last_index);
	return CNN_OK;
}

enum cnn_status write_top_k(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "axis", s->node->attr.axes.axis);
	put_int(s->e, s->file, "largest", !s->node->attr.axes.smallest);
	return CNN_OK;
}

enum cnn_status write_cum_sum(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "exclusive", s->node->attr.axes.exclusive);
	put_int(s->e, s->file, "reverse", s->node->attr.axes.reverse);
	return CNN_OK;
}

enum cnn_status write_too_new(struct sheet *s, struct cnn_error *err)
{
	return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': opset 17 has no %s", s->node->name,
	                op_table[s->node->op].onnx_name);
}
