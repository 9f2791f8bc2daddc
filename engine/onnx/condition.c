/* condition.c - the part of a file that one tensor depends on, imported and inferred by itself. */
#include "engine/onnx/branches.h"
#include "engine/operators/infer.h"

#include <stdlib.h>
#include <string.h>

struct part {
	const Onnx__GraphProto *whole;
	Onnx__GraphProto graph; /* its nodes and initialisers are some of the whole's */
	struct name_table makers, weights;
};

static bool index_names(struct part *p)
{
	bool ok = true;
	for (size_t i = 0; i < p->whole->n_node && ok; i++) {
		const Onnx__NodeProto *n = p->whole->node[i];
		for (size_t k = 0; k < n->n_output && ok; k++)
			ok = names_add(&p->makers, n->output[k], (uint32_t)i, (uint32_t)i);
	}
	for (size_t i = 0; i < p->whole->n_initializer && ok; i++) {
		const char *name = p->whole->initializer[i]->name;
		ok = names_add(&p->weights, name ? name : "", (uint32_t)i, (uint32_t)i);
	}
	names_sort(&p->makers);
	names_sort(&p->weights);
	return ok;
}

/* What makes `name` is wanted, if that comes before node `before`. */
static void want(const struct part *p, const char *name, size_t before, bool *node, bool *weight)
{
	const struct name_entry *maker = names_find(&p->makers, name);
	const struct name_entry *constant = names_find(&p->weights, name);
	if (maker && maker->id < before && name[0])
		node[maker->id] = true;
	if (constant)
		weight[constant->id] = true;
}

/* Nodes of a file are in topological order: one walk backwards finds all that a tensor depends on. */
static bool select_part(struct part *p, const char *tensor)
{
	size_t n_node = p->whole->n_node, n_weight = p->whole->n_initializer;
	bool *node = calloc(n_node + 1, sizeof *node),
	     *weight = calloc(n_weight + 1, sizeof *weight);
	p->graph.node = calloc(n_node + 1, sizeof *p->graph.node);
	p->graph.initializer = calloc(n_weight + 1, sizeof(Onnx__TensorProto *));
	bool ok = node && weight && p->graph.node && p->graph.initializer && index_names(p);
	if (ok)
		want(p, tensor, n_node, node, weight);
	for (size_t i = n_node; ok && i-- > 0;)
		for (size_t k = 0; node[i] && k < p->whole->node[i]->n_input; k++)
			want(p, p->whole->node[i]->input[k], i, node, weight);
	for (size_t i = 0; ok && i < n_node; i++)
		if (node[i])
			p->graph.node[p->graph.n_node++] = p->whole->node[i];
	for (size_t i = 0; ok && i < n_weight; i++)
		if (weight[i])
			p->graph.initializer[p->graph.n_initializer++] = p->whole->initializer[i];
	free(node);
	free(weight);
	return ok;
}

/* One picture is a batch of 1; whatever else is open stays unknown. */
static bool close_inputs(struct graph *g)
{
	bool closed = true;
	for (size_t i = 0; i < g->n_input; i++) {
		struct value *v = &g->value[g->input[i]];
		if (i == 0 && v->rank > 0)
			v->dim[0] = 1;
		for (int32_t k = 0; k < v->rank; k++)
			closed &= v->dim[k] >= 0;
		v->shaped = true;
	}
	return closed;
}

static enum cnn_status evaluate(struct importer *im, bool *known, bool *value,
                                struct cnn_error *err)
{
	enum cnn_status s = importer_run(im, err);
	if (s || !close_inputs(im->g))
		return s;
	s = graph_infer(im->g, err);
	if (s)
		return s;
	const struct value *v = &im->g->value[im->g->output[0]];
	*known = v->data && v->dtype == CNN_BOOL && graph_elements(v) == 1;
	*value = *known && *(const uint8_t *)v->data != 0;
	return CNN_OK;
}

enum cnn_status condition_evaluate(const struct importer *im, const Onnx__GraphProto *file,
                                   const char *tensor, bool *known, bool *value,
                                   struct cnn_error *err)
{
	Onnx__ValueInfoProto output = ONNX__VALUE_INFO_PROTO__INIT, *outputs[] = {&output};
	struct part p = {.whole = file, .graph = ONNX__GRAPH_PROTO__INIT};
	struct importer own = {.file = &p.graph, .opset = im->opset, .g = graph_new()};
	struct cnn_error why = {0};
	enum cnn_status s = CNN_OK;
	*known = false;
	if (!own.g || !select_part(&p, tensor)) {
		s = cnn_fail_memory(err, tensor, file->n_node * sizeof(void *));
		goto done;
	}
	size_t taken = arena_bytes(im->g->arena);
	own.max_bytes = im->max_bytes > taken ? im->max_bytes - taken : 0;
	arena_limit(own.g->arena, own.max_bytes);
	own.g->name = im->g->name;
	output.name = (char *)(uintptr_t)tensor;
	p.graph.input = file->input;
	p.graph.n_input = file->n_input;
	p.graph.output = outputs;
	p.graph.n_output = 1;
	s = evaluate(&own, known, value, &why);
	/* What cannot be imported or inferred is not known; the whole file says why when it is tried. */
	s = s == CNN_NO_MEMORY ? cnn_fail(err, s, "%s", why.text) : CNN_OK;
done:
	names_free(&own.tensors);
	names_free(&p.makers);
	names_free(&p.weights);
	free(p.graph.node);
	free(p.graph.initializer);
	graph_free(own.g);
	return s;
}
