#include "tests/bench/onednn_parts.h"

#include <math.h>
#include <stdlib.h>

dnnl_status_t net_new_memory(struct net *n, const dnnl_memory_desc_t *desc, void *data,
                             dnnl_memory_t *out)
{
	TRY(dnnl_memory_create(out, desc, n->engine, data));
	n->memory[n->memories++] = *out;
	return dnnl_success;
}

/* The smallest free buffer that is large enough, or the largest made larger, or a new one. */
static int take_buffer(struct net *n, size_t bytes)
{
	int best = NOWHERE;
	for (size_t i = 0; i < n->buffers; i++) {
		const struct buffer *b = &n->buffer[i];
		if (b->busy)
			continue;
		size_t held = best == NOWHERE ? 0 : n->buffer[best].bytes;
		bool better = held < bytes ? b->bytes > held : b->bytes >= bytes && b->bytes < held;
		if (best == NOWHERE || better)
			best = (int)i;
	}
	if (best == NOWHERE)
		best = (int)n->buffers++;
	struct buffer *b = &n->buffer[best];
	b->bytes = b->bytes < bytes ? bytes : b->bytes;
	b->busy = true;
	return best;
}

static dnnl_status_t place_memory(struct net *n, const dnnl_memory_desc_t *desc, int buffer,
                                  dnnl_memory_t *out)
{
	TRY(net_new_memory(n, desc, DNNL_MEMORY_NONE, out));
	n->place[n->places++] = (struct place){*out, buffer};
	return dnnl_success;
}

dnnl_status_t net_place_value(struct net *n, struct value *v, const dnnl_memory_desc_t *desc)
{
	v->desc = *desc;
	if (v->buffer == NOWHERE)
		v->buffer = take_buffer(n, dnnl_memory_desc_get_size(desc));
	return place_memory(n, desc, v->buffer, &v->memory);
}

dnnl_status_t net_allocate_buffers(struct net *n)
{
	for (size_t i = 0; i < n->buffers; i++) {
		size_t bytes = (n->buffer[i].bytes + 4095) / 4096 * 4096;
		n->buffer[i].data = aligned_alloc(4096, bytes);
		if (!n->buffer[i].data)
			return dnnl_out_of_memory;
	}
	for (size_t i = 0; i < n->places; i++)
		TRY(dnnl_memory_set_data_handle(n->place[i].memory,
		                                n->buffer[n->place[i].buffer].data));
	return dnnl_success;
}

dnnl_memory_desc_t net_describe(int rank, const dnnl_dim_t *dims, dnnl_format_tag_t tag)
{
	dnnl_memory_desc_t desc;
	if (dnnl_memory_desc_init_by_tag(&desc, rank, dims, dnnl_f32, tag) != dnnl_success)
		desc = (dnnl_memory_desc_t){0};
	return desc;
}

dnnl_format_tag_t net_plain(int rank)
{
	static const dnnl_format_tag_t tags[] = {
		dnnl_format_tag_undef, dnnl_a, dnnl_ab, dnnl_abc, dnnl_abcd, dnnl_abcde};
	return tags[rank];
}

dnnl_memory_desc_t net_describe_value(const struct net *n, const struct plan_step *s,
                                      dnnl_format_tag_t tag)
{
	return net_describe(4, (dnnl_dims_t){n->batch, s->shape[0], s->shape[1], s->shape[2]}, tag);
}

dnnl_memory_desc_t net_liked(const struct net *n, const struct plan_step *s)
{
	return net_describe_value(n, s, n->nhwc ? dnnl_nhwc : dnnl_format_tag_any);
}

dnnl_memory_desc_t net_of_any_format(const dnnl_memory_desc_t *desc)
{
	return net_describe(desc->ndims, desc->dims, dnnl_format_tag_any);
}

const dnnl_memory_desc_t *net_asked(const_dnnl_primitive_desc_t pd, dnnl_query_t what)
{
	return dnnl_primitive_desc_query_md(pd, what, 0);
}

