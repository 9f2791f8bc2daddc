/* export_messages.c - names, nodes, attributes and tensors of a file that is being made. */
#include "engine/onnx/exporter.h"

#include <string.h>

#define MAX_ATTRIBUTES 8 /* of one node: the window operators' are 5 */

static void *take(struct exporter *e, size_t count, size_t size)
{
	void *p = e->no_memory ? NULL : arena_alloc(e->arena, count, size);
	e->no_memory |= !p;
	return p;
}

char *exporter_name(struct exporter *e, const char *base)
{
	/* The number makes it unique among made-up names; '_' keeps it off the graph's. */
	char *name = arena_printf(e->arena, "%s_%u", base, e->n_made_up++);
	while (name && names_find(&e->names, name))
		name = arena_printf(e->arena, "%s_", name);
	e->no_memory |= !name;
	return name;
}

char *exporter_use(struct exporter *e, value_id v)
{
	if (v == NO_VALUE)
		return borrow("");
	e->used[v] = true;
	return borrow(e->value_name[v]);
}

Onnx__NodeProto *exporter_node(struct exporter *e, const char *type, const char *name, size_t n_in,
                               size_t n_out)
{
	Onnx__NodeProto *n = take(e, 1, sizeof *n);
	char **input = take(e, n_in + 1, sizeof *input);
	char **output = take(e, n_out, sizeof *output);
	Onnx__AttributeProto **attribute = take(e, MAX_ATTRIBUTES, sizeof(void *));
	if (e->no_memory)
		return NULL;
	onnx__node_proto__init(n);
	n->op_type = borrow(type);
	const char *dot = strrchr(type, '.');
	if (dot) {
		n->op_type = borrow(dot + 1);
		n->domain = arena_strndup(e->arena, type, (size_t)(dot - type));
		e->no_memory |= !n->domain;
		e->domain = n->domain;
	}
	n->name = borrow(name);
	n->input = input;
	n->n_input = n_in;
	n->output = output;
	n->n_output = n_out;
	n->attribute = attribute;
	return n;
}

void exporter_append(struct exporter *e, Onnx__NodeProto *node)
{
	if (node)
		e->file->node[e->file->n_node++] = node;
}

static Onnx__AttributeProto *put(struct exporter *e, Onnx__NodeProto *n, const char *name,
                                 Onnx__AttributeProto__AttributeType type)
{
	Onnx__AttributeProto *a = take(e, 1, sizeof *a);
	if (!a)
		return NULL;
	onnx__attribute_proto__init(a);
	a->name = borrow(name);
	a->has_type = 1;
	a->type = type;
	n->attribute[n->n_attribute++] = a;
	return a;
}

void put_int(struct exporter *e, Onnx__NodeProto *n, const char *name, int64_t value)
{
	Onnx__AttributeProto *a = put(e, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
	if (!a)
		return;
	a->has_i = 1;
	a->i = value;
}

void put_float(struct exporter *e, Onnx__NodeProto *n, const char *name, float value)
{
	Onnx__AttributeProto *a = put(e, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
	if (!a)
		return;
	a->has_f = 1;
	a->f = value;
}

void put_string(struct exporter *e, Onnx__NodeProto *n, const char *name, const char *value)
{
	Onnx__AttributeProto *a = put(e, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
	if (!a)
		return;
	a->has_s = 1;
	a->s = (ProtobufCBinaryData){strlen(value), borrow(value)};
}

static int64_t *copy_ints(struct exporter *e, const int64_t *list, size_t count)
{
	int64_t *copy = take(e, count, sizeof *copy);
	if (copy && count)
		memcpy(copy, list, count * sizeof *copy);
	return copy;
}

void put_ints(struct exporter *e, Onnx__NodeProto *n, const char *name, const int64_t *list,
              size_t count)
{
	int64_t *copy = copy_ints(e, list, count);
	Onnx__AttributeProto *a = put(e, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
	if (!a)
		return;
	a->ints = copy;
	a->n_ints = count;
}

int32_t exporter_dtype(enum cnn_dtype dtype)
{
	static const int32_t file[CNN_DTYPE_COUNT] = {
		[CNN_F32] = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
		[CNN_F16] = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16,
		[CNN_BF16] = ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16,
		[CNN_F64] = ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE,
		[CNN_U8] = ONNX__TENSOR_PROTO__DATA_TYPE__UINT8,
		[CNN_S8] = ONNX__TENSOR_PROTO__DATA_TYPE__INT8,
		[CNN_U16] = ONNX__TENSOR_PROTO__DATA_TYPE__UINT16,
		[CNN_S16] = ONNX__TENSOR_PROTO__DATA_TYPE__INT16,
		[CNN_U32] = ONNX__TENSOR_PROTO__DATA_TYPE__UINT32,
		[CNN_S32] = ONNX__TENSOR_PROTO__DATA_TYPE__INT32,
		[CNN_U64] = ONNX__TENSOR_PROTO__DATA_TYPE__UINT64,
		[CNN_S64] = ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
		[CNN_BOOL] = ONNX__TENSOR_PROTO__DATA_TYPE__BOOL,
	};
	return file[dtype];
}

/* The bytes are little-endian in the file and on every machine this runs on. */
static Onnx__TensorProto *tensor(struct exporter *e, const char *name, const struct value *constant)
{
	Onnx__TensorProto *t = take(e, 1, sizeof *t);
	int64_t *dims = copy_ints(e, constant->dim, (size_t)constant->rank);
	if (e->no_memory)
		return NULL;
	onnx__tensor_proto__init(t);
	t->name = borrow(name);
	t->has_data_type = 1;
	t->data_type = exporter_dtype(constant->dtype);
	t->dims = dims;
	t->n_dims = (size_t)constant->rank;
	t->has_raw_data = 1;
	t->raw_data = (ProtobufCBinaryData){graph_value_bytes(constant), borrow(constant->data)};
	return t;
}

void put_tensor(struct exporter *e, Onnx__NodeProto *n, const char *name,
                const struct value *constant)
{
	Onnx__TensorProto *t = tensor(e, name, constant);
	Onnx__AttributeProto *a = put(e, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
	if (a)
		a->t = t;
}

void exporter_initializer(struct exporter *e, const char *name, const struct value *constant)
{
	Onnx__TensorProto *t = tensor(e, name, constant);
	if (t)
		e->file->initializer[e->file->n_initializer++] = t;
}

char *exporter_list(struct exporter *e, const struct node *node, const char *what,
                    const int64_t *list, size_t count)
{
	char *base = arena_printf(e->arena, "%s.%s", node->name, what);
	char *name = base ? exporter_name(e, base) : NULL;
	int64_t *copy = copy_ints(e, list, count);
	e->no_memory |= !name;
	if (e->no_memory)
		return NULL;
	exporter_initializer(
		e, name,
		&(struct value){
			.dtype = CNN_S64, .rank = 1, .dim = {(int64_t)count}, .data = copy});
	return name;
}
