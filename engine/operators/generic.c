/* generic.c - which nodes run by their evaluation rule because no kernel takes their form. */
#include "engine/operators/eval.h"
#include "engine/operators/quantised.h"
#include "engine/operators/resample.h"

#define POOL_MAX_TAPS ((int64_t)1 << 22)

static bool constant(const struct graph *g, const struct node *n, uint32_t input)
{
	const struct value *v = graph_in(g, n, input);
	return !v || v->data;
}

/* What only moves elements about, none of them made up. */
static bool moves(const struct node *n)
{
	switch (n->op) {
	case OP_TRANSPOSE:
	case OP_SLICE:
	case OP_SPLIT:
	case OP_GATHER:
	case OP_EXPAND:
	case OP_TILE:
	case OP_DEPTH_TO_SPACE:
	case OP_SPACE_TO_DEPTH:
		return true;
	case OP_RESIZE:
		return n->attr.resize.mode == RESIZE_NEAREST &&
		       n->attr.resize.coordinates != RESIZE_CROP;
	default:
		return false;
	}
}

/* Kernels compute float32, or move bytes, and have at least one element to compute. What they take besides are
 * constants: indices, axes, shapes. */
static bool fits_kernel(const struct node *n, const struct value *v)
{
	return graph_elements(v) > 0 &&
	       (v->dtype == CNN_F32 || (moves(n) && quantised_is_byte(v->dtype)));
}

static bool plain_tensors(const struct graph *g, const struct node *n)
{
	for (uint32_t i = 0; i < n->n_in; i++) {
		const struct value *v = graph_in(g, n, i);
		if (v && !v->data && !fits_kernel(n, v))
			return false;
	}
	for (uint32_t k = 0; k < n->n_out; k++) {
		const struct value *v = &g->value[n->out[k]];
		if (!fits_kernel(n, v))
			return false;
	}
	return true;
}

/* Scale and bias have a number for each element of what is normalised together. */
static bool normalises_rows(const struct graph *g, const struct node *n)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t axis = n->attr.norm.axis;
	int32_t row = (int32_t)(axis < 0 ? -axis : x->rank - axis); /* axes */
	for (uint32_t i = 1; i < n->n_in; i++) {
		const struct value *v = graph_in(g, n, i);
		for (int32_t a = 1; v && a <= (v->rank > row ? v->rank : row); a++) {
			int64_t want = a <= row ? x->dim[x->rank - a] : 1;
			if (a <= v->rank ? v->dim[v->rank - a] != want : want != 1)
				return false;
		}
	}
	return true;
}

/* Kernels of pools have a list of all that a row of outputs sees. */
static bool too_wide(const struct graph *g, const struct node *n)
{
	const struct window_attr *w = &n->attr.window;
	const struct value *y = graph_out(g, n);
	int64_t taps = (int64_t)w->kernel[0] * w->kernel[1];
	return taps > POOL_MAX_TAPS / y->dim[y->rank - 1];
}

/* The forms of an operator that its kernel leaves out. */
static bool has_kernel(const struct graph *g, const struct node *n)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_in(g, n, 1);
	switch (n->op) {
	case OP_CONV:
		return x->rank <= 4 && x->dim[0] == 1 && constant(g, n, 1) && constant(g, n, 2);
	case OP_MAX_POOL:
	case OP_AVERAGE_POOL:
		return x->rank <= 4 && x->dim[0] == 1 && n->n_out == 1 && !too_wide(g, n);
	case OP_GLOBAL_MAX_POOL:
	case OP_GLOBAL_AVERAGE_POOL:
		return x->dim[0] == 1 && graph_elements(x) <= POOL_MAX_TAPS * x->dim[1];
	case OP_LRN:
		return x->rank >= 3;
	case OP_LAYER_NORM:
		return n->n_out == 1 && normalises_rows(g, n);
	case OP_BATCH_NORM:
		return constant(g, n, 1) && constant(g, n, 2) && constant(g, n, 3) &&
		       constant(g, n, 4);
	case OP_CELU:
		return n->attr.unary.alpha > 0;
	case OP_CLIP:
		return constant(g, n, 1) && constant(g, n, 2);
	case OP_PAD:
		return constant(g, n, 2);
	case OP_RESIZE:
		return resize_has_kernel(g, n);
	case OP_GATHER:
		return !x->data && y->data && y->rank <= 1;
	default:
		return true;
	}
}

bool eval_at_run_time(const struct graph *g, const struct node *n)
{
	return !eval_is_view(n->op) && !quantised_has_step(g, n) &&
	       !(plain_tensors(g, n) && has_kernel(g, n));
}
