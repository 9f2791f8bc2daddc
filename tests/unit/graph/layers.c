/* layers.c - parameters, MACs, receptive fields and formulas. */
#include "tests/unit/graph/build.h"

#include "engine/graph/layers.h"

static struct graph_layers layers_of(struct graph *g)
{
	struct graph_layers l;
	struct cnn_error err;
	infer(g);
	graph_sweep(g);
	CHECK_INT(graph_build_layers(g, &l, &err), CNN_OK);
	return l;
}

static void small_network(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 3, 224, 224));
	value_id w = build_weights(g, LIST(8, 3, 3, 3)), b = build_weights(g, LIST(8));
	struct node *n = build_node(g, OP_CONV, IDS(x, w, b), 1);
	n->attr.window.stride[0] = n->attr.window.stride[1] = 2;
	value_id conv = n->out[0];
	value_id relu = build_node(g, OP_RELU, IDS(conv), 1)->out[0];
	n = build_node(g, OP_MAX_POOL, IDS(relu), 1);
	n->attr.window.kernel[0] = n->attr.window.kernel[1] = 3;
	n->attr.window.stride[0] = n->attr.window.stride[1] = 2;
	n->attr.window.pad[0] = n->attr.window.pad[1] = 1;
	value_id pool = n->out[0];
	n = build_node(g, OP_CONV, IDS(pool, build_weights(g, LIST(8, 1, 3, 3))), 1);
	n->attr.window.group = 8;
	n->attr.window.dilation[0] = n->attr.window.dilation[1] = 2;
	for (int i = 0; i < 4; i++)
		n->attr.window.pad[i] = 2;
	value_id depthwise = n->out[0];
	n = build_node(g, OP_CONCAT, IDS(pool, depthwise), 1);
	n->attr.axes.axis = 1;
	value_id join = n->out[0];
	value_id mean = build_node(g, OP_GLOBAL_AVERAGE_POOL, IDS(join), 1)->out[0];
	n = build_node(g, OP_FLATTEN, IDS(mean), 1);
	n->attr.axes.axis = 1;
	value_id flat = n->out[0];
	n = build_node(g, OP_GEMM, IDS(flat, build_weights(g, LIST(16, 10))), 1);
	n->attr.gemm.alpha = 1;
	build_output(g, n->out[0]);

	struct graph_layers l = layers_of(g);
	CHECK_INT(l.n, 8);
	CHECK_STR(l.row[0].op, "Conv");
	CHECK_STR(l.row[0].formula, "⌊(224 + 2·0 − 3)/2⌋ + 1 = 111");
	CHECK_INT(l.row[0].parameters, 8 * 27 + 8);
	CHECK_INT(l.row[0].macs, 27 * 8 * 111 * 111);
	CHECK_INT(l.row[0].macs_if_dense, (int64_t)3 * 224 * 224 * 8 * 111 * 111);
	CHECK_INT(l.row[0].receptive_field[0], 3);
	CHECK_INT(l.row[0].jump[1], 2);
	CHECK_INT(l.row[1].macs, 0);
	CHECK_INT(l.row[1].macs_if_dense, 0);
	CHECK(!l.row[1].windowed);
	CHECK_STR(l.row[2].formula, "⌊(111 + 1 + 0 − 3)/2⌋ + 1 = 55");
	CHECK_INT(l.row[2].receptive_field[0], 7);
	CHECK_STR(l.row[3].formula, "(55 + 2·2 − (2·(3 − 1) + 1))/1 + 1 = 55");
	CHECK_INT(l.row[3].groups, 8);
	CHECK_INT(l.row[3].macs, 9 * 8 * 55 * 55);
	CHECK_INT(l.row[3].receptive_field[1], 7 + 4 * 4);
	CHECK_STR(l.row[4].formula, "8 + 8 = 16");
	CHECK_INT(l.row[4].receptive_field[0], 23);
	CHECK_STR(l.row[5].formula, "mean over 55 × 55");
	CHECK_INT(l.row[5].receptive_field[0], 0);
	CHECK_STR(l.row[6].formula, "16·1·1 = 16");
	CHECK_STR(l.row[7].formula, "16 → 10");
	CHECK_INT(l.row[7].macs, 160);
	CHECK_INT(l.row[7].receptive_field[1], 0);
	CHECK_INT(g->node[7].layer, 7);
	graph_free(g);
}

static void exact_formulas(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 1, 224, 112));
	struct node *n = build_node(g, OP_CONV, IDS(x, build_weights(g, LIST(1, 1, 4, 2))), 1);
	n->attr.window.stride[0] = n->attr.window.stride[1] = 2;
	n->attr.window.pad[0] = n->attr.window.pad[2] = 1;
	value_id conv = n->out[0];
	n = build_node(g, OP_AVERAGE_POOL, IDS(conv), 1);
	n->attr.window.kernel[0] = n->attr.window.kernel[1] = 1;
	n->attr.window.stride[0] = 3;
	n->attr.window.stride[1] = 5;
	n->attr.window.ceil_mode = true;
	build_output(g, n->out[0]);
	struct graph_layers l = layers_of(g);
	CHECK_STR(l.row[0].formula,
	          "H: (224 + 2·1 − 4)/2 + 1 = 112, W: (112 + 2·0 − 2)/2 + 1 = 56");
	CHECK_STR(l.row[1].formula, "H: (112 + 2·0 − 1)/3 + 1 = 38, W: (56 + 2·0 − 1)/5 + 1 = 12");
	graph_free(g);

	g = build_graph();
	x = build_input(g, CNN_F32, LIST(1, 1, 5, 6));
	n = build_node(g, OP_MAX_POOL, IDS(x), 1);
	n->attr.window.kernel[0] = n->attr.window.kernel[1] = 1;
	n->attr.window.stride[0] = n->attr.window.stride[1] = 3;
	n->attr.window.pad[0] = n->attr.window.pad[1] = 1;
	n->attr.window.pad[2] = n->attr.window.pad[3] = 1;
	n->attr.window.ceil_mode = true;
	build_output(g, n->out[0]);
	l = layers_of(g);
	CHECK_STR(l.row[0].formula,
	          "H: (5 + 2·1 − 1)/3 + 1 − 1 = 2, W: ⌈(6 + 2·1 − 1)/3⌉ + 1 − 1 = 3");
	graph_free(g);
}

static void parameters_count_once(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 4));
	value_id w = build_weights(g, LIST(4, 4)), one = build_weights(g, LIST(1));
	value_id a = build_node(g, OP_MATMUL, IDS(x, w), 1)->out[0];
	value_id b = build_node(g, OP_MATMUL, IDS(a, w), 1)->out[0];
	value_id c = build_node(g, OP_MUL, IDS(b, one), 1)->out[0];
	value_id v = build_weights(g, LIST(4));
	value_id d =
		build_node(g, OP_BATCH_NORM,
	                   IDS(c, build_weights(g, LIST(4)), build_weights(g, LIST(4)), v, v), 1)
			->out[0];
	build_output(g, d);
	struct graph_layers l = layers_of(g);
	CHECK_INT(l.row[0].parameters, 16);
	CHECK_INT(l.row[1].parameters, 0);
	CHECK_INT(l.row[2].parameters, 0);
	CHECK_INT(l.row[3].parameters, 8);
	graph_free(g);
}

TEST_MAIN({"small_network", small_network}, {"exact_formulas", exact_formulas},
          {"parameters_count_once", parameters_count_once})
