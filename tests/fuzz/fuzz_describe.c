/* fuzz_describe.c - any bytes as what stands beside and in a model about it: model.json, config.json,
 * preprocessor_config.json, the file's metadata as lines of "key=value", and labels.txt.
 *
 * The parts of an input are that, in this order, with a zero byte between; labels.txt is what is left. */
#include "engine/cnn.h"
#include "onnx.pb-c.h"
#include "tests/fuzz/folder.h"

#define CLASSES  3
#define MAX_META 8

/* [N][3][?][?] -> the mean of each channel */
struct tiny {
	Onnx__ModelProto model;
	Onnx__OperatorSetIdProto opset, *opset_list[1];
	Onnx__GraphProto graph;
	Onnx__NodeProto node[2], *node_list[2];
	Onnx__ValueInfoProto info[2], *in[1], *out[1];
	Onnx__TypeProto type;
	Onnx__TypeProto__Tensor tensor;
	Onnx__TensorShapeProto shape;
	Onnx__TensorShapeProto__Dimension dim[4], *dim_list[4];
	Onnx__StringStringEntryProto meta[MAX_META], *meta_list[MAX_META];
	char *name[3], text[4096];
};

static void set_input(struct tiny *t)
{
	onnx__type_proto__init(&t->type);
	onnx__type_proto__tensor__init(&t->tensor);
	onnx__tensor_shape_proto__init(&t->shape);
	for (int i = 0; i < 4; i++) {
		onnx__tensor_shape_proto__dimension__init(&t->dim[i]);
		t->dim_list[i] = &t->dim[i];
	}
	t->dim[1].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
	t->dim[1].dim_value = CLASSES;
	t->shape.dim = t->dim_list;
	t->shape.n_dim = 4;
	t->tensor.has_elem_type = 1;
	t->tensor.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
	t->tensor.shape = &t->shape;
	t->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
	t->type.tensor_type = &t->tensor;
	t->info[0].type = &t->type;
}

static void set_graph(struct tiny *t)
{
	static char names[3][2] = {"x", "m", "y"}, ops[2][20] = {"GlobalAveragePool", "Flatten"};
	onnx__graph_proto__init(&t->graph);
	for (int i = 0; i < 3; i++)
		t->name[i] = names[i];
	for (int i = 0; i < 2; i++) {
		onnx__node_proto__init(&t->node[i]);
		onnx__value_info_proto__init(&t->info[i]);
		t->info[i].name = names[2 * i];
		t->node[i].op_type = ops[i];
		t->node[i].input = &t->name[i];
		t->node[i].output = &t->name[i + 1];
		t->node[i].n_input = t->node[i].n_output = 1;
		t->node_list[i] = &t->node[i];
	}
	t->in[0] = &t->info[0];
	t->out[0] = &t->info[1];
	t->graph.node = t->node_list;
	t->graph.n_node = 2;
	t->graph.input = t->in;
	t->graph.output = t->out;
	t->graph.n_input = t->graph.n_output = 1;
}

/* "key=value" a line */
static void set_metadata(struct tiny *t, struct part text)
{
	size_t len = text.len < sizeof t->text ? text.len : sizeof t->text - 1;
	char *rest = t->text;
	memcpy(t->text, text.bytes, len);
	t->text[len] = '\0';
	t->model.metadata_props = t->meta_list;
	for (char *line; (line = strsep(&rest, "\n")) && t->model.n_metadata_props < MAX_META;) {
		Onnx__StringStringEntryProto *m = &t->meta[t->model.n_metadata_props];
		onnx__string_string_entry_proto__init(m);
		m->key = strsep(&line, "=");
		m->value = line;
		t->meta_list[t->model.n_metadata_props++] = m;
	}
}

static void add_model(const struct folder *f, struct part metadata)
{
	struct tiny t = {.opset_list = {&t.opset}};
	onnx__model_proto__init(&t.model);
	onnx__operator_set_id_proto__init(&t.opset);
	t.opset.has_version = 1;
	t.opset.version = 13;
	t.model.opset_import = t.opset_list;
	t.model.n_opset_import = 1;
	t.model.graph = &t.graph;
	set_graph(&t);
	set_input(&t);
	set_metadata(&t, metadata);
	uint8_t bytes[8192];
	check(onnx__model_proto__get_packed_size(&t.model) <= sizeof bytes);
	folder_add(f, "model.onnx", (struct part){bytes, onnx__model_proto__pack(&t.model, bytes)});
}

static bool is_text(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

/* What cnn.h promises of the answer. */
static void check_model(const struct cnn_model *m)
{
	const struct cnn_model_info *info = cnn_model_info(m);
	check(info->classes == CLASSES && (info->labels == 0 || info->labels == CLASSES));
	for (size_t i = 0; i < info->labels; i++)
		check(is_text(cnn_model_label(m, i)));
	check(info->name[0] && is_text(info->name) && is_text(info->version) &&
	      is_text(info->task));
	check(is_text(info->source) && is_text(info->licence));
	for (size_t i = 0; i < info->n_assumed; i++)
		check(is_text(info->assumed[i]));
	for (int i = 0; info->takes_pictures && i < 3; i++)
		check(info->preprocess.std[i] != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char *const names[] = {"model.json", "config.json", "preprocessor_config.json",
	                                    "labels.txt", "model.onnx",  NULL};
	const struct cnn_load_options options = {.max_batch = 1, .max_bytes = (size_t)32 << 20};
	struct folder f = folder_new();
	struct part rest = {bytes, len};
	for (size_t i = 0; i < 3; i++)
		folder_add(&f, names[i], take_part(&rest, 0));
	add_model(&f, take_part(&rest, 0));
	folder_add(&f, "labels.txt", rest);

	struct cnn_model *m = NULL;
	struct cnn_error err = {0};
	enum cnn_status status = cnn_model_load(f.path, &options, &m, &err);
	folder_remove(&f, names);
	if (status)
		check_refusal(status, &err);
	else
		check_model(m);
	cnn_model_unref(m);
	return 0;
}
