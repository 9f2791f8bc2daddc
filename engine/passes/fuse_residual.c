/* y = conv(x) + z: the convolution (or matrix product) adds z while it stores. */
#include "engine/operators/eval.h"
#include "engine/passes/rewrite.h"

/* Can `n` take the addition of something shaped like its output? */
static bool takes_residual(const struct graph *g, const struct uses *uses, const struct node *n,
                           const struct node *add)
{
	return n && (n->op == OP_CONV || n->op == OP_GEMM) && n->residual == NO_VALUE &&
	       !eval_at_run_time(g, n) && n->activation.kind == ACT_NONE &&
	       graph_is_constant(g, n->in[1]) && uses_only_consumer(g, uses, n->out[0]) == add;
}

enum cnn_status pass_fuse_residual(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	struct uses uses;
	enum cnn_status status = uses_count(g, &uses, err);
	if (status)
		return status;
	for (size_t i = 0; i < g->n_node; i++) {
		struct node *add = &g->node[i];
		if (add->dead || add->op != OP_ADD || add->in[0] == add->in[1])
			continue;
		const struct value *out = graph_out(g, add);
		int chosen = -1;
		for (int side = 0; side < 2; side++) {
			struct node *n = rewrite_producer(g, add->in[side]);
			if (!takes_residual(g, &uses, n, add) ||
			    graph_is_constant(g, add->in[!side]) ||
			    !rewrite_same_shape(&g->value[add->in[0]], out) ||
			    !rewrite_same_shape(&g->value[add->in[1]], out))
				continue;
			/* the later of two: then what it adds is there already */
			if (chosen < 0 || n > rewrite_producer(g, add->in[chosen]))
				chosen = side;
		}
		if (chosen < 0)
			continue;
		struct node *conv = rewrite_producer(g, add->in[chosen]);
		conv->residual = add->in[!chosen];
		rewrite_join(g, log, conv, add);
	}
	uses_free(&uses);
	/* what is added may be made after the convolution that now needs it */
	return graph_sort(g, err);
}
