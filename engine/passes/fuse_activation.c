/* An activation that is the only reader of a node's output becomes that node's last step. */
#include "engine/operators/eval.h"
#include "engine/passes/rewrite.h"

#include <math.h>

/* Nodes whose kernels finish with an activation. */
static bool takes_activation(const struct graph *g, const struct node *n)
{
	if (eval_at_run_time(g, n))
		return false;
	switch (n->op) {
	case OP_CONV:
	case OP_GEMM:
	case OP_MATMUL:
	case OP_BATCH_NORM:
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
	case OP_DIV:
	case OP_SUM:
		return n->activation.kind == ACT_NONE;
	default:
		return false;
	}
}

static bool bound(const struct graph *g, const struct node *clip, uint32_t i, float *out)
{
	return !graph_in(g, clip, i) || rewrite_scalar(g, clip->in[i], out);
}

static bool read_activation(const struct graph *g, const struct node *n, struct activation *a)
{
	switch (n->op) {
	case OP_RELU:
		*a = (struct activation){ACT_CLAMP, 0, INFINITY};
		return true;
	case OP_CLIP:
		*a = (struct activation){ACT_CLAMP, -INFINITY, INFINITY};
		return bound(g, n, 1, &a->lo) && bound(g, n, 2, &a->hi);
	case OP_LEAKY_RELU:
		*a = (struct activation){ACT_LEAKY, n->attr.unary.alpha, 0};
		return true;
	case OP_SIGMOID:
		*a = (struct activation){ACT_SIGMOID, 0, 0};
		return true;
	case OP_SILU:
		*a = (struct activation){ACT_SILU, 0, 0};
		return true;
	case OP_HARD_SWISH:
		*a = (struct activation){ACT_HARD_SWISH, 0, 0};
		return true;
	case OP_HARD_SIGMOID:
		*a = (struct activation){ACT_HARD_SIGMOID, n->attr.unary.alpha, n->attr.unary.beta};
		return true;
	case OP_GELU:
		*a = (struct activation){n->attr.unary.approximate ? ACT_GELU_TANH : ACT_GELU, 0,
		                         0};
		return true;
	case OP_MISH:
		*a = (struct activation){ACT_MISH, 0, 0};
		return true;
	default:
		return false;
	}
}

enum cnn_status pass_fuse_activation(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	struct uses uses;
	enum cnn_status status = uses_count(g, &uses, err);
	if (status)
		return status;
	for (size_t i = 0; i < g->n_node; i++) {
		struct node *n = &g->node[i];
		if (n->dead || !takes_activation(g, n))
			continue;
		struct node *next = uses_only_consumer(g, &uses, n->out[0]);
		struct activation a;
		if (!next || next->in[0] != n->out[0] || !read_activation(g, next, &a))
			continue;
		n->activation = a;
		rewrite_join(g, log, n, next);
	}
	uses_free(&uses);
	return CNN_OK;
}
