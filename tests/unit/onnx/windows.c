/* windows.c - windows of three axes, normalisations and Einsum: read by each opset's rules, written and read again. */
#include "tests/unit/onnx/exported.h"
#include "tests/unit/onnx/model.h"

/* A node "n" with its output "y", on the usual input "x" and whatever else. */
static struct model *one(int64_t opset, const char *type, const char *in, const char *out)
{
	struct model *m = model_new(opset);
	static const float numbers[64];
	static int64_t four = 4, weights[] = {3, 1, 2, 2};
	model_tensor(m, "four", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, &four, 1, numbers, 16);
	model_tensor(m, "w", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, weights, 4, numbers, 48);
	model_node(m, "n", type, in, out);
	return m;
}

static struct node read_one(struct model *m, struct graph **g)
{
	*g = model_import(m);
	return (*g)->node[0];
}

static void outputs_that_nobody_reads(void)
{
	struct graph *g;
	struct model *m = one(12, "MaxPool", "x", "y,indices");
	model_ints(m, "kernel_shape", MODEL_LIST(2, 2));
	model_int(m, "storage_order", 1);
	struct node n = read_one(m, &g);
	CHECK_INT(n.n_out, 1);
	CHECK(n.attr.window.column_major);
	graph_free(g);
	n = read_one(one(17, "LayerNormalization", "x,four", "y,mean,deviation"), &g);
	CHECK_INT(n.n_out, 1);
	CHECK_INT(n.attr.norm.axis, -1);
	graph_free(g);
	m = one(17, "LayerNormalization", "x,four", "z,,deviation");
	model_node(m, "sum", "Add", "z,deviation", "y");
	n = read_one(m, &g);
	CHECK_INT(n.n_out, 3);
	graph_free(g);
}

static void opsets(void)
{
	struct graph *g;
	for (int64_t opset = 18; opset <= 21; opset += 3) {
		struct model *m = one(opset, "GroupNormalization", "x,four,four", "y");
		model_int(m, "num_groups", 2);
		struct node n = read_one(m, &g);
		CHECK_INT(n.attr.norm.groups, 2);
		CHECK_INT(n.attr.norm.by_group, opset == 18);
		graph_free(g);
	}
	struct model *m = one(11, "ConvTranspose", "x,w", "y");
	model_ints(m, "kernel_shape", MODEL_LIST(2, 2));
	model_ints(m, "output_shape", MODEL_LIST(1, 1, 9, 8));
	struct node n = read_one(m, &g);
	CHECK_INT(n.attr.window.output_size[0], 0);
	CHECK_INT(n.attr.window.output_size[1], 9);
	CHECK_INT(n.attr.window.output_size[2], 8);
	graph_free(g);
	m = one(18, "LpPool", "x", "y");
	model_ints(m, "kernel_shape", MODEL_LIST(4, 3, 2));
	model_ints(m, "dilations", MODEL_LIST(1, 2, 3));
	model_ints(m, "pads", MODEL_LIST(1, 2, 3, 4, 5, 6));
	n = read_one(m, &g);
	const struct window_attr *w = &n.attr.window;
	CHECK_INT(w->power, 2);
	CHECK_INT(w->depth.kernel, 4);
	CHECK_INT(w->dilation[1], 3);
	CHECK_INT(w->depth.before, 1);
	CHECK_INT(w->pad[1], 3);
	CHECK_INT(w->depth.after, 4);
	CHECK_INT(w->pad[2], 5);
	graph_free(g);
	n = read_one(one(13, "MeanVarianceNormalization", "x", "y"), &g);
	CHECK_INT(n.attr.perm.n, 3);
	CHECK_INT(n.attr.perm.perm[1], 2);
	graph_free(g);
}

static void refused(void)
{
	struct model *m = one(11, "LpPool", "x", "y");
	model_ints(m, "kernel_shape", MODEL_LIST(2, 2));
	model_ints(m, "dilations", MODEL_LIST(2, 2));
	model_refuse(m, CNN_UNSUPPORTED, "attribute dilations of LpPool (opset 11)");
	m = one(18, "LpPool", "x", "y");
	model_ints(m, "kernel_shape", MODEL_LIST(2, 2));
	model_int(m, "p", 0);
	model_refuse(m, CNN_BAD_MODEL, "p 0 is out of range");
	m = one(11, "MaxPool", "x", "y");
	model_ints(m, "kernel_shape", MODEL_LIST(2, 2, 2, 2));
	model_refuse(m, CNN_UNSUPPORTED, "MaxPool over 4 spatial axes");
	m = one(11, "ConvTranspose", "x,w", "y");
	model_ints(m, "kernel_shape", MODEL_LIST(2, 2));
	model_ints(m, "output_shape", MODEL_LIST(1, 2, 3));
	model_refuse(m, CNN_BAD_MODEL, "attribute output_shape has 3 numbers");
	model_refuse(one(18, "GroupNormalization", "x,four,four", "y"), CNN_BAD_MODEL,
	             "num_groups is missing");
	m = one(13, "LpNormalization", "x", "y");
	model_int(m, "p", 3);
	model_refuse(m, CNN_BAD_MODEL, "p is 3");
	m = one(13, "MeanVarianceNormalization", "x", "y");
	model_ints(m, "axes", MODEL_LIST(0, 8));
	model_refuse(m, CNN_BAD_MODEL, "axes are not those");
	model_refuse(one(13, "Einsum", "x", "y"), CNN_BAD_MODEL, "equation is missing");
	m = one(13, "Einsum", "x", "y");
	model_int(m, "equation", 1);
	model_refuse(m, CNN_BAD_MODEL, "equation has the wrong type");
}

