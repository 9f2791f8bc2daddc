/* case.h - a test of ONNX's backend suite: a model of one or a few nodes, its inputs, and what must come out. */
#ifndef TESTS_ONNX_CASE_H
#define TESTS_ONNX_CASE_H
#include "engine/graph/graph.h"
#include "onnx.pb-c.h"

#define CASE_MAX_INPUTS 16

/* A tensor of the suite as the engine sees it: half, bfloat16 and double are float32. */
struct tensor {
	struct value value;
	int32_t file_type; /* TensorProto's data_type */
};

struct test_case {
	uint8_t *model; /* the bytes of model.onnx */
	size_t model_len;
	Onnx__ModelProto *file; /* the same, unpacked */
	struct tensor *input, *output;
	size_t n_input, n_output;
	struct graph *owner; /* of the tensors' data */
};

/* What is in `folder`. case_free() is due after a failure too. */
enum cnn_status case_read_model(const char *folder, struct test_case *c, struct cnn_error *err);
enum cnn_status case_read_tensors(const char *folder, struct test_case *c, struct cnn_error *err);
void case_free(struct test_case *c);

/* A line for each operator of the model, subgraphs included: "operator", its name, and "yes" when the engine's
 * list has it, else "no". */
void case_print_operators(const struct test_case *c);

/* Whether `got`, with its elements at `data`, is what the test wants, by the suite's own tolerance; else `why`
 * has a line about it. */
bool tensor_matches(const struct tensor *want, const struct value *got, const void *data, char *why,
                    size_t size);

#endif
