/* From what a network stores to real numbers: integers with a scale, and other types than float32. */
#include "engine/operators/eval.h"
#include "engine/operators/numbers.h"
#include "engine/operators/quantised.h"
#include "engine/see/viewer.h"

/* Which input is the scale of the node's output, its zero point being the next; -1: none is. */
static int output_scale(enum op op)
{
	switch (op) {
	case OP_QLINEAR_CONCAT:
		return 0;
	case OP_QUANTIZE_LINEAR:
		return 1;
	case OP_QLINEAR_AVERAGE_POOL:
	case OP_QLINEAR_GLOBAL_AVERAGE_POOL:
	case OP_QLINEAR_SIGMOID:
	case OP_QLINEAR_LEAKY_RELU:
	case OP_QLINEAR_SOFTMAX:
		return 3;
	case OP_QLINEAR_CONV:
	case OP_QLINEAR_MATMUL:
	case OP_QLINEAR_ADD:
	case OP_QLINEAR_MUL:
		return 6;
	case OP_QGEMM:
		return 7;
	default:
		return -1;
	}
}

/* Operators that choose among their first input's elements, and compute nothing. */
static bool only_moves(enum op op)
{
	switch (op) {
	case OP_LAYOUT:
	case OP_MAX_POOL:
	case OP_GLOBAL_MAX_POOL:
	case OP_TRANSPOSE:
	case OP_SLICE:
	case OP_SPLIT:
	case OP_GATHER:
	case OP_EXPAND:
	case OP_TILE:
	case OP_DEPTH_TO_SPACE:
	case OP_SPACE_TO_DEPTH:
		return true;
	default:
		return eval_is_view(op);
	}
}

static struct see_real output_real(const struct graph *g, const struct see_real *real,
                                   const struct node *n)
{
	int at = output_scale(n->op);
	const struct value *scale = at < 0 ? NULL : graph_in(g, n, (uint32_t)at);
	const struct value *zero = at < 0 ? NULL : graph_in(g, n, (uint32_t)at + 1);
	/* A scale that is computed from the picture is not here any more. */
	if (scale && scale->data && (!zero || zero->data)) {
		struct see_real r = {.scale = scale, .zero = zero};
		if (n->op == OP_QUANTIZE_LINEAR)
			r.attr = n->attr.quant;
		return r;
	}
	const struct see_real *in = only_moves(n->op) && graph_in(g, n, 0) ? &real[n->in[0]] : NULL;
	bool same = in && in->scale && graph_elements(in->scale) == 1;
	return same ? *in : (struct see_real){0};
}

void see_reals(const struct graph *g, struct see_real *real)
{
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		if (n->dead)
			continue;
		struct see_real r = output_real(g, real, n);
		for (uint32_t k = 0; k < n->n_out && r.scale; k++) {
			/* A MaxPool's second output is indices. */
			if (n->out[k] != NO_VALUE && (k == 0 || n->op == OP_SPLIT))
				real[n->out[k]] = r;
		}
	}
}

bool see_must_convert(const struct value *v)
{
	return v->dtype != CNN_F32 ||
	       (v->layout == LAYOUT_CHANNELS_LAST && v->rank > 1 && v->dim[0] != 1);
}

/* `count` elements, `step` apart in memory, one beside the other. */
static void load(const void *data, enum cnn_dtype dtype, int64_t at, int64_t step, int64_t count,
                 float *out)
{
	double block[NUMBERS_BLOCK];
	for (int64_t i = 0; i < count; i += NUMBERS_BLOCK) {
		int64_t n = count - i < NUMBERS_BLOCK ? count - i : NUMBERS_BLOCK;
		numbers_load_double(data, dtype, at + i * step, step, n, block);
		for (int64_t k = 0; k < n; k++)
			out[i + k] = (float)block[k];
	}
}

/* As eval_quantize() walks over a tensor. */
static void apply_scale(const struct value *v, const struct see_real *real, float *x)
{
	struct quantised_runs r;
	if (!quantised_runs(v, real->scale, &real->attr, &r))
		return;
	int64_t blocks = r.axis / r.block + (r.axis % r.block != 0);
	for (int64_t o = 0; o < r.outer; o++) {
		for (int64_t a = 0; a < r.axis; a++) {
			int64_t p = r.step ? (o * blocks + a / r.block) * r.inner : a;
			int64_t count = r.step ? 1 : r.inner;
			for (int64_t i = 0; i < r.inner; i += count, x += count) {
				float zero = (float)quantised_zero(real->zero, p + i * r.step);
				float scale = quantised_scale(real->scale, p + i * r.step);
				for (int64_t k = 0; k < count; k++)
					x[k] = (x[k] - zero) * scale;
			}
		}
	}
}

void see_convert(const struct value *v, const struct see_real *real, const void *data, float *out)
{
	int64_t count = graph_elements(v);
	if (count == 0)
		return;
	if (v->layout == LAYOUT_PLAIN || v->rank < 3) {
		load(data, v->dtype, 0, 1, count, out);
	} else {
		int64_t channels = v->dim[1], pixels = count / v->dim[0] / channels;
		for (int64_t n = 0; n < v->dim[0]; n++)
			for (int64_t c = 0; c < channels; c++)
				load(data, v->dtype, n * channels * pixels + c, channels, pixels,
				     out + (n * channels + c) * pixels);
	}
	if (real->scale)
		apply_scale(v, real, out);
}
