/* head.c - find the last feature maps that all of a network's answer goes through. */
#include "engine/see/head.h"

#include "engine/operators/eval.h"
#include "engine/see/backward.h"

#include <stdlib.h>
#include <string.h>

/* Multiplications of a head: VGG's fully connected layers are an eighth of this. Whatever is beyond it is most of a
 * network, and the loops here are not made for that. */
#define MAX_WORK ((int64_t)1 << 30)

/* What is known of each value. */
struct survey {
	const struct graph *g;
	bool *varies;   /* it depends on the picture */
	bool *spatial;  /* it is [1][channels][height][width] of feature maps */
	bool *averaged; /* it is read by an operator that takes such maps to average them */
	uint32_t *left; /* uses by nodes that the walk has not reached */
};

static const struct node *producer(const struct graph *g, value_id v)
{
	node_id id = g->value[v].producer;
	return id == NO_NODE ? NULL : &g->node[id];
}

/* The producer of a value that only hands on what it got, or NULL. */
static const struct node *handed_on(const struct graph *g, value_id v)
{
	const struct node *n = producer(g, v);
	bool passes = n && (head_is_view(n->op) || n->op == OP_QUANTIZE_LINEAR ||
	                    n->op == OP_DEQUANTIZE_LINEAR);
	return passes ? n : NULL;
}

/* The value that a copy in another layout is of. */
static value_id original(const struct graph *g, value_id v)
{
	for (const struct node *n = producer(g, v); n && n->op == OP_LAYOUT; n = producer(g, v))
		v = n->in[0];
	return v;
}

/* What the network's last softmax or sigmoid reads. */
static value_id find_scores(const struct graph *g)
{
	value_id v = g->output[0];
	for (const struct node *n = handed_on(g, v); n; n = handed_on(g, v))
		v = n->in[0];
	const struct node *n = producer(g, v);
	bool last = n && (n->op == OP_SOFTMAX || n->op == OP_LOG_SOFTMAX || n->op == OP_SIGMOID);
	return last ? n->in[0] : g->output[0];
}

static bool same_plane(const struct value *a, const struct value *b)
{
	return a->rank == 4 && b->rank == 4 && a->dim[2] == b->dim[2] && a->dim[3] == b->dim[3];
}

/* Are the outputs of a node feature maps? Windows make them; what computes place by place keeps them; a transposition
 * or a new shape may make anything of them. */
static bool makes_maps(const struct survey *s, const struct node *n)
{
	const struct value *y = graph_out(s->g, n);
	switch (n->op) {
	case OP_CONV:
	case OP_CONV_TRANSPOSE:
	case OP_MAX_POOL:
	case OP_AVERAGE_POOL:
	case OP_LP_POOL:
	case OP_QLINEAR_CONV:
		return y->rank == 4;
	case OP_TRANSPOSE:
	case OP_RESHAPE:
	case OP_FLATTEN:
	case OP_MATMUL:
	case OP_GATHER:
	case OP_EINSUM:
		return false;
	default:
		break;
	}
	for (uint32_t i = 0; i < n->n_in; i++)
		if (n->in[i] != NO_VALUE && s->spatial[n->in[i]] &&
		    same_plane(&s->g->value[n->in[i]], y))
			return true;
	return false;
}

static bool is_many_places(const struct survey *s, value_id v)
{
	const struct value *x = &s->g->value[v];
	bool numbers = x->dtype == CNN_F32 || x->dtype == CNN_U8 || x->dtype == CNN_S8;
	return s->spatial[v] && numbers && x->dim[0] == 1 && x->dim[2] * x->dim[3] > 1;
}

/* The last maps found so far, and what pools over windows have made of them. */
struct found {
	value_id maps, pooled;
};

/* n's output is one that everything goes through. A pool only makes maps coarser, so that its input is better; what
 * is handed on unchanged is better after than before, since rounding may be where negative numbers end. */
static void consider(const struct survey *s, const struct node *n, struct found *found)
{
	value_id y = n->out[0];
	bool pool = n->op == OP_MAX_POOL || n->op == OP_AVERAGE_POOL;
	bool pooled = found->pooled != found->maps;
	bool behind = found->maps != NO_VALUE && original(s->g, n->in[0]) == found->pooled;
	if (behind && (pool || (pooled && handed_on(s->g, y))))
		found->pooled = y;
	else if (is_many_places(s, y))
		found->maps = found->pooled = y;
}

/* A node's operands are used once less. Does it compute on the picture? */
static bool take_operands(struct survey *s, const struct node *n, size_t *in_use)
{
	bool varies = false;
	for (uint32_t k = 0; k < n->n_in; k++) {
		value_id v = n->in[k];
		if (v == NO_VALUE || !s->varies[v])
			continue;
		varies = true;
		if (--s->left[v] == 0)
			--*in_use;
	}
	return varies;
}

