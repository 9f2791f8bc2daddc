/* Operators without a kernel of their own, and the types and forms that the kernels leave out: a step that
 * calls the operator's evaluation rule, the one that computes constants at load, on each picture. */
#include "engine/operators/eval.h"
#include "engine/plan/lower.h"

#include <string.h>

/* The node alone, as a graph of its own whose values are its operands: inputs, then outputs. */
struct generic_args {
	eval_rule rule;
	struct node node;
	uint32_t n_value;
	const struct value *value;
	struct ref *ref; /* [n_value] */
};

/* One thread's copy of the operands, for the pointers that differ from run to run. */
struct operands {
	struct value *value;
	void **out;
};

static size_t operands_bytes(const struct generic_args *a)
{
	return a->n_value * sizeof *a->value + a->node.n_out * sizeof(void *);
}

static struct operands operands_in(const struct generic_args *a, char *scratch)
{
	struct operands o = {.value = (struct value *)(void *)scratch};
	o.out = (void **)(void *)(o.value + a->n_value);
	memcpy(o.value, a->value, a->n_value * sizeof *a->value);
	return o;
}

static void run_generic(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct generic_args *a = step->args;
	uint32_t n_in = a->n_value - a->node.n_out;
	struct operands o = operands_in(a, run->scratch);
	struct graph g = {.name = "", .value = o.value, .n_value = a->n_value};
	for (size_t i = first; i < first + n && !*run->status; i++) {
		for (uint32_t k = 0; k < n_in; k++)
			o.value[k].data = ref_at(run, &a->ref[k], i);
		for (uint32_t k = 0; k < a->node.n_out; k++) {
			o.out[k] = ref_at(run, &a->ref[n_in + k], i);
			memset(o.out[k], 0, graph_value_bytes(&o.value[n_in + k]));
		}
		*run->status = a->rule(&g, &a->node, o.out, run->err);
	}
}

/* The node's inputs that are there become values 0, 1, ...; its outputs follow. */
static enum cnn_status own_graph(struct lowering *l, const struct node *n, struct generic_args *a,
                                 struct cnn_error *err)
{
	size_t most = (size_t)n->n_in + n->n_out;
	value_id *id = lower_alloc(l, most, sizeof *id);
	struct value *value = lower_alloc(l, most, sizeof *value);
	const char *name = lower_copy(l, n->name, strlen(n->name) + 1);
	a->ref = lower_alloc(l, most, sizeof *a->ref);
	if (!id || !value || !name || !a->ref)
		return lower_no_memory(n, err);
	a->node = *n;
	a->node.name = name;
	if (n->op == OP_EINSUM)
		a->node.attr.equation =
			lower_copy(l, n->attr.equation, strlen(n->attr.equation) + 1);
	if (n->op == OP_EINSUM && !a->node.attr.equation)
		return lower_no_memory(n, err);
	a->node.in = id;
	a->node.out = id + n->n_in;
	for (uint32_t k = 0; k < n->n_in + n->n_out; k++) {
		value_id v = k < n->n_in ? n->in[k] : n->out[k - n->n_in];
		id[k] = v == NO_VALUE ? NO_VALUE : a->n_value;
		if (v == NO_VALUE)
			continue;
		value[a->n_value] = l->g->value[v];
		value[a->n_value].name = name;
		value[a->n_value++].data = NULL;
	}
	a->value = value;
	return CNN_OK;
}

enum cnn_status lower_generic(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	struct generic_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	a->rule = eval_table[n->op];
	if (!a->rule)
		return lower_unsupported(n, "depends on the picture's data, which convd cannot run",
		                         err);
	enum cnn_status status = own_graph(l, n, a, err);
	if (!status)
		status = lower_step(l, run_generic, a, op_table[n->op].onnx_name, n, n->out[0], 0,
		                    err);
	lower_scratch(l, operands_bytes(a));
	uint32_t at = 0;
	for (uint32_t k = 0; k < n->n_in && !status; k++)
		if (n->in[k] != NO_VALUE)
			status = lower_read(l, n->in[k], &a->ref[at++], err);
	for (uint32_t k = 0; k < n->n_out && !status; k++)
		status = lower_write(l, n->out[k], &a->ref[at++], err);
	return status;
}
