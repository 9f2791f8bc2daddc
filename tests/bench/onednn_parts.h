/* onednn_parts.h - what a net is made of, for the files that build it. */
#ifndef TESTS_BENCH_ONEDNN_PARTS_H
#define TESTS_BENCH_ONEDNN_PARTS_H
#include "tests/bench/onednn_plan.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>

enum { NOWHERE = -1, ARGUMENTS = PLAN_SOURCES + 4 };

struct value {
	dnnl_memory_desc_t desc;
	dnnl_memory_t memory;
	size_t last; /* the last step that reads it */
	int buffer;  /* or NOWHERE */
};

struct call {
	dnnl_primitive_t primitive;
	dnnl_exec_arg_t argument[ARGUMENTS];
	int arguments;
};

/* Shared by the values that do not live at the same time. */
struct buffer {
	void *data;
	size_t bytes;
	bool busy;
};

/* Memory that will lie in a buffer. */
struct place {
	dnnl_memory_t memory;
	int buffer;
};

struct net {
	const struct plan *plan; /* while it is built */
	dnnl_dim_t batch;
	bool nhwc;
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	struct value *value; /* [plan->steps] */
	/* Each has room for `limit`. */
	struct call *call;
	struct buffer *buffer;
	struct place *place;
	dnnl_memory_t *memory; /* all there are */
	size_t limit, calls, buffers, places, memories;
};

#define TRY(call)                              \
	do {                                   \
		dnnl_status_t tried_ = (call); \
		if (tried_ != dnnl_success)    \
			return tried_;         \
	} while (0)

/* --- memory: the net's, freed with it --- */

dnnl_status_t net_new_memory(struct net *n, const dnnl_memory_desc_t *desc, void *data,
                             dnnl_memory_t *out);
/* In the value's buffer, or in one taken for it. */
dnnl_status_t net_place_value(struct net *n, struct value *v, const dnnl_memory_desc_t *desc);
/* Last of all, once it is known how large each must be. */
dnnl_status_t net_allocate_buffers(struct net *n);
/* Weights or bias in the format asked for, reordered here and now. */
dnnl_status_t net_constant(struct net *n, const dnnl_memory_desc_t *given, int64_t offset,
                           const dnnl_memory_desc_t *desc, dnnl_memory_t *out);

/* --- descriptors --- */

dnnl_memory_desc_t net_describe(int rank, const dnnl_dim_t *dims, dnnl_format_tag_t tag);
dnnl_format_tag_t net_plain(int rank);
dnnl_memory_desc_t net_describe_value(const struct net *n, const struct plan_step *s,
                                      dnnl_format_tag_t tag);
/* In the format that a convolution takes or makes it in. */
dnnl_memory_desc_t net_liked(const struct net *n, const struct plan_step *s);
dnnl_memory_desc_t net_of_any_format(const dnnl_memory_desc_t *desc);
const dnnl_memory_desc_t *net_asked(const_dnnl_primitive_desc_t pd, dnnl_query_t what);
/* An operation's, with what the step does to its result: sum, then clip. */
dnnl_status_t net_describe_step(struct net *n, const struct plan_step *s, const void *operation,
                                dnnl_primitive_desc_t *out);

/* --- calls --- */

void net_add_argument(struct call *c, int which, dnnl_memory_t memory);
/* Takes the primitive descriptor. */
dnnl_status_t net_add_call(struct net *n, dnnl_primitive_desc_t pd, const struct call *arguments);
dnnl_status_t net_add_reorder(struct net *n, const dnnl_memory_desc_t *from_desc,
                              dnnl_memory_t from, const dnnl_memory_desc_t *to_desc,
                              dnnl_memory_t to);
/* The value in that format: itself, or a copy made just before it is needed. *copy is the copy's
 * buffer or NOWHERE. */
dnnl_status_t net_as_asked(struct net *n, const struct value *v, const dnnl_memory_desc_t *desc,
                           dnnl_memory_t *out, int *copy);

/* The calls and memory for step `index`, those before it being there. */
dnnl_status_t net_add_step(struct net *n, size_t index);

#endif
