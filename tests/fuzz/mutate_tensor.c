/* mutate_tensor.c - weights of other shapes, types and numbers, with data of the length that they ask for. */
#include "tests/fuzz/mutate.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ELEMENTS 4096 /* of a tensor made here */

/* By ONNX's number of the type; 0: none that has raw data. */
static size_t size_of(int32_t type)
{
	static const size_t sizes[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 0, 0, 2};
	return type >= 0 && (size_t)type < sizeof sizes / sizeof sizes[0] ? sizes[type] : 0;
}

static int32_t any_type(uint32_t *state)
{
	static const int32_t usual[] = {1, 1, 7, 7, 2, 3, 6};
	uint32_t r = next_random(state) % 16;
	return r < 7 ? usual[r] : (int32_t)(r - 6);
}

static Onnx__TensorProto *any_weight(Onnx__GraphProto *g, uint32_t *state)
{
	return g->n_initializer ? g->initializer[next_random(state) % g->n_initializer] : NULL;
}

/* Makes raw data as long as shape and type want, out of the bytes that were there. */
static void fit_data(Onnx__TensorProto *t)
{
	size_t count = 1, old = t->raw_data.len;
	for (size_t i = 0; i < t->n_dims; i++) {
		if (t->dims[i] < 0 || t->dims[i] > MAX_ELEMENTS)
			return;
		count *= (size_t)t->dims[i];
		if (count > MAX_ELEMENTS)
			return;
	}
	size_t len = count * size_of(t->data_type);
	uint8_t *data = realloc(t->raw_data.data, len ? len : 1);
	if (!data)
		return;
	for (size_t i = old; i < len; i++)
		data[i] = old ? data[i % old] : 0;
	t->has_raw_data = 1;
	t->raw_data = (ProtobufCBinaryData){len, data};
}

/* A few small dimensions, mostly the old ones. */
static void reshape(Onnx__TensorProto *t, uint32_t *state)
{
	size_t rank = next_random(state) % 6, count = 1;
	int64_t *dims = malloc((rank + 1) * sizeof *dims);
	if (!dims)
		return;
	for (size_t i = 0; i < rank; i++) {
		dims[i] = i < t->n_dims && next_random(state) % 2 ? t->dims[i]
		                                                  : next_random(state) % 9;
		if (dims[i] < 0 || dims[i] > MAX_ELEMENTS)
			dims[i] = 1;
		count *= (size_t)dims[i];
		if (count > MAX_ELEMENTS)
			dims[i] = 1, count = 1;
	}
	free(t->dims);
	t->dims = dims;
	t->n_dims = rank;
	fit_data(t);
}

static void retype(Onnx__TensorProto *t, uint32_t *state)
{
	t->has_data_type = 1;
	t->data_type = any_type(state);
	fit_data(t);
}

/* One element, or all of them. */
static void renumber(Onnx__TensorProto *t, uint32_t *state)
{
	size_t size = size_of(t->data_type), n = size ? t->raw_data.len / size : 0;
	bool all = next_random(state) % 4 == 0, small = next_random(state) % 4 != 0;
	size_t from = n ? next_random(state) % n : 0;
	for (size_t i = all ? 0 : from; i < n && (all || i == from); i++) {
		int64_t x = small ? (int64_t)(next_random(state) % 7) - 2 : next_number(state);
		float f = (float)x / 2;
		memcpy(t->raw_data.data + i * size, t->data_type == 1 ? (void *)&f : (void *)&x,
		       size);
	}
}

/* A vector of small whole numbers, or one number, that some node reads. */
static void add_weight(Onnx__GraphProto *g, uint32_t *state)
{
	char name[] = "w?????";
	Onnx__TensorProto t = ONNX__TENSOR_PROTO__INIT;
	int64_t dims[] = {next_random(state) % 6}, numbers[6];
	const Onnx__NodeProto *n = g->node[next_random(state) % g->n_node];
	for (size_t i = 1; i < sizeof name - 1; i++)
		name[i] = (char)('a' + next_random(state) % 26);
	for (size_t i = 0; i < 6; i++)
		numbers[i] = (int64_t)(next_random(state) % 7) - 2;
	t.name = name;
	t.dims = dims;
	t.n_dims = next_random(state) % 4 != 0;
	t.has_data_type = 1;
	t.data_type = 7;
	t.has_raw_data = 1;
	t.raw_data.data = (uint8_t *)numbers;
	t.raw_data.len = sizeof numbers[0] * (t.n_dims ? (size_t)dims[0] : 1);
	append_message(&g->initializer, &g->n_initializer, copy_message(&t.base));
	if (n->n_input)
		set_string(&n->input[next_random(state) % n->n_input], name);
}

void change_tensor(Onnx__GraphProto *g, uint32_t *state)
{
	static void (*const changes[])(Onnx__TensorProto *, uint32_t *) = {reshape, retype,
	                                                                   renumber, renumber};
	Onnx__TensorProto *t = any_weight(g, state);
	if (!t || next_random(state) % 8 == 0)
		add_weight(g, state);
	else if (t->has_raw_data || t->n_dims < 2)
		changes[next_random(state) % 4](t, state);
}
