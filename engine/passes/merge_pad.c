/* Pad with zeros over the spatial axes, read by one convolution: the convolution pads by itself.
 * TensorFlow's exporters write every strided convolution so. */
#include "engine/passes/rewrite.h"

/* The pads of a rank 3 or 4 feature map as top, left, bottom, right; false when it also pads the
 * batch or the channels, cuts, or fills with something else than zeros. */
static bool spatial_zeros(const struct graph *g, const struct node *pad, int64_t out[4])
{
	const struct value *x = graph_in(g, pad, 0);
	float fill = 0;
	if (pad->attr.pad_mode != PAD_CONSTANT || (x->rank != 3 && x->rank != 4))
		return false;
	if (pad->n_in > 2 && pad->in[2] != NO_VALUE &&
	    (!rewrite_scalar(g, pad->in[2], &fill) || fill != 0))
		return false;
	if (pad->n_in > 3 && pad->in[3] != NO_VALUE)
		return false; /* opset 18's axes */
	if (!graph_is_constant(g, pad->in[1]))
		return false;
	const int64_t *pads = g->value[pad->in[1]].data;
	int32_t spatial = x->rank - 2;
	if (pads[0] || pads[1] || pads[x->rank] || pads[x->rank + 1])
		return false;
	for (int32_t i = 0; i < 2; i++) {
		int32_t axis =
			i - (2 - spatial); /* of the spatial ones; negative: this one is missing */
		out[i] = axis < 0 ? 0 : pads[2 + axis];
		out[2 + i] = axis < 0 ? 0 : pads[x->rank + 2 + axis];
		if (out[i] < 0 || out[i] > 4096 || out[2 + i] < 0 || out[2 + i] > 4096)
			return false;
	}
	return true;
}

enum cnn_status pass_merge_pad(struct graph *g, struct pass_log *log, struct cnn_error *err)
{
	struct uses uses;
	enum cnn_status status = uses_count(g, &uses, err);
	if (status)
		return status;
	for (size_t i = 0; i < g->n_node; i++) {
		struct node *pad = &g->node[i];
		int64_t extra[4];
		if (pad->dead || pad->op != OP_PAD || !spatial_zeros(g, pad, extra))
			continue;
		struct node *conv = uses_only_consumer(g, &uses, pad->out[0]);
		if (!conv || conv->op != OP_CONV || conv->in[0] != pad->out[0])
			continue;
		for (int k = 0; k < 4; k++)
			conv->attr.window.pad[k] += (int32_t)extra[k];
		conv->attr.window.auto_pad = PAD_EXPLICIT;
		conv->in[0] = pad->in[0];
		pad->dead = true;
		rewrite_log(log, pad, conv);
	}
	uses_free(&uses);
	return CNN_OK;
}
