/* eval_create.c - constants made from shapes and numbers. */
#include "engine/operators/eval.h"

#include <string.h>

void eval_store_int(void *data, enum cnn_dtype dtype, int64_t i, int64_t value)
{
	uint64_t v = (uint64_t)value;
	switch (cnn_dtype_size(dtype)) {
	case 1:
		((uint8_t *)data)[i] = dtype == CNN_BOOL ? v != 0 : (uint8_t)v;
		break;
	case 2:
		((uint16_t *)data)[i] = (uint16_t)v;
		break;
	case 4:
		((uint32_t *)data)[i] = (uint32_t)v;
		break;
	default:
		((uint64_t *)data)[i] = v;
	}
}

EVAL_RULE(eval_shape)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0);
	memcpy(out[0], x->dim, sizeof x->dim[0] * (size_t)x->rank);
	return CNN_OK;
}

EVAL_RULE(eval_size)
{
	(void)err;
	*(int64_t *)out[0] = graph_elements(graph_in(g, n, 0));
	return CNN_OK;
}

EVAL_RULE(eval_constant_of_shape)
{
	(void)err;
	const struct value *fill = graph_in(g, n, 1), *y = graph_out(g, n);
	size_t size = cnn_dtype_size(y->dtype);
	for (int64_t i = 0, count = fill ? graph_elements(y) : 0; i < count; i++)
		memcpy((char *)out[0] + (size_t)i * size, fill->data, size);
	return CNN_OK;
}

EVAL_RULE(eval_range)
{
	(void)err;
	const struct value *start = graph_in(g, n, 0), *step = graph_in(g, n, 2);
	const struct value *y = graph_out(g, n);
	for (int64_t i = 0, count = graph_elements(y); i < count; i++) {
		if (y->dtype == CNN_F32) {
			float from = *(const float *)start->data, by = *(const float *)step->data;
			((float *)out[0])[i] = from + (float)i * by;
		} else {
			uint64_t from = (uint64_t)resolve_int(start, 0);
			uint64_t by = (uint64_t)resolve_int(step, 0);
			eval_store_int(out[0], y->dtype, i, (int64_t)(from + (uint64_t)i * by));
		}
	}
	return CNN_OK;
}
