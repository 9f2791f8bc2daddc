/* Layer normalisation as exporters spell it out before opset 17:
 *	c = x - ReduceMean(x);  c / Sqrt(ReduceMean(c^2) + epsilon) * scale + bias
 * The means are over the last axes; scale and bias may be missing. */
#include "engine/graph/resolve.h"
#include "engine/passes/rewrite.h"

enum { MOST_NODES = 12 };

struct match {
	const struct graph *g;
	const struct uses *uses;
	node_id node[MOST_NODES]; /* what goes */
	int n;
	value_id x, scale, bias; /* scale and bias: NO_VALUE when there is none */
	int32_t axis;            /* the first that is normalised */
	float epsilon;
};

/* The node that makes v by `op` and that nobody else reads; NULL when there is none. */
static const struct node *take(struct match *m, value_id v, enum op op, uint32_t uses)
{
	const struct node *n = rewrite_producer(m->g, v);
	if (!n || n->op != op || m->uses->count[v] != uses || m->n == MOST_NODES)
		return NULL;
	m->node[m->n++] = m->g->value[v].producer;
	return n;
}

/* v is the mean of another value over the last axes, which it returns with the first of them. */
static value_id mean_of(struct match *m, value_id v, uint32_t uses, int32_t *axis)
{
	const struct node *n = take(m, v, OP_REDUCE_MEAN, uses);
	bool reduced[CNN_MAX_RANK];
	struct cnn_error why;
	if (!n || !n->attr.axes.keep_dims || resolve_reduced(m->g, n, reduced, &why) != CNN_OK)
		return NO_VALUE;
	int32_t rank = graph_in(m->g, n, 0)->rank, first = rank;
	while (first > 0 && reduced[first - 1])
		first--;
	for (int32_t i = 0; i < first; i++)
		if (reduced[i])
			return NO_VALUE;
	*axis = first;
	return first < rank ? n->in[0] : NO_VALUE;
}

/* v is c * c: returns c, and how often it is read for that. */
static value_id square_of(struct match *m, value_id v, uint32_t *reads)
{
	const struct node *n = rewrite_producer(m->g, v);
	float power;
	*reads = n && n->op == OP_MUL ? 2 : 1;
	if (!n || !take(m, v, n->op, 1))
		return NO_VALUE;
	bool square = n->op == OP_MUL ? n->in[0] == n->in[1]
	                              : n->op == OP_POW && rewrite_scalar(m->g, n->in[1], &power) &&
	                                        power == 2;
	return square ? n->in[0] : NO_VALUE;
}

/* v is a value plus the constant *number. */
static value_id without_number(struct match *m, value_id v, float *number)
{
	const struct node *n = take(m, v, OP_ADD, 1);
	for (int side = 0; n && side < 2; side++)
		if (rewrite_scalar(m->g, n->in[side], number))
			return n->in[!side];
	return NO_VALUE;
}

/* n divides what is centred by its deviation. */
static bool normalises(struct match *m, const struct node *n)
{
	if (n->op != OP_DIV)
		return false;
	value_id centred = n->in[0];
	const struct node *root = take(m, n->in[1], OP_SQRT, 1);
	value_id variance = root ? without_number(m, root->in[0], &m->epsilon) : NO_VALUE;
	int32_t axis;
	value_id square = variance == NO_VALUE ? NO_VALUE : mean_of(m, variance, 1, &m->axis);
	uint32_t reads;
	value_id again = square == NO_VALUE ? NO_VALUE : square_of(m, square, &reads);
	if (again == NO_VALUE)
		return false;
	const struct node *sub = take(m, centred, OP_SUB, again == centred ? 1 + reads : 1);
	if (!sub)
		return false;
	if (again != centred) { /* the difference is computed twice */
		const struct node *twin = take(m, again, OP_SUB, reads);
		if (!twin || twin->in[0] != sub->in[0] || twin->in[1] != sub->in[1])
			return false;
	}
	m->x = mean_of(m, sub->in[1], again == centred ? 1 : 2, &axis);
	return m->x == sub->in[0] && axis == m->axis && m->x != NO_VALUE &&
	       m->g->value[m->x].dtype == CNN_F32;
}

/* `next` reads v and a constant of one number for each element of a row, which is returned. */
static value_id row_constant(const struct match *m, const struct node *next, enum op op, value_id v)
{
	if (!next || next->op != op || next->in[0] == next->in[1])
		return NO_VALUE;
	value_id c = next->in[next->in[0] == v];
	const struct value *x = &m->g->value[m->x], *constant = &m->g->value[c];
	int64_t row = 1;
	for (int32_t i = m->axis; i < x->rank; i++)
		row *= x->dim[i];
	bool fits = constant->data && constant->dtype == CNN_F32 &&
	            graph_elements(constant) == row && rewrite_same_shape(graph_out(m->g, next), x);
	return fits ? c : NO_VALUE;
}

/* Rows without a scale are times 1. */
static value_id ones(struct graph *g, const struct match *m)
{
	const struct value x = g->value[m->x];
	void *data;
	value_id id =
		graph_add_constant(g, "ones", CNN_F32, x.rank - m->axis, x.dim + m->axis, &data);
	for (int64_t i = 0; id != NO_VALUE && i < graph_elements(&g->value[id]); i++)
		((float *)data)[i] = 1;
	return id;
}

static bool replace(struct graph *g, struct pass_log *log, const struct match *m, struct node *last)
{
	value_id scale = m->scale == NO_VALUE ? ones(g, m) : m->scale;
	value_id *in = arena_alloc(g->arena, 3, sizeof *in);
	if (!in || scale == NO_VALUE)
		return false;
	for (int i = 0; i < m->n; i++) {
		g->node[m->node[i]].dead = true;
		rewrite_log(log, &g->node[m->node[i]], last);
	}
	in[0] = m->x;
	in[1] = scale;
	in[2] = m->bias;
	last->op = OP_LAYER_NORM;
	last->in = in;
	last->n_in = m->bias == NO_VALUE ? 2 : 3;
	last->attr = (union node_attr){.norm = {.epsilon = m->epsilon, .axis = m->axis}};
	return true;
}

enum cnn_status pass_find_layer_norm(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	struct uses uses;
	enum cnn_status status = uses_count(g, &uses, err);
	if (status)
		return status;
	for (size_t i = 0, n_node = g->n_node; i < n_node && !status; i++) {
		struct match m = {.g = g, .uses = &uses, .scale = NO_VALUE, .bias = NO_VALUE};
		struct node *last = &g->node[i];
		if (last->dead || !normalises(&m, last))
			continue;
		for (int part = 0; part < 2; part++) {
			struct node *next = uses_only_consumer(g, &uses, last->out[0]);
			value_id c = row_constant(&m, next, part ? OP_ADD : OP_MUL, last->out[0]);
			if (c == NO_VALUE || m.n == MOST_NODES)
				continue;
			*(part ? &m.bias : &m.scale) = c;
			m.node[m.n++] = (node_id)(last - g->node);
			last = next;
		}
		if (!replace(g, log, &m, last))
			status = cnn_fail_memory(err, last->name, sizeof(float));
	}
	uses_free(&uses);
	return status;
}
