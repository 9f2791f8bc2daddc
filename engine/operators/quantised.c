#include "engine/operators/quantised.h"

#include <math.h>

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

/* Elements of v stand still along the innermost axis of y that has more than one. */
static bool stands_still(const struct value *v, const struct value *y)
{
	int32_t axis = y->rank - 1;
	while (axis >= 0 && y->dim[axis] == 1)
		axis--;
	int32_t own = axis - (y->rank - v->rank);
	return axis >= 0 && (own < 0 || v->dim[own] == 1);
}

struct quantised_sum quantised_sum(const struct graph *g, const struct node *n)
{
	/* An operand that stands still is the second one. */
	struct quantised_sum s = {.swap = stands_still(graph_in(g, n, 0), graph_out(g, n))};
	uint32_t a = s.swap ? 3 : 0, b = s.swap ? 0 : 3;
	float scale = quantised_scale_of(g, n, 6);
	s.a = quantised_scale_of(g, n, a + 1) / scale;
	s.b = quantised_scale_of(g, n, b + 1) / scale;
	/* Rounded once each, as fused sums are. */
	float second = s.b * (float)quantised_zero_of(g, n, b + 2);
	s.fixed = (float)quantised_zero_of(g, n, 7) -
	          (float)((double)s.a * quantised_zero_of(g, n, a + 2) + (double)second);
	return s;
}

static float curve(const struct node *n, float x)
{
	switch (n->op) {
	case OP_QLINEAR_SIGMOID:
		return 1 / (1 + expf(-x));
	case OP_QLINEAR_LEAKY_RELU:
		return x >= 0 ? x : n->attr.quant.alpha * x;
	default:
		return x; /* QLinearConcat */
	}
}

void quantised_table(const struct graph *g, const struct node *n, uint32_t x, uint8_t to[256])
{
	uint32_t y = n->op == OP_QLINEAR_CONCAT ? 0 : 3;
	bool is_signed = graph_in(g, n, x)->dtype == CNN_S8;
	float x_scale = quantised_scale_of(g, n, x + 1), y_scale = quantised_scale_of(g, n, y);
	int32_t x_zero = quantised_zero_of(g, n, x + 2);
	struct quantised_range range =
		quantised_range(graph_out(g, n)->dtype, quantised_zero_of(g, n, y + 1));
	for (int32_t i = 0; i < 256; i++) {
		int32_t stored = is_signed ? (int8_t)i : i;
		float real = x_scale * (float)(stored - x_zero);
		to[i] = (uint8_t)quantised_store(curve(n, real) / y_scale, range);
	}
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

/* Kernels of pools have a list of all that a row of outputs sees; sums over a feature map must fit. */
#define STEP_TAPS_MAX ((int64_t)1 << 22)

/* Bytes become bytes: the node's inputs first, first + apart, ... below end are decided by the pictures, the others
 * constant. */
static bool bytes_from(const struct graph *g, const struct node *n, uint32_t first, uint32_t apart,
                       uint32_t end)
{
	for (uint32_t i = 0; i < n->n_in; i++) {
		const struct value *x = graph_in(g, n, i);
		bool picture = i >= first && i < end && (i - first) % apart == 0;
		if (picture && (!x || x->data || !quantised_is_byte(x->dtype)))
			return false;
		if (!picture && x && !x->data)
			return false;
	}
	return quantised_is_byte(graph_out(g, n)->dtype);
}

static bool pools_by_step(const struct graph *g, const struct node *n)
{
	const struct window_attr *w = &n->attr.window;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	bool dilated = w->dilation[0] != 1 || w->dilation[1] != 1;
	return x->rank <= 4 && n->n_out == 1 && !w->channels_last &&
	       (n->op == OP_MAX_POOL || !dilated) &&
	       (int64_t)w->kernel[0] * w->kernel[1] <= STEP_TAPS_MAX / y->dim[y->rank - 1];
}

/* [1][C][1]...: one pixel of y's channels. */
static bool is_pixel(const struct value *v, const struct value *y)
{
	bool one = v->rank == y->rank && y->rank >= 3 && v->dim[1] == y->dim[1];
	for (int32_t i = 0; i < v->rank; i++)
		one = one && (i == 1 || v->dim[i] == 1);
	return one;
}

/* Two of a shape, or one that is the same for all pixels. */
static bool combines_by_step(const struct graph *g, const struct node *n)
{
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 3), *y = graph_out(g, n);
	return a->dtype == b->dtype && (same_shape(a, y) || is_pixel(a, y)) &&
	       (same_shape(b, y) || is_pixel(b, y)) && (same_shape(a, y) || same_shape(b, y));
}

/* A constant right matrix, one scale for the left one, and the same bias for all rows. */
static bool multiplies_by_step(const struct graph *g, const struct node *n)
{
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 3);
	bool gemm = n->op == OP_QGEMM;
	const struct value *bias = gemm ? graph_in(g, n, 6) : NULL, *a_zero = graph_in(g, n, 2);
	int64_t columns = graph_out(g, n)->dim[graph_out(g, n)->rank - 1];
	return graph_elements(graph_in(g, n, 1)) == 1 && (!a_zero || graph_elements(a_zero) == 1) &&
	       b->rank == 2 && !(gemm && n->attr.quant.trans_a) && graph_elements(a) > 0 &&
	       a->dim[a->rank - 1] <= STEP_ROW_MAX &&
	       (!bias || graph_elements(bias) == 1 ||
	        (graph_elements(bias) == columns && bias->dim[bias->rank - 1] == columns));
}

bool quantised_has_step(const struct graph *g, const struct node *n)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	if (n->op == OP_LAYOUT)
		return quantised_is_byte(x->dtype);
	if (graph_elements(y) == 0 || y->rank < 1 || y->dim[0] != 1)
		return false;
	switch (n->op) {
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
		return bytes_from(g, n, 0, 3, 6) && combines_by_step(g, n);
	case OP_QLINEAR_MATMUL:
	case OP_QGEMM:
		return bytes_from(g, n, 0, 1, 1) && multiplies_by_step(g, n);
	case OP_QLINEAR_SIGMOID:
	case OP_QLINEAR_LEAKY_RELU:
		return bytes_from(g, n, 0, 1, 1);
	case OP_QLINEAR_CONCAT:
		return bytes_from(g, n, 2, 3, n->n_in);
	case OP_CONCAT:
		return bytes_from(g, n, 0, 1, n->n_in);
	case OP_MAX_POOL:
	case OP_QLINEAR_AVERAGE_POOL:
		return bytes_from(g, n, 0, 1, 1) && pools_by_step(g, n);
	case OP_QLINEAR_GLOBAL_AVERAGE_POOL:
		return bytes_from(g, n, 0, 1, 1) && !n->attr.quant.channels_last &&
		       graph_elements(x) <= STEP_TAPS_MAX * x->dim[1];
	default:
		return false;
	}
}
