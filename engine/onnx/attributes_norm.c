/* attributes_norm.c - attributes of the normalisations beside BatchNormalization and LRN, and of Einsum. */
#include "engine/onnx/attributes.h"

static enum cnn_status read_epsilon(struct draft *d, struct cnn_error *err)
{
	d->attr.norm.epsilon = 1e-5f;
	return attribute_float(d, "epsilon", &d->attr.norm.epsilon, NULL, err);
}

enum cnn_status read_instance_norm(struct draft *d, struct cnn_error *err)
{
	return read_epsilon(d, err);
}

enum cnn_status read_layer_norm(struct draft *d, struct cnn_error *err)
{
	/* How precisely moments are computed; here it is always in double. */
	attribute_ignore(d, "stash_type");
	d->attr.norm.axis = -1;
	enum cnn_status s = attribute_int(d, "axis", &d->attr.norm.axis, NULL, err);
	return s ? s : read_epsilon(d, err);
}

enum cnn_status read_group_norm(struct draft *d, struct cnn_error *err)
{
	bool found = false;
	attribute_ignore(d, "stash_type");
	d->attr.norm.by_group = d->opset < 21;
	enum cnn_status s = attribute_int(d, "num_groups", &d->attr.norm.groups, &found, err);
	if (!s && !found)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute num_groups is missing",
		             d->name);
	return s ? s : read_epsilon(d, err);
}

enum cnn_status read_mean_variance_norm(struct draft *d, struct cnn_error *err)
{
	static const int64_t usual[] = {0, 2, 3};
	const int64_t *axes = usual;
	size_t n = 3;
	enum cnn_status s = attribute_ints(d, "axes", &axes, &n, NULL, err);
	for (size_t i = 0; i < n && !s; i++) {
		if (n > CNN_MAX_RANK || axes[i] < -CNN_MAX_RANK || axes[i] >= CNN_MAX_RANK)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': axes are not those of a tensor of at most %d "
			                "dimensions",
			                d->name, CNN_MAX_RANK);
		d->attr.perm.perm[i] = (int32_t)axes[i];
	}
	/* kept where Transpose has its permutation */
	d->attr.perm.n = (int32_t)n;
	return s;
}

enum cnn_status read_lp_norm(struct draft *d, struct cnn_error *err)
{
	int64_t power = 2;
	d->attr.axes.axis = -1;
	enum cnn_status s = attribute_int(d, "axis", &d->attr.axes.axis, NULL, err);
	if (!s)
		s = attribute_int(d, "p", &power, NULL, err);
	if (!s && power != 1 && power != 2)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': p is %lld, not 1 or 2", d->name,
		             (long long)power);
	d->attr.axes.power = (int32_t)power;
	return s;
}

enum cnn_status read_einsum(struct draft *d, struct cnn_error *err)
{
	enum cnn_status s = attribute_text(d, "equation", &d->attr.equation, err);
	if (!s && !d->attr.equation)
		s = cnn_fail(err, CNN_BAD_MODEL, "node '%s': attribute equation is missing",
		             d->name);
	return s;
}
