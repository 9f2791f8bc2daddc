/* masks.c - Dropout's second output: in inference nothing is dropped, so it is a constant of the input's shape. */
#include "engine/onnx/importer.h"

#include <stdlib.h>

static enum cnn_status count_uses(const struct graph *g, uint32_t **out, struct cnn_error *err)
{
	uint32_t *count = calloc(g->n_value + 1, sizeof *count);
	if (!count)
		return cnn_fail_memory(err, "the use counts", g->n_value * sizeof *count);
	for (size_t i = 0; i < g->n_node; i++)
		for (uint32_t k = 0; k < g->node[i].n_in; k++)
			if (g->node[i].in[k] != NO_VALUE)
				count[g->node[i].in[k]]++;
	for (size_t i = 0; i < g->n_output; i++)
		count[g->output[i]]++;
	*out = count;
	return CNN_OK;
}

static bool add_node(struct graph *g, enum op op, const char *name, const value_id *in,
                     uint32_t n_in, value_id out)
{
	node_id id = name ? graph_add_node(g, op, name, n_in, 1) : NO_NODE;
	if (id == NO_NODE)
		return false;
	for (uint32_t k = 0; k < n_in; k++)
		g->node[id].in[k] = in[k];
	g->node[id].out[0] = out;
	g->value[out].producer = id;
	return true;
}

/* mask = ConstantOfShape(Shape(x), true) */
static enum cnn_status make_mask(struct graph *g, const char *node, value_id x, value_id mask,
                                 struct cnn_error *err)
{
	char *shape_name = arena_printf(g->arena, "%s.shape", node);
	char *mask_name = arena_printf(g->arena, "%s.mask", node);
	void *one;
	value_id in[2] = {graph_add_value(g, node),
	                  graph_add_constant(g, node, CNN_BOOL, 0, NULL, &one)};
	if (in[0] == NO_VALUE || in[1] == NO_VALUE)
		return cnn_fail_memory(err, node, sizeof(struct value));
	*(uint8_t *)one = 1;
	if (!add_node(g, OP_SHAPE, shape_name, &x, 1, in[0]) ||
	    !add_node(g, OP_CONSTANT_OF_SHAPE, mask_name, in, 2, mask))
		return cnn_fail_memory(err, node, sizeof(struct node));
	return CNN_OK;
}

/* Where nothing reads the mask, it is gone. */
enum cnn_status masks_import(struct graph *g, struct cnn_error *err)
{
	uint32_t *uses = NULL;
	enum cnn_status s = CNN_OK;
	for (size_t i = 0, n = g->n_node; i < n && !s; i++) {
		struct node *drop = &g->node[i];
		if (drop->op != OP_DROPOUT || drop->n_out < 2)
			continue;
		value_id mask = drop->out[1];
		if (!uses)
			s = count_uses(g, &uses, err);
		if (s)
			break;
		drop->n_out = 1;
		g->value[mask].producer = NO_NODE;
		if (uses[mask])
			s = make_mask(g, drop->name, drop->in[0], mask, err);
	}
	free(uses);
	return s;
}
