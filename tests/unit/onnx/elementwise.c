/* elementwise.c - attributes of operators on elements and along an axis: read, and written again. */
#include "engine/onnx/import.h"
#include "tests/unit/onnx/exported.h"
#include "tests/unit/onnx/model.h"

static struct graph *with_int(int64_t opset, const char *op, const char *name, int64_t value)
{
	struct model *m = model_new(opset);
	model_node(m, "n", op, "x", "y");
	model_int(m, name, value);
	return model_import(m);
}

static void text(struct model *m, const char *name, const char *value)
{
	Onnx__AttributeProto *a =
		model_attribute(m, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
	a->has_s = 1;
	a->s = (ProtobufCBinaryData){strlen(value), (uint8_t *)(uintptr_t)value};
}

static void attributes(void)
{
	struct graph *g = with_int(10, "IsInf", "detect_negative", 0);
	CHECK(g->node[0].attr.unary.no_negative && !g->node[0].attr.unary.no_positive);
	graph_free(g);
	g = with_int(13, "ArgMax", "select_last_index", 1);
	CHECK(g->node[0].attr.axes.last_index && g->node[0].attr.axes.keep_dims);
	CHECK_INT(g->node[0].attr.axes.axis, 0);
	graph_free(g);
	g = with_int(9, "TopK", "k", 3);
	CHECK_INT(g->node[0].n_out, 2);
	CHECK_INT(g->node[0].attr.axes.axis, -1);
	expect_ints(g, g->node[0].in[1], LIST(3));
	graph_free(g);
	g = with_int(12, "Hardmax", "axis", 2);
	CHECK(g->node[0].attr.axes.coerced_2d && g->node[0].attr.axes.axis == 2);
	graph_free(g);
	struct model *m = model_new(20);
	model_node(m, "n", "Gelu", "x", "y");
	text(m, "approximate", "tanh");
	g = model_import(m);
	CHECK(g->node[0].attr.unary.approximate);
	graph_free(g);
	m = model_new(13);
	model_node(m, "n", "Shrink", "x", "y");
	g = model_import(m);
	CHECK(g->node[0].attr.unary.alpha == 0.5f && g->node[0].attr.unary.beta == 0);
	graph_free(g);
}

static void refused_attributes(void)
{
	struct model *m = model_new(13);
	model_node(m, "n", "BitShift", "x,x", "y");
	model_refuse(m, CNN_BAD_MODEL, "node 'n': attribute direction is missing");
	m = model_new(13);
	model_node(m, "n", "BitShift", "x,x", "y");
	text(m, "direction", "UP");
	model_refuse(m, CNN_UNSUPPORTED, "node 'n': direction \"UP\" is not supported");
	m = model_new(20);
	model_node(m, "n", "Gelu", "x", "y");
	text(m, "approximate", "sigmoid");
	model_refuse(m, CNN_UNSUPPORTED, "approximate \"sigmoid\" is not");
	m = model_new(9);
	model_node(m, "n", "TopK", "x", "y,i");
	model_refuse(m, CNN_BAD_MODEL, "attribute k is missing");
	m = model_new(9);
	model_node(m, "n", "TopK", "x,x", "y,i");
	model_int(m, "k", 1);
	model_refuse(m, CNN_BAD_MODEL, "an attribute and input 1 say the same");
	m = model_new(11);
	model_node(m, "n", "ArgMax", "x", "y");
	model_int(m, "select_last_index", 1);
	model_refuse(m, CNN_UNSUPPORTED, "attribute select_last_index of ArgMax (opset 11)");
	m = model_new(14);
	model_node(m, "n", "CumSum", "x,x", "y");
	model_int(m, "exclusive", 2);
	model_refuse(m, CNN_BAD_MODEL, "node 'n'");
}

/* A Dropout whose mask is used: all true, of the input's shape. */
static void mask(void)
{
	struct model *m = model_new(13);
	model_node(m, "drop", "Dropout", "x", "t,mask");
	model_node(m, "n", "Where", "mask,t,x", "y");
	struct graph *g = model_import(m);
	infer(g);
	const struct node *where = &g->node[g->n_node - 1];
	const struct value *v = graph_in(g, where, 0);
	CHECK(v->data != NULL && v->dtype == CNN_BOOL);
	expect_dims(g, where->in[0], LIST(1, 3, 8, 8));
	for (int i = 0; i < 192; i++)
		CHECK_INT(((const uint8_t *)v->data)[i], 1);
	graph_free(g);
	/* Nobody reads it: nothing is made. */
	m = model_new(13);
	model_node(m, "drop", "Dropout", "x", "y,mask");
	g = model_import(m);
	CHECK_INT(g->n_node, 1);
	CHECK_INT(g->node[0].n_out, 1);
	graph_free(g);
}

static struct graph *written(struct graph *g)
{
	infer(g);
	struct graph *b = again(g, &plain, NULL);
	graph_free(g);
	return b;
}

static void round_trips(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 6));
	x = op(g, OP_CELU, IDS(x));
	attr(g)->unary.alpha = 0.75f;
	x = op(g, OP_SHRINK, IDS(x));
	attr(g)->unary = (struct unary_attr){.alpha = 0.25f, .beta = 0.125f};
	x = op(g, OP_CUM_SUM, IDS(x, build_ints(g, LIST(1))));
	attr(g)->axes.reverse = true;
	struct node *top = build_node(g, OP_TOP_K, IDS(x, build_ints(g, LIST(2))), 2);
	top->attr.axes = (struct axis_attr){.axis = 1, .smallest = true};
	build_output(g, top->out[0]);
	value_id at = op(g, OP_ARG_MIN, IDS(x));
	attr(g)->axes = (struct axis_attr){.axis = 1, .last_index = true};
	build_output(g, at);
	build_output(g, op(g, OP_IS_INF, IDS(x)));
	attr(g)->unary.no_positive = true;
	struct graph *b = written(g);
	CHECK(b->node[0].op == OP_CELU && b->node[0].attr.unary.alpha == 0.75f);
	CHECK(b->node[1].attr.unary.alpha == 0.25f && b->node[1].attr.unary.beta == 0.125f);
	CHECK(b->node[2].attr.axes.reverse && !b->node[2].attr.axes.exclusive);
	CHECK(b->node[3].attr.axes.smallest && b->node[3].attr.axes.axis == 1);
	CHECK(b->node[4].attr.axes.last_index && !b->node[4].attr.axes.keep_dims);
	CHECK(b->node[5].attr.unary.no_positive && !b->node[5].attr.unary.no_negative);
	graph_free(b);

	g = build_graph();
	x = build_input(g, CNN_U8, LIST(1, 6));
	build_output(g, op(g, OP_BIT_SHIFT, IDS(x, x)));
	attr(g)->flag.on = true;
	build_output(g, op(g, OP_MOD, IDS(x, x)));
	attr(g)->flag.on = true;
	b = written(g);
	CHECK(b->node[0].attr.flag.on && b->node[1].attr.flag.on);
	graph_free(b);
}

