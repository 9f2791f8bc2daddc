/* shape_types.c - the types that an operator on elements computes. */
#include "engine/operators/shapes.h"

enum {
	FLOATS = 1,
	SIGNED = 2,
	UNSIGNED = 4,
	BOOLS = 8,
	NUMBERS = FLOATS | SIGNED | UNSIGNED,
};

/* 0, for operators that have no row: floats. */
static const uint8_t takes[OP_COUNT] = {
	[OP_RELU] = FLOATS | SIGNED,
	[OP_CLIP] = NUMBERS,
	[OP_PRELU] = NUMBERS,
	[OP_ABS] = NUMBERS,
	[OP_NEG] = FLOATS | SIGNED,
	[OP_SHRINK] = NUMBERS,
	[OP_SIGN] = NUMBERS,
	[OP_NOT] = BOOLS,
	[OP_ADD] = NUMBERS,
	[OP_SUB] = NUMBERS,
	[OP_MUL] = NUMBERS,
	[OP_DIV] = NUMBERS,
	[OP_POW] = NUMBERS,
	[OP_MIN] = NUMBERS,
	[OP_MAX] = NUMBERS,
	[OP_SUM] = NUMBERS,
	[OP_MEAN] = NUMBERS,
	[OP_MOD] = NUMBERS,
	[OP_BIT_SHIFT] = UNSIGNED,
	[OP_EQUAL] = NUMBERS | BOOLS,
	[OP_GREATER] = NUMBERS,
	[OP_GREATER_OR_EQUAL] = NUMBERS,
	[OP_LESS] = NUMBERS,
	[OP_LESS_OR_EQUAL] = NUMBERS,
	[OP_AND] = BOOLS,
	[OP_OR] = BOOLS,
	[OP_XOR] = BOOLS,
	[OP_REDUCE_MEAN] = NUMBERS,
	[OP_REDUCE_SUM] = NUMBERS,
	[OP_REDUCE_MAX] = NUMBERS | BOOLS,
	[OP_REDUCE_MIN] = NUMBERS | BOOLS,
	[OP_REDUCE_PROD] = NUMBERS,
	[OP_REDUCE_L1] = NUMBERS,
	[OP_REDUCE_L2] = NUMBERS,
	[OP_REDUCE_LOG_SUM] = NUMBERS,
	[OP_REDUCE_LOG_SUM_EXP] = NUMBERS,
	[OP_REDUCE_SUM_SQUARE] = NUMBERS,
	[OP_ARG_MAX] = NUMBERS,
	[OP_ARG_MIN] = NUMBERS,
	[OP_TOP_K] = NUMBERS,
	[OP_CUM_SUM] = NUMBERS,
};

static unsigned class_of(enum cnn_dtype dtype)
{
	switch (dtype) {
	case CNN_F32:
		return FLOATS;
	case CNN_S8:
	case CNN_S16:
	case CNN_S32:
	case CNN_S64:
		return SIGNED;
	case CNN_U8:
	case CNN_U16:
	case CNN_U32:
	case CNN_U64:
		return UNSIGNED;
	case CNN_BOOL:
		return BOOLS;
	default:
		return 0;
	}
}

enum cnn_status shape_check_type(const struct graph *g, const struct node *n, struct cnn_error *err)
{
	enum cnn_dtype dtype = graph_in(g, n, 0)->dtype;
	if (class_of(dtype) & (takes[n->op] ? takes[n->op] : (unsigned)FLOATS))
		return CNN_OK;
	return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': %s of %s is not supported", n->name,
	                op_table[n->op].onnx_name, cnn_dtype_name(dtype));
}
