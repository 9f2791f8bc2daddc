/* GELU as exporters spell it out, factors in any order:
 *	x * 0.5 * (1 + Erf(x / sqrt(2)))
 *	x * 0.5 * (1 + Tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) */
#include "engine/passes/rewrite.h"

#include <math.h>

enum { MOST_FACTORS = 4, MOST_NODES = 16 };

/* What v is the product of, and the nodes that multiply: they die when the product is replaced. */
struct product {
	double scale;
	value_id factor[MOST_FACTORS];
	int n;
};

struct search {
	const struct graph *g;
	const struct uses *uses;
	node_id node[MOST_NODES];
	int n;
};

static bool near(double a, double b)
{
	return fabs(a - b) <= 2e-6 * fabs(b);
}

/* The node that makes v, taken into the search. Nobody else may read v. */
static const struct node *take(struct search *s, value_id v)
{
	const struct node *n = rewrite_producer(s->g, v);
	if (!n || s->uses->count[v] != 1 || s->n == MOST_NODES)
		return NULL;
	s->node[s->n++] = s->g->value[v].producer;
	return n;
}

static bool add_factor(struct product *p, value_id v)
{
	if (p->n == MOST_FACTORS)
		return false;
	p->factor[p->n++] = v;
	return true;
}

static bool expand(struct search *s, value_id v, int depth, struct product *p);

static bool expand_node(struct search *s, const struct node *n, int depth, struct product *p)
{
	float power;
	if (n->op == OP_MUL)
		return expand(s, n->in[0], depth + 1, p) && expand(s, n->in[1], depth + 1, p);
	if (n->op == OP_DIV) {
		p->scale /= rewrite_scalar(s->g, n->in[1], &power) ? (double)power : NAN;
		return expand(s, n->in[0], depth + 1, p);
	}
	/* Pow */
	rewrite_scalar(s->g, n->in[1], &power);
	for (int i = 0; i < (int)power; i++)
		if (!add_factor(p, n->in[0]))
			return false;
	return true;
}

/* Is it a product, a quotient by a number, or a square or cube? */
static bool multiplies(const struct graph *g, const struct node *n)
{
	float by;
	if (n->op == OP_MUL)
		return true;
	return (n->op == OP_DIV && rewrite_scalar(g, n->in[1], &by)) ||
	       (n->op == OP_POW && rewrite_scalar(g, n->in[1], &by) && (by == 2 || by == 3));
}

/* Multiplies v into *p; false when it has too many factors. */
static bool expand(struct search *s, value_id v, int depth, struct product *p)
{
	float number;
	if (rewrite_scalar(s->g, v, &number)) {
		p->scale *= (double)number;
		return true;
	}
	const struct node *n = rewrite_producer(s->g, v);
	if (depth > 4 || !n || s->uses->count[v] != 1 || !multiplies(s->g, n))
		return add_factor(p, v);
	return take(s, v) && expand_node(s, n, depth, p);
}

/* If v is number + y, y. */
static value_id without_number(struct search *s, value_id v, float want)
{
	const struct node *n = rewrite_producer(s->g, v);
	float got;
	if (!n || n->op != OP_ADD)
		return NO_VALUE;
	for (int side = 0; side < 2; side++)
		if (rewrite_scalar(s->g, n->in[side], &got) && got == want && take(s, v))
			return n->in[!side];
	return NO_VALUE;
}

/* Is v = x + 0.044715 * x^3? */
static bool is_cubic(struct search *s, value_id v, value_id x)
{
	const struct node *n = rewrite_producer(s->g, v);
	if (!n || n->op != OP_ADD || (n->in[0] != x && n->in[1] != x) || !take(s, v))
		return false;
	struct product p = {.scale = 1};
	return expand(s, n->in[n->in[0] == x], 0, &p) && p.n == 3 && p.factor[0] == x &&
	       p.factor[1] == x && p.factor[2] == x && near(p.scale, 0.044715);
}

/* If v is twice the gate that makes GELU of x. */
static bool is_gate(struct search *s, value_id v, value_id x, bool *by_tanh)
{
	struct product p = {.scale = 1};
	value_id inner = without_number(s, v, 1);
	const struct node *n = rewrite_producer(s->g, inner);
	if (!n || (n->op != OP_ERF && n->op != OP_TANH) || !take(s, inner) ||
	    !expand(s, n->in[0], 0, &p) || p.n != 1)
		return false;
	*by_tanh = n->op == OP_TANH;
	if (*by_tanh)
		return near(p.scale, 0.7978845608028654) && is_cubic(s, p.factor[0], x);
	return p.factor[0] == x && near(p.scale, 0.7071067811865476);
}

static bool same_shape(const struct graph *g, value_id a, value_id b)
{
	return rewrite_same_shape(&g->value[a], &g->value[b]);
}

static void try_node(struct graph *g, struct pass_log *log, const struct uses *uses, struct node *n)
{
	struct search s = {.g = g, .uses = uses};
	struct product p = {.scale = 1};
	if (!multiplies(g, n) || n->op == OP_POW || !expand_node(&s, n, 0, &p) || p.n != 2 ||
	    !near(p.scale, 0.5))
		return;
	int outside = s.n;
	for (int side = 0; side < 2; side++) {
		value_id x = p.factor[side];
		bool by_tanh;
		s.n = outside;
		if (!is_gate(&s, p.factor[!side], x, &by_tanh) || !same_shape(g, x, n->out[0]))
			continue;
		for (int i = 0; i < s.n; i++) {
			g->node[s.node[i]].dead = true;
			rewrite_log(log, &g->node[s.node[i]], n);
		}
		n->op = OP_GELU;
		n->in[0] = x;
		n->n_in = 1;
		n->attr = (union node_attr){.unary = {.approximate = by_tanh}};
		return;
	}
}

enum cnn_status pass_find_gelu(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	return rewrite_each(g, log, try_node, err);
}
