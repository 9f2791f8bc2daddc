/* import.c - what each part of a file becomes, and what is refused by name. */
#include "tests/unit/onnx/model.h"

#include "engine/onnx/attributes.h"
#include "engine/operators/infer.h"

#define FLOAT   ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT
#define INT64   ONNX__TENSOR_PROTO__DATA_TYPE__INT64
#define FLOAT16 ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16

static void every_operator_is_read(void)
{
	for (int op = 0; op < OP_COUNT; op++)
		CHECK((attribute_table[op] != NULL) == (op_table[op].onnx_name[0] != '('));
}

static void names_and_order(void)
{
	struct model *m = model_new(13);
	model_node(m, "b", "Relu", "t", "y");
	model_node(m, "", "Exp", "x", "s");
	model_node(m, "b", "Neg", "s", "t");
	model_node(m, "Exp_1", "Abs", "s", "unused\xff\n");
	struct graph *g = model_import(m);
	CHECK_INT(g->n_node, 4);
	CHECK_STR(g->node[0].name, "Exp_1_");
	CHECK_STR(g->node[1].name, "Neg_2");
	CHECK_STR(g->node[2].name, "b");
	CHECK_STR(g->node[3].name, "Exp_1");
	CHECK_STR(g->value[g->node[3].out[0]].name, "unused??");
	CHECK_INT(g->n_input, 1);
	CHECK_INT(g->output[0], g->node[2].out[0]);
	CHECK(g->node[0].op == OP_EXP && g->node[2].op == OP_RELU);
	graph_free(g);
}

static void inputs_keep_open_dimensions(void)
{
	struct model *m = model_new(13);
	model_node(m, "n", "Relu", "x", "y");
	size_t len;
	uint8_t *bytes = model_pack(m, &len);
	struct graph *g = NULL;
	struct onnx_info info;
	CHECK_INT(onnx_import(bytes, len, "test.onnx", &g, &info, NULL), CNN_OK);
	const struct value *x = &g->value[g->input[0]];
	CHECK(!x->shaped && x->rank == 4 && x->dtype == CNN_F32);
	CHECK_INT(x->dim[0], -1);
	CHECK_INT(x->dim[1], 3);
	CHECK_STR(info.producer, "test");
	CHECK_INT(info.opset, 13);
	CHECK_INT(info.ir_version, 8);
	CHECK_INT(info.n_meta, 0);
	graph_free(g);
	free(bytes);
}

static const float *constant(const struct graph *g, const struct node *n, uint32_t i, int64_t count)
{
	const struct value *v = &g->value[n->in[i]];
	CHECK(v->data && v->dtype == CNN_F32);
	CHECK_INT(graph_elements(v), count);
	return v->data;
}

static void tensors_become_float32(void)
{
	static const uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x7c00};
	static const double doubles[] = {1.5, -2};
	struct model *m = model_new(13);
	int64_t four = 4, two = 2, one = 1;
	model_tensor(m, "h", FLOAT16, &four, 1, half, sizeof half);
	model_tensor(m, "d", ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, &two, 1, doubles,
	             sizeof doubles);
	Onnx__TensorProto *typed =
		model_tensor(m, "b", ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16, &one, 1, NULL, 0);
	int32_t bits = 0x3fc0;
	typed->has_raw_data = 0;
	typed->n_int32_data = 1;
	typed->int32_data = &bits;
	model_node(m, "c", "Constant", "", "k");
	Onnx__AttributeProto *a =
		model_attribute(m, "value_floats", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
	float numbers[] = {7, 8, 9};
	a->floats = numbers;
	a->n_floats = 3;
	model_node(m, "n", "Sum", "h,d,b,k", "s");
	model_node(m, "r", "Relu", "x", "y");
	struct graph *g = model_import(m);
	CHECK_INT(g->n_node, 2);
	const struct node *n = &g->node[0];
	const float *h = constant(g, n, 0, 4);
	CHECK(h[0] == 1 && h[1] == -2 && h[2] == 0x1p-24f && isinf(h[3]));
	CHECK(constant(g, n, 1, 2)[0] == 1.5f);
	CHECK(constant(g, n, 2, 1)[0] == 1.5f);
	CHECK(constant(g, n, 3, 3)[2] == 9);
	graph_free(g);
}

