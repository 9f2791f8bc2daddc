/* Softmax along an axis, and reductions over axes. */
#include "engine/graph/resolve.h"
#include "engine/plan/lower.h"

#include <math.h>

struct softmax_args {
	const struct kernels *k;
	struct ref x, y;
	size_t outer, n,
		stride; /* vectors of n elements `stride` apart; `stride` vectors side by side */
	bool log;
};

#define JOB_FLOATS 4096 /* about what one thread takes at a time */

struct softmax_job {
	const struct softmax_args *a;
	const struct run *run;
	size_t first, vectors, jobs; /* vectors of a job; jobs of a picture */
};

static void softmax_vectors(void *ctx, size_t item, size_t thread)
{
	(void)thread;
	const struct softmax_job *job = ctx;
	const struct softmax_args *a = job->a;
	size_t picture = job->first + item / job->jobs, v = item % job->jobs * job->vectors;
	size_t all = a->outer * a->stride, end = v + job->vectors < all ? v + job->vectors : all;
	const float *x = ref_at(job->run, &a->x, picture);
	float *y = ref_at(job->run, &a->y, picture);
	for (; v < end; v++) {
		size_t at = v / a->stride * a->n * a->stride + v % a->stride;
		a->k->softmax_f32(a->n, a->stride, x + at, y + at, a->log);
	}
}

static void run_softmax(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct softmax_args *a = step->args;
	size_t vectors = a->n < JOB_FLOATS ? JOB_FLOATS / (a->n ? a->n : 1) : 1;
	size_t all = a->outer * a->stride;
	struct softmax_job job = {a, run, first, vectors, (all + vectors - 1) / vectors};
	cnn_parallel_for(run->pool, n * job.jobs, softmax_vectors, &job);
}

enum cnn_status lower_softmax(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0);
	int64_t axis = n->attr.axes.axis < 0 ? n->attr.axes.axis + x->rank : n->attr.axes.axis;
	struct softmax_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	a->k = l->k;
	a->log = n->op == OP_LOG_SOFTMAX;
	size_t elements = (size_t)graph_elements(x);
	if (n->attr.axes.coerced_2d) { /* the layout pass has made x plain where it matters */
		a->n = 1;
		for (int32_t i = (int32_t)axis; i < x->rank; i++)
			a->n *= (size_t)x->dim[i];
		a->stride = 1;
	} else {
		a->n = x->rank ? (size_t)x->dim[axis] : 1;
		a->stride = x->rank ? (size_t)physical_stride(x, (int32_t)axis) : 1;
	}
	a->outer = a->n ? elements / (a->n * a->stride) : 0;
	enum cnn_status status = lower_step(l, run_softmax, a, "softmax", n, n->out[0], 0, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}

/* --- reductions -------------------------------------------------------------------- */

/* Dimensions that stay and dimensions that go, each from the outermost in the input's memory; rows of
 * `row` elements that lie together in both input and output are reduced as one. */
struct reduce_args {
	const struct kernels *k;
	struct ref x, y;
	enum op op;
	int32_t kept, gone;
	int64_t kept_dim[CNN_MAX_RANK], kept_in[CNN_MAX_RANK], kept_out[CNN_MAX_RANK];
	int64_t gone_dim[CNN_MAX_RANK], gone_in[CNN_MAX_RANK];
	size_t row;
	float scale; /* of ReduceMean; 1 otherwise */
};

static enum binary combine(enum op op)
{
	switch (op) {
	case OP_REDUCE_MAX:
		return BINARY_MAX;
	case OP_REDUCE_MIN:
		return BINARY_MIN;
	case OP_REDUCE_PROD:
		return BINARY_MUL;
	default:
		return BINARY_ADD;
	}
}

static float neutral(enum op op)
{
	switch (op) {
	case OP_REDUCE_MAX:
		return -INFINITY;
	case OP_REDUCE_MIN:
		return INFINITY;
	case OP_REDUCE_PROD:
		return 1;
	default:
		return 0;
	}
}

