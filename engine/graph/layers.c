/* layers.c - the layer table, put together. */
#include "engine/graph/layers.h"

#include "engine/graph/layer_formula.h"
#include "engine/graph/layers_cost.h"
#include "engine/graph/layers_follow.h"

#include <stdlib.h>

/* For all receptive fields of a table; a network has a hundredth of it. */
#define FIELD_WORK ((int64_t)1 << 22)

struct table {
	struct graph *g;
	struct cost cost;
	struct follower follower;
	size_t *reader; /* by row: the last row that listed it, plus 1 */
	size_t n_row;
};

static struct cnn_shape shape_of(const struct value *v)
{
	struct cnn_shape s = {.rank = v->rank};
	for (int32_t i = 0; i < v->rank; i++)
		s.dim[i] = v->dim[i];
	return s;
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

/* An axis that the picture does not have is seen whole when the other one is. */
static void fill_field(struct cnn_layer *row, const struct table *t, const struct field *seen)
{
	for (int a = 0; a < 2; a++) {
		const struct field_axis *axis = &seen->axis[t->follower.has[a] ? a : 1];
		bool other = !t->follower.has[a] && !axis->whole;
		row->receptive_field[a] = other ? 1 : field_axis_size(axis);
		row->receptive_field_start[a] = other ? 0 : field_axis_start(axis);
		row->jump[a] = other ? 1 : field_axis_jump(axis);
	}
}

/* The first input may be a constant (Sub from one, say): the row shows the picture's. */
static const struct value *picture_of(const struct table *t, const struct node *n)
{
	for (uint32_t i = 0; i < n->n_in; i++)
		if (n->in[i] != NO_VALUE && t->follower.of[n->in[i]].picture)
			return graph_in(t->g, n, i);
	return graph_in(t->g, n, 0);
}

/* The row that puts out what input i of a node reads, or CNN_LAYER_PICTURE; false when it reads none. What depends on
 * the picture comes from a row or is the picture. */
static bool source_of(const struct table *t, const struct node *n, uint32_t i, uint32_t *row)
{
	if (n->in[i] == NO_VALUE || !t->follower.of[n->in[i]].picture)
		return false;
	node_id producer = t->g->value[n->in[i]].producer;
	*row = producer == NO_NODE ? CNN_LAYER_PICTURE : t->g->node[producer].layer;
	return true;
}

static bool fill_inputs(struct table *t, struct cnn_layer *row, const struct node *n)
{
	uint32_t source, *inputs = arena_alloc(t->g->arena, n->n_in, sizeof *inputs);
	if (!inputs)
		return false;
	bool picture = false;
	for (uint32_t i = 0; i < n->n_in; i++) {
		if (!source_of(t, n, i, &source))
			continue;
		bool listed =
			source == CNN_LAYER_PICTURE ? picture : t->reader[source] == t->n_row + 1;
		if (source == CNN_LAYER_PICTURE)
			picture = true;
		else
			t->reader[source] = t->n_row + 1;
		if (!listed)
			inputs[row->n_inputs++] = source;
	}
	row->inputs = inputs;
	return true;
}

static bool fill_row(struct table *t, struct cnn_layer *row, const struct node *n)
{
	const struct value *x = picture_of(t, n), *y = graph_out(t->g, n);
	*row = (struct cnn_layer){.name = n->name, .op = op_table[n->op].onnx_name, .groups = 1};
	row->input = shape_of(x);
	row->output = shape_of(y);
	bool windowed = cost_is_windowed(n->op);
	if (windowed)
		fill_window(row, &n->attr.window);
	if (windowed && n->attr.window.group > 1)
		row->groups = n->attr.window.group;
	cost_parameters(&t->cost, n, &row->parameters, &row->weight_bytes);
	row->macs = cost_macs(t->g, n);
	row->macs_if_dense = cost_if_dense(n, x, y);
	for (uint32_t k = 0; k < n->n_out; k++)
		if (n->out[k] != NO_VALUE)
			row->output_bytes += (int64_t)graph_value_bytes(&t->g->value[n->out[k]]);
	fill_field(row, t, &t->follower.of[n->out[0]]);
	row->formula = layer_formula(t->g, n);
	return row->formula != NULL && fill_inputs(t, row, n);
}

static enum cnn_status table_new(struct graph *g, struct table *t, size_t live,
                                 struct cnn_error *err)
{
	t->g = t->follower.g = g;
	t->reader = calloc(live + 1, sizeof *t->reader);
	t->follower.room = (struct field_room){arena_new(), FIELD_WORK};
	t->follower.of = calloc(g->n_value + 1, sizeof *t->follower.of);
	if (!t->reader || !t->follower.room.arena || !t->follower.of ||
	    !follow_inputs(&t->follower))
		return cnn_fail_memory(err, "the layer table", g->n_value * sizeof *t->follower.of);
	return cost_new(g, &t->cost, err);
}

static void table_free(struct table *t)
{
	arena_free(t->follower.room.arena);
	free(t->follower.of);
	free(t->reader);
	cost_free(&t->cost);
}

enum cnn_status graph_build_layers(struct graph *g, struct graph_layers *out, struct cnn_error *err)
{
	size_t live = 0;
	for (size_t i = 0; i < g->n_node; i++)
		live += !g->node[i].dead;
	struct graph_layers layers = {arena_alloc(g->arena, live, sizeof *layers.row), 0};
	if (!layers.row)
		return cnn_fail_memory(err, "the layer table", live * sizeof *layers.row);
	struct table t = {0};
	enum cnn_status s = table_new(g, &t, live, err);
	for (size_t i = 0; i < g->n_node && !s; i++) {
		struct node *n = &g->node[i];
		if (n->dead)
			continue;
		if (!follow_node(&t.follower, n))
			s = cnn_fail_memory(err, n->name, 0);
		if (s || !t.follower.of[n->out[0]].picture)
			continue;
		if (!fill_row(&t, &layers.row[t.n_row], n))
			s = cnn_fail_memory(err, n->name, 0);
		n->layer = (uint32_t)t.n_row++;
	}
	layers.n = t.n_row;
	table_free(&t);
	if (!s)
		*out = layers;
	return s;
}