static const int64_t *int_input(const struct graph *g, const struct node *n, uint32_t i,
                                int64_t count)
{
	CHECK(i < n->n_in);
	const struct value *v = &g->value[n->in[i]];
	CHECK(v->data && v->dtype == CNN_S64);
	CHECK_INT(graph_elements(v), count);
	return v->data;
}

static void old_attributes_become_inputs(void)
{
	struct model *m = model_new(9);
	model_node(m, "clip", "Clip", "x", "a");
	model_float(m, "max", 6);
	model_node(m, "slice", "Slice", "a", "b");
	model_ints(m, "starts", MODEL_LIST(1, 2));
	model_ints(m, "ends", MODEL_LIST(3, -1));
	model_node(m, "pad", "Pad", "b", "c");
	model_ints(m, "pads", MODEL_LIST(0, 0, 1, 1, 0, 0, 1, 1));
	model_node(m, "mean", "ReduceMean", "c", "d");
	model_ints(m, "axes", MODEL_LIST(2, 3));
	model_int(m, "keepdims", 0);
	model_node(m, "soft", "Softmax", "d", "y");
	struct graph *g = model_import(m);
	CHECK_INT(g->node[0].n_in, 3);
	CHECK_INT(g->node[0].in[1], NO_VALUE);
	CHECK(constant(g, &g->node[0], 2, 1)[0] == 6);
	CHECK_INT(int_input(g, &g->node[1], 2, 2)[1], -1);
	CHECK_INT(g->node[1].n_in, 3);
	CHECK_INT(int_input(g, &g->node[2], 1, 8)[7], 1);
	CHECK_INT(int_input(g, &g->node[3], 1, 2)[0], 2);
	CHECK(!g->node[3].attr.axes.keep_dims);
	CHECK(g->node[4].attr.axes.coerced_2d && g->node[4].attr.axes.axis == 1);
	graph_free(g);

	m = model_new(13);
	model_node(m, "clip", "Clip", "x", "y");
	model_float(m, "max", 6);
	model_refuse(m, CNN_UNSUPPORTED, "node 'clip': attribute max of Clip (opset 13)");
}

static void partial_shapes(void)
{
	struct model *m = model_new(15);
	model_node(m, "s", "Shape", "x", "y");
	model_int(m, "start", 1);
	model_int(m, "end", -1);
	struct graph *g = model_import(m);
	struct cnn_error err;
	CHECK_INT(graph_infer(g, &err), CNN_OK);
	const struct value *y = &g->value[g->output[0]];
	CHECK_INT(graph_elements(y), 2);
	CHECK_INT(((const int64_t *)y->data)[0], 3);
	CHECK_INT(((const int64_t *)y->data)[1], 8);
	graph_free(g);
}

static void additional_outputs(void)
{
	struct model *m = model_new(10);
	model_node(m, "drop", "Dropout", "x", "y,mask");
	graph_free(model_import(m));
	m = model_new(10);
	model_node(m, "drop", "Dropout", "x", "t,mask");
	model_node(m, "n", "Identity", "mask", "y");
	model_refuse(m, CNN_UNSUPPORTED, "node 'drop': its additional output 'mask'");
}

static void initialisers_listed_as_inputs(void)
{
	struct model *m = model_new(8);
	float one = 1;
	model_tensor(m, "x", FLOAT, NULL, 0, &one, 4);
	model_node(m, "n", "Relu", "x", "y");
	model_refuse(m, CNN_BAD_MODEL, "test.onnx: the graph has no input");
}

static void refused_opsets_and_operators(void)
{
	struct model *m = model_new(6);
	model_node(m, "n", "Relu", "x", "y");
	model_refuse(m, CNN_UNSUPPORTED, "opset 6 is not supported; 7 to 22 are");
	m = model_new(23);
	model_node(m, "n", "Relu", "x", "y");
	model_refuse(m, CNN_UNSUPPORTED, "opset 23 is not");
	m = model_new(13);
	m->opset.domain = (char *)"ai.onnx.ml";
	model_node(m, "n", "Relu", "x", "y");
	model_refuse(m, CNN_UNSUPPORTED, "says no opset");
	m = model_new(13);
	model_node(m, "x1", "Foo", "x", "y");
	model_refuse(m, CNN_UNSUPPORTED, "node 'x1': operator Foo (opset 13) is not supported");
	m = model_new(13);
	model_node(m, "x1", "(layout)", "x", "y");
	model_refuse(m, CNN_UNSUPPORTED, "operator (layout)");
	m = model_new(13);
	model_node(m, "q", "QAttention", "x", "y")->domain = (char *)"com.microsoft";
	model_refuse(m, CNN_UNSUPPORTED,
	             "node 'q': operator QAttention of the domain com.microsoft");
	m = model_new(13);
	model_node(m, "n", "Relu", "x", "y");
	model_int(m, "sharpness", 3);
	model_refuse(m, CNN_UNSUPPORTED, "node 'n': attribute sharpness of Relu");
	m = model_new(13);
	model_node(m, "n", "Flatten", "x", "y");
	model_float(m, "axis", 1);
	model_refuse(m, CNN_BAD_MODEL, "node 'n': attribute axis has the wrong type");
}

