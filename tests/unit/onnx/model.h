/* model.h - small ONNX files, packed by protobuf-c from a description in C. */
#ifndef TESTS_UNIT_ONNX_MODEL_H
#define TESTS_UNIT_ONNX_MODEL_H
#include "engine/onnx/import.h"
#include "onnx.pb-c.h"
#include "tests/test.h"

#define MODEL_MAX 16

/* One of everything; the pointers in `graph` lead to the arrays. Strings are borrowed. */
struct model {
	Onnx__ModelProto model;
	Onnx__OperatorSetIdProto opset, *opset_list[1];
	Onnx__GraphProto graph;
	Onnx__NodeProto node[MODEL_MAX], *node_list[MODEL_MAX];
	char *in[MODEL_MAX][MODEL_MAX], *out[MODEL_MAX][MODEL_MAX];
	Onnx__AttributeProto attribute[MODEL_MAX][4], *attribute_list[MODEL_MAX][4];
	Onnx__TensorProto tensor[MODEL_MAX], *tensor_list[MODEL_MAX];
	Onnx__ValueInfoProto input, output, *input_list[1], *output_list[1];
	Onnx__TypeProto type;
	Onnx__TypeProto__Tensor tensor_type;
	Onnx__TensorShapeProto shape;
	Onnx__TensorShapeProto__Dimension dim[8], *dim_list[8];
	char text[2048]; /* of the nodes' lists */
	size_t n_text;
};

/* Input "x" of [N][3][8][8], output "y", no nodes. */
__attribute__((unused)) static struct model *model_new(int64_t opset)
{
	struct model *m = calloc(1, sizeof *m);
	CHECK(m != NULL);
	onnx__model_proto__init(&m->model);
	onnx__operator_set_id_proto__init(&m->opset);
	onnx__graph_proto__init(&m->graph);
	onnx__value_info_proto__init(&m->input);
	onnx__value_info_proto__init(&m->output);
	onnx__type_proto__init(&m->type);
	onnx__type_proto__tensor__init(&m->tensor_type);
	onnx__tensor_shape_proto__init(&m->shape);
	m->model.graph = &m->graph;
	m->model.producer_name = (char *)"test";
	m->model.has_ir_version = 1;
	m->model.ir_version = 8;
	m->opset.has_version = 1;
	m->opset.version = opset;
	m->opset_list[0] = &m->opset;
	m->model.opset_import = m->opset_list;
	m->model.n_opset_import = 1;
	m->graph.node = m->node_list;
	m->graph.initializer = m->tensor_list;
	m->graph.input = m->input_list;
	m->graph.output = m->output_list;
	m->graph.n_input = m->graph.n_output = 1;
	m->input_list[0] = &m->input;
	m->output_list[0] = &m->output;
	m->input.name = (char *)"x";
	m->output.name = (char *)"y";
	m->input.type = &m->type;
	m->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
	m->type.tensor_type = &m->tensor_type;
	m->tensor_type.has_elem_type = 1;
	m->tensor_type.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
	m->tensor_type.shape = &m->shape;
	m->shape.dim = m->dim_list;
	m->shape.n_dim = 4;
	for (int i = 0; i < 8; i++) {
		static const int64_t size[8] = {0, 3, 8, 8, 1, 1, 1, 1};
		onnx__tensor_shape_proto__dimension__init(&m->dim[i]);
		m->dim_list[i] = &m->dim[i];
		m->dim[i].value_case = i ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE
		                         : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
		if (i)
			m->dim[i].dim_value = size[i];
		else
			m->dim[i].dim_param = (char *)"N";
	}
	return m;
}

/* "a,,b" into three strings, which live in the model; "" is none. */
static size_t model_split(struct model *m, const char *list, char **out)
{
	char *at = m->text + m->n_text;
	size_t n = 0;
	m->n_text += strlen(list) + 1;
	CHECK(m->n_text <= sizeof m->text);
	for (at = *list ? strcpy(at, list) : NULL; at;)
		out[n++] = strsep(&at, ",");
	return n;
}

