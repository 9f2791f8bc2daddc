/* export_quantised.c - operators on quantised tensors, as opset 17 and version 1 of com.microsoft have them. */
#include "engine/onnx/exporter.h"

enum cnn_status write_quantize(struct sheet *s, struct cnn_error *err)
{
	const struct quant_attr *a = &s->node->attr.quant;
	const struct graph *g = s->e->g;
	bool to_bytes = s->node->op == OP_QUANTIZE_LINEAR;
	enum cnn_dtype stored =
		to_bytes ? graph_out(g, s->node)->dtype : graph_in(g, s->node, 0)->dtype;
	put_int(s->e, s->file, "axis", a->axis);
	if (a->block_size)
		return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': opset 17 has no block_size",
		                s->node->name);
	if (stored == CNN_U16 || stored == CNN_S16 ||
	    (to_bytes && stored != CNN_U8 && !graph_in(g, s->node, 2)))
		return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': opset 17 has no %s to %s",
		                s->node->name, op_table[s->node->op].onnx_name,
		                cnn_dtype_name(stored));
	return CNN_OK;
}

enum cnn_status write_quantised_pool(struct sheet *s, struct cnn_error *err)
{
	enum cnn_status status = write_average_pool(s, err);
	put_int(s->e, s->file, "channels_last", s->node->attr.window.channels_last);
	return status;
}

enum cnn_status write_quantised_global_pool(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "channels_last", s->node->attr.quant.channels_last);
	return CNN_OK;
}

enum cnn_status write_quantised_leaky(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_float(s->e, s->file, "alpha", s->node->attr.quant.alpha);
	return CNN_OK;
}

enum cnn_status write_quantised_softmax(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "axis", s->node->attr.quant.axis);
	put_int(s->e, s->file, "opset", s->node->attr.quant.coerced_2d ? 12 : 13);
	return CNN_OK;
}

enum cnn_status write_quantised_gemm(struct sheet *s, struct cnn_error *err)
{
	const struct quant_attr *a = &s->node->attr.quant;
	(void)err;
	put_float(s->e, s->file, "alpha", a->alpha);
	put_int(s->e, s->file, "transA", a->trans_a);
	put_int(s->e, s->file, "transB", a->trans_b);
	return CNN_OK;
}

enum cnn_status write_quantised_concat(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "axis", s->node->attr.quant.axis);
	return CNN_OK;
}
