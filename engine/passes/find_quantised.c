/* Float operators between DequantizeLinear and QuantizeLinear -> operators on the stored integers.
 *
 * This is what onnxruntime makes of such graphs at load, and the results are the same integers: also where a
 * float computation between the same two would round otherwise. */
#include "engine/operators/quantised.h"
#include "engine/passes/quantised_match.h"

#include <math.h>
#include <stdlib.h>

/* The node becomes `op` with these inputs, and makes what the quantisation after it made. */
static bool become(struct quantised_pass *p, struct node *n, enum op op, const value_id *in,
                   uint32_t n_in, struct node *q)
{
	value_id *own = arena_alloc(p->g->arena, n_in, sizeof *own);
	if (!own)
		return false;
	memcpy(own, in, n_in * sizeof *in);
	n->op = op;
	n->in = own;
	n->n_in = n_in;
	if (q)
		rewrite_join(p->g, p->log, n, q);
	return true;
}

/* in[at] and the two after it: the tensor under a dequantisation, its scale and zero point. */
static void put_operand(const struct node *dq, value_id *in, uint32_t at)
{
	for (uint32_t i = 0; i < 3; i++)
		in[at + i] = i < dq->n_in ? dq->in[i] : NO_VALUE;
}

static void put_result(const struct node *q, value_id *in, uint32_t at)
{
	in[at] = q->in[1];
	in[at + 1] = q->n_in > 2 ? q->in[2] : NO_VALUE;
}

static enum cnn_dtype stored_as(const struct quantised_pass *p, const struct node *dq)
{
	return p->g->value[dq->in[0]].dtype;
}

/* Dequantised bytes with one scale, of the type that the result has; or NULL. */
static struct node *activation_of(const struct quantised_pass *p, const struct node *n, uint32_t i,
                                  const struct node *q)
{
	struct node *dq = quantised_source(p, n, i);
	if (!dq || !quantised_per_tensor(p->g, dq) || !quantised_is_byte(stored_as(p, dq)))
		return NULL;
	return !q || stored_as(p, dq) == graph_out(p->g, q)->dtype ? dq : NULL;
}

/* Dequantised bytes with one scale for all, or for each element along `axis`. */
static struct node *weights_of(const struct quantised_pass *p, const struct node *n, uint32_t i,
                               int32_t axis)
{
	struct node *dq = quantised_source(p, n, i);
	if (!dq || !quantised_is_byte(stored_as(p, dq)))
		return NULL;
	int32_t rank = p->g->value[dq->in[0]].rank;
	const struct quant_attr *a = &dq->attr.quant;
	bool along = a->block_size == 0 && (a->axis < 0 ? a->axis + rank : a->axis) == axis &&
	             graph_in(p->g, dq, 1)->data;
	return along || quantised_per_tensor(p->g, dq) ? dq : NULL;
}

/* Both are signed, or the activations are not: what onnxruntime has kernels for. */
static bool types_fit(const struct quantised_pass *p, const struct node *x, const struct node *w)
{
	return stored_as(p, x) == CNN_U8 || stored_as(p, w) == CNN_S8;
}

/* A float bias as the integers that are added to the sums. */
static value_id store_bias(struct quantised_pass *p, value_id bias, const struct node *x,
                           const struct node *w)
{
	const struct value *v = &p->g->value[bias], *w_scale = graph_in(p->g, w, 1);
	float x_scale = quantised_scale(graph_in(p->g, x, 1), 0);
	void *data;
	value_id id = graph_add_constant(p->g, v->name, CNN_S32, v->rank, v->dim, &data);
	if (id == NO_VALUE)
		return id;
	v = &p->g->value[bias];
	w_scale = graph_in(p->g, w, 1);
	for (int64_t i = 0; i < graph_elements(v); i++) {
		float scale = x_scale * quantised_scale(w_scale, i);
		double b = rint((double)(((const float *)v->data)[i] / scale));
		b = b > INT32_MIN ? b : INT32_MIN;
		((int32_t *)data)[i] = (int32_t)(b < INT32_MAX ? b : INT32_MAX);
	}
	return id;
}

/* The integers of the bias at input 2, NO_VALUE when there is none; false when it does not fit. */
static bool bias_of(struct quantised_pass *p, const struct node *n, const struct node *x,
                    const struct node *w, value_id *out)
{
	*out = NO_VALUE;
	const struct value *bias = graph_in(p->g, n, 2);
	if (!bias)
		return true;
	const struct node *dq = quantised_source(p, n, 2);
	if (dq) {
		*out = dq->in[0];
		return stored_as(p, dq) == CNN_S32;
	}
	if (!bias->data || bias->rank != 1 || !graph_in(p->g, x, 1)->data ||
	    !graph_in(p->g, w, 1)->data)
		return false;
	*out = store_bias(p, n->in[2], x, w);
	return *out != NO_VALUE;
}

