/* An Einsum of two operands that is a batch of matrix products becomes Transpose, Reshape and MatMul: attention is
 * often written so. Batch indices are in both operands and the output, rows in the left one and the output,
 * columns in the right one and the output, and what is summed over is in both operands. */
#include "engine/operators/einsum.h"
#include "engine/operators/eval.h"
#include "engine/passes/rewrite.h"

#include <string.h>

enum part { BATCH, ROWS, COLUMNS, TERMS, PARTS };

struct form {
	struct einsum e;
	int32_t n[PARTS], index[PARTS][EINSUM_MAX_INDICES]; /* in the output's order */
	int64_t size[PARTS];                                /* their product */
};

/* The axis of operand k that has the index; -1: none; -2: several, or one that broadcasts. */
static int32_t axis_with(const struct graph *g, const struct node *n, const struct einsum *e,
                         uint32_t k, int32_t index)
{
	const struct value *v = graph_in(g, n, k);
	int32_t found = -1;
	for (int32_t a = 0; a < v->rank; a++) {
		if (e->index[k][a] != index)
			continue;
		if (found != -1 || v->dim[a] != e->size[index])
			return -2;
		found = a;
	}
	return found;
}

static bool is_product(const struct graph *g, const struct node *n, struct form *f)
{
	*f = (struct form){.size = {1, 1, 1, 1}};
	if (n->n_in != 2 || graph_out(g, n)->dtype != CNN_F32 ||
	    graph_elements(graph_out(g, n)) == 0 || einsum_resolve(g, n, &f->e, NULL) != CNN_OK)
		return false;
	for (int32_t i = 0; i < f->e.n_index; i++) {
		int32_t left = axis_with(g, n, &f->e, 0, i), right = axis_with(g, n, &f->e, 1, i);
		bool out = i < f->e.n_out;
		if (left == -2 || right == -2 || f->e.size[i] == 0 ||
		    (!out && (left < 0 || right < 0)))
			return false;
		enum part p = !out ? TERMS : left < 0 ? COLUMNS : right < 0 ? ROWS : BATCH;
		f->index[p][f->n[p]++] = i;
		f->size[p] *= f->e.size[i];
	}
	return f->n[BATCH] + 2 <= CNN_MAX_RANK;
}

/* The chain of nodes that takes the Einsum's place. */
struct chain {
	struct graph *g;
	const char *name;
	uint32_t layer;
	node_id last;
	bool failed; /* out of memory; what follows does nothing */
};

/* A node of the chain and its output, NO_VALUE when memory ran out. */
static value_id add(struct chain *c, enum op op, const value_id *in, uint32_t n_in, int32_t rank,
                    const int64_t *dim)
{
	struct graph *g = c->g;
	value_id out = graph_add_value(g, c->name);
	node_id id = graph_add_node(g, op, c->name, n_in, 1);
	c->failed |= out == NO_VALUE || id == NO_NODE;
	if (c->failed)
		return NO_VALUE;
	struct value *v = &g->value[out];
	v->dtype = CNN_F32;
	v->shaped = true;
	v->rank = rank;
	memcpy(v->dim, dim, sizeof *dim * (size_t)rank);
	v->producer = id;
	struct node *n = &g->node[id];
	memcpy(n->in, in, sizeof *in * n_in);
	n->out[0] = out;
	n->layer = c->layer;
	c->last = id;
	return out;
}

/* The chain's last node, when it moves a constant about, is done at once: products want constant weights. */
static value_id settle(struct chain *c, value_id out)
{
	if (c->failed)
		return NO_VALUE;
	struct node *n = &c->g->node[c->last];
	const struct value *x = graph_in(c->g, n, 0);
	struct value *y = &c->g->value[out];
	if (!x->data)
		return out;
	if (eval_is_view(n->op)) {
		y->data = x->data;
	} else {
		void *data = arena_alloc(c->g->arena, (size_t)graph_elements(y), sizeof(float));
		c->failed = !data || eval_table[n->op](c->g, n, &data, NULL) != CNN_OK;
		y->data = data;
	}
	y->producer = NO_NODE;
	n->dead = true;
	return out;
}

