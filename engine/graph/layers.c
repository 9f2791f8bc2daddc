/* layers.c - the layer table: parameters, multiply-accumulates, receptive fields. */
#include "engine/graph/layers.h"

#include "engine/graph/layer_formula.h"
#include "engine/graph/resolve.h"

#include <stdlib.h>

/* What of the picture one element of a value has seen, per axis (height, width). */
struct view {
	bool picture;    /* depends on the picture at all */
	int64_t side[2]; /* in input pixels; 0: all of it */
	int64_t jump[2]; /* input pixels between neighbours */
};

struct table {
	struct graph *g;
	struct view *view; /* by value_id */
	bool *counted;     /* by value_id: the constant's parameters have been counted */
};

static int64_t saturating_mul(int64_t a, int64_t b)
{
	int64_t product;
	return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

static int32_t to_int32(int64_t x)
{
	return x > INT32_MAX ? INT32_MAX : (int32_t)x;
}

static struct cnn_shape shape_of(const struct value *v)
{
	struct cnn_shape s = {.rank = v->rank};
	for (int32_t i = 0; i < v->rank; i++)
		s.dim[i] = v->dim[i];
	return s;
}

static bool is_windowed(enum op op)
{
	return op == OP_CONV || op == OP_MAX_POOL || op == OP_AVERAGE_POOL || op == OP_LP_POOL ||
	       op == OP_QLINEAR_CONV || op == OP_CONV_INTEGER || op == OP_QLINEAR_AVERAGE_POOL;
}

static bool is_global_pool(enum op op)
{
	return op == OP_GLOBAL_AVERAGE_POOL || op == OP_GLOBAL_MAX_POOL ||
	       op == OP_GLOBAL_LP_POOL || op == OP_QLINEAR_GLOBAL_AVERAGE_POOL;
}

/* The weights of an operator on integers, or NO_INPUT. */
#define NO_INPUT UINT32_MAX
static uint32_t integer_weights(enum op op)
{
	switch (op) {
	case OP_QLINEAR_CONV:
	case OP_QLINEAR_MATMUL:
	case OP_QGEMM:
		return 3;
	case OP_CONV_INTEGER:
	case OP_MATMUL_INTEGER:
		return 1;
	default:
		return NO_INPUT;
	}
}

/* Whether input i holds learnable numbers. A running mean or variance is measured, not learned, and
 * a single number in arithmetic is a part of the formula. */
static bool is_parameter(const struct graph *g, const struct node *n, uint32_t i)
{
	const struct value *v = graph_in(g, n, i);
	if (!v || !v->data)
		return false;
	if (integer_weights(n->op) != NO_INPUT)
		return i == integer_weights(n->op) || v->dtype == CNN_S32;
	if (n->op == OP_QLINEAR_ADD || n->op == OP_QLINEAR_MUL)
		return (i == 0 || i == 3) && graph_elements(v) > 1;
	if (v->dtype != CNN_F32)
		return false;
	switch (n->op) {
	case OP_CONV:
	case OP_CONV_TRANSPOSE:
	case OP_GEMM:
	case OP_MATMUL:
	case OP_EINSUM:
		return true;
	case OP_BATCH_NORM:
	case OP_INSTANCE_NORM:
	case OP_LAYER_NORM:
	case OP_GROUP_NORM:
		return i == 1 || i == 2;
	case OP_PRELU:
		return i == 1;
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
	case OP_DIV:
	case OP_POW:
	case OP_MIN:
	case OP_MAX:
	case OP_SUM:
	case OP_MEAN:
		return graph_elements(v) > 1;
	default:
		return false;
	}
}

static int64_t count_parameters(struct table *t, const struct node *n)
{
	int64_t sum = 0;
	for (uint32_t i = 0; i < n->n_in; i++) {
		if (!is_parameter(t->g, n, i) || t->counted[n->in[i]])
			continue;
		t->counted[n->in[i]] = true;
		sum += graph_elements(graph_in(t->g, n, i));
	}
	return sum;
}

static int64_t count_macs(const struct graph *g, const struct node *n)
{
	int64_t outputs = graph_elements(graph_out(g, n));
	uint32_t integer = integer_weights(n->op);
	const struct value *a = graph_in(g, n, 0);
	const struct value *w = graph_in(g, n, integer == NO_INPUT ? 1 : integer);
	switch (n->op) {
	case OP_CONV:
	case OP_CONV_INTEGER:
	case OP_QLINEAR_CONV:
		/* Elements of one filter, for each output. */
		return saturating_mul(outputs, graph_elements(w) / w->dim[0]);
	case OP_CONV_TRANSPOSE:
		/* Every element is spread over the filters of its channel. */
		return saturating_mul(graph_elements(a), graph_elements(w) / w->dim[0]);
	case OP_GEMM:
		return saturating_mul(outputs, a->dim[n->attr.gemm.trans_a ? 0 : 1]);
	case OP_QGEMM:
		return saturating_mul(outputs, a->dim[n->attr.quant.trans_a ? 0 : 1]);
	case OP_MATMUL:
	case OP_MATMUL_INTEGER:
	case OP_QLINEAR_MATMUL:
		return saturating_mul(outputs, a->dim[a->rank - 1]);
	default:
		return 0;
	}
}

static bool has_dense_twin(enum op op)
{
	return is_windowed(op) || is_global_pool(op) || op == OP_GEMM || op == OP_MATMUL ||
	       integer_weights(op) != NO_INPUT;
}

/* Reductions over an axis behind the channels, or over all features of a flat tensor. */
static bool reduces_space(const struct graph *g, const struct node *n)
{
	bool reduced[CNN_MAX_RANK];
	int32_t rank = graph_in(g, n, 0)->rank;
	if (n->op < OP_REDUCE_MEAN || n->op > OP_REDUCE_PROD ||
	    resolve_reduced(g, n, reduced, NULL) != CNN_OK)
		return false;
	for (int32_t i = rank > 2 ? 2 : 1; i < rank; i++)
		if (reduced[i])
			return true;
	return false;
}

/* Joins see the largest of what their inputs see, and all of it when one of them does. */
static struct view join_inputs(const struct table *t, const struct node *n)
{
	struct view seen = {.side = {1, 1}, .jump = {1, 1}};
	for (uint32_t i = 0; i < n->n_in; i++) {
		if (n->in[i] == NO_VALUE || !t->view[n->in[i]].picture)
			continue;
		const struct view *v = &t->view[n->in[i]];
		seen.picture = true;
		for (int a = 0; a < 2; a++) {
			bool all = v->side[a] == 0 || seen.side[a] == 0;
			if (all || v->side[a] > seen.side[a])
				seen.side[a] = all ? 0 : v->side[a];
			if (v->jump[a] > seen.jump[a])
				seen.jump[a] = v->jump[a];
		}
	}
	return seen;
}

/* Each output is a sum of those inputs whose filters reach it, extent / stride along an axis. */
static void look_transposed(const struct window_attr *w, struct view *seen)
{
	for (int a = 0; a < 2; a++) {
		int64_t reach = (int64_t)(w->kernel[a] - 1) * w->dilation[a] / w->stride[a];
		if (seen->side[a])
			seen->side[a] += saturating_mul(reach, seen->jump[a]);
		seen->side[a] = to_int32(seen->side[a]);
		seen->jump[a] = seen->jump[a] / w->stride[a] ? seen->jump[a] / w->stride[a] : 1;
	}
}

static bool sees_all(const struct graph *g, const struct node *n)
{
	switch (n->op) {
	case OP_GEMM:
	case OP_MATMUL:
	case OP_QGEMM:
	case OP_QLINEAR_MATMUL:
	case OP_MATMUL_INTEGER:
	case OP_EINSUM:
	case OP_INSTANCE_NORM:
	case OP_GROUP_NORM:
	case OP_MEAN_VARIANCE_NORM:
		return true;
	default:
		return is_global_pool(n->op) || reduces_space(g, n);
	}
}

static struct view look(const struct table *t, const struct node *n)
{
	struct view seen = join_inputs(t, n);
	if (is_windowed(n->op)) {
		const struct window_attr *w = &n->attr.window;
		for (int a = 0; a < 2; a++) {
			int64_t reach = (int64_t)(w->kernel[a] - 1) * w->dilation[a];
			if (seen.side[a])
				seen.side[a] += saturating_mul(reach, seen.jump[a]);
			/* Past int32 the exact number means nothing any more. */
			seen.side[a] = to_int32(seen.side[a]);
			seen.jump[a] = to_int32(saturating_mul(seen.jump[a], w->stride[a]));
		}
	} else if (n->op == OP_CONV_TRANSPOSE) {
		look_transposed(&n->attr.window, &seen);
	} else if (sees_all(t->g, n)) {
		seen.side[0] = seen.side[1] = 0;
	}
	return seen;
}

static void fill_window(struct cnn_layer *row, const struct window_attr *w)
{
	row->windowed = true;
	for (int a = 0; a < 2; a++) {
		row->kernel[a] = w->kernel[a];
		row->stride[a] = w->stride[a];
		row->dilation[a] = w->dilation[a];
	}
	for (int i = 0; i < 4; i++)
		row->pad[i] = w->pad[i];
}

static void fill_row(struct table *t, struct cnn_layer *row, const struct node *n,
                     const struct view *seen)
{
	const struct value *x = graph_in(t->g, n, 0), *y = graph_out(t->g, n);
	/* The first input may be a constant (Sub from one, say): the row shows the picture's. */
	for (uint32_t i = 0; i < n->n_in; i++) {
		if (n->in[i] != NO_VALUE && t->view[n->in[i]].picture) {
			x = graph_in(t->g, n, i);
			break;
		}
	}
	*row = (struct cnn_layer){.name = n->name, .op = op_table[n->op].onnx_name, .groups = 1};
	row->input = shape_of(x);
	row->output = shape_of(y);
	if (is_windowed(n->op))
		fill_window(row, &n->attr.window);
	if (n->op == OP_CONV || n->op == OP_QLINEAR_CONV || n->op == OP_CONV_INTEGER)
		row->groups = n->attr.window.group;
	row->parameters = count_parameters(t, n);
	row->macs = count_macs(t->g, n);
	if (has_dense_twin(n->op))
		row->macs_if_dense = saturating_mul(graph_elements(x), graph_elements(y));
	for (int a = 0; a < 2; a++) {
		row->receptive_field[a] = (int32_t)seen->side[a];
		row->jump[a] = (int32_t)seen->jump[a];
	}
}

enum cnn_status graph_build_layers(struct graph *g, struct graph_layers *out, struct cnn_error *err)
{
	enum cnn_status s = CNN_OK;
	size_t live = 0;
	for (size_t i = 0; i < g->n_node; i++)
		live += !g->node[i].dead;
	struct table t = {.g = g};
	struct graph_layers layers = {arena_alloc(g->arena, live, sizeof *layers.row), 0};
	t.view = calloc(g->n_value + 1, sizeof *t.view);
	t.counted = calloc(g->n_value + 1, sizeof *t.counted);
	if (!layers.row || !t.view || !t.counted) {
		s = cnn_fail_memory(err, "the layer table", live * sizeof *layers.row);
		goto done;
	}
	for (size_t i = 0; i < g->n_input; i++)
		t.view[g->input[i]] = (struct view){true, {1, 1}, {1, 1}};
	for (size_t i = 0; i < g->n_node; i++) {
		struct node *n = &g->node[i];
		struct view seen = n->dead ? (struct view){0} : look(&t, n);
		if (!seen.picture)
			continue;
		for (uint32_t k = 0; k < n->n_out; k++)
			t.view[n->out[k]] = seen;
		struct cnn_layer *row = &layers.row[layers.n];
		fill_row(&t, row, n, &seen);
		row->formula = layer_formula(g, n);
		if (!row->formula) {
			s = cnn_fail_memory(err, n->name, 0);
			goto done;
		}
		n->layer = (uint32_t)layers.n++;
	}
	*out = layers;
done:
	free(t.counted);
	free(t.view);
	return s;
}
