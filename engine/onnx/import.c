#include "engine/onnx/import.h"

#include "engine/onnx/branches.h"
#include "engine/onnx/importer.h"
#include "engine/onnx/tensors.h"
#include "engine/onnx/wire.h"

#include <stdlib.h>
#include <string.h>

#define OPSET_MIN 1
#define OPSET_MAX 22

/* What nodes make. The largest networks have a few thousand; later stages compare them pair by pair. */
#define TENSORS_MAX 32768

static enum cnn_status read_opset(struct importer *im, const Onnx__ModelProto *model,
                                  struct cnn_error *err)
{
	for (size_t i = 0; i < model->n_opset_import; i++) {
		const Onnx__OperatorSetIdProto *o = model->opset_import[i];
		if (!o->domain || !o->domain[0] || strcmp(o->domain, "ai.onnx") == 0)
			im->opset = o->version;
	}
	if (im->opset == 0)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "%s: says no opset of ONNX's own operators; %d to %d are supported",
		                im->g->name, OPSET_MIN, OPSET_MAX);
	if (im->opset < OPSET_MIN || im->opset > OPSET_MAX)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "%s: opset %lld is not supported; %d to %d are", im->g->name,
		                (long long)im->opset, OPSET_MIN, OPSET_MAX);
	return CNN_OK;
}

static enum cnn_status import_initializers(struct importer *im, struct cnn_error *err)
{
	if (im->file->n_sparse_initializer)
		return cnn_fail(err, CNN_UNSUPPORTED, "%s: sparse initializers are not supported",
		                im->g->name);
	for (size_t i = 0; i < im->file->n_initializer; i++) {
		const Onnx__TensorProto *t = im->file->initializer[i];
		char *name = names_short(im->g->arena, t->name);
		value_id id;
		if (!name)
			return cnn_fail_memory(err, "a tensor's name", 0);
		if (!name[0])
			return cnn_fail(err, CNN_BAD_MODEL, "%s: initializer %zu has no name",
			                im->g->name, i);
		enum cnn_status s = tensor_import(im->g, &im->external, t, name, &id, err);
		if (s)
			return s;
		if (!names_add(&im->tensors, t->name, id, UINT32_MAX))
			return cnn_fail_memory(err, name, 0);
	}
	return CNN_OK;
}

/* Type and dimensions, open ones as -1; `shaped` stays false. */
static enum cnn_status read_input_type(const Onnx__ValueInfoProto *file, struct value *v,
                                       struct cnn_error *err)
{
	const Onnx__TypeProto *type = file->type;
	if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || !type->tensor_type)
		return cnn_fail(err, CNN_UNSUPPORTED, "input '%s' is not a tensor", v->name);
	const Onnx__TypeProto__Tensor *tensor = type->tensor_type;
	enum cnn_status s = tensor_dtype(tensor->elem_type, "input", v->name, &v->dtype, err);
	if (s)
		return s;
	if (!tensor->shape)
		return cnn_fail(err, CNN_UNSUPPORTED, "input '%s' has no shape", v->name);
	if (tensor->shape->n_dim > CNN_MAX_RANK)
		return cnn_fail(err, CNN_UNSUPPORTED, "input '%s' has %zu dimensions, more than %d",
		                v->name, tensor->shape->n_dim, CNN_MAX_RANK);
	v->rank = (int32_t)tensor->shape->n_dim;
	int64_t known[CNN_MAX_RANK];
	for (int32_t i = 0; i < v->rank; i++) {
		const Onnx__TensorShapeProto__Dimension *d = tensor->shape->dim[i];
		bool open = d->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE ||
		            d->dim_value <= 0;
		v->dim[i] = open ? -1 : d->dim_value;
		known[i] = open ? 1 : d->dim_value;
	}
	if (!graph_dims_valid(v->rank, known))
		return cnn_fail(err, CNN_BAD_MODEL, "input '%s' has more than %lld elements",
		                v->name, (long long)GRAPH_MAX_ELEMENTS);
	return CNN_OK;
}

