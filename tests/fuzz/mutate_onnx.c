/* mutate_onnx.c - changes to a model that leave it a protobuf message, as libFuzzer asks for them.
 *
 * Most changes to bytes break a length and go no further than the first check. These change the unpacked model. */
#include "tests/fuzz/mutate.h"

#include <string.h>

#define OPSET_MAX 23 /* one more than the engine knows */

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t len, size_t max_len);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t max_len, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
                                 uint8_t *out, size_t max_len, unsigned seed);

static size_t pack(Onnx__ModelProto *model, uint8_t *bytes, size_t max_len)
{
	size_t size = onnx__model_proto__get_packed_size(model);
	if (size <= max_len)
		onnx__model_proto__pack(model, bytes);
	onnx__model_proto__free_unpacked(model, NULL);
	return size <= max_len ? size : 0;
}

static void change(Onnx__ModelProto *model, uint32_t *state)
{
	Onnx__GraphProto *g = model->graph;
	uint32_t choice = next_random(state) % 16;
	if (choice == 0 && model->n_opset_import)
		model->opset_import[0]->version = next_random(state) % (OPSET_MAX + 1);
	else if (choice < 12 && g && g->n_node)
		change_graph(g, state);
	else if (choice < 15 && g)
		change_message(&g->base, state);
	else
		change_message(&model->base, state);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t max_len, unsigned seed)
{
	uint32_t state = seed;
	Onnx__ModelProto *model =
		next_random(&state) % 8 ? onnx__model_proto__unpack(NULL, len, bytes) : NULL;
	if (!model)
		return LLVMFuzzerMutate(bytes, len, max_len);
	for (uint32_t i = 1 + next_random(&state) % 6; i > 0; i--)
		change(model, &state);
	size_t size = pack(model, bytes, max_len);
	return size ? size : len;
}

/* The nodes and weights of b behind those of a, with b's input fed by one of a's tensors. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
                                 uint8_t *out, size_t max_len, unsigned seed)
{
	uint32_t state = seed;
	Onnx__ModelProto *one = onnx__model_proto__unpack(NULL, a_len, a);
	Onnx__ModelProto *two = one ? onnx__model_proto__unpack(NULL, b_len, b) : NULL;
	size_t size = 0;
	if (two && one->graph && two->graph && one->graph->n_node) {
		Onnx__GraphProto *g = one->graph, *other = two->graph;
		const char *from =
			other->n_input && other->input[0]->name ? other->input[0]->name : "";
		const char *to = any_tensor(g, &state);
		for (size_t i = 0; i < other->n_node; i++)
			for (size_t k = 0; k < other->node[i]->n_input; k++)
				if (strcmp(other->node[i]->input[k], from) == 0)
					set_string(&other->node[i]->input[k], to);
		for (size_t i = 0; i < other->n_initializer; i++)
			append_message(&g->initializer, &g->n_initializer,
			               copy_message(&other->initializer[i]->base));
		for (size_t i = 0; i < other->n_node; i++)
			append_message(&g->node, &g->n_node, copy_message(&other->node[i]->base));
		if (g->n_output && other->n_output && other->output[0]->name)
			set_string(&g->output[0]->name, other->output[0]->name);
		size = pack(one, out, max_len);
		one = NULL;
	}
	if (one)
		onnx__model_proto__free_unpacked(one, NULL);
	if (two)
		onnx__model_proto__free_unpacked(two, NULL);
	return size;
}
