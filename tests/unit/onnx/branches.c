/* branches.c - If: which branch is taken, names inside and outside of it, and what is refused. */
#include "engine/operators/infer.h"
#include "tests/unit/onnx/model.h"

#include <math.h>

/* A branch: nodes "op,input,output" one after the other, and the names of its outputs. */
struct branch {
	Onnx__GraphProto graph;
	Onnx__NodeProto node[4], *node_list[4];
	Onnx__ValueInfoProto output[2], *output_list[2];
	Onnx__AttributeProto attribute[2], *attribute_list[2];
	char *name[4][2];
};

static void branch_init(struct branch *b)
{
	memset(b, 0, sizeof *b);
	onnx__graph_proto__init(&b->graph);
	b->graph.node = b->node_list;
	b->graph.output = b->output_list;
}

static Onnx__NodeProto *branch_node(struct branch *b, const char *op, const char *in,
                                    const char *out)
{
	size_t i = b->graph.n_node++;
	Onnx__NodeProto *n = b->node_list[i] = &b->node[i];
	onnx__node_proto__init(n);
	n->op_type = (char *)(uintptr_t)op;
	b->name[i][0] = (char *)(uintptr_t)in;
	b->name[i][1] = (char *)(uintptr_t)out;
	n->input = &b->name[i][0];
	n->output = &b->name[i][1];
	n->n_input = n->n_output = 1;
	return n;
}

static void branch_output(struct branch *b, const char *name)
{
	size_t i = b->graph.n_output++;
	b->output_list[i] = &b->output[i];
	onnx__value_info_proto__init(&b->output[i]);
	b->output[i].name = (char *)(uintptr_t)name;
}

static Onnx__AttributeProto *graph_attribute(Onnx__AttributeProto *a, const char *name,
                                             struct branch *b)
{
	onnx__attribute_proto__init(a);
	a->name = (char *)(uintptr_t)name;
	a->has_type = 1;
	a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
	a->g = &b->graph;
	return a;
}

static void add_if(struct model *m, const char *name, const char *condition, const char *out,
                   struct branch *yes, struct branch *no)
{
	model_node(m, name, "If", condition, out);
	const char *const names[] = {"then_branch", "else_branch"};
	struct branch *const branches[] = {yes, no};
	for (int i = 0; i < 2; i++) {
		Onnx__AttributeProto *a =
			model_attribute(m, names[i], ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH);
		a->g = &branches[i]->graph;
	}
}

static void add_bool(struct model *m, const char *name, bool value)
{
	static const uint8_t bytes[2] = {0, 1};
	model_tensor(m, name, ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, NULL, 0, &bytes[value], 1);
}

/* One node of each branch. */
static void simple(struct branch *yes, struct branch *no)
{
	branch_init(yes);
	branch_node(yes, "Relu", "x", "t");
	branch_output(yes, "t");
	branch_init(no);
	branch_node(no, "Abs", "x", "t");
	branch_output(no, "t");
}

static void initialisers_choose(void)
{
	for (int value = 0; value < 2; value++) {
		struct branch yes, no;
		simple(&yes, &no);
		struct model *m = model_new(13);
		add_bool(m, "c", value);
		add_if(m, "if", "c", "y", &yes, &no);
		struct graph *g = model_import(m);
		CHECK_INT(g->n_node, 1);
		CHECK_INT(g->node[0].op, value ? OP_RELU : OP_ABS);
		CHECK_STR(g->value[g->output[0]].name, "y");
		graph_free(g);
	}
}

/* Channels cast to bool: what follows from the shape of the picture is known too. */
static void shapes_choose(void)
{
	struct branch yes, no;
	simple(&yes, &no);
	struct model *m = model_new(13);
	int64_t dims[] = {1}, one = 1;
	model_tensor(m, "one", ONNX__TENSOR_PROTO__DATA_TYPE__INT64, dims, 0, &one, 8);
	model_node(m, "", "Abs", "x", "a");
	model_node(m, "", "Shape", "a", "s");
	model_node(m, "", "Gather", "s,one", "n");
	model_node(m, "", "Cast", "n", "c");
	model_int(m, "to", ONNX__TENSOR_PROTO__DATA_TYPE__BOOL);
	add_if(m, "if", "c", "y", &yes, &no);
	struct graph *g = model_import(m);
	CHECK_INT(g->node[g->n_node - 1].op, OP_RELU);
	graph_free(g);
}

