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

static bool constant_from(const struct graph *g, const struct node *n, uint32_t first)
{
	for (uint32_t i = first; i < n->n_in; i++)
		if (n->in[i] != NO_VALUE && !g->value[n->in[i]].data)
			return false;
	return true;
}

static bool same_shape(const struct value *a, const struct value *b)
{
	return a->rank == b->rank &&
	       memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]) == 0;
}

/* A row of a convolution's matrix is gathered into scratch. */
#define STEP_ROW_MAX 65536

bool quantised_has_step(const struct graph *g, const struct node *n)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	if (graph_elements(y) == 0 || y->rank < 1 || y->dim[0] != 1)
		return false;
	switch (n->op) {
	case OP_LAYOUT:
		return quantised_is_byte(x->dtype);
	case OP_QLINEAR_CONV:
		return x->rank <= 4 && !x->data && constant_from(g, n, 1) &&
		       graph_elements(graph_in(g, n, 3)) / graph_in(g, n, 3)->dim[0] <=
		               STEP_ROW_MAX;
	case OP_QUANTIZE_LINEAR:
	case OP_DEQUANTIZE_LINEAR:
		return !x->data && constant_from(g, n, 1) && graph_in(g, n, 1)->rank <= 1 &&
		       graph_elements(graph_in(g, n, 1)) == 1 && x->dtype != CNN_S32 &&
		       (quantised_is_byte(x->dtype) || quantised_is_byte(y->dtype));
	case OP_QLINEAR_ADD:
	case OP_QLINEAR_MUL:
		return !x->data && !graph_in(g, n, 3)->data && same_shape(x, graph_in(g, n, 3));
	case OP_QLINEAR_SIGMOID:
	case OP_QLINEAR_LEAKY_RELU:
		return !x->data;
	case OP_QLINEAR_AVERAGE_POOL:
		return !x->data && x->rank <= 4 && !n->attr.window.channels_last;
	case OP_QLINEAR_GLOBAL_AVERAGE_POOL:
		return !x->data && !n->attr.quant.channels_last;
	default:
		return false;
	}
}
