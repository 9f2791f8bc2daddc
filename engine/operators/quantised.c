#include "engine/operators/quantised.h"

struct quantised_range quantised_range(enum cnn_dtype dtype, int32_t zero)
{
	int32_t least, largest;
	switch (dtype) {
	case CNN_S8:
		least = INT8_MIN, largest = INT8_MAX;
		break;
	case CNN_U16:
		least = 0, largest = UINT16_MAX;
		break;
	case CNN_S16:
		least = INT16_MIN, largest = INT16_MAX;
		break;
	default:
		least = 0, largest = UINT8_MAX;
	}
	return (struct quantised_range){zero, (float)(least - zero), (float)(largest - zero)};
}

float quantised_scale_of(const struct graph *g, const struct node *n, uint32_t scale)
{
	return quantised_scale(graph_in(g, n, scale), 0);
}

int32_t quantised_zero_of(const struct graph *g, const struct node *n, uint32_t zero)
{
	return quantised_zero(graph_in(g, n, zero), 0);
}

bool quantised_runs(const struct value *x, const struct value *scale, const struct quant_attr *attr,
                    struct quantised_runs *out)
{
	*out = (struct quantised_runs){1, 1, graph_elements(x), 1, 0};
	if (scale->rank <= 1 && graph_elements(scale) == 1 && attr->block_size == 0)
		return true;
	int64_t axis = attr->axis < 0 ? attr->axis + x->rank : attr->axis;
	if (axis < 0 || axis >= x->rank)
		return false;
	out->axis = x->dim[axis];
	out->inner = 1;
	for (int32_t i = 0; i < x->rank; i++) {
		if (i < axis)
			out->outer *= x->dim[i];
		else if (i > axis)
			out->inner *= x->dim[i];
	}
	if (attr->block_size == 0)
		return scale->rank == 1 && scale->dim[0] == x->dim[axis];
	out->block = attr->block_size;
	out->step = 1;
	if (scale->rank != x->rank)
		return false;
	for (int32_t i = 0; i < x->rank; i++) {
		int64_t want = x->dim[i];
		if (i == axis)
			want = want / out->block + (want % out->block != 0);
		if (scale->dim[i] != want)
			return false;
	}
	return true;
}

struct quantised_window quantised_window(const struct window_attr *w, const struct value *x,
                                         const struct value *y)
{
	struct quantised_window q = {.inputs = 1, .outputs = 1, .taps = 1};
	window_dims(x, q.in);
	window_dims(y, q.out);
	for (int i = 0; i < WINDOW_AXES; i++) {
		q.axis[i] = window_get(w, i);
		q.inputs *= q.in[i];
		q.outputs *= q.out[i];
		q.taps *= q.axis[i].kernel;
	}
	return q;
}
