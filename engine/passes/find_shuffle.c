/* Channels of groups dealt out in turn, which files spell as Reshape, Transpose, Reshape: a Gather of channels, which
 * keeps the feature map's layout. */
#include "engine/passes/rewrite.h"

/* x of `channels` -> [batch][groups][channels / groups][...], those two axes exchanged, -> x's shape. */
static bool is_shuffle(const struct graph *g, const struct node *split, const struct node *turn,
                       const struct node *join)
{
	const struct value *x = graph_in(g, split, 0), *parts = graph_out(g, split);
	const struct perm_attr *p = &turn->attr.perm;
	if (join->op != OP_RESHAPE || x->data || x->rank < 3 || parts->rank < 4 ||
	    !rewrite_same_shape(x, graph_out(g, join)) || p->n != parts->rank)
		return false;
	for (int32_t i = 0; i < p->n; i++)
		if (p->perm[i] != (i == 1 ? 2 : i == 2 ? 1 : i))
			return false;
	return parts->dim[0] == x->dim[0] && parts->dim[1] * parts->dim[2] == x->dim[1];
}

static value_id channel_order(struct graph *g, const char *name, int64_t groups, int64_t each)
{
	void *data;
	int64_t channels = groups * each;
	value_id id = graph_add_constant(g, name, CNN_S64, 1, &channels, &data);
	for (int64_t i = 0; id != NO_VALUE && i < channels; i++)
		((int64_t *)data)[i] = i % groups * each + i / groups;
	return id;
}

enum cnn_status pass_find_shuffle(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	struct uses uses;
	enum cnn_status status = uses_count(g, &uses, err);
	if (status)
		return status;
	for (size_t i = 0; i < g->n_node && !status; i++) {
		struct node *split = &g->node[i];
		if (split->dead || split->op != OP_RESHAPE)
			continue;
		struct node *turn = uses_only_consumer(g, &uses, split->out[0]);
		if (!turn || turn->op != OP_TRANSPOSE)
			continue;
		struct node *join = uses_only_consumer(g, &uses, turn->out[0]);
		if (!join || !is_shuffle(g, split, turn, join))
			continue;
		const struct value *parts = graph_out(g, split);
		value_id order = channel_order(g, join->name, parts->dim[1], parts->dim[2]);
		if (order == NO_VALUE) {
			status = cnn_fail_memory(err, join->name, 0);
			break;
		}
		join->op = OP_GATHER;
		join->attr = (union node_attr){.axes = {.axis = 1}};
		join->in[0] = split->in[0];
		join->in[1] = order;
		split->dead = turn->dead = true;
		rewrite_log(log, split, join);
		rewrite_log(log, turn, join);
	}
	uses_free(&uses);
	return status;
}