void net_add_argument(struct call *c, int which, dnnl_memory_t memory)
{
	c->argument[c->arguments++] = (dnnl_exec_arg_t){which, memory};
}

dnnl_status_t net_add_call(struct net *n, dnnl_primitive_desc_t pd, const struct call *arguments)
{
	struct call *c = &n->call[n->calls];
	*c = *arguments;
	dnnl_status_t status = dnnl_primitive_create(&c->primitive, pd);
	if (status == dnnl_success)
		n->calls++;
	dnnl_primitive_desc_destroy(pd);
	return status;
}

dnnl_status_t net_add_reorder(struct net *n, const dnnl_memory_desc_t *from_desc,
                              dnnl_memory_t from, const dnnl_memory_desc_t *to_desc,
                              dnnl_memory_t to)
{
	dnnl_primitive_desc_t pd;
	struct call c = {0};
	net_add_argument(&c, DNNL_ARG_FROM, from);
	net_add_argument(&c, DNNL_ARG_TO, to);
	TRY(dnnl_reorder_primitive_desc_create(&pd, from_desc, n->engine, to_desc, n->engine,
	                                       NULL));
	return net_add_call(n, pd, &c);
}

dnnl_status_t net_as_asked(struct net *n, const struct value *v, const dnnl_memory_desc_t *desc,
                           dnnl_memory_t *out, int *copy)
{
	*out = v->memory;
	*copy = NOWHERE;
	if (dnnl_memory_desc_equal(&v->desc, desc))
		return dnnl_success;
	*copy = take_buffer(n, dnnl_memory_desc_get_size(desc));
	TRY(place_memory(n, desc, *copy, out));
	return net_add_reorder(n, &v->desc, v->memory, desc, *out);
}

dnnl_status_t net_constant(struct net *n, const dnnl_memory_desc_t *given, int64_t offset,
                           const dnnl_memory_desc_t *desc, dnnl_memory_t *out)
{
	size_t floats = dnnl_memory_desc_get_size(given) / sizeof(float);
	if (offset < 0 || (size_t)offset > n->plan->floats ||
	    floats > n->plan->floats - (size_t)offset)
		return dnnl_invalid_arguments;
	dnnl_memory_t plainly;
	TRY(net_new_memory(n, given, n->plan->weights + offset, &plainly));
	TRY(net_new_memory(n, desc, DNNL_MEMORY_ALLOCATE, out));
	TRY(net_add_reorder(n, given, plainly, desc, *out));
	struct call *c = &n->call[--n->calls];
	dnnl_status_t status =
		dnnl_primitive_execute(c->primitive, n->stream, c->arguments, c->argument);
	dnnl_primitive_destroy(c->primitive);
	TRY(status);
	return dnnl_stream_wait(n->stream);
}

static dnnl_status_t append_clip(const struct plan_step *s, dnnl_post_ops_t ops)
{
	if (isinf(s->low) && isinf(s->high))
		return dnnl_success;
	if (s->low == 0 && isinf(s->high))
		return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0);
	return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_clip, s->low, s->high);
}

dnnl_status_t net_describe_step(struct net *n, const struct plan_step *s, const void *operation,
                                dnnl_primitive_desc_t *out)
{
	dnnl_post_ops_t ops;
	dnnl_primitive_attr_t attributes;
	TRY(dnnl_post_ops_create(&ops));
	dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
	if (status == dnnl_success) {
		if (s->sum >= 0)
			status = dnnl_post_ops_append_sum(ops, 1);
		if (status == dnnl_success)
			status = append_clip(s, ops);
		if (status == dnnl_success)
			status = dnnl_primitive_attr_set_post_ops(attributes, ops);
		if (status == dnnl_success)
			status = dnnl_primitive_desc_create(out, operation, attributes, n->engine,
			                                    NULL);
		dnnl_primitive_attr_destroy(attributes);
	}
	dnnl_post_ops_destroy(ops);
	return status;
}
