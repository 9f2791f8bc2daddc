#include "engine/plan/lower.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

lower_fn *const lower_table[OP_COUNT] = {
	[OP_CONV] = lower_conv,
	[OP_MAX_POOL] = lower_pool,
	[OP_AVERAGE_POOL] = lower_pool,
	[OP_GLOBAL_MAX_POOL] = lower_global_pool,
	[OP_GLOBAL_AVERAGE_POOL] = lower_global_pool,
	[OP_BATCH_NORM] = lower_batch_norm,
	[OP_LRN] = lower_lrn,
	[OP_GEMM] = lower_gemm,
	[OP_MATMUL] = lower_matmul,
	[OP_LAYER_NORM] = lower_layer_norm,
	[OP_RELU] = lower_unary,
	[OP_CLIP] = lower_unary,
	[OP_LEAKY_RELU] = lower_unary,
	[OP_PRELU] = lower_binary,
	[OP_ELU] = lower_unary,
	[OP_SELU] = lower_unary,
	[OP_SIGMOID] = lower_unary,
	[OP_SILU] = lower_unary,
	[OP_HARD_SIGMOID] = lower_unary,
	[OP_HARD_SWISH] = lower_unary,
	[OP_TANH] = lower_unary,
	[OP_SOFTPLUS] = lower_unary,
	[OP_ERF] = lower_unary,
	[OP_EXP] = lower_unary,
	[OP_LOG] = lower_unary,
	[OP_SQRT] = lower_unary,
	[OP_ABS] = lower_unary,
	[OP_NEG] = lower_unary,
	[OP_FLOOR] = lower_unary,
	[OP_CEIL] = lower_unary,
	[OP_RECIPROCAL] = lower_unary,
	[OP_CELU] = lower_unary,
	[OP_MISH] = lower_unary,
	[OP_SOFTSIGN] = lower_unary,
	[OP_GELU] = lower_unary,
	[OP_SIGN] = lower_unary,
	[OP_ROUND] = lower_unary,
	[OP_SOFTMAX] = lower_softmax,
	[OP_LOG_SOFTMAX] = lower_softmax,
	[OP_ADD] = lower_binary,
	[OP_SUB] = lower_binary,
	[OP_MUL] = lower_binary,
	[OP_DIV] = lower_binary,
	[OP_POW] = lower_binary,
	[OP_MIN] = lower_binary,
	[OP_MAX] = lower_binary,
	[OP_SUM] = lower_binary,
	[OP_MEAN] = lower_binary,
	[OP_REDUCE_MEAN] = lower_reduce,
	[OP_REDUCE_SUM] = lower_reduce,
	[OP_REDUCE_MAX] = lower_reduce,
	[OP_REDUCE_MIN] = lower_reduce,
	[OP_REDUCE_PROD] = lower_reduce,
	[OP_REDUCE_L1] = lower_reduce,
	[OP_REDUCE_L2] = lower_reduce,
	[OP_REDUCE_LOG_SUM] = lower_reduce,
	[OP_REDUCE_LOG_SUM_EXP] = lower_reduce,
	[OP_REDUCE_SUM_SQUARE] = lower_reduce,
	[OP_CONCAT] = lower_concat,
	[OP_SPLIT] = lower_split,
	[OP_SLICE] = lower_slice,
	[OP_PAD] = lower_pad,
	[OP_RESHAPE] = lower_view,
	[OP_FLATTEN] = lower_view,
	[OP_SQUEEZE] = lower_view,
	[OP_UNSQUEEZE] = lower_view,
	[OP_IDENTITY] = lower_view,
	[OP_DROPOUT] = lower_view,
	[OP_CAST] = lower_view,
	[OP_TRANSPOSE] = lower_transpose,
	[OP_GATHER] = lower_gather,
	[OP_EXPAND] = lower_expand,
	[OP_TILE] = lower_tile,
	[OP_RESIZE] = lower_resize,
	[OP_DEPTH_TO_SPACE] = lower_depth_to_space,
	[OP_SPACE_TO_DEPTH] = lower_space_to_depth,
	[OP_LAYOUT] = lower_layout,
	[OP_QLINEAR_CONV] = lower_qlinear_conv,
	[OP_QLINEAR_AVERAGE_POOL] = lower_pool_bytes,
	[OP_QLINEAR_GLOBAL_AVERAGE_POOL] = lower_pool_bytes,
	[OP_QUANTIZE_LINEAR] = lower_quantise,
	[OP_DEQUANTIZE_LINEAR] = lower_quantise,
	[OP_QLINEAR_ADD] = lower_pair_bytes,
	[OP_QLINEAR_MUL] = lower_pair_bytes,
	[OP_QLINEAR_CONCAT] = lower_concat_bytes,
	[OP_QLINEAR_MATMUL] = lower_qmatmul,
	[OP_QGEMM] = lower_qmatmul,
	[OP_QLINEAR_SIGMOID] = lower_table_bytes,
	[OP_QLINEAR_LEAKY_RELU] = lower_table_bytes,
	/* These are always folded: their results depend on shapes alone. */
	[OP_SHAPE] = NULL,
	[OP_CONSTANT_OF_SHAPE] = NULL,
	[OP_RANGE] = NULL,
};