/* Walks the graph up to the scores. A value that is the only one in use behind its node is one that everything goes
 * through; the last of those that are feature maps is wanted. */
static value_id last_maps(struct survey *s, value_id scores)
{
	const struct graph *g = s->g;
	struct found found = {NO_VALUE, NO_VALUE};
	size_t in_use = 1;
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		if (n->dead || !take_operands(s, n, &in_use))
			continue;
		bool maps = makes_maps(s, n) || s->averaged[n->out[0]];
		for (uint32_t k = 0; k < n->n_out; k++) {
			value_id v = n->out[k];
			if (v == NO_VALUE)
				continue;
			s->varies[v] = true;
			s->spatial[v] = maps && k == 0;
			in_use += s->left[v] > 0;
		}
		if (in_use == 1 && s->left[n->out[0]] && n->op != OP_LAYOUT)
			consider(s, n, &found);
		if (n->out[0] == scores)
			break;
	}
	return found.maps;
}

/* The nodes between maps and scores; varies[] becomes what depends on the maps. */
static enum cnn_status collect(const struct graph *g, bool *varies, struct arena *arena,
                               struct head *head, struct cnn_error *err)
{
	head->node = arena_alloc(arena, g->n_node + 1, sizeof *head->node);
	if (!head->node)
		return cnn_fail_memory(err, "the layers behind the maps", g->n_node);
	memset(varies, 0, g->n_value * sizeof *varies);
	varies[head->maps] = true;
	int64_t work = 0;
	head->affine = true;
	for (size_t i = 0; i < g->n_node && !varies[head->scores]; i++) {
		const struct node *n = &g->node[i];
		bool behind = false;
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			behind |= n->in[k] != NO_VALUE && varies[n->in[k]];
		if (!behind)
			continue;
		enum backward_kind kind = backward_kind(g, n, varies);
		if (kind == BACKWARD_NONE)
			return cnn_fail(err, CNN_UNSUPPORTED,
			                "node '%s': no gradient through %s of this form", n->name,
			                op_table[n->op].onnx_name);
		if (__builtin_add_overflow(work, eval_work(g, n), &work) || work > MAX_WORK)
			return cnn_fail(err, CNN_UNSUPPORTED,
			                "node '%s': too much is computed behind the last feature "
			                "maps that all goes through",
			                n->name);
		head->affine &= kind == BACKWARD_AFFINE;
		head->node[head->n_node++] = (node_id)i;
		/* Whoever reads another output of it has, then, an operand that is not known. */
		varies[n->out[0]] = true;
	}
	if (!varies[head->scores])
		return cnn_fail(err, CNN_UNSUPPORTED, "'%s' does not depend on feature maps alone",
		                g->value[head->scores].name);
	const struct value *maps = &g->value[head->maps];
	if (!head->affine && maps->dtype != CNN_F32)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "'%s': no gradient at maps of %s by what is behind them",
		                maps->name, cnn_dtype_name(maps->dtype));
	return CNN_OK;
}

static void look_ahead(struct survey *s)
{
	const struct graph *g = s->g;
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			if (n->in[k] != NO_VALUE)
				s->left[n->in[k]]++;
		if (!n->dead && n->op == OP_GLOBAL_AVERAGE_POOL && graph_in(g, n, 0)->rank == 4)
			s->averaged[original(g, n->in[0])] = true;
	}
	for (size_t i = 0; i < g->n_output; i++)
		s->left[g->output[i]]++;
}

bool head_is_view(enum op op)
{
	return eval_is_view(op) || op == OP_LAYOUT;
}

enum cnn_status head_find(const struct graph *g, struct arena *arena, struct head *out,
                          struct cnn_error *err)
{
	*out = (struct head){.maps = NO_VALUE, .scores = find_scores(g)};
	struct survey s = {.g = g};
	s.varies = calloc(g->n_value + 1, sizeof *s.varies);
	s.spatial = calloc(g->n_value + 1, sizeof *s.spatial);
	s.averaged = calloc(g->n_value + 1, sizeof *s.averaged);
	s.left = calloc(g->n_value + 1, sizeof *s.left);
	enum cnn_status status = CNN_OK;
	if (!s.varies || !s.spatial || !s.averaged || !s.left) {
		status = cnn_fail_memory(err, "the search for feature maps", g->n_value);
		goto done;
	}
	look_ahead(&s);
	s.varies[g->input[0]] = true;
	out->maps = last_maps(&s, out->scores);
	if (out->maps == NO_VALUE)
		status = cnn_fail(err, CNN_UNSUPPORTED,
		                  "there are no feature maps that all of the answer goes through");
	else
		status = collect(g, s.varies, arena, out, err);
done:
	free(s.varies);
	free(s.spatial);
	free(s.averaged);
	free(s.left);
	return status;
}
