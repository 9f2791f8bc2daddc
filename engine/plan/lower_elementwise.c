/* Functions of one tensor, and of two or more with broadcasting. */
#include "engine/plan/lower.h"

#include <math.h>

struct unary_args {
	const struct kernels *k;
	struct ref x, y;
	enum unary function;
	float p, q;
	size_t elements;
};

#define UNARY_BLOCK 4096 /* floats that one thread takes at a time */

struct unary_job {
	const struct unary_args *a;
	const struct run *run;
	size_t first, blocks;
};

static void unary_block(void *ctx, size_t item, size_t thread)
{
	(void)thread;
	const struct unary_job *job = ctx;
	const struct unary_args *a = job->a;
	size_t picture = job->first + item / job->blocks, at = item % job->blocks * UNARY_BLOCK;
	size_t n = a->elements - at < UNARY_BLOCK ? a->elements - at : UNARY_BLOCK;
	a->k->unary_f32(a->function, n, ref_at(job->run, &a->x, picture) + at, a->p, a->q,
	                ref_at(job->run, &a->y, picture) + at);
}

static void run_unary(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct unary_args *a = step->args;
	struct unary_job job = {a, run, first, (a->elements + UNARY_BLOCK - 1) / UNARY_BLOCK};
	cnn_parallel_for(run->pool, n * job.blocks, unary_block, &job);
}

static const enum unary unary_of[OP_COUNT] = {
	[OP_RELU] = UNARY_CLAMP,
	[OP_CLIP] = UNARY_CLAMP,
	[OP_LEAKY_RELU] = UNARY_LEAKY,
	[OP_ELU] = UNARY_ELU,
	[OP_SELU] = UNARY_SELU,
	[OP_SIGMOID] = UNARY_SIGMOID,
	[OP_SILU] = UNARY_SILU,
	[OP_HARD_SIGMOID] = UNARY_HARD_SIGMOID,
	[OP_HARD_SWISH] = UNARY_HARD_SWISH,
	[OP_TANH] = UNARY_TANH,
	[OP_SOFTPLUS] = UNARY_SOFTPLUS,
	[OP_ERF] = UNARY_ERF,
	[OP_EXP] = UNARY_EXP,
	[OP_LOG] = UNARY_LOG,
	[OP_SQRT] = UNARY_SQRT,
	[OP_ABS] = UNARY_ABS,
	[OP_NEG] = UNARY_NEG,
	[OP_FLOOR] = UNARY_FLOOR,
	[OP_CEIL] = UNARY_CEIL,
	[OP_RECIPROCAL] = UNARY_RECIPROCAL,
	[OP_CELU] = UNARY_CELU,
	[OP_MISH] = UNARY_MISH,
	[OP_SOFTSIGN] = UNARY_SOFTSIGN,
	[OP_GELU] = UNARY_GELU,
	[OP_SIGN] = UNARY_SIGN,
	[OP_ROUND] = UNARY_ROUND,
};

static bool read_bound(const struct lowering *l, const struct node *n, uint32_t i, float *out)
{
	const struct value *v = graph_in(l->g, n, i);
	if (!v)
		return true;
	if (!v->data || v->dtype != CNN_F32 || graph_elements(v) != 1)
		return false;
	*out = *(const float *)v->data;
	return true;
}