/* Inferred, written, read and inferred again: shapes and attributes are the same. */
static struct graph *written(struct graph *g)
{
	build_output(g, g->node[g->n_node - 1].out[0]);
	infer(g);
	struct graph *b = again(g, &plain, NULL);
	close_inputs(b, 1);
	infer(b);
	CHECK_INT(b->n_node, g->n_node);
	const struct value *want = &g->value[g->output[0]];
	expect_dims(b, b->output[0], want->dim, want->rank);
	graph_free(g);
	return b;
}

static struct graph *on_input(const int64_t *dim, int32_t rank, enum op kind)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, dim, rank);
	build_node(g, kind, IDS(x), 1);
	return g;
}

static void round_trips(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 2, 4, 5, 6));
	struct node *n =
		build_node(g, OP_CONV_TRANSPOSE, IDS(x, build_weights(g, LIST(2, 1, 3, 2, 1))), 1);
	n->attr.window.group = 2;
	n->attr.window.depth = (struct window_axis){0, 3, 2, 1, 2};
	n->attr.window.output_size[1] = 9;
	struct graph *b = written(g);
	CHECK_INT(b->node[0].attr.window.depth.dilation, 2);
	CHECK_INT(b->node[0].attr.window.depth.after, 2);
	CHECK_INT(b->node[0].attr.window.output_pad[1], 3);
	graph_free(b);

	g = on_input(LIST(1, 2, 4, 5, 6), OP_MAX_POOL);
	g->node[0].attr.window.kernel[0] = g->node[0].attr.window.kernel[1] = 2;
	g->node[0].attr.window.depth = (struct window_axis){3, 2, 1, 0, 0};
	g->node[0].attr.window.column_major = true;
	b = written(g);
	CHECK(b->node[0].attr.window.column_major);
	graph_free(b);

	g = on_input(LIST(1, 2, 8), OP_LP_POOL);
	g->node[0].attr.window.kernel[1] = 3;
	g->node[0].attr.window.power = 3;
	b = written(g);
	CHECK_INT(b->node[0].attr.window.power, 3);
	graph_free(b);
	g = on_input(LIST(1, 2, 8), OP_GLOBAL_LP_POOL);
	g->node[0].attr.window.power = 1;
	b = written(g);
	CHECK_INT(b->node[0].attr.window.power, 1);
	graph_free(b);

	g = build_graph();
	x = build_input(g, CNN_F32, LIST(1, 2, 4));
	value_id c = build_weights(g, LIST(2));
	x = op(g, OP_INSTANCE_NORM, IDS(x, c, c));
	g->node[0].attr.norm.epsilon = 0.5f;
	x = op(g, OP_LAYER_NORM, IDS(x, build_weights(g, LIST(2, 4))));
	g->node[1].attr.norm = (struct norm_attr){.axis = 1, .epsilon = 0.25f};
	x = op(g, OP_MEAN_VARIANCE_NORM, IDS(x));
	g->node[2].attr.perm = (struct perm_attr){2, {0, -1}};
	x = op(g, OP_LP_NORM, IDS(x));
	g->node[3].attr.axes = (struct axis_attr){.axis = 1, .power = 1};
	op(g, OP_EINSUM, IDS(x));
	g->node[4].attr.equation = "...ij->...ji";
	b = written(g);
	CHECK(b->node[0].attr.norm.epsilon == 0.5f && b->node[1].attr.norm.epsilon == 0.25f);
	CHECK_INT(b->node[1].attr.norm.axis, 1);
	CHECK_INT(b->node[2].attr.perm.perm[1], -1);
	CHECK_INT(b->node[3].attr.axes.power, 1);
	CHECK_STR(b->node[4].attr.equation, "...ij->...ji");
	graph_free(b);
}

TEST_MAIN({"outputs_that_nobody_reads", outputs_that_nobody_reads}, {"opsets", opsets},
          {"refused", refused}, {"round_trips", round_trips})
