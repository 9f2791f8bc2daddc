/* eval_arithmetic.c - arithmetic on constants: float32, and integers modulo 2^bits. */
#include "engine/operators/eval.h"

#include <math.h>

static enum cnn_status refuse_type(const struct node *n, enum cnn_dtype dtype,
                                   struct cnn_error *err)
{
	return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': %s of %s constants is not supported",
	                n->name, op_table[n->op].onnx_name, cnn_dtype_name(dtype));
}

/* uint64 would need comparisons and divisions of its own; networks do not have it. */
static bool is_integer(enum cnn_dtype dtype)
{
	return dtype == CNN_S64 || dtype == CNN_S32 || dtype == CNN_S16 || dtype == CNN_S8 ||
	       dtype == CNN_U32 || dtype == CNN_U16 || dtype == CNN_U8;
}

static float unary_f32(enum op op, float x)
{
	switch (op) {
	case OP_RELU:
		return x < 0 ? 0 : x;
	case OP_EXP:
		return expf(x);
	case OP_LOG:
		return logf(x);
	case OP_SQRT:
		return sqrtf(x);
	case OP_ABS:
		return fabsf(x);
	case OP_NEG:
		return -x;
	case OP_FLOOR:
		return floorf(x);
	case OP_CEIL:
		return ceilf(x);
	default:
		return 1 / x; /* Reciprocal */
	}
}

EVAL_RULE(eval_unary)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t count = graph_elements(x);
	if (x->dtype == CNN_F32) {
		for (int64_t i = 0; i < count; i++)
			((float *)out[0])[i] = unary_f32(n->op, ((const float *)x->data)[i]);
		return CNN_OK;
	}
	bool known = n->op == OP_ABS || n->op == OP_NEG || n->op == OP_RELU;
	if (!known || !is_integer(x->dtype))
		return refuse_type(n, x->dtype, err);
	for (int64_t i = 0; i < count; i++) {
		int64_t v = resolve_int(x, i);
		if (n->op == OP_RELU)
			v = v < 0 ? 0 : v;
		else if (n->op == OP_NEG || v < 0)
			v = (int64_t) - (uint64_t)v;
		eval_store_int(out[0], x->dtype, i, v);
	}
	return CNN_OK;
}

EVAL_RULE(eval_clip)
{
	const struct value *x = graph_in(g, n, 0), *lo = graph_in(g, n, 1), *hi = graph_in(g, n, 2);
	int64_t count = graph_elements(x);
	if (x->dtype == CNN_F32) {
		for (int64_t i = 0; i < count; i++) {
			float v = ((const float *)x->data)[i];
			if (lo && v < *(const float *)lo->data)
				v = *(const float *)lo->data;
			if (hi && v > *(const float *)hi->data)
				v = *(const float *)hi->data;
			((float *)out[0])[i] = v;
		}
		return CNN_OK;
	}
	if (!is_integer(x->dtype))
		return refuse_type(n, x->dtype, err);
	for (int64_t i = 0; i < count; i++) {
		int64_t v = resolve_int(x, i);
		if (lo && v < resolve_int(lo, 0))
			v = resolve_int(lo, 0);
		if (hi && v > resolve_int(hi, 0))
			v = resolve_int(hi, 0);
		eval_store_int(out[0], x->dtype, i, v);
	}
	return CNN_OK;
}

static float fold_f32(enum op op, float a, float b)
{
	switch (op) {
	case OP_SUB:
		return a - b;
	case OP_MUL:
	case OP_REDUCE_PROD:
		return a * b;
	case OP_DIV:
		return a / b;
	case OP_POW:
		return powf(a, b);
	case OP_MIN:
	case OP_REDUCE_MIN:
		return b < a || b != b ? b : a;
	case OP_MAX:
	case OP_REDUCE_MAX:
		return b > a || b != b ? b : a;
	default:
		return a + b; /* Add, Sum, Mean and their reductions */
	}
}

static int64_t power(int64_t base, int64_t exponent)
{
	if (exponent < 0)
		return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
	uint64_t result = 1, b = (uint64_t)base;
	for (; exponent; exponent >>= 1, b *= b)
		if (exponent & 1)
			result *= b;
	return (int64_t)result;
}

/* b is not 0 when op divides. Unsigned arithmetic wraps where signed would be undefined. */
static int64_t fold_int(enum op op, int64_t a, int64_t b)
{
	switch (op) {
	case OP_SUB:
		return (int64_t)((uint64_t)a - (uint64_t)b);
	case OP_MUL:
	case OP_REDUCE_PROD:
		return (int64_t)((uint64_t)a * (uint64_t)b);
	case OP_DIV:
		return b == -1 ? (int64_t) - (uint64_t)a : a / b;
	case OP_POW:
		return power(a, b);
	case OP_MIN:
	case OP_REDUCE_MIN:
		return b < a ? b : a;
	case OP_MAX:
	case OP_REDUCE_MAX:
		return b > a ? b : a;
	default:
		return (int64_t)((uint64_t)a + (uint64_t)b);
	}
}

