/* numbers.h - elements of any type a block at a time, as floats or as 64-bit integers; private to operators/
 * and see/.
 *
 * Rules widen a block, compute on it, and store it modulo 2^bits, so that each formula stands once for floats and
 * once for integers. */
#ifndef ENGINE_OPERATORS_NUMBERS_H
#define ENGINE_OPERATORS_NUMBERS_H
#include "engine/graph/graph.h"

#define NUMBERS_BLOCK 256

enum number_kind { NUMBER_FLOAT, NUMBER_SIGNED, NUMBER_UNSIGNED };
enum number_kind number_kind(enum cnn_dtype dtype); /* bool is unsigned */

/* Elements at, at + step, ...: n <= NUMBERS_BLOCK of them. Of uint64, the same bits. */
void numbers_load_int(const void *data, enum cnn_dtype dtype, int64_t at, int64_t step, int64_t n,
                      int64_t *out);
void numbers_load_float(const void *data, int64_t at, int64_t step, int64_t n, float *out);
/* Of any type. */
void numbers_load_double(const void *data, enum cnn_dtype dtype, int64_t at, int64_t step,
                         int64_t n, double *out);

/* Modulo 2^bits; bool is "not zero". */
void numbers_store_int(void *data, enum cnn_dtype dtype, int64_t at, int64_t step, int64_t n,
                       const int64_t *from);
/* Integers are what C truncates to; what is out of range saturates, and NaN is 0. */
void numbers_store_double(void *data, enum cnn_dtype dtype, int64_t at, int64_t step, int64_t n,
                          const double *from);

/* An integer of this kind as a signed number of the same order: comparisons need no second form. */
static inline int64_t number_ordered(enum number_kind kind, int64_t v)
{
	return kind == NUMBER_UNSIGNED ? (int64_t)((uint64_t)v ^ (uint64_t)1 << 63) : v;
}

/* Operands broadcast to one shape, row by row: the last dimension, joined with those before it where all
 * operands allow. Operand k's row begins at at[k], its elements step[k] apart. */
#define BROADCAST_MAX 3
struct broadcast {
	int32_t rank; /* of what is outside of rows */
	int n;
	int64_t row; /* elements of a row; 0: nothing at all */
	int64_t at[BROADCAST_MAX], step[BROADCAST_MAX];
	int64_t dim[CNN_MAX_RANK], index[CNN_MAX_RANK];
	int64_t stride[BROADCAST_MAX][CNN_MAX_RANK];
};
struct broadcast broadcast_begin(const struct value *shape, int n,
                                 const struct value *const operand[]);
bool broadcast_next(struct broadcast *b); /* false after the last row */

/* A tensor as outer x n x inner around one axis. */
struct axis_view {
	int64_t outer, n, inner;
};
struct axis_view axis_view(const struct value *v, int32_t axis);

#endif