static value_id add_transpose(struct chain *c, value_id in, const int32_t *perm)
{
	if (c->failed)
		return NO_VALUE;
	const struct value x = c->g->value[in];
	int64_t dim[CNN_MAX_RANK];
	bool moves = false;
	for (int32_t i = 0; i < x.rank; i++) {
		dim[i] = x.dim[perm[i]];
		moves |= perm[i] != i;
	}
	value_id out = moves ? add(c, OP_TRANSPOSE, &in, 1, x.rank, dim) : in;
	if (!moves || c->failed)
		return out;
	struct perm_attr *a = &c->g->node[c->last].attr.perm;
	a->n = x.rank;
	memcpy(a->perm, perm, sizeof *perm * (size_t)x.rank);
	return settle(c, out);
}

static value_id add_reshape(struct chain *c, value_id in, int32_t rank, const int64_t *dim)
{
	if (c->failed)
		return NO_VALUE;
	const struct value *x = &c->g->value[in];
	if (x->rank == rank && memcmp(x->dim, dim, sizeof *dim * (size_t)rank) == 0)
		return in;
	void *list;
	int64_t n = rank;
	value_id shape = graph_add_constant(c->g, c->name, CNN_S64, 1, &n, &list);
	c->failed |= shape == NO_VALUE;
	if (c->failed)
		return NO_VALUE;
	memcpy(list, dim, sizeof *dim * (size_t)rank);
	return settle(c, add(c, OP_RESHAPE, (const value_id[]){in, shape}, 2, rank, dim));
}

/* Operand k as [batch ...][all of `outer`][all of `inner`]. */
static value_id matrices(struct chain *c, const struct form *f, const struct node *n, uint32_t k,
                         enum part outer, enum part inner)
{
	const enum part parts[] = {BATCH, outer, inner};
	int32_t perm[CNN_MAX_RANK], rank = 0;
	int64_t dim[CNN_MAX_RANK];
	for (int p = 0; p < 3; p++)
		for (int32_t i = 0; i < f->n[parts[p]]; i++)
			perm[rank++] = axis_with(c->g, n, &f->e, k, f->index[parts[p]][i]);
	for (rank = 0; rank < f->n[BATCH]; rank++)
		dim[rank] = f->e.size[f->index[BATCH][rank]];
	dim[rank++] = f->size[outer];
	dim[rank++] = f->size[inner];
	value_id turned = add_transpose(c, n->in[k], perm);
	return add_reshape(c, turned, rank, dim);
}

/* The product as the output has it: its indices apart, and in their order. */
static void unfold(struct chain *c, const struct form *f, value_id product)
{
	int32_t perm[CNN_MAX_RANK], rank = 0;
	int64_t dim[CNN_MAX_RANK];
	for (int p = BATCH; p <= COLUMNS; p++)
		for (int32_t i = 0; i < f->n[p]; i++) {
			perm[f->index[p][i]] = rank;
			dim[rank++] = f->e.size[f->index[p][i]];
		}
	add_transpose(c, add_reshape(c, product, rank, dim), perm);
}

static enum cnn_status split(struct graph *g, node_id id, const struct form *f,
                             struct cnn_error *err)
{
	const struct node n = g->node[id];
	struct chain c = {.g = g, .name = n.name, .layer = n.layer};
	const value_id in[] = {matrices(&c, f, &n, 0, ROWS, TERMS),
	                       matrices(&c, f, &n, 1, TERMS, COLUMNS)};
	int64_t dim[CNN_MAX_RANK];
	int32_t rank;
	for (rank = 0; rank < f->n[BATCH]; rank++)
		dim[rank] = f->e.size[f->index[BATCH][rank]];
	dim[rank++] = f->size[ROWS];
	dim[rank++] = f->size[COLUMNS];
	value_id product = c.failed ? NO_VALUE : add(&c, OP_MATMUL, in, 2, rank, dim);
	unfold(&c, f, product);
	if (c.failed)
		return cnn_fail_memory(err, "the split of an Einsum", sizeof(struct node));
	g->value[g->node[c.last].out[0]].producer = NO_NODE;
	g->node[c.last].out[0] = n.out[0];
	g->value[n.out[0]].producer = c.last;
	g->node[id].dead = true;
	return CNN_OK;
}

enum cnn_status pass_split_einsum(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	(void)log;
	size_t n_node = g->n_node;
	for (size_t i = 0; i < n_node; i++) {
		struct form f;
		if (g->node[i].dead || g->node[i].op != OP_EINSUM ||
		    !is_product(g, &g->node[i], &f))
			continue;
		enum cnn_status status = split(g, (node_id)i, &f, err);
		if (status)
			return status;
	}
	return n_node == g->n_node ? CNN_OK : graph_sort(g, err);
}
