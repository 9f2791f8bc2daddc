/* mutate_onnx.c - changes to a model that leave it a protobuf message.
 *
 * Most changes to bytes break a length and go no further than the first check. These change a field of the
 * unpacked model, or what it means: another operator, another input, a tensor of another shape with data
 * that fits it, a node more, the nodes of another model behind these. */
#include "engine/graph/graph.h"
#include "onnx.pb-c.h"

#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t len, size_t max_len);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t max_len, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
                                 uint8_t *out, size_t max_len, unsigned seed);

#define MAX_ELEMENTS 4096 /* of a tensor made here */

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

/* --- any field -------------------------------------------------------------------------- */

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

/* --- what a graph is made of -------------------------------------------------------------- */

static char **any_input(Onnx__GraphProto *g, uint32_t *state)
{
	Onnx__NodeProto *n = g->node[next_random(state) % g->n_node];
	return n->n_input ? &n->input[next_random(state) % n->n_input] : NULL;
}

static const char *any_tensor(const Onnx__GraphProto *g, uint32_t *state)
{
	uint32_t r = next_random(state) % 8;
	if (r < 5) {
		const Onnx__NodeProto *n = g->node[next_random(state) % g->n_node];
		return n->n_output ? n->output[next_random(state) % n->n_output] : "";
	}
	if (r < 7 && g->n_initializer) {
		const char *name = g->initializer[next_random(state) % g->n_initializer]->name;
		return name ? name : "";
	}
	return g->n_input && g->input[0]->name ? g->input[0]->name : "";
}

static void set_string(char **to, const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		return;
	if (*to != protobuf_c_empty_string)
		free(*to);
	*to = copy;
}

static void rewire(Onnx__GraphProto *g, uint32_t *state)
{
	char **input = any_input(g, state);
	if (input)
		set_string(input, any_tensor(g, state));
}

static void change_operator(Onnx__GraphProto *g, uint32_t *state)
{
	set_string(&g->node[next_random(state) % g->n_node]->op_type,
	           op_table[next_random(state) % OP_COUNT].onnx_name);
}

static void change_output(Onnx__GraphProto *g, uint32_t *state)
{
	if (g->n_output)
		set_string(&g->output[0]->name, any_tensor(g, state));
}

/* A few small dimensions; raw data of the length that they ask for. */
static void reshape_tensor(Onnx__GraphProto *g, uint32_t *state)
{
	static const size_t size_of[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8};
	if (!g->n_initializer)
		return;
	Onnx__TensorProto *t = g->initializer[next_random(state) % g->n_initializer];
	size_t kinds = sizeof size_of / sizeof size_of[0];
	if (!t->has_raw_data || t->data_type < 0 || (size_t)t->data_type >= kinds)
		return;
	size_t rank = next_random(state) % 5, count = 1;
	int64_t *dims = malloc((rank + 1) * sizeof *dims);
	for (size_t i = 0; dims && i < rank; i++) {
		/* mostly the old ones */
		dims[i] = i < t->n_dims && next_random(state) % 2 ? t->dims[i]
		                                                  : next_random(state) % 9;
		if (dims[i] < 0 || dims[i] > MAX_ELEMENTS)
			dims[i] = 1;
		count *= (size_t)dims[i];
		if (count > MAX_ELEMENTS)
			dims[i] = 1, count = 1;
	}
	size_t len = count * size_of[t->data_type], old = t->raw_data.len;
	uint8_t *data = dims ? realloc(t->raw_data.data, len ? len : 1) : NULL;
	if (!data) {
		free(dims);
		return;
	}
	for (size_t i = old; i < len; i++)
		data[i] = old ? data[i % old] : 0;
	t->raw_data = (ProtobufCBinaryData){len, data};
	free(t->dims);
	t->dims = dims;
	t->n_dims = rank;
}

/* A copy of a message; NULL without memory. */
static void *copy_message(const ProtobufCMessage *m)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *bytes = malloc(len ? len : 1);
	void *copy = NULL;
	if (bytes) {
		protobuf_c_message_pack(m, bytes);
		copy = protobuf_c_message_unpack(m->descriptor, NULL, len, bytes);
	}
	free(bytes);
	return copy;
}

/* Puts `item` (may be NULL) at the end of a list of messages. */
static void append(void *list, size_t *n, void *item)
{
	void **grown = item ? realloc(*(void **)list, (*n + 1) * sizeof *grown) : NULL;
	if (!grown) {
		if (item)
			protobuf_c_message_free_unpacked(item, NULL);
		return;
	}
	grown[(*n)++] = item;
	*(void **)list = grown;
}