/* The next index of an odometer over dim[0..rank); false after the last. */
static bool next_index(int32_t rank, const int64_t *dim, int64_t *index)
{
	for (int32_t d = rank - 1; d >= 0; d--) {
		if (++index[d] < dim[d])
			return true;
		index[d] = 0;
	}
	return false;
}

static int64_t offset_of(int32_t rank, const int64_t *index, const int64_t *stride)
{
	int64_t at = 0;
	for (int32_t d = 0; d < rank; d++)
		at += index[d] * stride[d];
	return at;
}

/* Outputs whose terms are changed before they are added, at a time. */
enum { BLOCK = 256 };

/* What is added up: term[n] from row[n], or the row itself. `shift` is of LogSumExp. */
static const float *terms(const struct kernels *k, enum op op, size_t n, const float *row,
                          const float *shift, float *term)
{
	switch (op) {
	case OP_REDUCE_L1:
		k->unary_f32(UNARY_ABS, n, row, 0, 0, term);
		return term;
	case OP_REDUCE_L2:
	case OP_REDUCE_SUM_SQUARE:
		k->binary_f32(BINARY_MUL, n, row, 1, row, 1, term);
		return term;
	case OP_REDUCE_LOG_SUM_EXP:
		k->binary_f32(BINARY_SUB, n, row, 1, shift, 1, term);
		k->unary_f32(UNARY_EXP, n, term, 0, 0, term);
		return term;
	default:
		return row;
	}
}

/* All of what goes where its innermost dimension lies together: that many elements beside each other are folded into
 * as many results, and those into one at the end. */
static float fold_run(const struct reduce_args *a, enum op op, const float *from, float shift)
{
	float term[BLOCK], fold[BLOCK], shifts[BLOCK];
	int64_t gone[CNN_MAX_RANK] = {0};
	int32_t outer = a->gone - 1;
	size_t length = (size_t)a->gone_dim[outer], most = length < BLOCK ? length : BLOCK;
	for (size_t i = 0; i < most; i++) {
		fold[i] = neutral(op);
		shifts[i] = shift;
	}
	do {
		const float *row = from + offset_of(outer, gone, a->gone_in);
		for (size_t i = 0, n; i < length; i += n) {
			n = length - i < most ? length - i : most;
			a->k->binary_f32(combine(op), n, fold, 1,
			                 terms(a->k, op, n, row + i, shifts, term), 1, fold);
		}
	} while (next_index(outer, a->gone_dim, gone));
	for (size_t n = most; n > 1; n = (n + 1) / 2)
		a->k->binary_f32(combine(op), n / 2, fold, 1, fold + (n + 1) / 2, 1, fold);
	return fold[0];
}

/* to[n] = all rows under each other, from `from` on; n is at most BLOCK for what has terms of its own. */
static void fold_rows(const struct reduce_args *a, enum op op, size_t n, const float *from,
                      const float *shift, float *to)
{
	float term[BLOCK];
	int64_t gone[CNN_MAX_RANK] = {0};
	if (n == 1 && a->gone > 0 && a->gone_in[a->gone - 1] == 1) {
		to[0] = fold_run(a, op, from, shift ? *shift : 0);
		return;
	}
	for (size_t i = 0; i < n; i++)
		to[i] = neutral(op);
	do {
		const float *row = from + offset_of(a->gone, gone, a->gone_in);
		a->k->binary_f32(combine(op), n, to, 1, terms(a->k, op, n, row, shift, term), 1,
		                 to);
	} while (next_index(a->gone, a->gone_dim, gone));
}

