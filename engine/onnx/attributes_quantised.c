/* attributes_quantised.c - attributes of the operators on quantised tensors.
 *
 * Those of com.microsoft are all of that domain's version 1: the file's opset says nothing about them. */
#include "engine/onnx/attributes.h"
#include "engine/onnx/tensors.h"

enum cnn_status read_quantize(struct draft *d, struct cnn_error *err)
{
	struct quant_attr *a = &d->attr.quant;
	int64_t to = 0;
	bool typed = false;
	a->axis = 1;
	enum cnn_status s = CNN_OK;
	if (d->opset >= 13)
		s = attribute_int(d, "axis", &a->axis, NULL, err);
	/* About float8 only, which is not read. */
	if (d->opset >= 19)
		attribute_ignore(d, "saturate");
	if (!s && d->opset >= 21)
		s = attribute_int(d, "block_size", &a->block_size, NULL, err);
	if (!s && d->opset >= 21 && d->op == OP_QUANTIZE_LINEAR)
		s = attribute_int(d, "output_dtype", &to, &typed, err);
	if (!s && a->block_size < 0)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': block_size %lld is out of range",
		             d->name, (long long)a->block_size);
	/* 0: not said. */
	if (!s && typed && to != 0)
		s = to < 0 || to > INT32_MAX
		            ? cnn_fail(err, CNN_BAD_MODEL,
		                       "node '%s': output_dtype %lld is out of range", d->name,
		                       (long long)to)
		            : tensor_dtype((int32_t)to, "node", d->name, &a->to, err);
	return s;
}

/* The attributes that `op` of `opset` has as well. */
static enum cnn_status read_as(struct draft *d, enum op op, int64_t opset, attribute_rule rule,
                               struct cnn_error *err)
{
	enum op own = d->op;
	int64_t file = d->opset;
	d->op = op;
	d->opset = opset;
	enum cnn_status s = rule(d, err);
	d->op = own;
	d->opset = file;
	return s;
}

enum cnn_status read_quantised_conv(struct draft *d, struct cnn_error *err)
{
	return read_as(d, OP_CONV, d->opset, read_window, err);
}

enum cnn_status read_quantised_pool(struct draft *d, struct cnn_error *err)
{
	enum cnn_status s = read_as(d, OP_AVERAGE_POOL, 13, read_window, err);
	return s ? s : attribute_bool(d, "channels_last", &d->attr.window.channels_last, err);
}

enum cnn_status read_quantised_global_pool(struct draft *d, struct cnn_error *err)
{
	return attribute_bool(d, "channels_last", &d->attr.quant.channels_last, err);
}

enum cnn_status read_quantised_leaky(struct draft *d, struct cnn_error *err)
{
	d->attr.quant.alpha = 0.01f;
	return attribute_float(d, "alpha", &d->attr.quant.alpha, NULL, err);
}

/* "opset" says which Softmax it was made of. */
enum cnn_status read_quantised_softmax(struct draft *d, struct cnn_error *err)
{
	int64_t opset = 0;
	bool found = false;
	enum cnn_status s = attribute_int(d, "opset", &opset, &found, err);
	if (!s && !found)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute opset is missing", d->name);
	d->attr.quant.coerced_2d = opset < 13;
	d->attr.quant.axis = opset < 13 ? 1 : -1;
	return s ? s : attribute_int(d, "axis", &d->attr.quant.axis, NULL, err);
}

enum cnn_status read_quantised_gemm(struct draft *d, struct cnn_error *err)
{
	struct quant_attr *a = &d->attr.quant;
	a->alpha = 1;
	enum cnn_status s = attribute_float(d, "alpha", &a->alpha, NULL, err);
	if (!s)
		s = attribute_bool(d, "transA", &a->trans_a, err);
	if (!s)
		s = attribute_bool(d, "transB", &a->trans_b, err);
	return s;
}

enum cnn_status read_quantised_concat(struct draft *d, struct cnn_error *err)
{
	bool found = false;
	enum cnn_status s = attribute_int(d, "axis", &d->attr.quant.axis, &found, err);
	if (!s && !found)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute axis is missing", d->name);
	return s;
}
