/* graph.c - storage of values and nodes, and the rewrites that passes share. */
#include "engine/graph/graph.h"

#include <stdlib.h>
#include <string.h>

struct graph *graph_new(void)
{
	struct arena *arena = arena_new();
	if (!arena)
		return NULL;
	struct graph *g = arena_alloc(arena, 1, sizeof *g);
	if (!g) {
		arena_free(arena);
		return NULL;
	}
	g->arena = arena;
	g->name = "";
	return g;
}

void graph_free(struct graph *g)
{
	/* The graph itself lives in its arena. */
	if (g)
		arena_free(g->arena);
}

/* An array with room for one more element. Indices are 32 bits and the last two are taken by
 * NO_VALUE and NO_NODE. Old arrays stay in the arena; doubling bounds them by the new one. */
static void *grow(struct arena *arena, void *old, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return old;
	if (n >= UINT32_MAX - 1)
		return NULL;
	size_t wanted = *cap ? *cap * 2 : 64;
	void *grown = arena_alloc(arena, wanted, size);
	if (!grown)
		return NULL;
	if (n)
		memcpy(grown, old, n * size);
	*cap = wanted;
	return grown;
}

value_id graph_add_value(struct graph *g, const char *name)
{
	struct value *value = grow(g->arena, g->value, g->n_value, &g->cap_value, sizeof *value);
	char *copy = arena_strdup(g->arena, name);
	if (!value || !copy)
		return NO_VALUE;
	g->value = value;
	g->value[g->n_value] = (struct value){.name = copy, .producer = NO_NODE};
	return (value_id)g->n_value++;
}

node_id graph_add_node(struct graph *g, enum op op, const char *name, uint32_t n_in, uint32_t n_out)
{
	struct node *node = grow(g->arena, g->node, g->n_node, &g->cap_node, sizeof *node);
	char *copy = arena_strdup(g->arena, name);
	value_id *ids = arena_alloc(g->arena, (size_t)n_in + n_out, sizeof *ids);
	if (!node || !copy || !ids)
		return NO_NODE;
	for (size_t i = 0; i < (size_t)n_in + n_out; i++)
		ids[i] = NO_VALUE;
	g->node = node;
	g->node[g->n_node] = (struct node){.op = op,
	                                   .name = copy,
	                                   .in = ids,
	                                   .out = ids + n_in,
	                                   .n_in = n_in,
	                                   .n_out = n_out,
	                                   .residual = NO_VALUE,
	                                   .layer = NO_LAYER};
	return (node_id)g->n_node++;
}

value_id graph_add_constant(struct graph *g, const char *name, enum cnn_dtype dtype, int32_t rank,
                            const int64_t *dim, void **data)
{
	if (!graph_dims_valid(rank, dim))
		return NO_VALUE;
	struct value shape = {.dtype = dtype, .shaped = true, .rank = rank, .producer = NO_NODE};
	for (int32_t i = 0; i < rank; i++)
		shape.dim[i] = dim[i];
	void *bytes = arena_alloc(g->arena, (size_t)graph_elements(&shape), cnn_dtype_size(dtype));
	if (!bytes)
		return NO_VALUE;
	value_id id = graph_add_value(g, name);
	if (id == NO_VALUE)
		return NO_VALUE;
	shape.name = g->value[id].name;
	shape.data = bytes;
	g->value[id] = shape;
	*data = bytes;
	return id;
}

bool graph_dims_valid(int32_t rank, const int64_t *dim)
{
	if (rank < 0 || rank > CNN_MAX_RANK)
		return false;
	int64_t elements = 1;
	for (int32_t i = 0; i < rank; i++) {
		/* A 1 stands in for a 0, so that no other dimension escapes the limit. */
		int64_t d = dim[i] ? dim[i] : 1;
		if (d < 0 || __builtin_mul_overflow(elements, d, &elements) ||
		    elements > GRAPH_MAX_ELEMENTS)
			return false;
	}
	return true;
}

int64_t graph_elements(const struct value *v)
{
	int64_t n = 1;
	for (int32_t i = 0; i < v->rank; i++)
		n *= v->dim[i];
	return n;
}

size_t graph_value_bytes(const struct value *v)
{
	return (size_t)graph_elements(v) * cnn_dtype_size(v->dtype);
}

bool graph_is_constant(const struct graph *g, value_id v)
{
	return v != NO_VALUE && g->value[v].data != NULL;
}

uint32_t graph_count_uses(const struct graph *g, value_id v)
{
	if (v == NO_VALUE)
		return 0;
	uint32_t uses = 0;
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		if (n->dead)
			continue;
		for (uint32_t k = 0; k < n->n_in; k++)
			uses += n->in[k] == v;
		uses += n->residual == v;
	}
	for (size_t i = 0; i < g->n_output; i++)
		uses += g->output[i] == v;
	return uses;
}

static void mark_needed(uint8_t *needed, value_id v)
{
	if (v != NO_VALUE)
		needed[v] = 1;
}

void graph_sweep(struct graph *g)
{
	uint8_t *needed = calloc(g->n_value ? g->n_value : 1, 1);
	if (!needed)
		return; /* An unused node costs time, not correctness. */
	for (size_t i = 0; i < g->n_output; i++)
		mark_needed(needed, g->output[i]);
	/* Topological order: all users of a node come after it. */
	for (size_t i = g->n_node; i-- > 0;) {
		struct node *n = &g->node[i];
		if (n->dead)
			continue;
		n->dead = true;
		for (uint32_t k = 0; k < n->n_out; k++)
			if (n->out[k] != NO_VALUE && needed[n->out[k]])
				n->dead = false;
		if (n->dead)
			continue;
		for (uint32_t k = 0; k < n->n_in; k++)
			mark_needed(needed, n->in[k]);
		mark_needed(needed, n->residual);
	}
	free(needed);
}

enum cnn_status graph_bind(struct graph *g, size_t input, const void *data, struct cnn_error *err)
{
	struct value *v = &g->value[g->input[input]];
	void *copy = arena_alloc(g->arena, (size_t)graph_elements(v), cnn_dtype_size(v->dtype));
	if (!copy)
		return cnn_fail_memory(err, v->name, graph_value_bytes(v));
	if (graph_elements(v))
		memcpy(copy, data, graph_value_bytes(v));
	v->data = copy;
	g->n_input--;
	memmove(&g->input[input], &g->input[input + 1], (g->n_input - input) * sizeof g->input[0]);
	return CNN_OK;
}
