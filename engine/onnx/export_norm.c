/* export_norm.c - the normalisations beside BatchNormalization and LRN, and Einsum, as opset 17 has them. */
#include "engine/onnx/exporter.h"

enum cnn_status write_instance_norm(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_float(s->e, s->file, "epsilon", s->node->attr.norm.epsilon);
	return CNN_OK;
}

enum cnn_status write_layer_norm(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "axis", s->node->attr.norm.axis);
	put_float(s->e, s->file, "epsilon", s->node->attr.norm.epsilon);
	return CNN_OK;
}

enum cnn_status write_group_norm(struct sheet *s, struct cnn_error *err)
{
	return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': opset 17 has no GroupNormalization",
	                s->node->name);
}

enum cnn_status write_mean_variance_norm(struct sheet *s, struct cnn_error *err)
{
	const struct perm_attr *a = &s->node->attr.perm;
	int64_t axes[CNN_MAX_RANK];
	(void)err;
	for (int32_t i = 0; i < a->n; i++)
		axes[i] = a->perm[i];
	put_ints(s->e, s->file, "axes", axes, (size_t)a->n);
	return CNN_OK;
}

enum cnn_status write_lp_norm(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_int(s->e, s->file, "axis", s->node->attr.axes.axis);
	put_int(s->e, s->file, "p", s->node->attr.axes.power);
	return CNN_OK;
}

enum cnn_status write_einsum(struct sheet *s, struct cnn_error *err)
{
	(void)err;
	put_string(s->e, s->file, "equation", s->node->attr.equation);
	return CNN_OK;
}