/* A copy of a node that makes a tensor of its own; another node or the graph's output reads it. */
static void insert_node(Onnx__GraphProto *g, uint32_t *state)
{
	Onnx__NodeProto *copy = copy_message(&g->node[next_random(state) % g->n_node]->base);
	char name[32];
	for (size_t k = 0; copy && k < copy->n_output; k++) {
		for (size_t at = 0; at <= sizeof name - 2; at++)
			name[at] = (char)('a' + next_random(state) % 26);
		name[8] = '\0';
		set_string(&copy->output[k], name);
	}
	if (copy && copy->n_output) {
		char **input = any_input(g, state);
		if (next_random(state) % 4 && input)
			set_string(input, copy->output[0]);
		else if (g->n_output)
			set_string(&g->output[0]->name, copy->output[0]);
		if (copy->n_input)
			set_string(&copy->input[next_random(state) % copy->n_input],
			           any_tensor(g, state));
	}
	append(&g->node, &g->n_node, copy);
}

/* An attribute of another node, or a new number for one of this node's. */
static void give_attribute(Onnx__GraphProto *g, uint32_t *state)
{
	const Onnx__NodeProto *from = g->node[next_random(state) % g->n_node];
	Onnx__NodeProto *to = g->node[next_random(state) % g->n_node];
	if (from->n_attribute)
		append(&to->attribute, &to->n_attribute,
		       copy_message(
			       &from->attribute[next_random(state) % from->n_attribute]->base));
}

static void change_numbers(Onnx__GraphProto *g, uint32_t *state)
{
	Onnx__NodeProto *n = g->node[next_random(state) % g->n_node];
	if (!n->n_attribute)
		return;
	Onnx__AttributeProto *a = n->attribute[next_random(state) % n->n_attribute];
	if (a->n_ints)
		a->ints[next_random(state) % a->n_ints] =
			next_random(state) % 4 ? next_random(state) % 5 : next_number(state);
	else if (a->has_i)
		a->i = next_random(state) % 4 ? next_random(state) % 5 : next_number(state);
	else if (a->has_f)
		a->f = (float)next_number(state) / 8;
}

static void change_input_shape(Onnx__GraphProto *g, uint32_t *state)
{
	Onnx__TypeProto *type = g->n_input ? g->input[0]->type : NULL;
	Onnx__TensorShapeProto *shape =
		type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && type->tensor_type
			? type->tensor_type->shape
			: NULL;
	if (!shape || !shape->n_dim)
		return;
	Onnx__TensorShapeProto__Dimension *d = shape->dim[next_random(state) % shape->n_dim];
	if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
		d->dim_value =
			next_random(state) % 4 ? next_random(state) % 40 : next_number(state);
}

static void change_graph(Onnx__GraphProto *g, uint32_t *state)
{
	static void (*const changes[])(Onnx__GraphProto *, uint32_t *) = {
		rewire,         change_operator, change_output,     reshape_tensor,
		insert_node,    give_attribute,  change_numbers,    change_numbers,
		reshape_tensor, rewire,          change_input_shape};
	size_t n = sizeof changes / sizeof changes[0];
	uint32_t choice = next_random(state) % (uint32_t)(2 * n);
	if (choice < n && g->n_node)
		changes[choice](g, state);
	else
		change_message(&g->base, state);
}

/* --- libFuzzer's hooks -------------------------------------------------------------------- */

static size_t pack(Onnx__ModelProto *model, uint8_t *bytes, size_t max_len)
{
	size_t size = onnx__model_proto__get_packed_size(model);
	if (size <= max_len)
		onnx__model_proto__pack(model, bytes);
	onnx__model_proto__free_unpacked(model, NULL);
	return size <= max_len ? size : 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t max_len, unsigned seed)
{
	uint32_t state = seed;
	Onnx__ModelProto *model =
		next_random(&state) % 8 ? onnx__model_proto__unpack(NULL, len, bytes) : NULL;
	if (!model)
		return LLVMFuzzerMutate(bytes, len, max_len);
	for (uint32_t i = 1 + next_random(&state) % 6; i > 0; i--) {
		if (model->graph && next_random(&state) % 16)
			change_graph(model->graph, &state);
		else
			change_message(&model->base, &state);
	}
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
			append(&g->initializer, &g->n_initializer,
			       copy_message(&other->initializer[i]->base));
		for (size_t i = 0; i < other->n_node; i++)
			append(&g->node, &g->n_node, copy_message(&other->node[i]->base));
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