enum cnn_status lower_no_memory(const struct node *n, struct cnn_error *err)
{
	return cnn_fail(err, CNN_NO_MEMORY, "node '%s': out of memory for its plan", n->name);
}

enum cnn_status lower_unsupported(const struct node *n, const char *why, struct cnn_error *err)
{
	return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': %s %s", n->name,
	                op_table[n->op].onnx_name, why);
}

void *lower_alloc(struct lowering *l, size_t count, size_t size)
{
	return arena_alloc(l->arena, count, size);
}

const void *lower_copy(struct lowering *l, const void *data, size_t bytes)
{
	void *copy = arena_alloc(l->arena, bytes, 1);
	return copy ? memcpy(copy, data, bytes) : NULL;
}

/* Room for one more element in a growing array; the array may move. */
static bool grow(void *array, size_t *cap, size_t n, size_t size)
{
	if (n < *cap)
		return true;
	size_t wider = *cap ? *cap * 2 : 64;
	void *moved = realloc(*(void **)array, wider * size);
	if (!moved)
		return false;
	*(void **)array = moved;
	*cap = wider;
	return true;
}

enum cnn_status lower_step(struct lowering *l, step_fn *fn, const void *args, const char *kernel,
                           const struct node *n, value_id out, size_t weight_bytes,
                           struct cnn_error *err)
{
	struct plan *p = l->plan;
	if (!grow(&p->step, &l->cap_step, p->n_step, sizeof *p->step))
		return cnn_fail_memory(err, "the plan's steps", l->cap_step * sizeof *p->step);
	struct step *step = &p->step[p->n_step++];
	*step = (struct step){
		.fn = fn,
		.args = args,
		.kernel = kernel,
		.layer = n ? n->layer : NO_LAYER,
		.last_layer = n ? n->layer : NO_LAYER,
		.out = out,
		.weight_bytes = weight_bytes,
	};
	if (out != NO_VALUE) {
		const struct value *v = &l->g->value[out];
		step->rank = v->rank;
		memcpy(step->dim, v->dim, sizeof step->dim);
		step->channels_last = v->layout == LAYOUT_CHANNELS_LAST;
		step->dtype = v->dtype;
	}
	p->weight_bytes += weight_bytes;
	return CNN_OK;
}

static enum cnn_status new_storage(struct lowering *l, size_t bytes, uint32_t *out,
                                   struct cnn_error *err)
{
	if (!grow(&l->storage, &l->cap_storage, l->n_storage, sizeof *l->storage))
		return cnn_fail_memory(err, "the memory plan", l->cap_storage * sizeof *l->storage);
	*out = (uint32_t)l->n_storage;
	l->storage[l->n_storage++] = (struct storage){
		.bytes = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN,
	};
	return CNN_OK;
}

/* The present step touches the storage through *ref, from byte `skip` on. */
static enum cnn_status touch(struct lowering *l, uint32_t storage, size_t skip, struct ref *ref,
                             struct cnn_error *err)
{
	if (!grow(&l->pending, &l->cap_pending, l->n_pending, sizeof *l->pending))
		return cnn_fail_memory(err, "the memory plan", l->cap_pending * sizeof *l->pending);
	l->pending[l->n_pending++] = (struct pending){ref, storage, skip};
	struct storage *s = &l->storage[storage];
	uint32_t now = (uint32_t)l->plan->n_step - 1;
	if (!s->used)
		s->first = now;
	s->used = true;
	s->last = now;
	return CNN_OK;
}

enum cnn_status lower_read(struct lowering *l, value_id v, struct ref *ref, struct cnn_error *err)
{
	const struct value *value = &l->g->value[v];
	*ref = (struct ref){0};
	if (value->data) {
		ref->constant = lower_copy(l, value->data, graph_value_bytes(value));
		return ref->constant ? CNN_OK
		                     : cnn_fail_memory(err, value->name, graph_value_bytes(value));
	}
	if (l->storage_of[v] == UINT32_MAX)
		return cnn_fail(err, CNN_BAD_MODEL, "value '%s' is read before it is made",
		                value->name);
	return touch(l, l->storage_of[v], 0, ref, err);
}

enum cnn_status lower_write(struct lowering *l, value_id v, struct ref *ref, struct cnn_error *err)
{
	*ref = (struct ref){0};
	if (l->storage_of[v] == UINT32_MAX) {
		enum cnn_status status =
			new_storage(l, graph_value_bytes(&l->g->value[v]), &l->storage_of[v], err);
		if (status)
			return status;
	}
	return touch(l, l->storage_of[v], 0, ref, err);
}