/* A branch's own "t" is not the "t" around it; one output is handed through, the other made twice over. */
static void names_are_the_branchs_own(void)
{
	struct branch yes, no, inner, other;
	branch_init(&inner);
	branch_node(&inner, "Exp", "t", "u");
	branch_output(&inner, "u");
	branch_init(&other);
	branch_node(&other, "Abs", "x", "u");
	branch_output(&other, "u");
	branch_init(&yes);
	branch_node(&yes, "Relu", "x", "t");
	Onnx__NodeProto *nested = branch_node(&yes, "If", "c", "u");
	nested->attribute = yes.attribute_list;
	nested->n_attribute = 2;
	yes.attribute_list[0] = graph_attribute(&yes.attribute[0], "then_branch", &inner);
	yes.attribute_list[1] = graph_attribute(&yes.attribute[1], "else_branch", &other);
	branch_output(&yes, "u");
	branch_output(&yes, "x");
	simple(&no, &other);
	struct model *m = model_new(13);
	add_bool(m, "c", true);
	model_node(m, "", "Neg", "x", "t");
	add_if(m, "if", "c", "p,q", &yes, &no);
	model_node(m, "", "Add", "p,q", "r");
	model_node(m, "", "Add", "r,t", "y");
	struct graph *g = model_import(m);
	struct cnn_error err = {0};
	/* y = exp(relu(x)) + x - x */
	float x[3 * 8 * 8];
	for (int i = 0; i < 3 * 8 * 8; i++)
		x[i] = (float)i / 100 - 1;
	CHECK_INT(graph_bind(g, 0, x, &err), CNN_OK);
	CHECK_INT(graph_infer(g, &err), CNN_OK);
	const float *y = g->value[g->output[0]].data;
	CHECK(y != NULL);
	for (int i = 0; i < 3 * 8 * 8; i++)
		CHECK_NEAR(y[i], expf(x[i] > 0 ? x[i] : 0), 1e-5);
	graph_free(g);
}

static void computed_conditions(void)
{
	struct branch yes, no;
	simple(&yes, &no);
	struct model *m = model_new(13);
	model_node(m, "", "ReduceMax", "x", "r");
	model_node(m, "", "Cast", "r", "c");
	model_int(m, "to", ONNX__TENSOR_PROTO__DATA_TYPE__BOOL);
	add_if(m, "if", "c", "y", &yes, &no);
	model_refuse(m, CNN_UNSUPPORTED, "node 'if': the condition of this If");
	/* The batch is 1 whatever the file says, but the width is open. */
	m = model_new(13);
	m->dim[3].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE__NOT_SET;
	model_node(m, "", "Size", "x", "n");
	model_node(m, "", "Cast", "n", "c");
	model_int(m, "to", ONNX__TENSOR_PROTO__DATA_TYPE__BOOL);
	add_if(m, "", "c", "y", &yes, &no);
	model_refuse(m, CNN_UNSUPPORTED, "node 'If_0': the condition of this If");
	/* It may not be its own condition. */
	m = model_new(13);
	add_if(m, "if", "y", "y", &yes, &no);
	model_refuse(m, CNN_UNSUPPORTED, "node 'if': the condition of this If");
}

static void broken_branches(void)
{
	struct branch yes, no;
	simple(&yes, &no);
	struct model *m = model_new(13);
	add_bool(m, "c", true);
	add_if(m, "if", "c", "y,z", &yes, &no);
	model_refuse(m, CNN_BAD_MODEL, "not the 2 outputs");
	simple(&yes, &no);
	yes.name[0][0] = (char *)(uintptr_t) "nowhere";
	m = model_new(13);
	add_bool(m, "c", true);
	add_if(m, "if", "c", "y", &yes, &no);
	model_refuse(m, CNN_BAD_MODEL, "input 'nowhere' is not defined");
	simple(&yes, &no);
	branch_node(&yes, "Abs", "x", "t");
	m = model_new(13);
	add_bool(m, "c", true);
	add_if(m, "if", "c", "y", &yes, &no);
	model_refuse(m, CNN_BAD_MODEL, "defined twice");
	simple(&yes, &no);
	yes.output[0].name = (char *)(uintptr_t) "t2";
	m = model_new(13);
	add_bool(m, "c", true);
	add_if(m, "if", "c", "y", &yes, &no);
	model_refuse(m, CNN_BAD_MODEL, "input 't2' is not defined");
	m = model_new(13);
	add_bool(m, "c", true);
	model_node(m, "if", "If", "c", "y");
	model_refuse(m, CNN_BAD_MODEL, "node 'if': a branch is missing");
	m = model_new(13);
	model_node(m, "loop", "Loop", "x", "y");
	model_refuse(m, CNN_UNSUPPORTED, "operator Loop");
}

TEST_MAIN({"initialisers_choose", initialisers_choose}, {"shapes_choose", shapes_choose},
          {"names_are_the_branchs_own", names_are_the_branchs_own},
          {"computed_conditions", computed_conditions}, {"broken_branches", broken_branches})
