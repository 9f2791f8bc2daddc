/* exported.h - graphs by hand, written as a file and read again. */
#ifndef TESTS_UNIT_ONNX_EXPORTED_H
#define TESTS_UNIT_ONNX_EXPORTED_H
#include "engine/onnx/export.h"
#include "engine/onnx/import.h"
#include "tests/unit/graph/build.h"

__attribute__((unused)) static const struct onnx_export_options plain = {.producer_name = "test"};
__attribute__((unused)) static const struct onnx_export_options batched = {.producer_name = "test",
                                                                           .batch_name = "N"};

__attribute__((unused)) static uint8_t *export(const struct graph *g,
                                               const struct onnx_export_options *options,
                                               size_t *len)
{
	struct cnn_error err = {0};
	uint8_t *bytes = NULL;
	if (onnx_export(g, options, &bytes, len, &err) != CNN_OK)
		fprintf(stderr, "onnx_export: %s\n", err.text);
	CHECK_INT(err.code, CNN_OK);
	return bytes;
}

/* The exported graph, read again; open dimensions are still -1. */
__attribute__((unused)) static struct graph *
again(const struct graph *g, const struct onnx_export_options *options, struct onnx_info *info)
{
	struct cnn_error err = {0};
	struct graph *read = NULL;
	size_t len;
	uint8_t *bytes = export(g, options, &len);
	if (onnx_import(bytes, len, "again.onnx", &read, info, &err) != CNN_OK)
		fprintf(stderr, "onnx_import: %s\n", err.text);
	CHECK_INT(err.code, CNN_OK);
	free(bytes);
	return read;
}

__attribute__((unused)) static void close_inputs(struct graph *g, int64_t batch)
{
	for (size_t i = 0; i < g->n_input; i++) {
		struct value *v = &g->value[g->input[i]];
		if (v->dim[0] < 0)
			v->dim[0] = batch;
		v->shaped = true;
	}
}

__attribute__((unused)) static value_id op(struct graph *g, enum op kind, const value_id *in,
                                           uint32_t n_in)
{
	return build_node(g, kind, in, n_in, 1)->out[0];
}

/* A number, rank 0. */
__attribute__((unused)) static value_id number(struct graph *g, float value)
{
	void *data;
	value_id id = graph_add_constant(g, "number", CNN_F32, 0, NULL, &data);
	CHECK(id != NO_VALUE);
	*(float *)data = value;
	return id;
}

__attribute__((unused)) static union node_attr *attr(struct graph *g)
{
	return &g->node[g->n_node - 1].attr;
}

#endif
