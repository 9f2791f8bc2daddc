#include "engine/graph/layer_formula.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_BYTES 512

/* Appends to text[TEXT_BYTES]; what does not fit is cut off. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t *at, const char *fmt,
                                                         ...)
{
	if (*at >= TEXT_BYTES - 1)
		return;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text + *at, TEXT_BYTES - *at, fmt, ap);
	va_end(ap);
	if (n > 0)
		*at += (size_t)n;
}

/* " − 3", or what a dilated kernel spans. */
static void append_extent(char *text, size_t *at, const struct window_axis *w)
{
	if (w->dilation == 1)
		append(text, at, " − %d", w->kernel);
	else
		append(text, at, " − (%d·(%d − 1) + 1)", w->dilation, w->kernel);
}

static void window_axis(char *text, size_t *at, const struct window_axis *w, bool ceil_mode,
                        int64_t in, int64_t out)
{
	int64_t extent = (int64_t)(w->kernel - 1) * w->dilation + 1;
	int64_t room = in + w->before + w->after - extent;
	bool exact = room % w->stride == 0;
	bool up = ceil_mode && !exact;
	if (!exact)
		append(text, at, up ? "⌈" : "⌊");
	append(text, at, "(%lld + ", (long long)in);
	if (w->before == w->after)
		append(text, at, "2·%d", w->before);
	else
		append(text, at, "%d + %d", w->before, w->after);
	append_extent(text, at, w);
	append(text, at, ")/%d", w->stride);
	if (!exact)
		append(text, at, up ? "⌉" : "⌋");
	append(text, at, " + 1");
	/* ceil_mode drops a last window that would start in the padding behind. */
	if (room / w->stride + up + 1 > out)
		append(text, at, " − 1");
	append(text, at, " = %lld", (long long)out);
}

/* The other way round: where each input pixel puts a kernel down. */
static void transposed_axis(char *text, size_t *at, const struct window_axis *w, int64_t in,
                            int64_t out)
{
	int64_t extent = (int64_t)(w->kernel - 1) * w->dilation + 1;
	int64_t more = out - ((in - 1) * w->stride + extent - w->before - w->after);
	append(text, at, "(%lld − 1)·%d + ", (long long)in, w->stride);
	if (w->dilation == 1)
		append(text, at, "%d", w->kernel);
	else
		append(text, at, "%d·(%d − 1) + 1", w->dilation, w->kernel);
	if (w->before == w->after)
		append(text, at, " − 2·%d", w->before);
	else
		append(text, at, " − %d − %d", w->before, w->after);
	if (more)
		append(text, at, " + %lld", (long long)more);
	append(text, at, " = %lld", (long long)out);
}

static bool same_axis(const struct window_axis *a, const struct window_axis *b)
{
	return a->kernel == b->kernel && a->stride == b->stride && a->dilation == b->dilation &&
	       a->before == b->before && a->after == b->after;
}

/* One line for each spatial axis, or one for all when they are the same. */
static void window_formula(char *text, const struct graph *g, const struct node *n)
{
	static const char *const names[] = {"D", "H", "W"};
	const struct window_attr *w = &n->attr.window;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	int32_t spatial = w->channels_last ? x->rank - 1 : x->rank;
	struct window_axis axis[3] = {w->depth};
	for (int i = 0; i < 2; i++)
		axis[1 + i] = (struct window_axis){w->kernel[i], w->stride[i], w->dilation[i],
		                                   w->pad[i], w->pad[i + 2]};
	bool same = true, up = w->ceil_mode && w->auto_pad == PAD_EXPLICIT;
	int first = 3 - w->spatial;
	for (int i = first; i < 3; i++)
		same = same && same_axis(&axis[i], &axis[2]) &&
		       x->dim[spatial - 3 + i] == x->dim[spatial - 1];
	size_t at = 0;
	for (int i = same ? 2 : first; i < 3; i++) {
		int64_t in = x->dim[spatial - 3 + i], out = y->dim[spatial - 3 + i];
		if (!same)
			append(text, &at, "%s%s: ", i > first ? ", " : "", names[i]);
		if (n->op == OP_CONV_TRANSPOSE)
			transposed_axis(text, &at, &axis[i], in, out);
		else
			window_axis(text, &at, &axis[i], up, in, out);
	}
}

