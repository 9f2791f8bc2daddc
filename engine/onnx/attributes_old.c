/* attributes_old.c - what opsets before 7 said in another way. */
#include "engine/onnx/attributes.h"

enum cnn_status read_before_7(struct draft *d, struct cnn_error *err)
{
	bool test = false, broadcast = false;
	enum cnn_status s;
	switch (d->op) {
	case OP_BATCH_NORM:
	case OP_DROPOUT:
		attribute_ignore(d, "consumed_inputs");
		s = attribute_bool(d, "is_test", &test, err);
		if (!s && !test)
			s = cnn_fail(err, CNN_UNSUPPORTED,
			             "node '%s': %s in training mode is not supported", d->name,
			             op_table[d->op].onnx_name);
		return s;
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
	case OP_DIV:
	case OP_POW:
	case OP_AND:
	case OP_OR:
	case OP_XOR:
	case OP_EQUAL:
	case OP_LESS:
	case OP_GREATER:
	case OP_GEMM:
		/* What it allows, later opsets do unasked; together with an axis, which is refused like
		 * any attribute that nobody reads, it means something else. */
		return attribute_bool(d, "broadcast", &broadcast, err);
	case OP_PRELU:
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': PRelu (opset %lld) is not supported", d->name,
		                (long long)d->opset);
	default:
		return CNN_OK;
	}
}
