/* attributes_movement.c - attributes of what gathers, scatters, marks and cuts into blocks. */
#include "engine/onnx/attributes.h"
#include "engine/onnx/tensors.h"

enum cnn_status read_gather_nd(struct draft *d, struct cnn_error *err)
{
	return d->opset < 12 ? CNN_OK
	                     : attribute_int(d, "batch_dims", &d->attr.axes.batch_dims, NULL, err);
}

/* ScatterElements and ScatterND: reductions grew from opset to opset. */
enum cnn_status read_scatter(struct draft *d, struct cnn_error *err)
{
	static const char *const reductions[] = {[SCATTER_SET] = "none",
	                                         [SCATTER_ADD] = "add",
	                                         [SCATTER_MUL] = "mul",
	                                         [SCATTER_MIN] = "min",
	                                         [SCATTER_MAX] = "max"};
	int reduction = SCATTER_SET;
	enum cnn_status s = CNN_OK;
	if (d->op == OP_SCATTER_ELEMENTS)
		s = attribute_int(d, "axis", &d->attr.scatter.axis, NULL, err);
	if (!s && d->opset >= 16)
		s = attribute_choice(d, "reduction", reductions, d->opset < 18 ? 3 : 5, &reduction,
		                     err);
	d->attr.scatter.reduction = (enum scatter_reduction)reduction;
	return s;
}

enum cnn_status read_one_hot(struct draft *d, struct cnn_error *err)
{
	d->attr.axes.axis = -1;
	return attribute_int(d, "axis", &d->attr.axes.axis, NULL, err);
}

enum cnn_status read_trilu(struct draft *d, struct cnn_error *err)
{
	d->attr.flag.on = true;
	return attribute_bool(d, "upper", &d->attr.flag.on, err);
}

enum cnn_status read_eye_like(struct draft *d, struct cnn_error *err)
{
	int64_t dtype = 0;
	bool found = false;
	d->attr.eye.dtype = CNN_DTYPE_COUNT;
	enum cnn_status s = attribute_int(d, "k", &d->attr.eye.diagonal, NULL, err);
	if (!s)
		s = attribute_int(d, "dtype", &dtype, &found, err);
	if (!s && (dtype < 0 || dtype > INT32_MAX))
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute dtype is broken", d->name);
	return s || !found ? s
	                   : tensor_dtype((int32_t)dtype, "node", d->name, &d->attr.eye.dtype, err);
}

enum cnn_status read_blocks(struct draft *d, struct cnn_error *err)
{
	static const char *const modes[] = {"DCR", "CRD"};
	bool found = false;
	int mode = 0;
	enum cnn_status s = attribute_int(d, "blocksize", &d->attr.block.size, &found, err);
	if (!s && !found)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute blocksize is missing",
		             d->name);
	if (!s && d->op == OP_DEPTH_TO_SPACE && d->opset >= 11)
		s = attribute_choice(d, "mode", modes, 2, &mode, err);
	d->attr.block.columns_first = mode == 1;
	return s;
}
