/* export.c - struct graph -> ModelProto -> bytes. */
#include "engine/onnx/export.h"

#include "engine/onnx/exporter.h"

#include <stdlib.h>
#include <string.h>

#define IR_VERSION 8
#define OPSET      17

/* Most that one node of the graph makes: Flatten, itself, Reshape; and a list of numbers. */
#define NODES_PER_NODE 3

/* --- names ---------------------------------------------------------------------------------------- */

enum role { UNNEEDED, INNER, OUTER };

static void mark(uint8_t *role, const value_id *v, size_t n, enum role r)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] != NO_VALUE)
			role[v[i]] = (uint8_t)r;
}

static void mark_all(const struct graph *g, uint8_t *role)
{
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		if (n->dead)
			continue;
		mark(role, n->in, n->n_in, INNER);
		mark(role, n->out, n->n_out, INNER);
	}
	mark(role, g->input, g->n_input, OUTER);
	mark(role, g->output, g->n_output, OUTER);
}

/* Of values with the same name an input or output of the graph keeps it, else the oldest. */
static enum cnn_status name_values(struct exporter *e, struct cnn_error *err)
{
	const struct graph *g = e->g;
	uint8_t *role = arena_alloc(e->arena, g->n_value, 1);
	e->used = arena_alloc(e->arena, g->n_value, sizeof *e->used);
	e->value_name = arena_alloc(e->arena, g->n_value, sizeof *e->value_name);
	bool ok = role && e->used && e->value_name;
	if (ok)
		mark_all(g, role);
	for (size_t v = 0; v < g->n_value && ok; v++)
		if (role[v])
			ok = names_add(&e->names, g->value[v].name, (uint32_t)v,
			               role[v] == OUTER ? 0 : (uint32_t)v + 1);
	names_sort(&e->names);
	for (size_t v = 0; v < g->n_value && ok; v++) {
		const char *name = g->value[v].name;
		if (role[v] && name[0] && names_find(&e->names, name)->id == v)
			e->value_name[v] = name;
		else if (role[v])
			e->value_name[v] = exporter_name(e, name[0] ? name : "value");
		ok = !role[v] || e->value_name[v];
	}
	return ok ? CNN_OK : cnn_fail_memory(err, "names of tensors", g->n_value);
}

/* --- nodes ---------------------------------------------------------------------------------------- */

static enum cnn_status check_node(const struct graph *g, const struct node *n,
                                  struct cnn_error *err)
{
	if (!export_table[n->op])
		return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': operator %s is not one of ONNX's",
		                n->name, op_table[n->op].onnx_name);
	bool plain = n->residual == NO_VALUE && n->activation.kind == ACT_NONE;
	for (uint32_t k = 0; k < n->n_in; k++)
		plain &= !graph_in(g, n, k) || graph_in(g, n, k)->layout == LAYOUT_PLAIN;
	for (uint32_t k = 0; k < n->n_out; k++) {
		if (!g->value[n->out[k]].shaped)
			return cnn_fail(err, CNN_BAD_ARG,
			                "node '%s': the shape of its output '%s' is not known",
			                n->name, g->value[n->out[k]].name);
		plain &= g->value[n->out[k]].layout == LAYOUT_PLAIN;
	}
	return plain ? CNN_OK
	             : cnn_fail(err, CNN_UNSUPPORTED,
	                        "node '%s': ONNX has nothing for what a pass made of it", n->name);
}

static void fill_in(struct exporter *e, const struct node *n, Onnx__NodeProto *file)
{
	for (size_t k = 0; k < file->n_input; k++)
		if (!file->input[k])
			file->input[k] = exporter_use(e, k < n->n_in ? n->in[k] : NO_VALUE);
	for (size_t k = 0; k < file->n_output; k++)
		if (!file->output[k])
			file->output[k] = exporter_use(e, n->out[k]);
	while (file->n_input && !file->input[file->n_input - 1][0])
		file->n_input--;
}

