/* Activations that exporters spell out in several nodes, found again:
 *	x * Sigmoid(x)                                  SiLU (Swish)
 *	x * Tanh(Softplus(x))                           Mish
 *	x * HardSigmoid(x; 1/6, 1/2)                    hard swish
 *	x * Clip(x + 3, 0, 6) / 6, in any order         hard swish
 *	Clip(x + 3, 0, 6) / 6                           hard sigmoid */
#include "engine/passes/rewrite.h"

#include <math.h>

static bool near(float a, float b)
{
	return fabsf(a - b) <= 1e-6f * fabsf(b);
}

/* If n is `op` of one picture value and the scalar constant `want`, the picture value. */
static value_id with_scalar(const struct graph *g, const struct node *n, enum op op, float want)
{
	float got;
	if (!n || n->op != op)
		return NO_VALUE;
	if (rewrite_scalar(g, n->in[1], &got) && near(got, want))
		return n->in[0];
	if (op != OP_DIV && rewrite_scalar(g, n->in[0], &got) && near(got, want))
		return n->in[1];
	return NO_VALUE;
}

/* n as "something / 6", also written as "something * (1 / 6)". */
static value_id sixth(const struct graph *g, const struct node *n)
{
	value_id v = with_scalar(g, n, OP_DIV, 6);
	return v != NO_VALUE ? v : with_scalar(g, n, OP_MUL, 1.0f / 6);
}

/* If v is Clip(x + 3, 0, 6) or its like by Relu6's parts: x. */
static value_id relu6_of_plus_3(const struct graph *g, const struct uses *uses, value_id v)
{
	const struct node *clip = rewrite_producer(g, v);
	float lo, hi;
	if (!clip || clip->op != OP_CLIP || clip->n_in < 3 || uses->count[v] != 1 ||
	    !rewrite_scalar(g, clip->in[1], &lo) || !rewrite_scalar(g, clip->in[2], &hi) ||
	    lo != 0 || hi != 6)
		return NO_VALUE;
	return uses->count[clip->in[0]] == 1
	               ? with_scalar(g, rewrite_producer(g, clip->in[0]), OP_ADD, 3)
	               : NO_VALUE;
}

/* If v is a gate made of x alone, the activation that x * v is. */
static bool gate_of(const struct graph *g, const struct uses *uses, value_id v, value_id x,
                    enum op *out)
{
	const struct node *n = rewrite_producer(g, v);
	if (!n || uses->count[v] != 1)
		return false;
	if (n->op == OP_SIGMOID && n->in[0] == x) {
		*out = OP_SILU;
		return true;
	}
	if (n->op == OP_TANH) {
		const struct node *softplus = rewrite_producer(g, n->in[0]);
		*out = OP_MISH;
		return softplus && softplus->op == OP_SOFTPLUS && softplus->in[0] == x &&
		       uses->count[n->in[0]] == 1;
	}
	*out = OP_HARD_SWISH;
	if (n->op == OP_HARD_SIGMOID && n->in[0] == x)
		return near(n->attr.unary.alpha, 1.0f / 6) && near(n->attr.unary.beta, 0.5f);
	value_id six = sixth(g, n);
	return six != NO_VALUE && relu6_of_plus_3(g, uses, six) == x;
}

/* Kill the nodes between x and the end of the pattern: all that made v, back to x. */
static void bury(struct graph *g, struct pass_log *log, value_id v, value_id x,
                 const struct node *into)
{
	while (v != x) {
		struct node *n = rewrite_producer(g, v);
		if (!n)
			return;
		n->dead = true;
		rewrite_log(log, n, into);
		v = n->n_in > 1 && graph_is_constant(g, n->in[0]) ? n->in[1] : n->in[0];
	}
}

static void become_unary(struct node *n, enum op op, value_id x)
{
	n->op = op;
	n->in[0] = x;
	n->n_in = 1;
	n->attr = (union node_attr){0};
}

static void try_node(struct graph *g, struct pass_log *log, const struct uses *uses, struct node *n)
{
	/* (x * relu6(x + 3)) / 6 */
	value_id product = sixth(g, n);
	const struct node *mul = rewrite_producer(g, product);
	if (mul && mul->op == OP_MUL && uses->count[product] == 1) {
		for (int side = 0; side < 2; side++) {
			value_id x = mul->in[side], gate = mul->in[!side];
			if (relu6_of_plus_3(g, uses, gate) != x)
				continue;
			bury(g, log, gate, x, n);
			g->node[g->value[product].producer].dead = true;
			rewrite_log(log, mul, n);
			become_unary(n, OP_HARD_SWISH, x);
			return;
		}
	}
	/* relu6(x + 3) / 6, unless it goes on to gate x: then the product takes all of it */
	value_id x = product == NO_VALUE ? NO_VALUE : relu6_of_plus_3(g, uses, product);
	if (x != NO_VALUE) {
		const struct node *next = uses_only_consumer(g, uses, n->out[0]);
		if (next && next->op == OP_MUL && (next->in[0] == x || next->in[1] == x))
			return;
		bury(g, log, product, x, n);
		become_unary(n, OP_HARD_SIGMOID, x);
		n->attr.unary.alpha = 1.0f / 6;
		n->attr.unary.beta = 0.5f;
		return;
	}
	if (n->op != OP_MUL)
		return;
	for (int side = 0; side < 2; side++) {
		enum op op;
		x = n->in[side];
		if (x == n->in[!side] || !gate_of(g, uses, n->in[!side], x, &op))
			continue;
		bury(g, log, n->in[!side], x, n);
		become_unary(n, op, x);
		return;
	}
}

enum cnn_status pass_find_activation(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	return rewrite_each(g, log, try_node, err);
}
