/* attributes_resize.c - Resize as it grew, and Upsample before it. */
#include "engine/onnx/attributes.h"

#define NAMES(list) list, (int)(sizeof(list) / sizeof((list)[0]))

static const char *const modes[] = {
	[RESIZE_NEAREST] = "nearest", [RESIZE_LINEAR] = "linear", [RESIZE_CUBIC] = "cubic"};

static enum cnn_status read_mode(struct draft *d, int known, struct cnn_error *err)
{
	int mode = RESIZE_NEAREST;
	enum cnn_status s = attribute_choice(d, "mode", modes, known, &mode, err);
	d->attr.resize.mode = (enum resize_mode)mode;
	return s;
}

/* Upsample, and Resize of opset 10, which had no choice of coordinates yet. */
static enum cnn_status read_simple(struct draft *d, struct cnn_error *err)
{
	d->attr.resize =
		(struct resize_attr){.coordinates = RESIZE_ASYMMETRIC, .rounding = RESIZE_SIMPLE};
	enum cnn_status s = read_mode(d, 2, err);
	if (!s && d->n_in > 2)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s with %u inputs", d->name,
		             op_table[d->op].onnx_name, d->n_in);
	d->op = OP_RESIZE;
	if (s || d->n_in < 2)
		return s;
	/* The scales were the second input; now the region is. */
	value_id scales = d->in[1];
	d->in[1] = NO_VALUE;
	return draft_add_value(d, 2, scales, err);
}

enum cnn_status read_upsample(struct draft *d, struct cnn_error *err)
{
	const float *scales = NULL;
	size_t n = 0;
	bool found = false;
	enum cnn_status s = CNN_OK;
	if (d->opset < 9) {
		s = attribute_floats(d, "scales", &scales, &n, &found, err);
		if (!s && !found)
			s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute scales is missing",
			             d->name);
		if (!s)
			s = draft_add_floats(d, 1, "scales", scales, n, err);
	}
	return s ? s : read_simple(d, err);
}

static enum cnn_status read_coordinates(struct draft *d, struct cnn_error *err)
{
	static const char *const names[] = {[RESIZE_HALF_PIXEL] = "half_pixel",
	                                    [RESIZE_HALF_PIXEL_SYMMETRIC] = "half_pixel_symmetric",
	                                    [RESIZE_PYTORCH_HALF_PIXEL] = "pytorch_half_pixel",
	                                    [RESIZE_ALIGN_CORNERS] = "align_corners",
	                                    [RESIZE_ASYMMETRIC] = "asymmetric",
	                                    [RESIZE_CROP] = "tf_crop_and_resize",
	                                    [RESIZE_TF_NEAREST] = "tf_half_pixel_for_nn"};
	static const char *const roundings[] = {[RESIZE_PREFER_FLOOR] = "round_prefer_floor",
	                                        [RESIZE_PREFER_CEIL] = "round_prefer_ceil",
	                                        [RESIZE_FLOOR] = "floor",
	                                        [RESIZE_CEIL] = "ceil"};
	struct resize_attr *a = &d->attr.resize;
	int coordinates = RESIZE_HALF_PIXEL, rounding = RESIZE_PREFER_FLOOR;
	enum cnn_status s = attribute_choice(d, "coordinate_transformation_mode", NAMES(names),
	                                     &coordinates, err);
	if (!s)
		s = attribute_choice(d, "nearest_mode", NAMES(roundings), &rounding, err);
	a->coordinates = (enum resize_coordinates)coordinates;
	a->rounding = (enum resize_rounding)rounding;
	return s;
}

/* What opset 18 added. */
static enum cnn_status read_newer(struct draft *d, struct cnn_error *err)
{
	static const char *const policies[] = {[RESIZE_STRETCH] = "stretch",
	                                       [RESIZE_NOT_LARGER] = "not_larger",
	                                       [RESIZE_NOT_SMALLER] = "not_smaller"};
	struct resize_attr *a = &d->attr.resize;
	const int64_t *axes = NULL;
	size_t n = 0;
	int policy = RESIZE_STRETCH;
	enum cnn_status s = attribute_bool(d, "antialias", &a->antialias, err);
	if (!s)
		s = attribute_choice(d, "keep_aspect_ratio_policy", NAMES(policies), &policy, err);
	if (!s)
		s = attribute_ints(d, "axes", &axes, &n, NULL, err);
	a->policy = (enum resize_policy)policy;
	for (size_t i = 0; i < n && !s; i++) {
		if (n > CNN_MAX_RANK || axes[i] < -CNN_MAX_RANK || axes[i] >= CNN_MAX_RANK)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its axes are out of range",
			                d->name);
		a->axes[i] = (int32_t)axes[i];
	}
	a->n_axes = (int32_t)n;
	return s;
}

enum cnn_status read_resize(struct draft *d, struct cnn_error *err)
{
	struct resize_attr *a = &d->attr.resize;
	if (d->opset < 11)
		return read_simple(d, err);
	*a = (struct resize_attr){.cubic_a = -0.75f};
	enum cnn_status s = read_mode(d, 3, err);
	if (!s)
		s = read_coordinates(d, err);
	if (!s)
		s = attribute_float(d, "cubic_coeff_a", &a->cubic_a, NULL, err);
	if (!s)
		s = attribute_float(d, "extrapolation_value", &a->fill, NULL, err);
	if (!s)
		s = attribute_bool(d, "exclude_outside", &a->exclude_outside, err);
	return s || d->opset < 18 ? s : read_newer(d, err);
}
