/* Choose each value's layout. Convolutions and pools work channels last; matrix products and
 * reshapes need ONNX's order; everything else follows its inputs. Where a reader needs the other
 * layout a LAYOUT node copies, once for each value (and lowers to nothing where both are the same). */
#include "engine/operators/eval.h"
#include "engine/passes/rewrite.h"

#include <stdlib.h>
#include <string.h>

enum need {
	NEED_PLAIN,
	NEED_CHANNELS_LAST, /* on rank >= 3; plain below */
	NEED_FOLLOW,        /* channels last as soon as one input of the output's rank is */
	NEED_NOTHING,       /* reads any layout; plain output unless the node chooses */
};

static const enum need needs[OP_COUNT] = {
	[OP_CONV] = NEED_CHANNELS_LAST,
	[OP_MAX_POOL] = NEED_CHANNELS_LAST,
	[OP_AVERAGE_POOL] = NEED_CHANNELS_LAST,
	[OP_GLOBAL_MAX_POOL] = NEED_CHANNELS_LAST,
	[OP_GLOBAL_AVERAGE_POOL] = NEED_CHANNELS_LAST,
	[OP_BATCH_NORM] = NEED_CHANNELS_LAST,
	[OP_LRN] = NEED_CHANNELS_LAST,
	[OP_RELU] = NEED_FOLLOW,
	[OP_CLIP] = NEED_FOLLOW,
	[OP_LEAKY_RELU] = NEED_FOLLOW,
	[OP_PRELU] = NEED_FOLLOW,
	[OP_ELU] = NEED_FOLLOW,
	[OP_SELU] = NEED_FOLLOW,
	[OP_SIGMOID] = NEED_FOLLOW,
	[OP_SILU] = NEED_FOLLOW,
	[OP_HARD_SIGMOID] = NEED_FOLLOW,
	[OP_HARD_SWISH] = NEED_FOLLOW,
	[OP_TANH] = NEED_FOLLOW,
	[OP_SOFTPLUS] = NEED_FOLLOW,
	[OP_ERF] = NEED_FOLLOW,
	[OP_EXP] = NEED_FOLLOW,
	[OP_LOG] = NEED_FOLLOW,
	[OP_SQRT] = NEED_FOLLOW,
	[OP_ABS] = NEED_FOLLOW,
	[OP_NEG] = NEED_FOLLOW,
	[OP_FLOOR] = NEED_FOLLOW,
	[OP_CEIL] = NEED_FOLLOW,
	[OP_RECIPROCAL] = NEED_FOLLOW,
	[OP_CELU] = NEED_FOLLOW,
	[OP_MISH] = NEED_FOLLOW,
	[OP_SOFTSIGN] = NEED_FOLLOW,
	[OP_GELU] = NEED_FOLLOW,
	[OP_SIGN] = NEED_FOLLOW,
	[OP_ROUND] = NEED_FOLLOW,
	[OP_SOFTMAX] = NEED_FOLLOW,
	[OP_LOG_SOFTMAX] = NEED_FOLLOW,
	[OP_ADD] = NEED_FOLLOW,
	[OP_SUB] = NEED_FOLLOW,
	[OP_MUL] = NEED_FOLLOW,
	[OP_DIV] = NEED_FOLLOW,
	[OP_POW] = NEED_FOLLOW,
	[OP_MIN] = NEED_FOLLOW,
	[OP_MAX] = NEED_FOLLOW,
	[OP_SUM] = NEED_FOLLOW,
	[OP_MEAN] = NEED_FOLLOW,
	[OP_CONCAT] = NEED_FOLLOW,
	[OP_SPLIT] = NEED_FOLLOW,
	[OP_SLICE] = NEED_FOLLOW,
	[OP_PAD] = NEED_FOLLOW,
	[OP_GATHER] = NEED_FOLLOW,
	[OP_EXPAND] = NEED_FOLLOW,
	[OP_TILE] = NEED_FOLLOW,
	[OP_RESIZE] = NEED_FOLLOW,
	[OP_DEPTH_TO_SPACE] = NEED_FOLLOW,
	[OP_SPACE_TO_DEPTH] = NEED_FOLLOW,
	[OP_IDENTITY] = NEED_FOLLOW,
	[OP_DROPOUT] = NEED_FOLLOW,
	[OP_CAST] = NEED_FOLLOW,
	[OP_REDUCE_MEAN] = NEED_NOTHING,
	[OP_REDUCE_SUM] = NEED_NOTHING,
	[OP_REDUCE_MAX] = NEED_NOTHING,
	[OP_REDUCE_MIN] = NEED_NOTHING,
	[OP_REDUCE_PROD] = NEED_NOTHING,
	[OP_REDUCE_L1] = NEED_NOTHING,
	[OP_REDUCE_L2] = NEED_NOTHING,
	[OP_REDUCE_LOG_SUM] = NEED_NOTHING,
	[OP_REDUCE_LOG_SUM_EXP] = NEED_NOTHING,
	[OP_REDUCE_SUM_SQUARE] = NEED_NOTHING,
	[OP_TRANSPOSE] = NEED_NOTHING,
	[OP_QLINEAR_CONV] = NEED_CHANNELS_LAST,
	[OP_QLINEAR_AVERAGE_POOL] = NEED_CHANNELS_LAST,
	[OP_QLINEAR_GLOBAL_AVERAGE_POOL] = NEED_CHANNELS_LAST,
	[OP_QUANTIZE_LINEAR] = NEED_FOLLOW,
	[OP_DEQUANTIZE_LINEAR] = NEED_FOLLOW,
	[OP_QLINEAR_ADD] = NEED_FOLLOW,
	[OP_QLINEAR_MUL] = NEED_FOLLOW,
	[OP_QLINEAR_CONCAT] = NEED_FOLLOW,
	[OP_QLINEAR_SIGMOID] = NEED_FOLLOW,
	[OP_QLINEAR_LEAKY_RELU] = NEED_FOLLOW,
};