static void refused_graphs(void)
{
	struct model *m = model_new(13);
	model_node(m, "n", "Relu", "gone", "y");
	model_refuse(m, CNN_BAD_MODEL, "node 'n': its input 'gone' is not defined");
	m = model_new(13);
	model_node(m, "a", "Add", "x,q", "p");
	model_node(m, "b", "Relu", "p", "q");
	model_node(m, "c", "Relu", "q", "y");
	model_refuse(m, CNN_BAD_MODEL, "its input depends on its own output");
	m = model_new(13);
	model_node(m, "a", "Relu", "x", "y");
	model_node(m, "b", "Relu", "x", "y");
	model_refuse(m, CNN_BAD_MODEL, "tensor 'y' is defined twice");
	m = model_new(13);
	model_node(m, "a", "Relu", "x", "z");
	model_refuse(m, CNN_BAD_MODEL, "graph output 'y' is not defined");
	m = model_new(13);
	model_node(m, "a", "Add", "x", "y");
	model_refuse(m, CNN_BAD_MODEL, "node 'a': Add with 1 inputs");
	m = model_new(13);
	model_node(m, "a", "Add", ",x", "y");
	model_refuse(m, CNN_BAD_MODEL, "node 'a': input 0 of Add is missing");
}

static void refused_tensors(void)
{
	static const uint8_t bytes[16];
	int64_t negative[] = {-1, 4}, huge[] = {INT64_MAX, 2}, empty[] = {0, INT64_MAX, 2}, two = 2;
	const struct {
		int type;
		int64_t *dims;
		size_t n_dims, len;
		enum cnn_status code;
		const char *part;
	} cases[] = {
		{FLOAT, negative, 2, 16, CNN_BAD_MODEL, "a dimension is negative"},
		{FLOAT, huge, 2, 16, CNN_BAD_MODEL, "over 536870912 elements"},
		{FLOAT, empty, 3, 0, CNN_BAD_MODEL, "over 536870912 elements"},
		{FLOAT, &two, 1, 7, CNN_BAD_MODEL, "7 bytes of data where its shape needs 8"},
		{INT64, &two, 1, 8, CNN_BAD_MODEL, "8 bytes of data where its shape needs 16"},
		{8, &two, 1, 8, CNN_UNSUPPORTED, "type string is not supported"},
		{99, &two, 1, 8, CNN_UNSUPPORTED, "element type 99 is not known"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct model *m = model_new(13);
		model_tensor(m, "w", cases[i].type, cases[i].dims, cases[i].n_dims, bytes,
		             cases[i].len);
		model_node(m, "n", "Relu", "x", "y");
		model_refuse(m, cases[i].code, cases[i].part);
	}
	struct model *m = model_new(13);
	Onnx__TensorProto *t = model_tensor(m, "w", FLOAT, &two, 1, bytes, 8);
	t->has_data_location = 1;
	t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
	model_node(m, "n", "Relu", "x", "y");
	model_refuse(m, CNN_UNSUPPORTED, "tensor 'w': data in another file is not supported");
}

TEST_MAIN({"every_operator_is_read", every_operator_is_read}, {"names_and_order", names_and_order},
          {"inputs_keep_open_dimensions", inputs_keep_open_dimensions},
          {"tensors_become_float32", tensors_become_float32},
          {"old_attributes_become_inputs", old_attributes_become_inputs},
          {"partial_shapes", partial_shapes}, {"additional_outputs", additional_outputs},
          {"initialisers_listed_as_inputs", initialisers_listed_as_inputs},
          {"refused_opsets_and_operators", refused_opsets_and_operators},
          {"refused_graphs", refused_graphs}, {"refused_tensors", refused_tensors})
