#include "engine/operators/resample.h"
#include "engine/operators/shapes.h"

/* Each of so many axes multiplies the terms of an element by four, or by more. */
#define MAX_WIDE_AXES 3

SHAPE_RULE(shape_resize)
{
	const struct resize_attr *a = &n->attr.resize;
	const struct value *x = graph_in(g, n, 0);
	struct resize_axis axis[CNN_MAX_RANK];
	int64_t dim[CNN_MAX_RANK];
	int32_t changed = 0;
	enum cnn_status s = resolve_resize(g, n, axis, err);
	if (s)
		return s;
	if (a->mode != RESIZE_NEAREST && x->dtype == CNN_BOOL)
		return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': %s of bool is not supported",
		                n->name, op_table[n->op].onnx_name);
	for (int32_t i = 0; i < x->rank; i++) {
		dim[i] = axis[i].out;
		changed += !axis[i].same;
		if (axis[i].in == 0 && axis[i].out > 0)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its input is empty",
			                n->name);
	}
	bool wide = a->mode == RESIZE_CUBIC || (a->mode == RESIZE_LINEAR && a->antialias);
	if (wide && changed > MAX_WIDE_AXES)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': cubic or antialiased over %d axes is not supported",
		                n->name, changed);
	return shape_set(g, n, 0, x->dtype, x->rank, dim, err);
}