static void global_formula(char *text, const struct graph *g, const struct node *n)
{
	const struct value *x = graph_in(g, n, 0);
	size_t at = 0;
	append(text, &at, "%s over ",
	       n->op == OP_GLOBAL_MAX_POOL  ? "maximum"
	       : n->op == OP_GLOBAL_LP_POOL ? "norm"
	                                    : "mean");
	for (int32_t i = 2; i < x->rank; i++)
		append(text, &at, "%s%lld", i > 2 ? " × " : "", (long long)x->dim[i]);
}

/* "64·7·7 = 3136": the features that Flatten puts in a row. */
static void flatten_formula(char *text, const struct graph *g, const struct node *n)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	int64_t axis = n->attr.axes.axis;
	int32_t first = (int32_t)(axis < 0 ? axis + x->rank : axis);
	if (x->rank - first < 2)
		return;
	size_t at = 0;
	for (int32_t i = first; i < x->rank; i++)
		append(text, &at, "%s%lld", i > first ? "·" : "", (long long)x->dim[i]);
	append(text, &at, " = %lld", (long long)y->dim[1]);
}

static void concat_formula(char *text, const struct graph *g, const struct node *n)
{
	const struct value *y = graph_out(g, n);
	int64_t axis = n->attr.axes.axis;
	int32_t a = (int32_t)(axis < 0 ? axis + y->rank : axis);
	size_t at = 0;
	/* A longer sum is no help to a reader. */
	if (n->n_in < 2 || n->n_in > 8)
		return;
	for (uint32_t i = 0; i < n->n_in; i++)
		append(text, &at, "%s%lld", i ? " + " : "", (long long)graph_in(g, n, i)->dim[a]);
	append(text, &at, " = %lld", (long long)y->dim[a]);
}

static void gemm_formula(char *text, const struct graph *g, const struct node *n)
{
	const struct value *a = graph_in(g, n, 0), *y = graph_out(g, n);
	size_t at = 0;
	bool turned = (n->op == OP_GEMM && n->attr.gemm.trans_a) ||
	              (n->op == OP_QGEMM && n->attr.quant.trans_a);
	int32_t inner = turned ? 0 : a->rank - 1;
	if (y->rank > 0)
		append(text, &at, "%lld → %lld", (long long)a->dim[inner],
		       (long long)y->dim[y->rank - 1]);
}

const char *layer_formula(struct graph *g, const struct node *n)
{
	char text[TEXT_BYTES] = "";
	switch (n->op) {
	case OP_CONV:
	case OP_MAX_POOL:
	case OP_AVERAGE_POOL:
	case OP_LP_POOL:
	case OP_CONV_TRANSPOSE:
	case OP_CONV_INTEGER:
	case OP_QLINEAR_CONV:
	case OP_QLINEAR_AVERAGE_POOL:
		window_formula(text, g, n);
		break;
	case OP_GLOBAL_MAX_POOL:
	case OP_GLOBAL_AVERAGE_POOL:
	case OP_GLOBAL_LP_POOL:
		global_formula(text, g, n);
		break;
	case OP_FLATTEN:
		flatten_formula(text, g, n);
		break;
	case OP_CONCAT:
		concat_formula(text, g, n);
		break;
	case OP_GEMM:
	case OP_MATMUL:
	case OP_MATMUL_INTEGER:
	case OP_QLINEAR_MATMUL:
	case OP_QGEMM:
		gemm_formula(text, g, n);
		break;
	default:
		break;
	}
	return arena_strdup(g->arena, text);
}
