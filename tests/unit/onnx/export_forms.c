/* export_forms.c - what a file says otherwise than the graph, leaves out, or cannot hold. */
#include "tests/unit/onnx/exported.h"

/* graph_infer() evaluates these; a graph that it has not seen may still have them. */
static void operators_that_make_constants(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 3));
	value_id one = number(g, 1), filled, shape, range;
	filled =
		op(g, OP_CONSTANT_OF_SHAPE, IDS(build_ints(g, LIST(3)), build_weights(g, LIST(1))));
	shape = op(g, OP_SHAPE, IDS(x));
	range = op(g, OP_RANGE, IDS(one, number(g, 4), one));
	g->value[filled].shaped = g->value[shape].shaped = g->value[range].shaped = true;
	build_output(g, filled);
	build_output(g, shape);
	build_output(g, range);
	struct graph *b = again(g, &plain, NULL);
	close_inputs(b, 1);
	infer(b);
	expect_dims(b, b->output[0], LIST(3));
	CHECK(((const float *)b->value[b->output[0]].data)[2] == 1);
	expect_ints(b, b->output[1], LIST(1, 3));
	CHECK(((const float *)b->value[b->output[2]].data)[2] == 3);
	graph_free(b);
	graph_free(g);
}

/* What opset 17 lacks is said in other words. */
static void newer_and_older_forms(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 5, 4, 4));
	value_id y = op(g, OP_PAD,
	                IDS(x, build_ints(g, LIST(1, 2)), number(g, 0), build_ints(g, LIST(-1))));
	struct node *split = build_node(g, OP_SPLIT, IDS(y), 2);
	split->attr.axes = (struct axis_attr){.axis = 1, .uneven = true};
	build_output(g, split->out[1]);
	y = op(g, OP_REDUCE_MAX, IDS(split->out[0]));
	attr(g)->axes.no_axes_is_noop = true;
	y = op(g, OP_REDUCE_SUM, IDS(y));
	attr(g)->axes.no_axes_is_noop = true;
	y = op(g, OP_SOFTMAX, IDS(y));
	attr(g)->axes = (struct axis_attr){.axis = -3, .coerced_2d = true};
	y = op(g, OP_GLOBAL_AVERAGE_POOL, IDS(y));
	y = op(g, OP_LOG_SOFTMAX, IDS(y));
	attr(g)->axes = (struct axis_attr){.axis = 0, .coerced_2d = true};
	y = op(g, OP_SOFTMAX, IDS(y));
	attr(g)->axes = (struct axis_attr){.axis = 4, .coerced_2d = true};
	build_output(g, y);
	infer(g);
	struct graph *b = again(g, &batched, NULL);
	close_inputs(b, 2);
	infer(b);
	static const enum op want[] = {
		OP_PAD,         OP_SPLIT,   OP_IDENTITY, OP_REDUCE_SUM,
		OP_FLATTEN,     OP_SOFTMAX, OP_RESHAPE,  OP_GLOBAL_AVERAGE_POOL,
		OP_LOG_SOFTMAX, OP_FLATTEN, OP_SOFTMAX,  OP_RESHAPE};
	CHECK_INT(b->n_node, sizeof want / sizeof want[0]);
	for (size_t i = 0; i < b->n_node; i++)
		CHECK_INT(b->node[i].op, want[i]);
	expect_ints(b, b->node[0].in[1], LIST(0, 0, 0, 1, 0, 0, 0, 2));
	expect_ints(b, b->node[1].in[1], LIST(3, 2));
	CHECK(b->node[3].attr.axes.no_axes_is_noop);
	CHECK_INT(b->node[4].attr.axes.axis, 1);
	expect_dims(b, b->node[4].out[0], LIST(2, 84));
	CHECK_INT(b->node[8].attr.axes.axis, 1);
	expect_dims(b, b->node[9].out[0], LIST(6, 1));
	expect_dims(b, b->output[0], LIST(2, 2, 4, 7));
	expect_dims(b, b->output[1], LIST(2, 3, 1, 1));
	graph_free(b);
	graph_free(g);
}

