/* order.c - the graph's invariants: topological order and sound references. */
#include "engine/graph/graph.h"

#include <stdlib.h>

/* The value exists and, when a node makes it, that node is alive and earlier. */
static enum cnn_status check_use(const struct graph *g, node_id user, value_id v,
                                 struct cnn_error *err)
{
	const char *name = g->node[user].name;
	if (v >= g->n_value)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': input %u does not exist", name, v);
	node_id from = g->value[v].producer;
	if (from == NO_NODE)
		return CNN_OK;
	if (from >= g->n_node || g->node[from].dead)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': nothing makes its input '%s'", name,
		                g->value[v].name);
	if (from >= user)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its input '%s' is made after it",
		                name, g->value[v].name);
	return CNN_OK;
}

static enum cnn_status check_node(const struct graph *g, node_id id, struct cnn_error *err)
{
	const struct node *n = &g->node[id];
	if ((unsigned)n->op >= OP_COUNT)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': unknown operator %d", n->name,
		                (int)n->op);
	const struct op_desc *d = &op_table[n->op];
	if (n->n_in < d->min_in || (n->n_in > d->max_in && d->max_in != 255))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s with %u inputs", n->name,
		                d->onnx_name, n->n_in);
	if (n->n_out < d->min_out || n->n_out > d->max_out)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s with %u outputs", n->name,
		                d->onnx_name, n->n_out);
	for (uint32_t k = 0; k < n->n_in; k++) {
		bool optional = k >= d->min_in && d->max_in != 255;
		if (n->in[k] == NO_VALUE && optional)
			continue;
		if (n->in[k] == NO_VALUE)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': input %u is left out",
			                n->name, k);
		enum cnn_status s = check_use(g, id, n->in[k], err);
		if (s)
			return s;
	}
	if (n->residual != NO_VALUE) {
		enum cnn_status s = check_use(g, id, n->residual, err);
		if (s)
			return s;
	}
	for (uint32_t k = 0; k < n->n_out; k++) {
		if (n->out[k] >= g->n_value)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': output %u does not exist",
			                n->name, k);
		/* A value has one producer field, so two nodes cannot both agree with it. */
		const struct value *v = &g->value[n->out[k]];
		if (v->producer != id || v->data)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': its output '%s' has another producer", n->name,
			                v->name);
		for (uint32_t j = 0; j < k; j++)
			if (n->out[j] == n->out[k])
				return cnn_fail(err, CNN_BAD_MODEL,
				                "node '%s': output '%s' is listed twice", n->name,
				                v->name);
	}
	return CNN_OK;
}

enum cnn_status graph_check(const struct graph *g, struct cnn_error *err)
{
	for (size_t i = 0; i < g->n_node; i++) {
		enum cnn_status s = g->node[i].dead ? CNN_OK : check_node(g, (node_id)i, err);
		if (s)
			return s;
	}
	for (size_t i = 0; i < g->n_input; i++)
		if (g->input[i] >= g->n_value || g->value[g->input[i]].producer != NO_NODE)
			return cnn_fail(err, CNN_BAD_MODEL, "graph input %zu is not an input", i);
	for (size_t i = 0; i < g->n_output; i++) {
		if (g->output[i] >= g->n_value)
			return cnn_fail(err, CNN_BAD_MODEL, "graph output %zu does not exist", i);
		const struct value *v = &g->value[g->output[i]];
		if (v->producer != NO_NODE &&
		    (v->producer >= g->n_node || g->node[v->producer].dead))
			return cnn_fail(err, CNN_BAD_MODEL, "nothing makes the graph output '%s'",
			                v->name);
	}
	return CNN_OK;
}

/* One step of the depth-first walk: a node and the next of its inputs to look at. */
struct visit {
	node_id node;
	uint32_t next;
};
enum { UNSEEN, OPEN, DONE };

/* The producer of a node's k-th dependency (inputs, then the residual), or NO_NODE. */
static node_id dependency(const struct graph *g, const struct node *n, uint32_t k)
{
	value_id v = k < n->n_in ? n->in[k] : n->residual;
	return v == NO_VALUE ? NO_NODE : g->value[v].producer;
}

/* Appends to order[] the node and all it needs that is not there yet. */
static enum cnn_status visit_from(const struct graph *g, node_id start, uint8_t *state,
                                  struct visit *stack, node_id *order, size_t *n_order,
                                  struct cnn_error *err)
{
	size_t depth = 0;
	stack[depth++] = (struct visit){start, 0};
	state[start] = OPEN;
	while (depth) {
		struct visit *top = &stack[depth - 1];
		const struct node *n = &g->node[top->node];
		if (top->next > n->n_in) {
			state[top->node] = DONE;
			order[(*n_order)++] = top->node;
			depth--;
			continue;
		}
		node_id from = dependency(g, n, top->next++);
		if (from == NO_NODE || state[from] == DONE)
			continue;
		if (state[from] == OPEN)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': its input depends on its own output", n->name);
		state[from] = OPEN;
		stack[depth++] = (struct visit){from, 0};
	}
	return CNN_OK;
}

enum cnn_status graph_sort(struct graph *g, struct cnn_error *err)
{
	size_t n = g->n_node, n_order = 0;
	enum cnn_status s = CNN_OK;
	uint8_t *state = calloc(n + 1, 1);
	struct visit *stack = calloc(n + 1, sizeof *stack);
	node_id *order = calloc(n + 1, sizeof *order);
	struct node *sorted = arena_alloc(g->arena, n + 1, sizeof *sorted);
	if (!state || !stack || !order || !sorted) {
		s = cnn_fail_memory(err, "the order of nodes", n * sizeof *sorted);
		goto done;
	}
	/* Nodes that are in order already stay where they are. */
	for (size_t i = 0; i < n && !s; i++)
		if (!g->node[i].dead && state[i] == UNSEEN)
			s = visit_from(g, (node_id)i, state, stack, order, &n_order, err);
	if (s)
		goto done;
	for (size_t i = 0; i < n_order; i++) {
		sorted[i] = g->node[order[i]];
		for (uint32_t k = 0; k < sorted[i].n_out; k++)
			if (sorted[i].out[k] != NO_VALUE)
				g->value[sorted[i].out[k]].producer = (node_id)i;
	}
	g->node = sorted;
	g->n_node = n_order;
	g->cap_node = n + 1;
done:
	free(order);
	free(stack);
	free(state);
	return s;
}
