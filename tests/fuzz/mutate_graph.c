/* mutate_graph.c - changes to what a graph means: another operator, other inputs, nodes more or less, an attribute. */
#include "engine/graph/graph.h"
#include "tests/fuzz/mutate.h"

#include <stdlib.h>
#include <string.h>

static Onnx__NodeProto *any_node(const Onnx__GraphProto *g, uint32_t *state)
{
	return g->node[next_random(state) % g->n_node];
}

static char **any_input(Onnx__GraphProto *g, uint32_t *state)
{
	Onnx__NodeProto *n = any_node(g, state);
	return n->n_input ? &n->input[next_random(state) % n->n_input] : NULL;
}

const char *any_tensor(const Onnx__GraphProto *g, uint32_t *state)
{
	uint32_t r = next_random(state) % 8;
	if (r < 5 && g->n_node) {
		const Onnx__NodeProto *n = any_node(g, state);
		return n->n_output ? n->output[next_random(state) % n->n_output] : "";
	}
	if (r < 7 && g->n_initializer) {
		const char *name = g->initializer[next_random(state) % g->n_initializer]->name;
		return name ? name : "";
	}
	return g->n_input && g->input[0]->name ? g->input[0]->name : "";
}

/* --- wires ---------------------------------------------------------------------------------- */

static void rewire(Onnx__GraphProto *g, uint32_t *state)
{
	char **input = any_input(g, state);
	if (input)
		set_string(input, any_tensor(g, state));
}

static void swap_inputs(Onnx__GraphProto *g, uint32_t *state)
{
	Onnx__NodeProto *n = any_node(g, state);
	if (!n->n_input)
		return;
	size_t i = next_random(state) % n->n_input, j = next_random(state) % n->n_input;
	char *swap = n->input[i];
	n->input[i] = n->input[j];
	n->input[j] = swap;
}

static void change_inputs(Onnx__GraphProto *g, uint32_t *state)
{
	Onnx__NodeProto *n = any_node(g, state);
	if (next_random(state) % 2)
		append_string(&n->input, &n->n_input,
		              next_random(state) % 4 ? any_tensor(g, state) : "");
	else if (n->n_input)
		free(n->input[--n->n_input]);
}

static void change_output(Onnx__GraphProto *g, uint32_t *state)
{
	if (g->n_output)
		set_string(&g->output[0]->name, any_tensor(g, state));
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
	if (next_random(state) % 4 == 0) {
		Onnx__TensorShapeProto__Dimension *last = shape->dim[shape->n_dim - 1];
		append_message(&shape->dim, &shape->n_dim, copy_message(&last->base));
		return;
	}
	Onnx__TensorShapeProto__Dimension *d = shape->dim[next_random(state) % shape->n_dim];
	if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
		d->dim_value =
			next_random(state) % 4 ? next_random(state) % 40 : next_number(state);
}

/* --- nodes ---------------------------------------------------------------------------------- */

/* A name of ops.def's may have a domain in front. */
static void set_operator(Onnx__NodeProto *n, uint32_t *state)
{
	const char *name = op_table[next_random(state) % OP_COUNT].onnx_name;
	const char *dot = strrchr(name, '.');
	char domain[32] = "";
	if (dot)
		memcpy(domain, name, (size_t)(dot - name));
	set_string(&n->domain, domain);
	set_string(&n->op_type, dot ? dot + 1 : name);
}

static void change_operator(Onnx__GraphProto *g, uint32_t *state)
{
	set_operator(any_node(g, state), state);
}

/* A copy of a node, perhaps of another operator, that makes a tensor of its own; another node or the graph's
 * output reads it. */
static void insert_node(Onnx__GraphProto *g, uint32_t *state)
{
	Onnx__NodeProto *copy = copy_message(&any_node(g, state)->base);
	char name[9] = "";
	for (size_t k = 0; copy && k < copy->n_output; k++) {
		for (size_t at = 0; at < sizeof name - 1; at++)
			name[at] = (char)('a' + next_random(state) % 26);
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
		if (next_random(state) % 2)
			set_operator(copy, state);
	}
	append_message(&g->node, &g->n_node, copy);
}

/* Its readers get what it read. */
static void drop_node(Onnx__GraphProto *g, uint32_t *state)
{
	if (g->n_node < 2)
		return;
	size_t at = next_random(state) % g->n_node;
	Onnx__NodeProto *gone = g->node[at];
	const char *in = gone->n_input ? gone->input[0] : "";
	const char *out = gone->n_output ? gone->output[0] : "";
	g->node[at] = g->node[--g->n_node];
	for (size_t i = 0; i < g->n_node; i++)
		for (size_t k = 0; k < g->node[i]->n_input; k++)
			if (strcmp(g->node[i]->input[k], out) == 0)
				set_string(&g->node[i]->input[k], in);
	if (g->n_output && g->output[0]->name && strcmp(g->output[0]->name, out) == 0)
		set_string(&g->output[0]->name, in);
	onnx__node_proto__free_unpacked(gone, NULL);
}

