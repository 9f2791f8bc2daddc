/* BatchNormalization, and Mul, Div, Add, Sub by a constant of one number a channel, are y = s * x + t:
 * behind a convolution or a matrix product they go into its weights and bias. */
#include "engine/operators/eval.h"
#include "engine/passes/rewrite.h"

#include <math.h>
#include <stdlib.h>

struct affine {
	double *s, *t; /* [channels] */
};

static void affine_free(struct affine *a)
{
	free(a->s);
	free(a->t);
}

/* The identity. */
static enum cnn_status affine_new(int64_t channels, struct affine *a, struct cnn_error *err)
{
	a->s = malloc((size_t)channels * sizeof *a->s);
	a->t = calloc((size_t)channels, sizeof *a->t);
	if (!a->s || !a->t)
		return cnn_fail_memory(err, "folded weights", (size_t)channels * sizeof *a->s);
	for (int64_t c = 0; c < channels; c++)
		a->s[c] = 1;
	return CNN_OK;
}

/* a = next(a(x)) */
static void affine_append(int64_t channels, struct affine *a, const struct affine *next)
{
	for (int64_t c = 0; c < channels; c++) {
		a->s[c] *= next->s[c];
		a->t[c] = a->t[c] * next->s[c] + next->t[c];
	}
}

static int32_t channel_axis(const struct graph *g, const struct node *n)
{
	return n->op == OP_CONV ? 1 : graph_out(g, n)->rank - 1;
}

static bool read_batch_norm(const struct graph *g, const struct node *n, int64_t channels,
                            struct affine *a)
{
	const float *p[4];
	for (uint32_t i = 0; i < 4; i++) {
		const struct value *v = graph_in(g, n, i + 1);
		if (!v || !v->data || v->dtype != CNN_F32 || graph_elements(v) != channels)
			return false;
		p[i] = v->data;
	}
	for (int64_t c = 0; c < channels; c++) {
		a->s[c] = (double)p[0][c] / sqrt((double)p[3][c] + (double)n->attr.norm.epsilon);
		a->t[c] = (double)p[1][c] - (double)p[2][c] * a->s[c];
	}
	return true;
}

/* Is `next`, which reads x, an affine function of it by channel? */
static bool read_affine(const struct graph *g, const struct node *next, value_id x, int32_t axis,
                        struct affine *a)
{
	const struct value *like = &g->value[x];
	int64_t channels = like->dim[axis];
	if (!rewrite_same_shape(like, graph_out(g, next)))
		return false;
	if (next->op == OP_BATCH_NORM)
		return axis == 1 && next->in[0] == x && read_batch_norm(g, next, channels, a);
	if (next->op != OP_ADD && next->op != OP_SUB && next->op != OP_MUL && next->op != OP_DIV)
		return false;
	bool x_first = next->in[0] == x;
	if (next->op == OP_DIV && !x_first)
		return false;
	double *vector = next->op == OP_ADD || next->op == OP_SUB ? a->t : a->s;
	if (!rewrite_axis_vector(g, next->in[x_first ? 1 : 0], like, axis, vector))
		return false;
	for (int64_t c = 0; c < channels; c++) {
		switch (next->op) {
		case OP_SUB:
			a->t[c] = x_first ? -a->t[c] : a->t[c];
			a->s[c] = x_first ? 1 : -1;
			break;
		case OP_ADD:
			a->s[c] = 1;
			break;
		case OP_DIV:
			if (a->s[c] == 0)
				return false;
			a->s[c] = 1 / a->s[c];
			a->t[c] = 0;
			break;
		default:
			a->t[c] = 0;
		}
	}
	return true;
}

/* Weights and bias as new constants (the old ones may be shared with other nodes). */
static enum cnn_status fold(struct graph *g, node_id id, const struct affine *a, int64_t channels,
                            struct cnn_error *err)
{
	struct node *n = &g->node[id];
	const struct value *w = &g->value[n->in[1]];
	/* how far apart the weights of neighbouring output channels lie */
	bool rows = n->op == OP_CONV || (n->op == OP_GEMM && n->attr.gemm.trans_b);
	float *weights, *bias;
	value_id new_w =
		graph_add_constant(g, w->name, CNN_F32, w->rank, w->dim, (void **)&weights);
	value_id new_b = graph_add_constant(g, n->name, CNN_F32, 1, &channels, (void **)&bias);
	value_id *in = arena_alloc(g->arena, 3, sizeof *in);
	if (new_w == NO_VALUE || new_b == NO_VALUE || !in)
		return cnn_fail_memory(err, "folded weights", sizeof(float) * (size_t)channels);

	n = &g->node[id];
	w = &g->value[n->in[1]];
	int64_t count = graph_elements(w),
		per_channel = count / channels; /* nothing is empty here */
	const float *old = w->data;
	for (int64_t i = 0; i < count; i++)
		weights[i] = (float)((double)old[i] * a->s[rows ? i / per_channel : i % channels]);

	const struct value *old_bias = graph_in(g, n, 2);
	double beta = n->op == OP_GEMM ? (double)n->attr.gemm.beta : 1;
	for (int64_t c = 0; c < channels; c++) {
		double b = 0;
		if (old_bias)
			b = beta *
			    (double)((const float *)
			                     old_bias->data)[graph_elements(old_bias) == 1 ? 0 : c];
		bias[c] = (float)(b * a->s[c] + a->t[c]);
	}
	/* A MatMul takes its bias as a third input, which no file can give it. */
	if (n->op == OP_GEMM)
		n->attr.gemm.beta = 1;
	in[0] = n->in[0];
	in[1] = new_w;
	in[2] = new_b;
	n->in = in;
	n->n_in = 3;
	return CNN_OK;
}

static bool foldable(const struct graph *g, const struct node *n)
{
	if (n->dead || (n->op != OP_CONV && n->op != OP_GEMM && n->op != OP_MATMUL) ||
	    !graph_is_constant(g, n->in[1]) || eval_at_run_time(g, n))
		return false;
	const struct value *bias = graph_in(g, n, 2);
	if (bias && !bias->data)
		return false;
	return n->op != OP_MATMUL || (graph_in(g, n, 0)->rank >= 2 && graph_in(g, n, 1)->rank == 2);
}

enum cnn_status pass_fold_affine(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	struct uses uses;
	enum cnn_status status = uses_count(g, &uses, err);
	if (status)
		return status;
	for (size_t i = 0; i < g->n_node && !status; i++) {
		if (!foldable(g, &g->node[i]))
			continue;
		int32_t axis = channel_axis(g, &g->node[i]);
		int64_t channels = graph_out(g, &g->node[i])->dim[axis];
		struct affine all = {0}, one = {0};
		bool found = false;
		status = affine_new(channels, &all, err);
		if (!status)
			status = affine_new(channels, &one, err);
		while (!status) {
			value_id x = g->node[i].out[0];
			struct node *next = uses_only_consumer(g, &uses, x);
			if (!next || !read_affine(g, next, x, axis, &one))
				break;
			affine_append(channels, &all, &one);
			rewrite_join(g, log, &g->node[i], next);
			found = true;
		}
		if (!status && found)
			status = fold(g, (node_id)i, &all, channels, err);
		affine_free(&all);
		affine_free(&one);
	}
	uses_free(&uses);
	return status;
}