/* Less the greatest of them, no exponential overflows. An infinite one would make NaN of itself. */
static void log_sum_exp(const struct reduce_args *a, size_t n, const float *from, float *to)
{
	float shift[BLOCK];
	fold_rows(a, OP_REDUCE_MAX, n, from, NULL, shift);
	for (size_t i = 0; i < n; i++)
		shift[i] = isinf(shift[i]) ? 0 : shift[i];
	fold_rows(a, a->op, n, from, shift, to);
	a->k->unary_f32(UNARY_LOG, n, to, 0, 0, to);
	a->k->binary_f32(BINARY_ADD, n, to, 1, shift, 1, to);
}

static void reduce_rows(const struct reduce_args *a, size_t n, const float *from, float *to)
{
	if (a->op == OP_REDUCE_LOG_SUM_EXP) {
		log_sum_exp(a, n, from, to);
		return;
	}
	fold_rows(a, a->op, n, from, NULL, to);
	if (a->scale != 1)
		a->k->unary_f32(UNARY_AFFINE, n, to, a->scale, 0, to);
	if (a->op == OP_REDUCE_L2)
		a->k->unary_f32(UNARY_SQRT, n, to, 0, 0, to);
	if (a->op == OP_REDUCE_LOG_SUM)
		a->k->unary_f32(UNARY_LOG, n, to, 0, 0, to);
}

static bool has_terms(enum op op)
{
	return op == OP_REDUCE_L1 || op == OP_REDUCE_L2 || op == OP_REDUCE_SUM_SQUARE ||
	       op == OP_REDUCE_LOG_SUM_EXP;
}

static void reduce_one(const struct reduce_args *a, const float *x, float *y)
{
	int64_t kept[CNN_MAX_RANK] = {0};
	size_t most = has_terms(a->op) ? BLOCK : a->row;
	do {
		const float *from = x + offset_of(a->kept, kept, a->kept_in);
		float *to = y + offset_of(a->kept, kept, a->kept_out);
		for (size_t i = 0, n; i < a->row; i += n) {
			n = a->row - i < most ? a->row - i : most;
			reduce_rows(a, n, from + i, to + i);
		}
	} while (next_index(a->kept, a->kept_dim, kept));
}

static void run_reduce(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct reduce_args *a = step->args;
	for (size_t i = first; i < first + n; i++)
		reduce_one(a, ref_at(run, &a->x, i), ref_at(run, &a->y, i));
}

enum cnn_status lower_reduce(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	struct reduce_args *a = lower_alloc(l, 1, sizeof *a);
	bool reduced[CNN_MAX_RANK];
	if (!a)
		return lower_no_memory(n, err);
	enum cnn_status status = resolve_reduced(l->g, n, reduced, err);
	if (status)
		return status;
	/* where each axis of x stands in y */
	int64_t out_stride[CNN_MAX_RANK] = {0};
	for (int32_t i = 0, j = 0; i < x->rank; i++) {
		if (!reduced[i])
			out_stride[i] = physical_stride(y, j);
		if (!reduced[i] || n->attr.axes.keep_dims)
			j++;
	}
	struct physical in;
	physical_shape(x, &in);
	int64_t folded = 1;
	a->k = l->k;
	a->op = n->op;
	a->row = 1;
	for (int32_t d = 0; d < in.rank; d++) {
		int32_t axis = in.axis[d];
		if (reduced[axis]) {
			a->gone_dim[a->gone] = in.dim[d];
			a->gone_in[a->gone++] = in.stride[d];
			folded *= in.dim[d];
		} else if (d == in.rank - 1 && out_stride[axis] == 1) {
			a->row = (size_t)in.dim[d];
		} else {
			a->kept_dim[a->kept] = in.dim[d];
			a->kept_in[a->kept] = in.stride[d];
			a->kept_out[a->kept++] = out_stride[axis];
		}
	}
	a->scale = n->op == OP_REDUCE_MEAN ? 1.0f / (float)folded : 1;
	status = lower_step(l, run_reduce, a, op_table[n->op].onnx_name, n, n->out[0], 0, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
