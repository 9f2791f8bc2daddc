#include "tests/bench/onednn_parts.h"

/* Convolution or inner product `pd`, which is the callee's: weights, bias, source, result. */
static dnnl_status_t add_weighted(struct net *n, size_t index, dnnl_primitive_desc_t pd,
                                  const dnnl_memory_desc_t *weights, const dnnl_memory_desc_t *bias)
{
	const struct plan_step *s = &n->plan->step[index];
	struct call c = {0};
	dnnl_memory_t memory;
	int copy;
	TRY(net_constant(n, weights, s->weights, net_asked(pd, dnnl_query_weights_md), &memory));
	net_add_argument(&c, DNNL_ARG_WEIGHTS, memory);
	if (s->bias >= 0) {
		TRY(net_constant(n, bias, s->bias, bias, &memory));
		net_add_argument(&c, DNNL_ARG_BIAS, memory);
	}
	TRY(net_as_asked(n, &n->value[s->source[0]], net_asked(pd, dnnl_query_src_md), &memory,
	                 &copy));
	net_add_argument(&c, DNNL_ARG_SRC, memory);
	TRY(net_place_value(n, &n->value[index], net_asked(pd, dnnl_query_dst_md)));
	net_add_argument(&c, DNNL_ARG_DST, n->value[index].memory);
	if (copy != NOWHERE)
		n->buffer[copy].busy = false;
	return net_add_call(n, pd, &c);
}

static dnnl_status_t add_conv(struct net *n, size_t index)
{
	const struct plan_step *s = &n->plan->step[index], *from = &n->plan->step[s->source[0]];
	dnnl_dim_t g = s->groups, in = from->shape[0] / g, out = s->shape[0] / g;
	dnnl_dims_t grouped = {g, out, in, s->kernel[0], s->kernel[1]};
	int rank = g > 1 ? 5 : 4;
	const dnnl_dim_t *dims = g > 1 ? grouped : grouped + 1;
	dnnl_memory_desc_t source = net_liked(n, from), result = net_liked(n, s);
	dnnl_memory_desc_t weights = net_describe(rank, dims, dnnl_format_tag_any);
	dnnl_memory_desc_t given = net_describe(rank, dims, net_plain(rank));
	dnnl_memory_desc_t bias = net_describe(1, s->shape, dnnl_a);
	if (s->sum >= 0) {
		/* It is added to in place: nobody may need it afterwards. */
		if (n->value[s->sum].last != index)
			return dnnl_invalid_arguments;
		result = n->value[s->sum].desc;
		n->value[index].buffer = n->value[s->sum].buffer;
	}
	dnnl_convolution_desc_t op;
	dnnl_primitive_desc_t pd;
	TRY(dnnl_convolution_forward_desc_init(&op, dnnl_forward_inference, dnnl_convolution_auto,
	                                       &source, &weights, s->bias >= 0 ? &bias : NULL,
	                                       &result, s->stride, s->before, s->after));
	TRY(net_describe_step(n, s, &op, &pd));
	return add_weighted(n, index, pd, &given, &bias);
}

static dnnl_status_t add_inner(struct net *n, size_t index)
{
	const struct plan_step *s = &n->plan->step[index];
	const dnnl_memory_desc_t *from = &n->value[s->source[0]].desc;
	dnnl_dims_t dims = {s->shape[0], from->dims[1], from->dims[2], from->dims[3]};
	dnnl_memory_desc_t source = net_of_any_format(from);
	dnnl_memory_desc_t weights = net_describe(from->ndims, dims, dnnl_format_tag_any);
	dnnl_memory_desc_t given = net_describe(from->ndims, dims, net_plain(from->ndims));
	dnnl_memory_desc_t bias = net_describe(1, s->shape, dnnl_a);
	dnnl_memory_desc_t result =
		net_describe(2, (dnnl_dims_t){n->batch, s->shape[0]}, dnnl_format_tag_any);
	dnnl_inner_product_desc_t op;
	dnnl_primitive_desc_t pd;
	TRY(dnnl_inner_product_forward_desc_init(&op, dnnl_forward_inference, &source, &weights,
	                                         s->bias >= 0 ? &bias : NULL, &result));
	TRY(net_describe_step(n, s, &op, &pd));
	return add_weighted(n, index, pd, &given, &bias);
}