struct layout_pass {
	struct graph *g;
	value_id *copy;     /* the other layout of a value, or NO_VALUE */
	bool *feeds_window; /* read by a node that works channels last */
	size_t n;           /* values when the pass began */
};

static enum need need_of(const struct graph *g, const struct node *n)
{
	if (eval_at_run_time(g, n))
		return NEED_PLAIN;
	/* the flattening of opset 12's Softmax is over ONNX's order */
	if ((n->op == OP_SOFTMAX || n->op == OP_LOG_SOFTMAX) && n->attr.axes.coerced_2d &&
	    graph_in(g, n, 0)->rank > 2)
		return NEED_PLAIN;
	/* a Gather that does not keep the axes in their places */
	if (n->op == OP_GATHER && graph_in(g, n, 1)->rank != 1)
		return NEED_PLAIN;
	return needs[n->op];
}

/* An operand that broadcasts from a lower rank and varies along the channels and along
 * space at once has no order that suits channels last. */
static bool awkward_operand(const struct value *v, int32_t rank)
{
	if (v->data || v->rank >= rank)
		return false;
	int varying = 0;
	for (int32_t i = 0; i < v->rank; i++)
		varying += v->dim[i] > 1;
	return varying > 1;
}

static enum layout follow(const struct graph *g, const struct node *n)
{
	int32_t rank = graph_out(g, n)->rank;
	enum layout layout = LAYOUT_PLAIN;
	if (rank < 3)
		return layout;
	for (uint32_t i = 0; i < n->n_in; i++) {
		const struct value *v = graph_in(g, n, i);
		if (!v)
			continue;
		if (awkward_operand(v, rank))
			return LAYOUT_PLAIN;
		if (v->rank == rank && !v->data && v->layout == LAYOUT_CHANNELS_LAST)
			layout = LAYOUT_CHANNELS_LAST;
	}
	return layout;
}

/* The value `v` in `layout`: itself, or a copy made by a LAYOUT node. NO_VALUE without memory. */
static value_id in_layout(struct layout_pass *p, value_id v, enum layout layout)
{
	struct graph *g = p->g;
	if (g->value[v].layout == layout || g->value[v].rank < 3)
		return v;
	if (p->copy[v] != NO_VALUE)
		return p->copy[v];
	value_id copy = rewrite_value_like(g, g->value[v].name, v);
	node_id id = graph_add_node(g, OP_LAYOUT, g->value[v].name, 1, 1);
	if (copy == NO_VALUE || id == NO_NODE)
		return NO_VALUE;
	g->value[copy].layout = layout;
	g->value[copy].producer = id;
	g->node[id].in[0] = v;
	g->node[id].out[0] = copy;
	g->node[id].layer = NO_LAYER;
	return p->copy[v] = copy;
}

static bool convert_inputs(struct layout_pass *p, node_id id, enum layout layout, int32_t rank)
{
	for (uint32_t i = 0; i < p->g->node[id].n_in; i++) {
		value_id v = p->g->node[id].in[i];
		if (v == NO_VALUE)
			continue;
		/* Constants are read through strides as well, but for a feature map that is one. */
		bool map = i == 0 && layout == LAYOUT_CHANNELS_LAST &&
		           needs[p->g->node[id].op] == NEED_CHANNELS_LAST;
		if (p->g->value[v].data && !map)
			continue;
		/* operands of a lower rank broadcast: they are read through strides as they are */
		if (layout == LAYOUT_CHANNELS_LAST && p->g->value[v].rank != rank)
			continue;
		v = in_layout(p, v, layout);
		if (v == NO_VALUE)
			return false;
		p->g->node[id].in[i] = v;
	}
	value_id residual = p->g->node[id].residual;
	if (residual != NO_VALUE && !p->g->value[residual].data) {
		residual = in_layout(p, residual, layout);
		if (residual == NO_VALUE)
			return false;
		p->g->node[id].residual = residual;
	}
	return true;
}