static bool match_conv(struct quantised_pass *p, struct node *n, struct node *q)
{
	value_id in[9];
	struct node *x = activation_of(p, n, 0, q), *w = weights_of(p, n, 1, 0);
	if (!x || !w || !q || !types_fit(p, x, w) || !bias_of(p, n, x, w, &in[8]))
		return false;
	put_operand(x, in, 0);
	put_operand(w, in, 3);
	put_result(q, in, 6);
	quantised_absorb(p, x, n);
	return become(p, n, OP_QLINEAR_CONV, in, in[8] == NO_VALUE ? 8 : 9, q);
}

static bool match_matmul(struct quantised_pass *p, struct node *n, struct node *q)
{
	value_id in[8];
	struct node *a = activation_of(p, n, 0, q);
	struct node *b = weights_of(p, n, 1, graph_in(p->g, n, 1)->rank - 1);
	if (!a || !b || !q || !types_fit(p, a, b))
		return false;
	put_operand(a, in, 0);
	put_operand(b, in, 3);
	put_result(q, in, 6);
	quantised_absorb(p, a, n);
	quantised_absorb(p, b, n);
	return become(p, n, OP_QLINEAR_MATMUL, in, 8, q);
}

static bool match_gemm(struct quantised_pass *p, struct node *n, struct node *q)
{
	value_id in[9];
	struct gemm_attr attr = n->attr.gemm;
	struct node *a = activation_of(p, n, 0, q), *b = weights_of(p, n, 1, attr.trans_b ? 0 : 1);
	if (!a || !b || !types_fit(p, a, b) || !bias_of(p, n, a, b, &in[6]) ||
	    (in[6] != NO_VALUE && attr.beta != 1))
		return false;
	put_operand(a, in, 0);
	put_operand(b, in, 3);
	if (q)
		put_result(q, in, 7);
	n->attr.quant = (struct quant_attr){
		.alpha = attr.alpha, .trans_a = attr.trans_a, .trans_b = attr.trans_b};
	quantised_absorb(p, a, n);
	return become(p, n, OP_QGEMM, in, q ? 9 : 7, q);
}

static bool match_binary(struct quantised_pass *p, struct node *n, struct node *q)
{
	value_id in[8];
	struct node *a = activation_of(p, n, 0, q), *b = activation_of(p, n, 1, q);
	if (!a || !b || !q)
		return false;
	put_operand(a, in, 0);
	put_operand(b, in, 3);
	put_result(q, in, 6);
	quantised_absorb(p, a, n);
	quantised_absorb(p, b, n);
	return become(p, n, n->op == OP_ADD ? OP_QLINEAR_ADD : OP_QLINEAR_MUL, in, 8, q);
}

static bool match_concat(struct quantised_pass *p, struct node *n, struct node *q)
{
	value_id in[2 + 3 * 80];
	uint32_t n_in = 2 + 3 * n->n_in;
	if (!q || n_in > sizeof in / sizeof in[0])
		return false;
	put_result(q, in, 0);
	for (uint32_t i = 0; i < n->n_in; i++) {
		const struct node *x = activation_of(p, n, i, q);
		if (!x)
			return false;
		put_operand(x, in, 2 + 3 * i);
	}
	for (uint32_t i = 0; i < n->n_in; i++)
		quantised_absorb(p, quantised_source(p, n, i), n);
	n->attr.quant = (struct quant_attr){.axis = n->attr.axes.axis};
	return become(p, n, OP_QLINEAR_CONCAT, in, n_in, q);
}

static bool match_unary(struct quantised_pass *p, struct node *n, struct node *q)
{
	value_id in[5];
	struct node *x = activation_of(p, n, 0, q);
	const struct window_attr *w = &n->attr.window;
	enum op op;
	struct quant_attr attr = {0};
	if (!x || !q)
		return false;
	switch (n->op) {
	case OP_AVERAGE_POOL:
		if (w->dilation[0] != 1 || w->dilation[1] != 1 || w->spatial > 2)
			return false;
		op = OP_QLINEAR_AVERAGE_POOL;
		break;
	case OP_GLOBAL_AVERAGE_POOL:
		op = OP_QLINEAR_GLOBAL_AVERAGE_POOL;
		break;
	case OP_SIGMOID:
		op = OP_QLINEAR_SIGMOID;
		break;
	case OP_LEAKY_RELU:
		op = OP_QLINEAR_LEAKY_RELU;
		attr.alpha = n->attr.unary.alpha;
		break;
	default: /* Softmax */
		op = OP_QLINEAR_SOFTMAX;
		attr.axis = n->attr.axes.axis;
		attr.coerced_2d = n->attr.axes.coerced_2d;
	}
	put_operand(x, in, 0);
	put_result(q, in, 3);
	quantised_absorb(p, x, n);
	if (op != OP_QLINEAR_AVERAGE_POOL)
		n->attr.quant = attr;
	return become(p, n, op, in, 5, q);
}