static void open_batch(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 4, 2, 2));
	/* Two nodes share a shape; the third's begins with no batch; 0 has a meaning of its own in the fourth. */
	value_id shape = build_ints(g, LIST(1, 16));
	value_id a = op(g, OP_RESHAPE, IDS(x, shape));
	value_id b = op(g, OP_RESHAPE, IDS(x, shape));
	attr(g)->allow_zero = true;
	value_id c = op(g, OP_RESHAPE, IDS(x, build_ints(g, LIST(-1, 16))));
	value_id nothing = build_weights(g, LIST(1, 0));
	value_id d = op(g, OP_CONCAT,
	                IDS(op(g, OP_SLICE,
	                       IDS(a, build_ints(g, LIST(0)), build_ints(g, LIST(0)),
	                           build_ints(g, LIST(1)))),
	                    nothing));
	attr(g)->axes.axis = 1;
	d = op(g, OP_RESHAPE, IDS(d, build_ints(g, LIST(1, 0))));
	attr(g)->allow_zero = true;
	build_output(g, a);
	build_output(g, b);
	build_output(g, c);
	build_output(g, d);
	infer(g);
	struct graph *open = again(g, &batched, NULL);
	const struct value *in = &open->value[open->input[0]];
	CHECK_INT(in->dim[0], -1);
	CHECK_INT(in->dim[3], 2);
	CHECK_INT(open->node[0].op, OP_RESHAPE);
	expect_ints(open, open->node[0].in[1], LIST(0, 16));
	expect_ints(open, open->node[1].in[1], LIST(0, 16));
	CHECK(!open->node[1].attr.allow_zero);
	expect_ints(open, open->node[2].in[1], LIST(-1, 16));
	const struct node *last = &open->node[open->n_node - 1];
	expect_ints(open, last->in[1], LIST(1, 0));
	CHECK(last->attr.allow_zero);
	graph_free(open);
	struct graph *closed = again(g, &plain, NULL);
	CHECK_INT(closed->value[closed->input[0]].dim[0], 1);
	expect_ints(closed, closed->node[0].in[1], LIST(1, 16));
	CHECK_INT(closed->node[0].in[1], closed->node[1].in[1]);
	CHECK(closed->node[1].attr.allow_zero);
	graph_free(closed);
	graph_free(g);
}

static value_id named(struct graph *g, const char *name, value_id in)
{
	node_id n = graph_add_node(g, OP_RELU, name, 1, 1);
	value_id v = graph_add_value(g, name);
	CHECK(n != NO_NODE && v != NO_VALUE);
	g->node[n].in[0] = in;
	g->node[n].out[0] = v;
	g->value[v].producer = n;
	return v;
}

/* Outputs keep their names; others give way. onnx_import() refuses a name that is there twice. */
static void names(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 3));
	static const char *const same[] = {"scores", "", "", "scores_0", "value_1", "picture"};
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		x = named(g, same[i], x);
	build_output(g, named(g, "scores", x));
	infer(g);
	struct graph *b = again(g, &plain, NULL);
	CHECK_STR(b->value[b->input[0]].name, "picture");
	CHECK_STR(b->value[b->output[0]].name, "scores");
	CHECK_STR(b->value[b->node[0].out[0]].name, "scores_0_");
	CHECK_STR(b->value[b->node[1].out[0]].name, "value_1_");
	CHECK_STR(b->value[b->node[2].out[0]].name, "value_2");
	CHECK_STR(b->value[b->node[3].out[0]].name, "scores_0");
	CHECK_STR(b->value[b->node[5].out[0]].name, "picture_3");
	CHECK_INT(b->n_node, 7);
	graph_free(b);
	graph_free(g);
}

static void what_nothing_needs_is_left_out(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 3));
	build_weights(g, LIST(100));
	op(g, OP_ADD, IDS(x, build_weights(g, LIST(1000, 1))));
	g->node[0].dead = true;
	build_output(g, op(g, OP_RELU, IDS(x)));
	infer(g);
	struct graph *b = again(g, &plain, NULL);
	CHECK_INT(b->n_node, 1);
	CHECK_INT(b->n_value, 2);
	graph_free(b);
	graph_free(g);
}

