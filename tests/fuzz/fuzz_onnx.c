/* fuzz_onnx.c - any bytes through import, shape inference and the layer table.
 *
 * Most changes to bytes break a length and go no further than the first check, so half of the
 * mutations change one field of the unpacked model instead. */
#include "engine/graph/layers.h"
#include "engine/onnx/import.h"
#include "onnx.pb-c.h"

#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t len, size_t max_len);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t max_len, unsigned seed);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Open dimensions become what a server would choose, so that the walk gets past them. */
static void fix_inputs(struct graph *g)
{
	for (size_t i = 0; i < g->n_input; i++) {
		struct value *v = &g->value[g->input[i]];
		for (int32_t k = 0; k < v->rank; k++)
			if (v->dim[k] < 0)
				v->dim[k] = k == 0 ? 1 : 32;
		v->shaped = true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct graph *g = NULL;
	struct onnx_info info;
	struct graph_layers layers;
	struct cnn_error err;
	if (onnx_import(bytes, len, "fuzz.onnx", &g, &info, &err) != CNN_OK)
		return 0;
	fix_inputs(g);
	if (graph_infer(g, &err) == CNN_OK) {
		/* Whatever inference accepts must keep the graph's promises. */
		if (graph_check(g, &err) != CNN_OK)
			abort();
		for (size_t i = 0; i < g->n_value; i++)
			if (g->value[i].shaped &&
			    !graph_dims_valid(g->value[i].rank, g->value[i].dim))
				abort();
		graph_sweep(g);
		if (graph_sort(g, &err) != CNN_OK || graph_check(g, &err) != CNN_OK)
			abort();
		graph_build_layers(g, &layers, &err);
	}
	graph_free(g);
	return 0;
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static int64_t next_number(uint32_t *state)
{
	static const int64_t edges[] = {
		0,         1,         -1,        2,         3,
		7,         8,         9,         255,       65536,
		INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, (int64_t)1 << 31};
	uint32_t r = next_random(state);
	return r % 2 ? edges[r / 2 % (sizeof edges / sizeof edges[0])] : (int64_t)(r / 2 % 12) - 2;
}

/* Writes a scalar of a kind that has a use here; strings are left alone. */
static void change_scalar(void *at, ProtobufCType type, uint32_t *state)
{
	if (type == PROTOBUF_C_TYPE_INT64 || type == PROTOBUF_C_TYPE_UINT64)
		*(int64_t *)at = next_number(state);
	else if (type == PROTOBUF_C_TYPE_INT32 || type == PROTOBUF_C_TYPE_ENUM)
		*(int32_t *)at = (int32_t)next_number(state);
	else if (type == PROTOBUF_C_TYPE_FLOAT)
		*(float *)at = (float)next_number(state);
}

/* Goes down a random path of the message and changes what is at its end: a number, the order or
 * the count of a list, or whether a field is there. */
static void change_message(ProtobufCMessage *m, uint32_t *state)
{
	const ProtobufCFieldDescriptor *f =
		&m->descriptor->fields[next_random(state) % m->descriptor->n_fields];
	char *at = (char *)m + f->offset, *quantity = (char *)m + f->quantifier_offset;
	bool oneof = (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		size_t n = *(size_t *)quantity;
		char *list = *(char **)at;
		if (n == 0)
			return;
		size_t i = next_random(state) % n, j = next_random(state) % n;
		if (f->type == PROTOBUF_C_TYPE_MESSAGE && next_random(state) % 8) {
			change_message(((ProtobufCMessage **)list)[i], state);
		} else if (f->type == PROTOBUF_C_TYPE_MESSAGE ||
		           f->type == PROTOBUF_C_TYPE_STRING) {
			void *swap = ((void **)list)[i];
			((void **)list)[i] = ((void **)list)[j];
			((void **)list)[j] = swap;
		} else if (f->type == PROTOBUF_C_TYPE_INT64) {
			change_scalar(list + i * sizeof(int64_t), f->type, state);
		} else if (f->type == PROTOBUF_C_TYPE_INT32 || f->type == PROTOBUF_C_TYPE_FLOAT) {
			change_scalar(list + i * sizeof(int32_t), f->type, state);
		}
	} else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		bool chosen = !oneof || *(uint32_t *)quantity == f->id;
		if (chosen && *(ProtobufCMessage **)at)
			change_message(*(ProtobufCMessage **)at, state);
	} else if (!oneof || *(uint32_t *)quantity == f->id) {
		if (f->quantifier_offset && !oneof && f->type != PROTOBUF_C_TYPE_BYTES)
			*(protobuf_c_boolean *)quantity = next_random(state) % 8 != 0;
		change_scalar(at, f->type, state);
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t max_len, unsigned seed)
{
	uint32_t state = seed;
	Onnx__ModelProto *model =
		next_random(&state) % 2 ? onnx__model_proto__unpack(NULL, len, bytes) : NULL;
	if (!model)
		return LLVMFuzzerMutate(bytes, len, max_len);
	for (uint32_t i = 1 + next_random(&state) % 8; i > 0; i--)
		change_message(model->graph && i % 4 ? &model->graph->base : &model->base, &state);
	size_t size = onnx__model_proto__get_packed_size(model);
	if (size <= max_len)
		len = onnx__model_proto__pack(model, bytes);
	onnx__model_proto__free_unpacked(model, NULL);
	return len;
}