/* Inputs and outputs are lists with commas: "x,,w". */
__attribute__((unused)) static Onnx__NodeProto *
model_node(struct model *m, const char *name, const char *op, const char *in, const char *out)
{
	size_t i = m->graph.n_node++;
	Onnx__NodeProto *n = m->node_list[i] = &m->node[i];
	onnx__node_proto__init(n);
	n->name = (char *)name;
	n->op_type = (char *)op;
	n->input = m->in[i];
	n->output = m->out[i];
	n->attribute = m->attribute_list[i];
	n->n_input = model_split(m, in, n->input);
	n->n_output = model_split(m, out, n->output);
	return n;
}

__attribute__((unused)) static Onnx__AttributeProto *
model_attribute(struct model *m, const char *name, Onnx__AttributeProto__AttributeType type)
{
	size_t i = m->graph.n_node - 1;
	Onnx__NodeProto *n = &m->node[i];
	Onnx__AttributeProto *a = &m->attribute[i][n->n_attribute];
	m->attribute_list[i][n->n_attribute++] = a;
	onnx__attribute_proto__init(a);
	a->name = (char *)name;
	a->has_type = 1;
	a->type = type;
	return a;
}

__attribute__((unused)) static void model_int(struct model *m, const char *name, int64_t value)
{
	Onnx__AttributeProto *a =
		model_attribute(m, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
	a->has_i = 1;
	a->i = value;
}

__attribute__((unused)) static void model_float(struct model *m, const char *name, float value)
{
	Onnx__AttributeProto *a =
		model_attribute(m, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
	a->has_f = 1;
	a->f = value;
}

#define MODEL_LIST(...) (int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)

__attribute__((unused)) static void model_ints(struct model *m, const char *name, int64_t *list,
                                               size_t n)
{
	Onnx__AttributeProto *a =
		model_attribute(m, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
	a->ints = list;
	a->n_ints = n;
}

/* An initialiser of raw bytes; dims and bytes are borrowed until the file is packed. */
__attribute__((unused)) static Onnx__TensorProto *model_tensor(struct model *m, const char *name,
                                                               int type, int64_t *dims,
                                                               size_t n_dims, const void *bytes,
                                                               size_t len)
{
	size_t i = m->graph.n_initializer++;
	Onnx__TensorProto *t = m->tensor_list[i] = &m->tensor[i];
	onnx__tensor_proto__init(t);
	t->name = (char *)name;
	t->has_data_type = 1;
	t->data_type = type;
	t->dims = dims;
	t->n_dims = n_dims;
	t->has_raw_data = 1;
	t->raw_data = (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)bytes};
	return t;
}

__attribute__((unused)) static uint8_t *model_pack(struct model *m, size_t *len)
{
	*len = onnx__model_proto__get_packed_size(&m->model);
	uint8_t *bytes = malloc(*len);
	CHECK(bytes != NULL);
	onnx__model_proto__pack(&m->model, bytes);
	free(m);
	return bytes;
}

/* The graph of a good file, its open dimensions set to 1. */
__attribute__((unused)) static struct graph *model_import(struct model *m)
{
	size_t len;
	uint8_t *bytes = model_pack(m, &len);
	struct graph *g = NULL;
	struct cnn_error err = {0};
	if (onnx_import(bytes, len, "test.onnx", &g, NULL, &err) != CNN_OK)
		fprintf(stderr, "onnx_import: %s\n", err.text);
	CHECK_INT(err.code, CNN_OK);
	free(bytes);
	for (size_t i = 0; i < g->n_input; i++) {
		struct value *v = &g->value[g->input[i]];
		for (int32_t k = 0; k < v->rank; k++)
			v->dim[k] = v->dim[k] < 0 ? 1 : v->dim[k];
		v->shaped = true;
	}
	return g;
}

/* Import fails, and its message has `part` in it. */
__attribute__((unused)) static void model_refuse(struct model *m, enum cnn_status code,
                                                 const char *part)
{
	size_t len;
	uint8_t *bytes = model_pack(m, &len);
	struct graph *g = NULL;
	struct cnn_error err = {0};
	enum cnn_status got = onnx_import(bytes, len, "test.onnx", &g, NULL, &err);
	if (got != code || !strstr(err.text, part))
		fprintf(stderr, "onnx_import: \"%s\", want \"%s\"\n", err.text, part);
	CHECK_INT(got, code);
	CHECK(g == NULL && strstr(err.text, part) != NULL);
	free(bytes);
}

#endif