/* A step that takes its sources as they are. Takes the primitive descriptor. */
static dnnl_status_t add_plain(struct net *n, size_t index, dnnl_primitive_desc_t pd,
                               int first_argument)
{
	const struct plan_step *s = &n->plan->step[index];
	struct call c = {0};
	for (int i = 0; i < s->sources; i++)
		net_add_argument(&c, first_argument + i, n->value[s->source[i]].memory);
	dnnl_status_t status =
		net_place_value(n, &n->value[index], net_asked(pd, dnnl_query_dst_md));
	if (status != dnnl_success) {
		dnnl_primitive_desc_destroy(pd);
		return status;
	}
	net_add_argument(&c, DNNL_ARG_DST, n->value[index].memory);
	return net_add_call(n, pd, &c);
}

static dnnl_status_t add_pool(struct net *n, size_t index)
{
	const struct plan_step *s = &n->plan->step[index];
	dnnl_memory_desc_t result = net_describe_value(n, s, dnnl_format_tag_any);
	dnnl_pooling_desc_t op;
	dnnl_primitive_desc_t pd;
	TRY(dnnl_pooling_forward_desc_init(
		&op, dnnl_forward_inference,
		s->kind == PLAN_MAX ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding,
		&n->value[s->source[0]].desc, &result, s->stride, s->kernel, s->before, s->after));
	TRY(net_describe_step(n, s, &op, &pd));
	return add_plain(n, index, pd, DNNL_ARG_SRC);
}

static dnnl_status_t add_concat(struct net *n, size_t index)
{
	const struct plan_step *s = &n->plan->step[index];
	dnnl_memory_desc_t sources[PLAN_SOURCES];
	dnnl_primitive_desc_t pd;
	for (int i = 0; i < s->sources; i++)
		sources[i] = n->value[s->source[i]].desc;
	TRY(dnnl_concat_primitive_desc_create(&pd, NULL, (int)s->sources, 1, sources, NULL,
	                                      n->engine));
	return add_plain(n, index, pd, DNNL_ARG_MULTIPLE_SRC);
}

static dnnl_status_t add_sum(struct net *n, size_t index)
{
	const struct plan_step *s = &n->plan->step[index];
	const dnnl_memory_desc_t *a = &n->value[s->source[0]].desc;
	const dnnl_memory_desc_t *b = &n->value[s->source[1]].desc;
	dnnl_memory_desc_t result = net_of_any_format(a);
	dnnl_binary_desc_t op;
	dnnl_primitive_desc_t pd;
	TRY(dnnl_binary_desc_init(&op, dnnl_binary_add, a, b, &result));
	TRY(net_describe_step(n, s, &op, &pd));
	return add_plain(n, index, pd, DNNL_ARG_SRC_0);
}

static dnnl_status_t add_clip(struct net *n, size_t index)
{
	const struct plan_step *s = &n->plan->step[index];
	dnnl_eltwise_desc_t op;
	dnnl_primitive_desc_t pd;
	TRY(dnnl_eltwise_forward_desc_init(&op, dnnl_forward_inference, dnnl_eltwise_clip,
	                                   &n->value[s->source[0]].desc, s->low, s->high));
	TRY(dnnl_primitive_desc_create(&pd, &op, NULL, n->engine, NULL));
	return add_plain(n, index, pd, DNNL_ARG_SRC);
}

static dnnl_status_t add_softmax(struct net *n, size_t index)
{
	dnnl_softmax_desc_t op;
	dnnl_primitive_desc_t pd;
	TRY(dnnl_softmax_forward_desc_init(&op, dnnl_forward_inference,
	                                   &n->value[n->plan->step[index].source[0]].desc, 1));
	TRY(dnnl_primitive_desc_create(&pd, &op, NULL, n->engine, NULL));
	return add_plain(n, index, pd, DNNL_ARG_SRC);
}

dnnl_status_t net_add_step(struct net *n, size_t index)
{
	static dnnl_status_t (*const add[])(struct net *, size_t) = {
		[PLAN_CONV] = add_conv,     [PLAN_MAX] = add_pool,        [PLAN_AVERAGE] = add_pool,
		[PLAN_CONCAT] = add_concat, [PLAN_ADD] = add_sum,         [PLAN_CLIP] = add_clip,
		[PLAN_INNER] = add_inner,   [PLAN_SOFTMAX] = add_softmax,
	};
	enum plan_kind kind = n->plan->step[index].kind;
	return add[kind] ? add[kind](n, index) : dnnl_invalid_arguments;
}
