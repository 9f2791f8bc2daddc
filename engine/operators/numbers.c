/* numbers.c - blocks of elements widened and stored, and rows of broadcast operands. */
#include "engine/operators/numbers.h"

enum number_kind number_kind(enum cnn_dtype dtype)
{
	switch (dtype) {
	case CNN_F32:
		return NUMBER_FLOAT;
	case CNN_S8:
	case CNN_S16:
	case CNN_S32:
	case CNN_S64:
		return NUMBER_SIGNED;
	default:
		return NUMBER_UNSIGNED;
	}
}

#define LOAD(name, type, to)                                              \
	case name:                                                        \
		for (int64_t i = 0; i < n; i++)                           \
			out[i] = (to)((const type *)data)[at + i * step]; \
		break;

#define LOAD_INTEGERS(to)           \
	LOAD(CNN_BOOL, uint8_t, to) \
	LOAD(CNN_U8, uint8_t, to)   \
	LOAD(CNN_S8, int8_t, to)    \
	LOAD(CNN_U16, uint16_t, to) \
	LOAD(CNN_S16, int16_t, to)  \
	LOAD(CNN_U32, uint32_t, to) \
	LOAD(CNN_S32, int32_t, to)  \
	LOAD(CNN_U64, uint64_t, to) \
	LOAD(CNN_S64, int64_t, to)

void numbers_load_int(const void *data, enum cnn_dtype dtype, int64_t at, int64_t step, int64_t n,
                      int64_t *out)
{
	switch (dtype) {
		LOAD_INTEGERS(int64_t)
	default:
		break;
	}
}

void numbers_load_float(const void *data, int64_t at, int64_t step, int64_t n, float *out)
{
	for (int64_t i = 0; i < n; i++)
		out[i] = ((const float *)data)[at + i * step];
}

void numbers_load_double(const void *data, enum cnn_dtype dtype, int64_t at, int64_t step,
                         int64_t n, double *out)
{
	switch (dtype) {
		LOAD_INTEGERS(double)
		LOAD(CNN_F32, float, double)
	default:
		break;
	}
}

#undef LOAD
#undef LOAD_INTEGERS

#define STORE(name, type, value)                                       \
	case name:                                                     \
		for (int64_t i = 0; i < n; i++)                        \
			((type *)data)[at + i * step] = (type)(value); \
		break;

void numbers_store_int(void *data, enum cnn_dtype dtype, int64_t at, int64_t step, int64_t n,
                       const int64_t *from)
{
	switch (dtype) {
		STORE(CNN_BOOL, uint8_t, from[i] != 0)
		STORE(CNN_U8, uint8_t, from[i])
		STORE(CNN_S8, int8_t, from[i])
		STORE(CNN_U16, uint16_t, from[i])
		STORE(CNN_S16, int16_t, from[i])
		STORE(CNN_U32, uint32_t, from[i])
		STORE(CNN_S32, int32_t, from[i])
		STORE(CNN_U64, uint64_t, from[i])
		STORE(CNN_S64, int64_t, from[i])
	default:
		break;
	}
}

static int64_t saturate(double x)
{
	if (x != x)
		return 0;
	if (x >= 0x1p63)
		return INT64_MAX;
	return x < -0x1p63 ? INT64_MIN : (int64_t)x;
}

static uint64_t saturate_unsigned(double x)
{
	if (x >= 0x1p64)
		return UINT64_MAX;
	return x >= 0x1p63 ? (uint64_t)x : (uint64_t)saturate(x);
}

void numbers_store_double(void *data, enum cnn_dtype dtype, int64_t at, int64_t step, int64_t n,
                          const double *from)
{
	switch (dtype) {
		STORE(CNN_F32, float, from[i])
		STORE(CNN_BOOL, uint8_t, from[i] != 0)
		STORE(CNN_U64, uint64_t, saturate_unsigned(from[i]))
	default:
		for (int64_t i = 0; i < n; i++) {
			int64_t v = saturate(from[i]);
			numbers_store_int(data, dtype, at + i * step, 1, 1, &v);
		}
	}
}

#undef STORE

/* Row-major strides of an operand along the output's axes; 0 where it stands still. */
static void operand_strides(const struct value *v, const struct value *shape,
                            int64_t stride[CNN_MAX_RANK])
{
	int64_t s = 1;
	for (int32_t i = 0; i < shape->rank; i++)
		stride[i] = 0;
	for (int32_t i = v->rank - 1; i >= 0; i--) {
		stride[i + shape->rank - v->rank] = v->dim[i] == 1 ? 0 : s;
		s *= v->dim[i];
	}
}

static bool continues(const struct broadcast *b, int32_t outer, int64_t n,
                      int64_t stride[][CNN_MAX_RANK], int32_t axis)
{
	for (int k = 0; k < b->n; k++)
		if (b->stride[k][outer] != n * stride[k][axis])
			return false;
	return true;
}

struct broadcast broadcast_begin(const struct value *shape, int n,
                                 const struct value *const operand[])
{
	struct broadcast b = {.n = n};
	int64_t stride[BROADCAST_MAX][CNN_MAX_RANK];
	int32_t rank = 0;
	for (int k = 0; k < n; k++)
		operand_strides(operand[k], shape, stride[k]);
	for (int32_t i = 0; i < shape->rank; i++) {
		int64_t dim = shape->dim[i];
		if (dim == 0)
			return (struct broadcast){.n = n};
		if (dim == 1)
			continue;
		/* One longer dimension where walking this one to its end is a step of the last. */
		bool joined = rank > 0 && continues(&b, rank - 1, dim, stride, i);
		rank += !joined;
		b.dim[rank - 1] = joined ? b.dim[rank - 1] * dim : dim;
		for (int k = 0; k < n; k++)
			b.stride[k][rank - 1] = stride[k][i];
	}
	b.row = rank ? b.dim[rank - 1] : 1;
	b.rank = rank ? rank - 1 : 0;
	for (int k = 0; k < n; k++)
		b.step[k] = rank ? b.stride[k][rank - 1] : 0;
	return b;
}

bool broadcast_next(struct broadcast *b)
{
	for (int32_t d = b->rank - 1; d >= 0; d--) {
		bool more = ++b->index[d] < b->dim[d];
		for (int k = 0; k < b->n; k++)
			b->at[k] += b->stride[k][d] * (more ? 1 : 1 - b->dim[d]);
		if (more)
			return true;
		b->index[d] = 0;
	}
	return false;
}

struct axis_view axis_view(const struct value *v, int32_t axis)
{
	struct axis_view a = {1, v->rank ? v->dim[axis] : 1, 1};
	for (int32_t i = 0; i < v->rank; i++) {
		if (i < axis)
			a.outer *= v->dim[i];
		else if (i > axis)
			a.inner *= v->dim[i];
	}
	return a;
}