static void information(void)
{
	static const struct onnx_meta meta[] = {{"classes", "a,b"}, {"empty", ""}};
	const struct onnx_export_options options = {
		.producer_name = "maker", .producer_version = "1.2", .meta = meta, .n_meta = 2};
	struct graph *g = build_graph();
	build_output(g, op(g, OP_RELU, IDS(build_input(g, CNN_F32, LIST(1, 3)))));
	infer(g);
	struct onnx_info info;
	struct graph *b = again(g, &options, &info);
	CHECK_STR(info.producer, "maker");
	CHECK_INT(info.opset, 17);
	CHECK_INT(info.ir_version, 8);
	CHECK_INT(info.n_meta, 2);
	CHECK_STR(info.meta_keys[0], "classes");
	CHECK_STR(info.meta_values[0], "a,b");
	CHECK_STR(info.meta_values[1], "");
	graph_free(b);
	static const struct onnx_export_options none = {0};
	b = again(g, &none, &info);
	CHECK_STR(info.producer, "");
	CHECK_INT(info.n_meta, 0);
	graph_free(b);
	graph_free(g);
}

static void refused(struct graph *g, enum cnn_status code, const char *part)
{
	struct cnn_error err = {0};
	uint8_t *bytes = NULL;
	size_t len;
	enum cnn_status got = onnx_export(g, &plain, &bytes, &len, &err);
	if (got != code || !strstr(err.text, part))
		fprintf(stderr, "onnx_export: \"%s\", want \"%s\"\n", err.text, part);
	CHECK_INT(got, code);
	CHECK(bytes == NULL && strstr(err.text, part) != NULL);
	graph_free(g);
}

static struct graph *one_node(enum op kind)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 2, 8, 8));
	build_output(g, op(g, kind, IDS(x)));
	return g;
}

static void what_a_file_cannot_hold(void)
{
	struct graph *g = one_node(OP_SILU);
	refused(g, CNN_UNSUPPORTED, "node 'n0': operator (silu) is not one of ONNX's");
	g = one_node(OP_RELU);
	refused(g, CNN_BAD_ARG, "node 'n0': the shape of its output 'out' is not known");
	g = one_node(OP_RELU);
	g->value[g->input[0]].shaped = false;
	refused(g, CNN_BAD_ARG, "the shape of 'picture' is not known");
	g = one_node(OP_RELU);
	infer(g);
	g->node[0].residual = g->input[0];
	refused(g, CNN_UNSUPPORTED, "node 'n0': ONNX has nothing for what a pass made of it");
	g = one_node(OP_RELU);
	infer(g);
	g->node[0].activation.kind = ACT_CLAMP;
	refused(g, CNN_UNSUPPORTED, "node 'n0'");
	g = one_node(OP_RELU);
	infer(g);
	g->value[g->output[0]].layout = LAYOUT_CHANNELS_LAST;
	refused(g, CNN_UNSUPPORTED, "node 'n0'");
	g = one_node(OP_AVERAGE_POOL);
	attr(g)->window.kernel[0] = attr(g)->window.kernel[1] = 2;
	attr(g)->window.dilation[0] = 2;
	infer(g);
	refused(g, CNN_UNSUPPORTED, "node 'n0': opset 17 has no AveragePool with dilations");
}

/* Three constants of 1 GiB, whose bytes nobody gets to read. */
static void too_large(void)
{
	static const float byte;
	struct graph *g = build_graph();
	value_id w[3], x = build_input(g, CNN_F32, LIST(1, 1));
	for (int i = 0; i < 3; i++) {
		w[i] = graph_add_value(g, "w");
		g->value[w[i]].rank = 2;
		g->value[w[i]].dim[0] = 1;
		g->value[w[i]].dim[1] = 1 << 28;
		g->value[w[i]].shaped = true;
		g->value[w[i]].data = &byte;
	}
	build_output(g, op(g, OP_SUM, IDS(x, w[0], w[1], w[2])));
	g->value[g->output[0]].shaped = true;
	refused(g, CNN_UNSUPPORTED, "are more than the 2 GiB of an .onnx file");
}

TEST_MAIN({"operators_that_make_constants", operators_that_make_constants},
          {"newer_and_older_forms", newer_and_older_forms}, {"open_batch", open_batch},
          {"names", names}, {"what_nothing_needs_is_left_out", what_nothing_needs_is_left_out},
          {"information", information}, {"what_a_file_cannot_hold", what_a_file_cannot_hold},
          {"too_large", too_large})
