/* ops.c - names and arities of the operators, from ops.def. */
#include "engine/graph/graph.h"

const struct op_desc op_table[OP_COUNT] = {
#define OP(id, onnx_name, min_in, max_in, min_out, max_out) \
	[OP_##id] = {onnx_name, min_in, max_in, min_out, max_out},
#include "engine/graph/ops.def"
#undef OP
};