/* acc[i] = acc[i] op v[i], v broadcast to acc's shape; the first operand is copied. */
static enum cnn_status fold_operand(const struct node *n, const struct value *v,
                                    const struct value *shape, void *acc, bool first,
                                    struct cnn_error *err)
{
	struct stride_walk w = stride_walk_broadcast(v, shape);
	for (int64_t i = 0, count = graph_elements(shape); i < count; i++, stride_walk_next(&w)) {
		if (v->dtype == CNN_F32) {
			float *to = (float *)acc + i, b = ((const float *)v->data)[w.at];
			*to = first ? b : fold_f32(n->op, *to, b);
			continue;
		}
		int64_t b = resolve_int(v, w.at);
		if (!first && n->op == OP_DIV && b == 0)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': integer division by zero",
			                n->name);
		if (!first) {
			struct value sum = {.dtype = v->dtype, .data = acc};
			b = fold_int(n->op, resolve_int(&sum, i), b);
		}
		eval_store_int(acc, v->dtype, i, b);
	}
	return CNN_OK;
}

/* Mean and ReduceMean: what was summed over `terms`. */
static void divide_all(const struct value *shape, void *data, int64_t terms)
{
	struct value sum = {.dtype = shape->dtype, .data = data};
	for (int64_t i = 0, count = graph_elements(shape); i < count; i++) {
		if (shape->dtype == CNN_F32)
			((float *)data)[i] /= (float)terms;
		else
			eval_store_int(data, shape->dtype, i, resolve_int(&sum, i) / terms);
	}
}

EVAL_RULE(eval_fold)
{
	const struct value *shape = graph_out(g, n);
	for (uint32_t i = 0; i < n->n_in; i++) {
		const struct value *v = graph_in(g, n, i);
		if (v->dtype != CNN_F32 && !is_integer(v->dtype))
			return refuse_type(n, v->dtype, err);
		enum cnn_status s = fold_operand(n, v, shape, out[0], i == 0, err);
		if (s)
			return s;
	}
	if (n->op == OP_MEAN)
		divide_all(shape, out[0], n->n_in);
	return CNN_OK;
}

EVAL_RULE(eval_reduce)
{
	const struct value *x = graph_in(g, n, 0), *shape = graph_out(g, n);
	bool reduced[CNN_MAX_RANK];
	enum cnn_status s = resolve_reduced(g, n, reduced, err);
	if (s)
		return s;
	if (x->dtype != CNN_F32 && !is_integer(x->dtype))
		return refuse_type(n, x->dtype, err);
	/* Strides of the output along the input's axes; along reduced ones it stands still. */
	struct stride_walk w = {.rank = x->rank, .dim = x->dim};
	int64_t stride = 1, terms = 1;
	for (int32_t i = x->rank - 1; i >= 0; i--) {
		if (reduced[i]) {
			terms *= x->dim[i];
			continue;
		}
		w.stride[i] = stride;
		stride *= x->dim[i];
	}
	int64_t count = graph_elements(x), outputs = graph_elements(shape);
	bool product = n->op == OP_REDUCE_PROD;
	bool extreme = n->op == OP_REDUCE_MIN || n->op == OP_REDUCE_MAX;
	struct value sum = {.dtype = x->dtype, .data = out[0]};
	for (int64_t i = 0; i < outputs && product; i++) {
		if (x->dtype == CNN_F32)
			((float *)out[0])[i] = 1;
		else
			eval_store_int(out[0], x->dtype, i, 1);
	}
	/* Minimum and maximum have no neutral element: the first term met is copied. */
	for (int64_t i = 0; i < count; i++, stride_walk_next(&w)) {
		bool first = extreme;
		for (int32_t a = 0; a < x->rank && first; a++)
			first = !reduced[a] || w.index[a] == 0;
		if (x->dtype == CNN_F32) {
			float *to = (float *)out[0] + w.at, b = ((const float *)x->data)[i];
			*to = first ? b : fold_f32(n->op, *to, b);
		} else {
			int64_t b = resolve_int(x, i);
			if (!first)
				b = fold_int(n->op, resolve_int(&sum, w.at), b);
			eval_store_int(out[0], x->dtype, w.at, b);
		}
	}
	if (n->op == OP_REDUCE_MEAN)
		divide_all(shape, out[0], terms);
	return CNN_OK;
}