/* Axes of a value from the outermost in memory to the innermost. */
static void memory_order(const struct value *v, int32_t axis[CNN_MAX_RANK])
{
	int32_t n = 0;
	for (int32_t i = 0; i < v->rank; i++)
		if (v->layout == LAYOUT_PLAIN || i != 1)
			axis[n++] = i;
	if (v->layout == LAYOUT_CHANNELS_LAST)
		axis[n] = 1;
}

/* A transposition that moves nothing is worth more than the layout that readers like. */
static enum layout transposed(const struct layout_pass *p, const struct node *n)
{
	struct value out = *graph_out(p->g, n);
	int32_t from[CNN_MAX_RANK], to[CNN_MAX_RANK];
	memory_order(graph_in(p->g, n, 0), from);
	for (int k = 0; k < 2 && out.rank >= 3; k++) {
		out.layout = k == 0 ? LAYOUT_PLAIN : LAYOUT_CHANNELS_LAST;
		memory_order(&out, to);
		bool same = true;
		for (int32_t i = 0; i < out.rank; i++) {
			int32_t axis =
				n->attr.perm.n ? n->attr.perm.perm[to[i]] : out.rank - 1 - to[i];
			same = same && axis == from[i];
		}
		if (same)
			return out.layout;
	}
	return out.rank >= 3 && n->out[0] < p->n && p->feeds_window[n->out[0]]
	               ? LAYOUT_CHANNELS_LAST
	               : LAYOUT_PLAIN;
}

static enum cnn_status assign(struct layout_pass *p, node_id id, struct cnn_error *err)
{
	struct graph *g = p->g;
	const struct node *n = &g->node[id];
	int32_t rank = graph_out(g, n)->rank;
	enum layout layout = LAYOUT_PLAIN;
	bool convert = true;
	switch (need_of(g, n)) {
	case NEED_PLAIN:
		break;
	case NEED_CHANNELS_LAST:
		if (rank >= 3)
			layout = LAYOUT_CHANNELS_LAST;
		break;
	case NEED_FOLLOW:
		layout = follow(g, n);
		break;
	case NEED_NOTHING:
		convert = false;
		if (n->op == OP_TRANSPOSE)
			layout = transposed(p, n);
		else if (rank >= 3 && rank == graph_in(g, n, 0)->rank)
			layout = graph_in(g, n, 0)->layout;
		break;
	}
	if (convert && !convert_inputs(p, id, layout, rank))
		return cnn_fail_memory(err, "the layout pass", sizeof(struct node));
	for (uint32_t i = 0; i < g->node[id].n_out; i++)
		if (g->node[id].out[i] != NO_VALUE)
			g->value[g->node[id].out[i]].layout = layout;
	return CNN_OK;
}

enum cnn_status pass_layout(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	(void)log;
	struct layout_pass p = {.g = g, .n = g->n_value};
	enum cnn_status status = CNN_OK;
	p.copy = malloc((p.n + 1) * sizeof *p.copy);
	p.feeds_window = calloc(p.n + 1, sizeof *p.feeds_window);
	if (!p.copy || !p.feeds_window) {
		status = cnn_fail_memory(err, "the layout pass", p.n * sizeof *p.copy);
		goto done;
	}
	for (size_t v = 0; v < p.n; v++)
		p.copy[v] = NO_VALUE;
	size_t n_node = g->n_node;
	for (size_t i = n_node; i-- > 0;) {
		const struct node *n = &g->node[i];
		bool quantises = n->op == OP_QUANTIZE_LINEAR || n->op == OP_DEQUANTIZE_LINEAR;
		if (!n->dead && ((quantises && p.feeds_window[n->out[0]]) ||
		                 need_of(g, n) == NEED_CHANNELS_LAST))
			p.feeds_window[n->in[0]] = true;
	}
	for (size_t i = 0; i < g->n_input; i++) {
		struct value *v = &g->value[g->input[i]];
		/* Bytes come and go in ONNX's order. */
		if (v->rank >= 3 && v->dtype == CNN_F32 && p.feeds_window[g->input[i]])
			v->layout = LAYOUT_CHANNELS_LAST;
	}
	for (size_t i = 0; i < n_node && !status; i++)
		if (!g->node[i].dead)
			status = assign(&p, (node_id)i, err);
	for (size_t i = 0; i < g->n_output && !status; i++) {
		if (g->value[g->output[i]].dtype == CNN_F32)
			continue;
		g->output[i] = in_layout(&p, g->output[i], LAYOUT_PLAIN);
		if (g->output[i] == NO_VALUE)
			status = cnn_fail_memory(err, "the layout pass", sizeof(struct node));
	}
	if (!status)
		status = graph_sort(g, err);
done:
	free(p.copy);
	free(p.feeds_window);
	return status;
}