static enum cnn_status import_inputs(struct importer *im, struct cnn_error *err)
{
	size_t n = im->file->n_input;
	struct graph *g = im->g;
	/* IR 3 lists the initialisers as inputs too, as defaults; here they are constants. */
	names_sort(&im->tensors);
	size_t n_constants = im->tensors.n;
	g->input = arena_alloc(g->arena, n, sizeof *g->input);
	if (!g->input)
		return cnn_fail_memory(err, "graph inputs", n * sizeof *g->input);
	for (size_t i = 0; i < n; i++) {
		const Onnx__ValueInfoProto *file = im->file->input[i];
		if (!file->name || !file->name[0])
			return cnn_fail(err, CNN_BAD_MODEL, "%s: input %zu has no name", g->name,
			                i);
		struct name_table constants = {im->tensors.entry, n_constants, 0};
		if (names_find(&constants, file->name))
			continue;
		char *name = names_short(g->arena, file->name);
		value_id id = name ? graph_add_value(g, name) : NO_VALUE;
		if (id == NO_VALUE || !names_add(&im->tensors, file->name, id, UINT32_MAX))
			return cnn_fail_memory(err, "graph inputs", n * sizeof *g->input);
		enum cnn_status s = read_input_type(file, &g->value[id], err);
		if (s)
			return s;
		g->input[g->n_input++] = id;
	}
	if (g->n_input == 0)
		return cnn_fail(err, CNN_BAD_MODEL, "%s: the graph has no input", g->name);
	return CNN_OK;
}

static enum cnn_status import_outputs(struct importer *im, struct cnn_error *err)
{
	size_t n = im->file->n_output;
	struct graph *g = im->g;
	g->output = arena_alloc(g->arena, n, sizeof *g->output);
	if (!g->output)
		return cnn_fail_memory(err, "graph outputs", n * sizeof *g->output);
	for (size_t i = 0; i < n; i++) {
		const char *key = im->file->output[i]->name;
		char *name = names_short(g->arena, key);
		const struct name_entry *e = key ? names_find(&im->tensors, key) : NULL;
		if (!name)
			return cnn_fail_memory(err, "graph outputs", n * sizeof *g->output);
		if (!e)
			return cnn_fail(err, CNN_BAD_MODEL, "graph output '%s' is not defined",
			                name);
		if (e->id == NO_VALUE)
			return cnn_fail(err, CNN_UNSUPPORTED,
			                "node '%s': its additional output '%s' is not supported",
			                im->node_name[e->node], name);
		g->output[g->n_output++] = e->id;
	}
	if (n == 0)
		return cnn_fail(err, CNN_BAD_MODEL, "%s: the graph has no output", g->name);
	return CNN_OK;
}

/* Outputs at a node's end that ONNX lets it leave out, and nobody reads: some exporters list them all. */
static enum cnn_status drop_unused_outputs(struct graph *g, struct cnn_error *err)
{
	bool *used = calloc(g->n_value + 1, sizeof *used);
	if (!used)
		return cnn_fail_memory(err, "the graph", g->n_value * sizeof *used);
	for (size_t i = 0; i < g->n_node; i++)
		for (uint32_t k = 0; k < g->node[i].n_in; k++)
			if (g->node[i].in[k] != NO_VALUE)
				used[g->node[i].in[k]] = true;
	for (size_t i = 0; i < g->n_output; i++)
		used[g->output[i]] = true;
	for (size_t i = 0; i < g->n_node; i++) {
		struct node *n = &g->node[i];
		/* of any number of outputs, how many there are means something */
		while (op_table[n->op].max_out != 255 && n->n_out > op_table[n->op].min_out &&
		       !used[n->out[n->n_out - 1]])
			g->value[n->out[--n->n_out]].producer = NO_NODE;
	}
	free(used);
	return CNN_OK;
}

static enum cnn_status check_size(const struct importer *im, struct cnn_error *err)
{
	size_t n = 0;
	for (size_t i = 0; i < im->file->n_node; i++)
		n += im->file->node[i]->n_output;
	if (n > TENSORS_MAX)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "%s: %zu nodes make %zu tensors; at most %d are supported",
		                im->g->name, im->file->n_node, n, TENSORS_MAX);
	return CNN_OK;
}

