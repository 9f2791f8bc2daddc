/* attributes_elementwise.c - attributes of operators on elements and along an axis. */
#include "engine/onnx/attributes.h"

enum cnn_status read_shrink(struct draft *d, struct cnn_error *err)
{
	struct unary_attr *a = &d->attr.unary;
	a->alpha = 0.5f;
	enum cnn_status s = attribute_float(d, "lambd", &a->alpha, NULL, err);
	return s ? s : attribute_float(d, "bias", &a->beta, NULL, err);
}

enum cnn_status read_gelu(struct draft *d, struct cnn_error *err)
{
	static const char *const forms[] = {"none", "tanh"};
	int form = 0;
	enum cnn_status s = attribute_choice(d, "approximate", forms, 2, &form, err);
	d->attr.unary.approximate = form == 1;
	return s;
}

enum cnn_status read_is_inf(struct draft *d, struct cnn_error *err)
{
	bool negative = true, positive = true;
	enum cnn_status s = attribute_bool(d, "detect_negative", &negative, err);
	if (!s)
		s = attribute_bool(d, "detect_positive", &positive, err);
	d->attr.unary.no_negative = !negative;
	d->attr.unary.no_positive = !positive;
	return s;
}

enum cnn_status read_mod(struct draft *d, struct cnn_error *err)
{
	return attribute_bool(d, "fmod", &d->attr.flag.on, err);
}

enum cnn_status read_bit_shift(struct draft *d, struct cnn_error *err)
{
	static const char *const directions[] = {"RIGHT", "LEFT"};
	int direction = -1;
	enum cnn_status s = attribute_choice(d, "direction", directions, 2, &direction, err);
	if (!s && direction < 0)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute direction is missing",
		             d->name);
	d->attr.flag.on = direction == 1;
	return s;
}

enum cnn_status read_arg(struct draft *d, struct cnn_error *err)
{
	struct axis_attr *a = &d->attr.axes;
	a->keep_dims = true;
	enum cnn_status s = attribute_int(d, "axis", &a->axis, NULL, err);
	if (!s)
		s = attribute_bool(d, "keepdims", &a->keep_dims, err);
	if (!s && d->opset >= 12)
		s = attribute_bool(d, "select_last_index", &a->last_index, err);
	return s;
}

/* K is an input since opset 10; which end, since opset 11. What may come unsorted comes sorted. */
enum cnn_status read_top_k(struct draft *d, struct cnn_error *err)
{
	int64_t k = 0;
	bool found = false, largest = true;
	d->attr.axes.axis = -1;
	enum cnn_status s = attribute_int(d, "axis", &d->attr.axes.axis, NULL, err);
	if (!s && d->opset < 10) {
		s = attribute_int(d, "k", &k, &found, err);
		if (!s && !found)
			s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute k is missing",
			             d->name);
		return s ? s : draft_add_ints(d, 1, "k", &k, 1, err);
	}
	if (!s && d->opset >= 11) {
		attribute_ignore(d, "sorted");
		s = attribute_bool(d, "largest", &largest, err);
	}
	d->attr.axes.smallest = !largest;
	return s;
}

enum cnn_status read_cum_sum(struct draft *d, struct cnn_error *err)
{
	enum cnn_status s = attribute_bool(d, "exclusive", &d->attr.axes.exclusive, err);
	return s ? s : attribute_bool(d, "reverse", &d->attr.axes.reverse, err);
}

enum cnn_status read_cast_like(struct draft *d, struct cnn_error *err)
{
	(void)err;
	/* About float8 only, which is not read. */
	attribute_ignore(d, "saturate");
	return CNN_OK;
}