/* --- attributes ------------------------------------------------------------------------------- */

/* Of another node. */
static void give_attribute(Onnx__GraphProto *g, uint32_t *state)
{
	const Onnx__NodeProto *from = any_node(g, state);
	Onnx__NodeProto *to = any_node(g, state);
	if (from->n_attribute)
		append_message(
			&to->attribute, &to->n_attribute,
			copy_message(
				&from->attribute[next_random(state) % from->n_attribute]->base));
}

/* By a name that some operator knows, of the right type. */
static void add_attribute(Onnx__GraphProto *g, uint32_t *state)
{
	static const char *const whole[] = {
		"axis",        "group",        "ceil_mode", "keepdims",   "count_include_pad",
		"exclusive",   "reverse",      "largest",   "batch_dims", "select_last_index",
		"transA",      "transB",       "upper",     "fmod",       "noop_with_empty_axes",
		"num_outputs", "num_groups",   "size",      "blocksize",  "channels_last",
		"allowzero",   "block_size",   "k",         "antialias",  "exclude_outside",
		"p",           "storage_order"};
	static const char *const lists[] = {
		"axes",           "pads",         "strides", "kernel_shape", "perm", "dilations",
		"output_padding", "output_shape", "split",   "starts",       "ends"};
	static const char *const words[][2] = {
		{"auto_pad", "SAME_UPPER"},
		{"auto_pad", "SAME_LOWER"},
		{"auto_pad", "VALID"},
		{"mode", "reflect"},
		{"mode", "edge"},
		{"mode", "wrap"},
		{"mode", "linear"},
		{"mode", "cubic"},
		{"mode", "CRD"},
		{"reduction", "add"},
		{"reduction", "mul"},
		{"reduction", "max"},
		{"direction", "RIGHT"},
		{"coordinate_transformation_mode", "align_corners"},
		{"coordinate_transformation_mode", "tf_crop_and_resize"},
		{"nearest_mode", "ceil"},
		{"keep_aspect_ratio_policy", "not_larger"},
		{"equation", "ij,jk->ik"},
		{"equation", "...ii->...i"},
		{"approximate", "tanh"}};
	Onnx__AttributeProto a = ONNX__ATTRIBUTE_PROTO__INIT;
	Onnx__NodeProto *n = any_node(g, state);
	int64_t ints[8];
	uint32_t kind = next_random(state) % 3, r = next_random(state);
	a.has_type = 1;
	if (kind == 0) {
		a.name = (char *)whole[r % (sizeof whole / sizeof whole[0])];
		a.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
		a.has_i = 1;
		a.i = (int64_t)(next_random(state) % 6) - 1;
	} else if (kind == 1) {
		a.name = (char *)lists[r % (sizeof lists / sizeof lists[0])];
		a.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
		a.n_ints = next_random(state) % 7;
		a.ints = ints;
		for (size_t i = 0; i < a.n_ints; i++)
			ints[i] = (int64_t)(next_random(state) % 5) - (r % 4 == 0);
	} else {
		const char *const *word = words[r % (sizeof words / sizeof words[0])];
		a.name = (char *)word[0];
		a.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
		a.has_s = 1;
		a.s = (ProtobufCBinaryData){strlen(word[1]), (uint8_t *)(uintptr_t)word[1]};
	}
	append_message(&n->attribute, &n->n_attribute, copy_message(&a.base));
}

static void drop_attribute(Onnx__GraphProto *g, uint32_t *state)
{
	Onnx__NodeProto *n = any_node(g, state);
	if (n->n_attribute)
		onnx__attribute_proto__free_unpacked(n->attribute[--n->n_attribute], NULL);
}

static void change_numbers(Onnx__GraphProto *g, uint32_t *state)
{
	Onnx__NodeProto *n = any_node(g, state);
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

void change_graph(Onnx__GraphProto *g, uint32_t *state)
{
	static void (*const changes[])(Onnx__GraphProto *, uint32_t *) = {
		rewire,          rewire,         change_operator,
		change_operator, change_output,  change_tensor,
		change_tensor,   change_tensor,  insert_node,
		insert_node,     swap_inputs,    change_inputs,
		drop_node,       give_attribute, add_attribute,
		add_attribute,   drop_attribute, change_numbers,
		change_numbers,  change_numbers, change_input_shape};
	changes[next_random(state) % (sizeof changes / sizeof changes[0])](g, state);
}
