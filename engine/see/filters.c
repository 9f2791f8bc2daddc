/* The weights of convolutions, filter by filter. */
#include "engine/operators/quantised.h"
#include "engine/see/viewer.h"

#include <string.h>

/* Where a convolution has its weights. */
struct weights {
	const struct node *node;
	const struct value *w, *scale,
		*zero; /* the last two: NULL where w has the numbers themselves */
};

static bool find(const struct see *see, size_t layer, struct weights *out)
{
	static const struct {
		enum op op;
		uint32_t weights, scale, zero; /* inputs; 0: none */
	} forms[] = {
		{OP_CONV, 1, 0, 0},
		{OP_CONV_TRANSPOSE, 1, 0, 0},
		{OP_QLINEAR_CONV, 3, 4, 5},
		{OP_CONV_INTEGER, 1, 0, 3},
	};
	const struct graph *g = see->model->graph;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		const struct node *n = see_node(see, layer, forms[i].op);
		if (!n)
			continue;
		*out = (struct weights){.node = n, .w = graph_in(g, n, forms[i].weights)};
		if (forms[i].scale)
			out->scale = graph_in(g, n, forms[i].scale);
		if (forms[i].zero)
			out->zero = graph_in(g, n, forms[i].zero);
		return true;
	}
	return false;
}

enum cnn_status see_filters(const struct see *see, size_t layer, struct see_filters *out,
                            struct cnn_error *err)
{
	struct weights w;
	if (layer >= see->n)
		return cnn_fail(err, CNN_BAD_ARG, "model '%s' has %zu layers",
		                see->model->info.name, see->n);
	const struct cnn_layer *row = &see->model->layer[layer];
	if (!find(see, layer, &w))
		return cnn_fail(err, CNN_BAD_ARG, "layer '%s' is no convolution, but a %s",
		                row->name, row->op);
	bool known = w.w->data && (!w.scale || w.scale->data) && (!w.zero || w.zero->data);
	if (!known)
		return cnn_fail(err, CNN_BAD_ARG,
		                "layer '%s': its weights are computed from the picture", row->name);
	size_t groups = row->groups < 1 ? 1 : (size_t)row->groups;
	*out = (struct see_filters){
		.layer = layer,
		.filters = (size_t)w.w->dim[0],
		.slices = (size_t)w.w->dim[1],
		.height = 1,
		.width = (size_t)w.w->dim[w.w->rank - 1],
		.groups = groups,
		.transposed = w.node->op == OP_CONV_TRANSPOSE,
		.quantised = w.scale != NULL,
	};
	for (int32_t i = 2; i < w.w->rank - 1; i++)
		out->height *= (size_t)w.w->dim[i];
	if (out->transposed) {
		out->filters = (size_t)w.w->dim[1] * groups;
		out->slices = (size_t)w.w->dim[0] / groups;
	}
	return CNN_OK;
}

/* Slice `slice` of a filter as a place in the stored weights, in slices. ConvTranspose has the input's channels
 * outside, [channels][filters / groups]. */
static size_t slice_at(const struct see_filters *f, size_t filter, size_t slice)
{
	if (!f->transposed)
		return filter * f->slices + slice;
	size_t in_group = f->filters / f->groups, group = filter / in_group;
	return (group * f->slices + slice) * in_group + filter % in_group;
}

void see_filter_copy(const struct see *see, const struct see_filters *filters, size_t filter,
                     float *out)
{
	struct weights w;
	size_t n = filters->height * filters->width;
	if (!find(see, filters->layer, &w))
		return;
	for (size_t s = 0; s < filters->slices; s++, out += n) {
		size_t at = slice_at(filters, filter, s) * n;
		if (w.w->dtype == CNN_F32) {
			memcpy(out, (const float *)w.w->data + at, n * sizeof *out);
			continue;
		}
		int64_t channel = (int64_t)filter;
		float scale = w.scale ? quantised_scale(w.scale, channel) : 1;
		int32_t zero = quantised_zero(w.zero, channel);
		for (size_t i = 0; i < n; i++)
			out[i] = (float)(resolve_int(w.w, (int64_t)(at + i)) - zero) * scale;
	}
}

bool see_filter_bias(const struct see *see, const struct see_filters *filters, size_t filter,
                     float *out)
{
	struct weights w;
	*out = 0;
	if (!find(see, filters->layer, &w))
		return false;
	const struct graph *g = see->model->graph;
	bool whole = w.node->op == OP_QLINEAR_CONV;
	const struct value *bias = graph_in(g, w.node, whole ? 8 : 2);
	if (w.node->op == OP_CONV_INTEGER || !bias)
		return true; /* it has none */
	if (!bias->data || (int64_t)filter >= graph_elements(bias))
		return false;
	if (!whole) {
		*out = ((const float *)bias->data)[filter];
		return bias->dtype == CNN_F32;
	}
	/* In units of the products: the scale of the input times that of the weights. */
	const struct value *scale = graph_in(g, w.node, 1);
	if (!scale || !scale->data)
		return false;
	*out = (float)resolve_int(bias, (int64_t)filter) * quantised_scale(scale, 0) *
	       quantised_scale(w.scale, (int64_t)filter);
	return true;
}