/* What only moves elements about does so with the stored ones, when they mean the same before and after. */
static bool match_movement(struct quantised_pass *p, struct node *n, struct node *q)
{
	struct node *x = activation_of(p, n, 0, q);
	if (!x || !q || n->n_out != 1 || !quantised_same(p->g, x, q) ||
	    (n->op == OP_MAX_POOL && quantised_scale_of(p->g, x, 1) <= 0))
		return false;
	quantised_absorb(p, x, n);
	n->in[0] = x->in[0];
	rewrite_join(p->g, p->log, n, q);
	return true;
}

typedef bool match_fn(struct quantised_pass *p, struct node *n, struct node *q);
static match_fn *const match_table[OP_COUNT] = {
	[OP_CONV] = match_conv,          [OP_MATMUL] = match_matmul,
	[OP_GEMM] = match_gemm,          [OP_ADD] = match_binary,
	[OP_MUL] = match_binary,         [OP_CONCAT] = match_concat,
	[OP_AVERAGE_POOL] = match_unary, [OP_GLOBAL_AVERAGE_POOL] = match_unary,
	[OP_SIGMOID] = match_unary,      [OP_LEAKY_RELU] = match_unary,
	[OP_SOFTMAX] = match_unary,      [OP_MAX_POOL] = match_movement,
	[OP_RESHAPE] = match_movement,   [OP_FLATTEN] = match_movement,
	[OP_SQUEEZE] = match_movement,   [OP_UNSQUEEZE] = match_movement,
	[OP_TRANSPOSE] = match_movement, [OP_SLICE] = match_movement,
	[OP_GATHER] = match_movement,    [OP_EXPAND] = match_movement,
};

/* The quantisation that alone reads n's output, behind a clamp perhaps that it makes redundant. */
static struct node *result_of(struct quantised_pass *p, struct node *n, struct node **clamp)
{
	struct node *q = uses_only_consumer(p->g, &p->uses, n->out[0]);
	*clamp = NULL;
	if (q && (q->op == OP_RELU || q->op == OP_CLIP) && q->in[0] == n->out[0]) {
		*clamp = q;
		q = uses_only_consumer(p->g, &p->uses, q->out[0]);
	}
	value_id from = *clamp ? (*clamp)->out[0] : n->out[0];
	if (!q || q->op != OP_QUANTIZE_LINEAR || q->in[0] != from || !quantised_per_tensor(p->g, q))
		return NULL;
	return *clamp && !quantised_clamps(p->g, q, *clamp) ? NULL : q;
}

/* Quantising again what was dequantised with the same numbers. Who reads the result finds the first integers
 * in p->now, once the walk is there. */
static void drop_pair(struct quantised_pass *p, struct node *q)
{
	struct node *dq = quantised_source(p, q, 0);
	if (q->op != OP_QUANTIZE_LINEAR || !dq || dq->dead || !quantised_per_tensor(p->g, q) ||
	    !quantised_per_tensor(p->g, dq) || !quantised_same(p->g, dq, q))
		return;
	quantised_absorb(p, dq, q);
	p->now[q->out[0]] = dq->in[0];
	q->dead = true;
}

static void read_now(const struct quantised_pass *p, struct node *n)
{
	for (uint32_t k = 0; k < n->n_in; k++)
		if (n->in[k] < p->n_value)
			n->in[k] = p->now[n->in[k]];
}

enum cnn_status pass_find_quantised(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	struct quantised_pass p;
	enum cnn_status status = quantised_begin(g, log, &p, err);
	if (status)
		return status;
	for (size_t i = 0; i < g->n_node; i++) {
		struct node *n = &g->node[i], *clamp;
		if (n->dead)
			continue;
		read_now(&p, n);
		if (!match_table[n->op]) {
			drop_pair(&p, n);
			continue;
		}
		struct node *q = result_of(&p, n, &clamp);
		if (!q && clamp)
			continue;
		if (match_table[n->op](&p, n, q) && clamp) {
			clamp->dead = true;
			rewrite_log(log, clamp, n);
		}
	}
	for (size_t i = 0; i < g->n_output; i++)
		g->output[i] = p.now[g->output[i]];
	quantised_end(&p);
	return CNN_OK;
}
