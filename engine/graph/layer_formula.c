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

/* Height or width. */
static struct window_axis axis_of(const struct window_attr *w, int i)
{
	return (struct window_axis){w->kernel[i], w->stride[i], w->dilation[i], w->pad[i],
	                            w->pad[i + 2]};
}

static void window_axis(char *text, size_t *at, const struct window_attr *w, struct window_axis a,
                        int64_t in, int64_t out)
{
	int64_t extent = (int64_t)(a.kernel - 1) * a.dilation + 1;
	int64_t room = in + a.before + a.after - extent;
	bool exact = room % a.stride == 0;
	bool up = w->ceil_mode && w->auto_pad == PAD_EXPLICIT && !exact;
	if (!exact)
		append(text, at, up ? "⌈" : "⌊");
	append(text, at, "(%lld + ", (long long)in);
	if (a.before == a.after)
		append(text, at, "2·%d", a.before);
	else
		append(text, at, "%d + %d", a.before, a.after);
	if (a.dilation == 1)
		append(text, at, " − %d)", a.kernel);
	else
		append(text, at, " − (%d·(%d − 1) + 1))", a.dilation, a.kernel);
	append(text, at, "/%d", a.stride);
	if (!exact)
		append(text, at, up ? "⌉" : "⌋");
	append(text, at, " + 1");
	/* ceil_mode drops a last window that would start in the padding behind. */
	if (room / a.stride + up + 1 > out)
		append(text, at, " − 1");
	append(text, at, " = %lld", (long long)out);
}

static void window_formula(char *text, const struct graph *g, const struct node *n)
{
	const struct window_attr *w = &n->attr.window;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	size_t at = 0;
	int32_t h = x->rank - 2;
	if (x->rank == 3) {
		window_axis(text, &at, w, axis_of(w, 1), x->dim[2], y->dim[2]);
		return;
	}
	if (x->rank == 5) {
		append(text, &at, "D: ");
		window_axis(text, &at, w, w->depth, x->dim[2], y->dim[2]);
		append(text, &at, ", ");
	}
	bool same = x->rank == 4 && x->dim[2] == x->dim[3] && w->kernel[0] == w->kernel[1] &&
	            w->stride[0] == w->stride[1] && w->dilation[0] == w->dilation[1] &&
	            w->pad[0] == w->pad[1] && w->pad[2] == w->pad[3];
	append(text, &at, same ? "" : "H: ");
	window_axis(text, &at, w, axis_of(w, 0), x->dim[h], y->dim[h]);
	if (same)
		return;
	append(text, &at, ", W: ");
	window_axis(text, &at, w, axis_of(w, 1), x->dim[h + 1], y->dim[h + 1]);
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
	case OP_QLINEAR_CONV:
	case OP_CONV_INTEGER:
	case OP_QLINEAR_AVERAGE_POOL:
		window_formula(text, g, n);
		break;
	case OP_GLOBAL_MAX_POOL:
	case OP_GLOBAL_AVERAGE_POOL:
	case OP_GLOBAL_LP_POOL:
	case OP_QLINEAR_GLOBAL_AVERAGE_POOL:
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
	case OP_QGEMM:
	case OP_QLINEAR_MATMUL:
	case OP_MATMUL_INTEGER:
		gemm_formula(text, g, n);
		break;
	default:
		break;
	}
	return arena_strdup(g->arena, text);
}