static enum cnn_status export_node(struct exporter *e, const struct node *n, struct cnn_error *err)
{
	enum cnn_status s = check_node(e->g, n, err);
	if (s)
		return s;
	struct sheet sheet = {.e = e, .node = n};
	sheet.file = exporter_node(e, op_table[n->op].onnx_name, n->name, n->n_in, n->n_out);
	if (sheet.file)
		s = export_table[n->op](&sheet, err);
	if (s)
		return s;
	if (e->no_memory)
		return cnn_fail_memory(err, n->name, sizeof *sheet.file);
	fill_in(e, n, sheet.file);
	exporter_append(e, sheet.file);
	exporter_append(e, sheet.after);
	return CNN_OK;
}

/* --- the graph ------------------------------------------------------------------------------------ */

static Onnx__TensorShapeProto *shape_message(struct exporter *e, const struct value *v)
{
	Onnx__TensorShapeProto *shape = arena_alloc(e->arena, 1, sizeof *shape);
	Onnx__TensorShapeProto__Dimension *dim =
		arena_alloc(e->arena, (size_t)v->rank, sizeof *dim);
	Onnx__TensorShapeProto__Dimension **list =
		arena_alloc(e->arena, (size_t)v->rank, sizeof(void *));
	if (!shape || !dim || !list)
		return NULL;
	onnx__tensor_shape_proto__init(shape);
	shape->dim = list;
	shape->n_dim = (size_t)v->rank;
	for (int32_t i = 0; i < v->rank; i++) {
		list[i] = &dim[i];
		onnx__tensor_shape_proto__dimension__init(&dim[i]);
		if (i == 0 && e->options->batch_name && v->dim[0] == 1 && !v->data) {
			dim[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
			dim[i].dim_param = borrow(e->options->batch_name);
		} else {
			dim[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
			dim[i].dim_value = v->dim[i];
		}
	}
	return shape;
}

static Onnx__ValueInfoProto *value_message(struct exporter *e, value_id id)
{
	const struct value *v = &e->g->value[id];
	Onnx__ValueInfoProto *info = arena_alloc(e->arena, 1, sizeof *info);
	Onnx__TypeProto *type = arena_alloc(e->arena, 1, sizeof *type);
	Onnx__TypeProto__Tensor *tensor = arena_alloc(e->arena, 1, sizeof *tensor);
	Onnx__TensorShapeProto *shape = shape_message(e, v);
	if (!info || !type || !tensor || !shape)
		return NULL;
	onnx__value_info_proto__init(info);
	onnx__type_proto__init(type);
	onnx__type_proto__tensor__init(tensor);
	info->name = exporter_use(e, id);
	info->type = type;
	type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
	type->tensor_type = tensor;
	tensor->has_elem_type = 1;
	tensor->elem_type = exporter_dtype(v->dtype);
	tensor->shape = shape;
	return info;
}

/* The graph's inputs, or its outputs. */
static enum cnn_status export_ends(struct exporter *e, const value_id *v, size_t n,
                                   Onnx__ValueInfoProto ***out, struct cnn_error *err)
{
	Onnx__ValueInfoProto **list = arena_alloc(e->arena, n, sizeof(void *));
	*out = list;
	for (size_t i = 0; i < n && list; i++) {
		const struct value *value = &e->g->value[v[i]];
		if (!value->shaped)
			return cnn_fail(err, CNN_BAD_ARG, "the shape of '%s' is not known",
			                value->name);
		list[i] = value_message(e, v[i]);
		e->no_memory |= !list[i];
	}
	return list && !e->no_memory ? CNN_OK
	                             : cnn_fail_memory(err, "the graph's inputs and outputs",
	                                               n * sizeof(Onnx__ValueInfoProto));
}

static enum cnn_status export_graph(struct exporter *e, struct cnn_error *err)
{
	const struct graph *g = e->g;
	const char *producer = e->options->producer_name;
	Onnx__GraphProto *file = arena_alloc(e->arena, 1, sizeof *file);
	Onnx__NodeProto **nodes = arena_alloc(e->arena, g->n_node, NODES_PER_NODE * sizeof(void *));
	/* Each constant and a list for each node. */
	Onnx__TensorProto **tensors = arena_alloc(e->arena, g->n_value + g->n_node, sizeof(void *));
	if (!file || !nodes || !tensors)
		return cnn_fail_memory(err, "the graph", g->n_node * sizeof(void *));
	onnx__graph_proto__init(file);
	e->file = file;
	file->name = borrow(producer && producer[0] ? producer : "graph");
	file->node = nodes;
	file->initializer = tensors;
	enum cnn_status s = name_values(e, err);
	if (!s)
		s = export_ends(e, g->input, g->n_input, &file->input, err);
	for (size_t i = 0; i < g->n_node && !s; i++)
		if (!g->node[i].dead)
			s = export_node(e, &g->node[i], err);
	if (!s)
		s = export_ends(e, g->output, g->n_output, &file->output, err);
	if (s)
		return s;
	file->n_input = g->n_input;
	file->n_output = g->n_output;
	for (size_t v = 0; v < g->n_value; v++)
		if (e->used[v] && g->value[v].data)
			exporter_initializer(e, e->value_name[v], &g->value[v]);
	return e->no_memory ? cnn_fail_memory(err, "the weights' descriptions", g->n_value)
	                    : CNN_OK;
}

/* --- the model ------------------------------------------------------------------------------------ */

static enum cnn_status add_metadata(struct exporter *e, Onnx__ModelProto *model,
                                    struct cnn_error *err)
{
	size_t n = e->options->n_meta;
	Onnx__StringStringEntryProto *entry = arena_alloc(e->arena, n, sizeof *entry);
	Onnx__StringStringEntryProto **list = arena_alloc(e->arena, n, sizeof(void *));
	if (!entry || !list)
		return cnn_fail_memory(err, "the model's metadata", n * sizeof *entry);
	for (size_t i = 0; i < n; i++) {
		onnx__string_string_entry_proto__init(&entry[i]);
		entry[i].key = borrow(e->options->meta[i].key);
		entry[i].value = borrow(e->options->meta[i].value);
		list[i] = &entry[i];
	}
	model->metadata_props = list;
	model->n_metadata_props = n;
	return CNN_OK;
}

static enum cnn_status pack(const Onnx__ModelProto *model, uint8_t **bytes, size_t *len,
                            struct cnn_error *err)
{
	size_t size = onnx__model_proto__get_packed_size(model);
	if (size > INT32_MAX)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "the model's %zu bytes are more than the 2 GiB of an .onnx file",
		                size);
	uint8_t *packed = malloc(size);
	if (!packed)
		return cnn_fail_memory(err, "the file", size);
	*len = onnx__model_proto__pack(model, packed);
	*bytes = packed;
	return CNN_OK;
}

enum cnn_status onnx_export(const struct graph *g, const struct onnx_export_options *options,
                            uint8_t **bytes, size_t *len, struct cnn_error *err)
{
	struct exporter e = {.g = g, .options = options, .arena = arena_new()};
	Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
	Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT;
	Onnx__OperatorSetIdProto others = ONNX__OPERATOR_SET_ID_PROTO__INIT;
	Onnx__OperatorSetIdProto *opsets[] = {&opset, &others};
	enum cnn_status s = e.arena ? export_graph(&e, err) : cnn_fail_memory(err, "a file", 0);
	if (!s)
		s = add_metadata(&e, &model, err);
	if (s)
		goto done;
	opset.has_version = 1;
	opset.version = OPSET;
	model.has_ir_version = 1;
	model.ir_version = IR_VERSION;
	model.opset_import = opsets;
	model.n_opset_import = e.domain ? 2 : 1;
	others.domain = borrow(e.domain);
	others.has_version = 1;
	others.version = 1;
	if (options->producer_name)
		model.producer_name = borrow(options->producer_name);
	if (options->producer_version)
		model.producer_version = borrow(options->producer_version);
	model.graph = e.file;
	s = pack(&model, bytes, len, err);
done:
	names_free(&e.names);
	arena_free(e.arena);
	return s;
}
