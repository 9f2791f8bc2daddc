#include "tests/bench/onednn_net.h"
#include "tests/bench/onednn_parts.h"

#include <stdlib.h>

static void find_last_readers(struct net *n)
{
	for (size_t i = 0; i < n->plan->steps; i++) {
		const struct plan_step *s = &n->plan->step[i];
		n->value[i].last = i;
		n->value[i].buffer = NOWHERE;
		for (int64_t k = 0; k < s->sources; k++)
			n->value[s->source[k]].last = i;
		if (s->sum >= 0)
			n->value[s->sum].last = i;
	}
}

static void release(struct net *n, size_t index)
{
	const struct plan_step *s = &n->plan->step[index];
	for (int64_t k = 0; k < s->sources; k++) {
		const struct value *v = &n->value[s->source[k]];
		if (v->last == index && v->buffer != NOWHERE)
			n->buffer[v->buffer].busy = false;
	}
}

static enum cnn_status make_room(struct net *n, struct cnn_error *err)
{
	/* A step has at most a copy of each source besides itself, and two kinds of constants
	 * with two memories each. */
	n->limit = n->plan->steps * (PLAN_SOURCES + 6) + 2;
	n->value = calloc(n->plan->steps, sizeof *n->value);
	n->call = calloc(n->limit, sizeof *n->call);
	n->buffer = calloc(n->limit, sizeof *n->buffer);
	n->place = calloc(n->limit, sizeof *n->place);
	n->memory = calloc(n->limit, sizeof(dnnl_memory_t));
	if (!n->value || !n->call || !n->buffer || !n->place || !n->memory)
		return cnn_fail_memory(err, "the network", n->limit * sizeof *n->call);
	return CNN_OK;
}

static dnnl_status_t begin(struct net *n, float *input)
{
	struct value *v = &n->value[0];
	v->desc = net_describe_value(n, &n->plan->step[0], dnnl_nchw);
	TRY(dnnl_engine_create(&n->engine, dnnl_cpu, 0));
	TRY(dnnl_stream_create(&n->stream, n->engine, dnnl_stream_default_flags));
	return net_new_memory(n, &v->desc, input, &v->memory);
}

static dnnl_status_t end(struct net *n, float *output)
{
	const struct value *v = &n->value[n->plan->steps - 1];
	dnnl_memory_desc_t desc =
		net_describe(v->desc.ndims, v->desc.dims, net_plain(v->desc.ndims));
	dnnl_memory_t memory;
	TRY(net_new_memory(n, &desc, output, &memory));
	TRY(net_add_reorder(n, &v->desc, v->memory, &desc, memory));
	return net_allocate_buffers(n);
}

static enum cnn_status build(struct net *n, float *input, float *output, struct cnn_error *err)
{
	enum cnn_status status = make_room(n, err);
	if (status)
		return status;
	find_last_readers(n);
	dnnl_status_t why = begin(n, input);
	for (size_t i = 1; i < n->plan->steps && why == dnnl_success; i++) {
		why = net_add_step(n, i);
		if (why != dnnl_success)
			return cnn_fail(err, CNN_UNSUPPORTED, "oneDNN: step %zu, %s: status %d", i,
			                onednn_plan_word(n->plan->step[i].kind), (int)why);
		release(n, i);
	}
	if (why == dnnl_success)
		why = end(n, output);
	if (why != dnnl_success)
		return cnn_fail(err, CNN_UNSUPPORTED, "oneDNN: status %d", (int)why);
	n->plan = NULL;
	return CNN_OK;
}

enum cnn_status net_new(const struct plan *plan, size_t batch, bool nhwc, float *input,
                        float *output, struct net **out, struct cnn_error *err)
{
	*out = NULL;
	struct net *n = calloc(1, sizeof *n);
	if (!n)
		return cnn_fail_memory(err, "the network", sizeof *n);
	*n = (struct net){.plan = plan, .batch = (dnnl_dim_t)batch, .nhwc = nhwc};
	enum cnn_status status = build(n, input, output, err);
	if (status)
		net_free(n);
	else
		*out = n;
	return status;
}

enum cnn_status net_run(struct net *net, struct cnn_error *err)
{
	dnnl_status_t why = dnnl_success;
	for (size_t i = 0; i < net->calls && why == dnnl_success; i++)
		why = dnnl_primitive_execute(net->call[i].primitive, net->stream,
		                             net->call[i].arguments, net->call[i].argument);
	if (why == dnnl_success)
		why = dnnl_stream_wait(net->stream);
	return why == dnnl_success ? CNN_OK
	                           : cnn_fail(err, CNN_UNSUPPORTED, "oneDNN: status %d", (int)why);
}

void net_free(struct net *net)
{
	if (!net)
		return;
	for (size_t i = 0; i < net->calls; i++)
		dnnl_primitive_destroy(net->call[i].primitive);
	for (size_t i = 0; i < net->memories; i++)
		dnnl_memory_destroy(net->memory[i]);
	for (size_t i = 0; i < net->buffers; i++)
		free(net->buffer[i].data);
	if (net->stream)
		dnnl_stream_destroy(net->stream);
	if (net->engine)
		dnnl_engine_destroy(net->engine);
	free(net->value);
	free(net->call);
	free(net->buffer);
	free(net->place);
	free(net->memory);
	free(net);
}