/* What opset 17 has no form for. */
static void unreduced_and_too_new(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 6));
	x = op(g, OP_REDUCE_SUM_SQUARE, IDS(x));
	attr(g)->axes.no_axes_is_noop = true;
	x = op(g, OP_REDUCE_L2, IDS(x));
	attr(g)->axes.no_axes_is_noop = true;
	build_output(g, x);
	struct graph *b = written(g);
	CHECK(b->node[0].op == OP_MUL && b->node[0].in[0] == b->node[0].in[1]);
	CHECK_INT(b->node[1].op, OP_ABS);
	graph_free(b);
	g = build_graph();
	build_output(g, op(g, OP_MISH, IDS(build_input(g, CNN_F32, LIST(1, 6)))));
	infer(g);
	struct cnn_error err = {0};
	uint8_t *bytes = NULL;
	size_t len;
	CHECK_INT(onnx_export(g, &plain, &bytes, &len, &err), CNN_UNSUPPORTED);
	CHECK_STR(err.text, "node 'n0': opset 17 has no Mish");
	graph_free(g);
}

TEST_MAIN({"attributes", attributes}, {"refused_attributes", refused_attributes}, {"mask", mask},
          {"round_trips", round_trips}, {"unreduced_and_too_new", unreduced_and_too_new})