enum cnn_status lower_write_pixels(struct lowering *l, value_id v, struct ref *ref, size_t *pixel,
                                   struct cnn_error *err)
{
	struct slice *s = &l->slice[v];
	*pixel = (size_t)l->g->value[v].dim[1];
	if (s->whole == NO_VALUE)
		return lower_write(l, v, ref, err);
	const struct value *whole = &l->g->value[s->whole];
	uint32_t *storage = &l->storage_of[s->whole];
	*ref = (struct ref){0};
	if (*storage == UINT32_MAX) {
		enum cnn_status status = new_storage(l, graph_value_bytes(whole), storage, err);
		if (status)
			return status;
	}
	*pixel = (size_t)whole->dim[1];
	s->taken = true;
	/* An observer is promised a feature map in one piece. */
	l->plan->step[l->plan->n_step - 1].out = NO_VALUE;
	return touch(l, *storage, s->first * sizeof(float), ref, err);
}

static void run_nothing(const struct step *step, const struct run *run, size_t first, size_t n)
{
	(void)step;
	(void)run;
	(void)first;
	(void)n;
}

enum cnn_status lower_alias(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	l->storage_of[n->out[0]] = l->storage_of[n->in[0]];
	if (!l->options->keep_layers || n->layer == NO_LAYER)
		return CNN_OK;
	struct ref *in = lower_alloc(l, 1, sizeof *in);
	if (!in)
		return lower_no_memory(n, err);
	enum cnn_status status = lower_step(l, run_nothing, in, "as it is", n, n->out[0], 0, err);
	return status ? status : lower_read(l, n->in[0], in, err);
}

enum cnn_status lower_temporary(struct lowering *l, size_t bytes, struct ref *ref,
                                struct cnn_error *err)
{
	uint32_t storage = 0;
	*ref = (struct ref){0};
	enum cnn_status status = new_storage(l, bytes, &storage, err);
	return status ? status : touch(l, storage, 0, ref, err);
}

void lower_scratch(struct lowering *l, size_t bytes)
{
	bytes = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	if (bytes > l->plan->scratch_bytes)
		l->plan->scratch_bytes = bytes;
}

void physical_shape(const struct value *v, struct physical *out)
{
	int32_t n = 0;
	out->rank = v->rank;
	for (int32_t i = 0; i < v->rank; i++)
		if (v->layout == LAYOUT_PLAIN || i != 1)
			out->axis[n++] = i;
	if (v->layout == LAYOUT_CHANNELS_LAST)
		out->axis[n] = 1;
	int64_t stride = 1;
	for (int32_t i = v->rank - 1; i >= 0; i--) {
		out->dim[i] = v->dim[out->axis[i]];
		out->stride[i] = stride;
		stride *= out->dim[i];
	}
}

int64_t physical_stride(const struct value *v, int32_t axis)
{
	struct physical p;
	physical_shape(v, &p);
	for (int32_t i = 0; i < p.rank; i++)
		if (p.axis[i] == axis)
			return p.stride[i];
	return 0;
}

bool physical_same(const struct value *a, const struct value *b)
{
	struct physical p, q;
	physical_shape(a, &p);
	physical_shape(b, &q);
	/* the same axes in the same order, but for those of one element */
	int32_t j = 0;
	for (int32_t i = 0; i < p.rank; i++) {
		if (p.dim[i] == 1)
			continue;
		while (j < q.rank && q.dim[j] == 1)
			j++;
		if (j == q.rank || q.axis[j] != p.axis[i])
			return false;
		j++;
	}
	return true;
}

struct tail tail_of(const struct activation *a)
{
	return (struct tail){a->kind, a->lo, a->hi};
}

void tail_split(const struct activation *a, float *lo, float *hi, struct tail *tail)
{
	bool clamp = a->kind == ACT_CLAMP;
	*lo = clamp ? a->lo : -INFINITY;
	*hi = clamp ? a->hi : INFINITY;
	*tail = clamp ? (struct tail){0} : tail_of(a);
}

void tail_apply(const struct kernels *k, const struct tail *tail, size_t n, float *y)
{
	static const enum unary function[] = {
		[ACT_NONE] = UNARY_COUNT,
		[ACT_CLAMP] = UNARY_CLAMP,
		[ACT_LEAKY] = UNARY_LEAKY,
		[ACT_SIGMOID] = UNARY_SIGMOID,
		[ACT_SILU] = UNARY_SILU,
		[ACT_HARD_SWISH] = UNARY_HARD_SWISH,
		[ACT_HARD_SIGMOID] = UNARY_HARD_SIGMOID,
		[ACT_GELU] = UNARY_GELU,
		[ACT_GELU_TANH] = UNARY_GELU_TANH,
		[ACT_MISH] = UNARY_MISH,
	};
	if (tail->kind != ACT_NONE)
		k->unary_f32(function[tail->kind], n, y, tail->lo, tail->hi, y);
}
