/* eval_qsoftmax.c - QLinearSoftmax by a table of exponentials, as onnxruntime has it. */
#include "engine/operators/eval.h"
#include "engine/operators/quantised.h"

#include <float.h>
#include <math.h>

/* How far below the largest element of a row an element is, as the exponential of that: any factor cancels
 * out, and this one lets sums of `count` terms use most of float32's range. */
struct table {
	float power[256];
};

static void fill_table(struct table *t, float scale, int64_t count)
{
	double shift = log((double)(FLT_MAX / (float)count)) - 5;
	shift = (shift > 0 ? shift : 0) / (double)scale;
	for (int i = 0; i < 256; i++)
		t->power[i] = (float)exp((i - 255 + shift) * (double)scale);
}

/* A row of `count` elements, `step` apart. */
struct row {
	const uint8_t *x;
	uint8_t *y;
	int64_t count, step;
	uint8_t flip; /* what makes the order of stored bytes that of unsigned ones */
};

static void softmax(const struct table *t, const struct row *r, float levels,
                    struct quantised_range range)
{
	uint8_t most = 0;
	for (int64_t i = 0; i < r->count; i++) {
		uint8_t v = r->x[i * r->step] ^ r->flip;
		most = v > most ? v : most;
	}
	const float *power = t->power + 255 - most;
	float sum = 0;
	for (int64_t i = 0; i < r->count; i++)
		sum += power[r->x[i * r->step] ^ r->flip];
	for (int64_t i = 0; i < r->count; i++) {
		float share = sum == 0 ? 0 : power[r->x[i * r->step] ^ r->flip] * levels / sum;
		r->y[i * r->step] = (uint8_t)quantised_store(share, range);
	}
}

EVAL_RULE(eval_qlinear_softmax)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	int32_t axis = 0;
	enum cnn_status s = resolve_axis(n, n->attr.quant.axis, x->rank, &axis, err);
	if (s || graph_elements(x) == 0)
		return s;
	int64_t rows = 1, inner = 1;
	struct row r = {.count = x->dim[axis], .flip = x->dtype == CNN_S8 ? 128 : 0};
	for (int32_t i = 0; i < x->rank; i++) {
		if (i < axis)
			rows *= x->dim[i];
		else if (i > axis)
			inner *= x->dim[i];
	}
	if (n->attr.quant.coerced_2d) {
		r.count *= inner;
		inner = 1;
	}
	r.step = inner;
	struct table t;
	fill_table(&t, quantised_scale_of(g, n, 1), r.count);
	float levels = floorf(1 / quantised_scale_of(g, n, 3));
	struct quantised_range range = quantised_range(y->dtype, quantised_zero_of(g, n, 4));
	for (int64_t i = 0; i < rows; i++) {
		for (int64_t k = 0; k < inner; k++) {
			r.x = (const uint8_t *)x->data + i * r.count * inner + k;
			r.y = (uint8_t *)out[0] + i * r.count * inner + k;
			softmax(&t, &r, levels, range);
		}
	}
	return CNN_OK;
}
