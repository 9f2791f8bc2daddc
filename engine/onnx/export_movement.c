/* export_movement.c - opset 17's form of what gathers, scatters, marks, resizes and cuts into blocks. */
#include "engine/graph/resolve.h"
#include "engine/onnx/exporter.h"

enum cnn_status write_gather_nd(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "batch_dims", s->node->attr.axes.batch_dims);
	return CNN_OK;
}

enum cnn_status write_scatter(struct sheet *s, struct cnn_error *err)
{
	static const char *const reductions[] = {"none", "add", "mul"};
	enum scatter_reduction reduction = s->node->attr.scatter.reduction;
	if (reduction > SCATTER_MUL)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': opset 17 has no %s that keeps the %s", s->node->name,
		                op_table[s->node->op].onnx_name,
		                reduction == SCATTER_MIN ? "least" : "greatest");
	if (s->node->op == OP_SCATTER_ELEMENTS)
		put_int(s->e, s->file, "axis", s->node->attr.scatter.axis);
	put_string(s->e, s->file, "reduction", reductions[reduction]);
	return CNN_OK;
}

enum cnn_status write_trilu(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "upper", s->node->attr.flag.on);
	return CNN_OK;
}

enum cnn_status write_eye_like(struct sheet *s, struct cnn_error *err)
{
	const struct eye_attr *a = &s->node->attr.eye;
	(void)err;
	put_int(s->e, s->file, "k", a->diagonal);
	if (a->dtype != CNN_DTYPE_COUNT)
		put_int(s->e, s->file, "dtype", exporter_dtype(a->dtype));
	return CNN_OK;
}

enum cnn_status write_blocks(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "blocksize", s->node->attr.block.size);
	if (s->node->op == OP_DEPTH_TO_SPACE)
		put_string(s->e, s->file, "mode",
		           s->node->attr.block.columns_first ? "CRD" : "DCR");
	return CNN_OK;
}

/* The form of opsets 13 to 17; what came later, or went before, has none. */
enum cnn_status write_resize(struct sheet *s, struct cnn_error *err)
{
	static const char *const modes[] = {"nearest", "linear", "cubic"};
	static const char *const coordinates[] = {[RESIZE_HALF_PIXEL] = "half_pixel",
	                                          [RESIZE_PYTORCH_HALF_PIXEL] =
	                                                  "pytorch_half_pixel",
	                                          [RESIZE_ALIGN_CORNERS] = "align_corners",
	                                          [RESIZE_ASYMMETRIC] = "asymmetric",
	                                          [RESIZE_CROP] = "tf_crop_and_resize"};
	static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
	                                        "ceil"};
	const struct resize_attr *a = &s->node->attr.resize;
	bool newer = a->antialias || a->n_axes || a->policy != RESIZE_STRETCH ||
	             a->coordinates == RESIZE_HALF_PIXEL_SYMMETRIC;
	/* Of opset 10, whose rounding is another where an axis shrinks. */
	bool older = a->coordinates == RESIZE_TF_NEAREST;
	enum resize_rounding rounding = a->rounding;
	if (rounding == RESIZE_SIMPLE) {
		const struct value *x = graph_in(s->e->g, s->node, 0),
				   *y = graph_out(s->e->g, s->node);
		rounding = RESIZE_FLOOR;
		for (int32_t i = 0; i < x->rank; i++)
			older |= a->mode == RESIZE_NEAREST && y->dim[i] < x->dim[i];
	}
	if (newer || older)
		return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': opset 17 has no such Resize",
		                s->node->name);
	put_string(s->e, s->file, "mode", modes[a->mode]);
	put_string(s->e, s->file, "coordinate_transformation_mode", coordinates[a->coordinates]);
	put_string(s->e, s->file, "nearest_mode", roundings[rounding]);
	put_float(s->e, s->file, "cubic_coeff_a", a->cubic_a);
	put_float(s->e, s->file, "extrapolation_value", a->fill);
	put_int(s->e, s->file, "exclude_outside", a->exclude_outside);
	return CNN_OK;
}