enum cnn_status lower_unary(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	struct unary_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	a->k = l->k;
	a->function = unary_of[n->op];
	a->elements = (size_t)graph_elements(graph_out(l->g, n));
	if (n->op == OP_GELU && n->attr.unary.approximate)
		a->function = UNARY_GELU_TANH;
	if (n->op == OP_RELU) {
		a->q = INFINITY;
	} else if (n->op == OP_CLIP) {
		a->p = -INFINITY;
		a->q = INFINITY;
		if (!read_bound(l, n, 1, &a->p) || !read_bound(l, n, 2, &a->q))
			return lower_unsupported(n, "has bounds computed from the picture", err);
	} else if (n->op != OP_SILU) {
		a->p = n->attr.unary.alpha;
		a->q = n->attr.unary.beta;
	}
	enum cnn_status status =
		lower_step(l, run_unary, a, op_table[n->op].onnx_name, n, n->out[0], 0, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}

/* --- two operands ------------------------------------------------------------------ */

/* y = f(a, b) over the output's dimensions in memory order, joined where both operands allow. */
struct binary_args {
	const struct kernels *k;
	struct ref a, b, y;
	enum binary function;
	int32_t rank; /* >= 1; the last dimension is the inner loop */
	int64_t dim[CNN_MAX_RANK], a_stride[CNN_MAX_RANK], b_stride[CNN_MAX_RANK];
	int64_t elements;
	float lo, hi; /* of the fused activation */
	bool clamp;
	float scale; /* of Mean; 1 otherwise */
	struct tail tail;
};

static void finish_row(const struct binary_args *a, size_t n, float *y)
{
	if (a->scale != 1)
		a->k->unary_f32(UNARY_AFFINE, n, y, a->scale, 0, y);
	if (a->clamp)
		a->k->unary_f32(UNARY_CLAMP, n, y, a->lo, a->hi, y);
	tail_apply(a->k, &a->tail, n, y);
}

/* `count` rows of the inner loop from row `row` on, of each the `n` elements from `at` on. */
static void run_rows(const struct binary_args *p, const float *a, const float *b, float *y,
                     size_t row, size_t count, size_t at, size_t n)
{
	int32_t inner = p->rank - 1;
	size_t length = (size_t)p->dim[inner];
	size_t a_step = (size_t)p->a_stride[inner], b_step = (size_t)p->b_stride[inner];
	int64_t index[CNN_MAX_RANK] = {0}, rest = (int64_t)row;
	for (int32_t d = inner - 1; d >= 0; rest /= p->dim[d--]) {
		index[d] = rest % p->dim[d];
		a += index[d] * p->a_stride[d];
		b += index[d] * p->b_stride[d];
	}
	a += at * a_step;
	b += at * b_step;
	y += row * length + at;
	for (size_t i = 0; i < count; i++, y += length) {
		if (a_step <= 1 && b_step <= 1)
			p->k->binary_f32(p->function, n, a, a_step, b, b_step, y);
		else
			for (size_t k = 0; k < n; k++)
				p->k->binary_f32(p->function, 1, a + k * a_step, 1, b + k * b_step,
				                 1, y + k);
		finish_row(p, n, y);
		for (int32_t d = inner - 1; d >= 0; d--) {
			a += p->a_stride[d];
			b += p->b_stride[d];
			if (++index[d] < p->dim[d])
				break;
			a -= p->a_stride[d] * p->dim[d];
			b -= p->b_stride[d] * p->dim[d];
			index[d] = 0;
		}
	}
}

/* Short rows go several to a thread, long ones in pieces. */
struct binary_job {
	const struct binary_args *p;
	const struct run *run;
	size_t first, rows, row; /* rows of a picture, elements of a row */
	size_t group, piece;     /* rows and elements of one item */
	size_t pieces, items;    /* of a row, of a picture */
};

static void binary_item(void *ctx, size_t item, size_t thread)
{
	(void)thread;
	const struct binary_job *job = ctx;
	const struct binary_args *p = job->p;
	size_t picture = job->first + item / job->items, i = item % job->items;
	size_t row = i / job->pieces * job->group, at = i % job->pieces * job->piece;
	size_t count = job->rows - row < job->group ? job->rows - row : job->group;
	size_t n = job->row - at < job->piece ? job->row - at : job->piece;
	run_rows(p, ref_at(job->run, &p->a, picture), ref_at(job->run, &p->b, picture),
	         ref_at(job->run, &p->y, picture), row, count, at, n);
}

static void run_binary(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct binary_args *p = step->args;
	size_t row = (size_t)p->dim[p->rank - 1];
	struct binary_job job = {.p = p, .run = run, .first = first, .row = row};
	job.rows = row ? (size_t)p->elements / row : 0;
	job.group = row && row < UNARY_BLOCK ? UNARY_BLOCK / row : 1;
	job.piece = row < UNARY_BLOCK ? row : UNARY_BLOCK;
	job.pieces = row ? (row + job.piece - 1) / job.piece : 0;
	job.items = (job.rows + job.group - 1) / job.group * job.pieces;
	cnn_parallel_for(run->pool, n * job.items, binary_item, &job);
}

/* How far apart in memory an operand's elements lie along the output's ONNX axes. */
static void operand_strides(const struct value *v, int32_t rank, int64_t stride[CNN_MAX_RANK])
{
	struct physical p;
	physical_shape(v, &p);
	for (int32_t i = 0; i < rank; i++)
		stride[i] = 0;
	for (int32_t d = 0; d < p.rank; d++)
		stride[rank - v->rank + p.axis[d]] = p.dim[d] == 1 ? 0 : p.stride[d];
}

static void set_shape(struct binary_args *p, const struct value *y, const struct value *a,
                      const struct value *b)
{
	struct physical out;
	int64_t as[CNN_MAX_RANK], bs[CNN_MAX_RANK];
	physical_shape(y, &out);
	operand_strides(a, y->rank, as);
	operand_strides(b, y->rank, bs);
	p->elements = graph_elements(y);
	p->rank = 0;
	for (int32_t d = 0; d < out.rank; d++) {
		int64_t n = out.dim[d], sa = as[out.axis[d]], sb = bs[out.axis[d]];
		if (n == 1)
			continue;
		int32_t k = p->rank - 1;
		/* one longer dimension where walking this one to its end is a step of the last */
		if (k >= 0 && p->a_stride[k] == n * sa && p->b_stride[k] == n * sb) {
			p->dim[k] *= n;
			p->a_stride[k] = sa;
			p->b_stride[k] = sb;
			continue;
		}
		p->dim[p->rank] = n;
		p->a_stride[p->rank] = sa;
		p->b_stride[p->rank++] = sb;
	}
	if (p->rank == 0) {
		p->rank = 1;
		p->dim[0] = 1;
		p->a_stride[0] = p->b_stride[0] = 0;
	}
}

static const enum binary binary_of[OP_COUNT] = {
	[OP_ADD] = BINARY_ADD,     [OP_SUB] = BINARY_SUB, [OP_MUL] = BINARY_MUL,
	[OP_DIV] = BINARY_DIV,     [OP_POW] = BINARY_POW, [OP_MIN] = BINARY_MIN,
	[OP_MAX] = BINARY_MAX,     [OP_SUM] = BINARY_ADD, [OP_MEAN] = BINARY_ADD,
	[OP_PRELU] = BINARY_PRELU,
};

/* A node of k operands is k - 1 steps: y = f(in0, in1), then y = f(y, in2), ... One of a single operand
 * is y = f(in0, neutral): a copy. */
enum cnn_status lower_binary(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *y = graph_out(l->g, n);
	if (n->n_in == 1)
		return lower_alias(l, n, err);
	for (uint32_t k = 1; k < n->n_in; k++) {
		/* the first step reads the first operand; only when it has the output's shape may the
		 * later ones read y in its place */
		value_id left = k == 1 ? n->in[0] : n->out[0];
		struct binary_args *a = lower_alloc(l, 1, sizeof *a);
		if (!a)
			return lower_no_memory(n, err);
		a->k = l->k;
		a->function = binary_of[n->op];
		set_shape(a, y, &l->g->value[left], &l->g->value[n->in[k]]);
		bool last = k + 1 == n->n_in;
		a->scale = last && n->op == OP_MEAN ? 1.0f / (float)n->n_in : 1;
		if (last) {
			tail_split(&n->activation, &a->lo, &a->hi, &a->tail);
			a->clamp = n->activation.kind == ACT_CLAMP;
		}
		enum cnn_status status = lower_step(l, run_binary, a, op_table[n->op].onnx_name, n,
		                                    n->out[0], 0, err);
		if (!status)
			status = lower_read(l, left, &a->a, err);
		if (!status)
			status = lower_read(l, n->in[k], &a->b, err);
		if (!status)
			status = lower_write(l, n->out[0], &a->y, err);
		if (status)
			return status;
	}
	return CNN_OK;
}