enum cnn_status importer_run(struct importer *im, struct cnn_error *err)
{
	enum cnn_status s = branches_inline(im, err);
	if (!s)
		s = check_size(im, err);
	if (!s)
		s = import_initializers(im, err);
	if (!s)
		s = import_inputs(im, err);
	if (!s)
		s = nodes_name(im, err);
	if (!s)
		s = nodes_declare(im, err);
	if (s)
		return s;
	names_sort(&im->tensors);
	const char *twice = names_duplicate(&im->tensors);
	if (twice) {
		char *name = names_short(im->g->arena, twice);
		return name ? cnn_fail(err, CNN_BAD_MODEL, "tensor '%s' is defined twice", name)
		            : cnn_fail_memory(err, "a tensor's name", 0);
	}
	s = nodes_import(im, err);
	if (!s)
		s = import_outputs(im, err);
	if (!s)
		s = masks_import(im->g, err);
	if (!s)
		s = drop_unused_outputs(im->g, err);
	if (!s)
		s = graph_sort(im->g, err);
	return s ? s : graph_check(im->g, err);
}

static enum cnn_status read_info(struct graph *g, const Onnx__ModelProto *model, int64_t opset,
                                 struct onnx_info *info, struct cnn_error *err)
{
	size_t n = model->n_metadata_props;
	const char **keys = arena_alloc(g->arena, n, sizeof *keys);
	const char **values = arena_alloc(g->arena, n, sizeof *values);
	char *producer = names_clean(g->arena, model->producer_name);
	bool ok = keys && values && producer;
	for (size_t i = 0; i < n && ok; i++) {
		keys[i] = names_clean(g->arena, model->metadata_props[i]->key);
		values[i] = names_text(g->arena, model->metadata_props[i]->value);
		ok = keys[i] && values[i];
	}
	if (!ok)
		return cnn_fail_memory(err, "the model's metadata", n * sizeof *keys);
	*info = (struct onnx_info){.producer = producer,
	                           .ir_version = model->ir_version,
	                           .opset = opset,
	                           .meta_keys = keys,
	                           .meta_values = values,
	                           .n_meta = n};
	return CNN_OK;
}

enum cnn_status onnx_import(const uint8_t *bytes, size_t len, const char *file_name,
                            struct graph **out, struct onnx_info *info, struct cnn_error *err)
{
	static const struct onnx_bounds bounds = {.max_bytes = SIZE_MAX};
	return onnx_import_within(&bounds, bytes, len, file_name, out, info, err);
}

enum cnn_status onnx_import_within(const struct onnx_bounds *bounds, const uint8_t *bytes,
                                   size_t len, const char *file_name, struct graph **out,
                                   struct onnx_info *info, struct cnn_error *err)
{
	struct importer im = {.external = {.beside = bounds->beside}};
	Onnx__ModelProto *model = NULL;
	size_t unpacked = 0;
	enum cnn_status s = CNN_OK;
	im.g = graph_new();
	char *name = im.g ? names_clean(im.g->arena, file_name) : NULL;
	if (!name) {
		s = cnn_fail_memory(err, "a graph", sizeof *im.g);
		goto done;
	}
	im.g->name = name;
	s = wire_unpack(bytes, len, name, bounds->max_bytes, &model, &unpacked, err);
	im.max_bytes = bounds->max_bytes - unpacked;
	arena_limit(im.g->arena, im.max_bytes);
	if (!s && !model->graph)
		s = cnn_fail(err, CNN_BAD_MODEL, "%s: not an ONNX file: it holds no graph", name);
	if (!s)
		s = read_opset(&im, model, err);
	if (s)
		goto done;
	im.file = model->graph;
	s = importer_run(&im, err);
	if (!s && info)
		s = read_info(im.g, model, im.opset, info, err);
	if (s)
		goto done;
	arena_limit(im.g->arena, bounds->max_bytes);
	*out = im.g;
	im.g = NULL;
done:
	external_close(&im.external);
	names_free(&im.tensors);
	wire_free(model);
	graph_free(im.g);
	return s;
}
