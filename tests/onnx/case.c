/* case.c - reads the folder of a test. */
#include "tests/onnx/case.h"

#include "engine/base/file.h"
#include "engine/onnx/tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE_BYTES ((size_t)64 << 20)
#define MAX_PATH_BYTES 4096

enum cnn_status case_read_model(const char *folder, struct test_case *c, struct cnn_error *err)
{
	char path[MAX_PATH_BYTES];
	snprintf(path, sizeof path, "%s/model.onnx", folder);
	enum cnn_status status = file_load(path, MAX_FILE_BYTES, &c->model, &c->model_len, err);
	if (status)
		return status;
	c->file = onnx__model_proto__unpack(NULL, c->model_len, c->model);
	if (!c->file || !c->file->graph)
		return cnn_fail(err, CNN_IO, "%s: not a model", path);
	return CNN_OK;
}

/* The suite was made with numpy, which has no bfloat16: its bits are in the data as uint16. */
static void correct_type(Onnx__TensorProto *t, const Onnx__ValueInfoProto *declared)
{
	const Onnx__TypeProto *type = declared->type;
	if (type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && type->tensor_type &&
	    type->tensor_type->elem_type == ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16 &&
	    t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT16)
		t->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16;
}

static enum cnn_status read_tensor(const char *path, const char *name,
                                   const Onnx__ValueInfoProto *declared, struct graph *owner,
                                   struct tensor *out, struct cnn_error *err)
{
	uint8_t *bytes = NULL;
	size_t len;
	enum cnn_status status = file_load(path, MAX_FILE_BYTES, &bytes, &len, err);
	if (status)
		return status;
	Onnx__TensorProto *file = onnx__tensor_proto__unpack(NULL, len, bytes);
	free(bytes);
	if (!file)
		return cnn_fail(err, CNN_IO, "%s: not a tensor", name);
	if (declared)
		correct_type(file, declared);
	value_id id;
	struct external nowhere = {0};
	status = tensor_import(owner, &nowhere, file, name, &id, err);
	if (!status)
		*out = (struct tensor){owner->value[id], file->data_type};
	onnx__tensor_proto__free_unpacked(file, NULL);
	return status;
}

/* The tensors KIND_0.pb, KIND_1.pb and so on, which the model declares in this order. */
static enum cnn_status read_tensors(const char *folder, const char *kind,
                                    Onnx__ValueInfoProto *const *declared, size_t n_declared,
                                    struct graph *owner, struct tensor **out, size_t *n,
                                    struct cnn_error *err)
{
	for (*n = 0;; ++*n) {
		char path[MAX_PATH_BYTES], name[32];
		snprintf(name, sizeof name, "%s_%zu", kind, *n);
		snprintf(path, sizeof path, "%s/test_data_set_0/%s.pb", folder, name);
		if (access(path, F_OK) != 0)
			return CNN_OK;
		struct tensor *more = realloc(*out, (*n + 1) * sizeof *more);
		if (!more)
			return cnn_fail_memory(err, name, sizeof *more);
		*out = more;
		enum cnn_status status = read_tensor(
			path, name, *n < n_declared ? declared[*n] : NULL, owner, &more[*n], err);
		if (status)
			return status;
	}
}

enum cnn_status case_read_tensors(const char *folder, struct test_case *c, struct cnn_error *err)
{
	const Onnx__GraphProto *graph = c->file->graph;
	c->owner = graph_new();
	if (!c->owner)
		return cnn_fail_memory(err, folder, 0);
	enum cnn_status status = read_tensors(folder, "input", graph->input, graph->n_input,
	                                      c->owner, &c->input, &c->n_input, err);
	if (!status && c->n_input > CASE_MAX_INPUTS)
		status = cnn_fail(err, CNN_BAD_ARG, "%s: more than %d inputs", folder,
		                  CASE_MAX_INPUTS);
	if (!status)
		status = read_tensors(folder, "output", graph->output, graph->n_output, c->owner,
		                      &c->output, &c->n_output, err);
	return status;
}

void case_free(struct test_case *c)
{
	free(c->model);
	if (c->file)
		onnx__model_proto__free_unpacked(c->file, NULL);
	free(c->input);
	free(c->output);
	graph_free(c->owner);
	*c = (struct test_case){0};
}

/* Constant has no row in the engine's list: the importer turns it into data. */
static bool is_supported(const char *name)
{
	for (int op = 0; op < OP_COUNT; op++)
		if (strcmp(op_table[op].onnx_name, name) == 0)
			return true;
	return strcmp(name, "Constant") == 0;
}

/* As the engine's list writes it: with the domain in front, unless that is ONNX's own. */
static void print_operator(const Onnx__NodeProto *node)
{
	bool own = !node->domain || !*node->domain || strcmp(node->domain, "ai.onnx") == 0;
	char name[256];
	snprintf(name, sizeof name, "%s%s%s", own ? "" : node->domain, own ? "" : ".",
	         node->op_type ? node->op_type : "");
	printf("operator\t%s\t%s\n", name, is_supported(name) ? "yes" : "no");
}

static void print_graph(const Onnx__GraphProto *graph)
{
	for (size_t i = 0; i < graph->n_node; i++) {
		const Onnx__NodeProto *node = graph->node[i];
		print_operator(node);
		for (size_t k = 0; k < node->n_attribute; k++)
			if (node->attribute[k]->g)
				print_graph(node->attribute[k]->g);
	}
}

void case_print_operators(const struct test_case *c)
{
	print_graph(c->file->graph);
}
