/* storage.c - values, nodes, order, and the rewrites that passes share. */
#include "tests/unit/graph/build.h"

#include "engine/operators/shapes.h"

static void ops_have_names_and_rules(void)
{
	for (int op = 0; op < OP_COUNT; op++) {
		CHECK(op_table[op].onnx_name != NULL);
		CHECK(op_table[op].min_in <= op_table[op].max_in);
		CHECK(op_table[op].min_out >= 1);
		CHECK(shape_table[op] != NULL);
		for (int other = 0; other < op; other++)
			CHECK(strcmp(op_table[op].onnx_name, op_table[other].onnx_name) != 0);
	}
}

static void arrays_grow(void)
{
	struct graph *g = build_graph();
	value_id last = build_input(g, CNN_F32, LIST(1, 4));
	for (int i = 0; i < 1000; i++)
		last = build_node(g, OP_RELU, IDS(last), 1)->out[0];
	build_output(g, last);
	infer(g);
	CHECK_INT(g->n_node, 1000);
	CHECK_STR(g->node[999].name, "n999");
	expect_dims(g, last, LIST(1, 4));
	graph_free(g);
	graph_free(NULL);
}

static void constants_are_limited(void)
{
	struct graph *g = build_graph();
	void *data;
	CHECK(graph_add_constant(g, "w", CNN_F32, 2, (int64_t[]){-1, 2}, &data) == NO_VALUE);
	CHECK(graph_add_constant(g, "w", CNN_F32, 3, (int64_t[]){1 << 20, 1 << 20, 1 << 20},
	                         &data) == NO_VALUE);
	CHECK(graph_add_constant(g, "w", CNN_F32, 3, (int64_t[]){0, INT64_MAX, INT64_MAX}, &data) ==
	      NO_VALUE);
	CHECK(graph_add_constant(g, "w", CNN_F32, 9, (int64_t[9]){0}, &data) == NO_VALUE);
	value_id empty = graph_add_constant(g, "w", CNN_F32, 2, (int64_t[]){0, 5}, &data);
	CHECK(graph_is_constant(g, empty));
	CHECK_INT(graph_value_bytes(&g->value[empty]), 0);
	CHECK(!graph_is_constant(g, NO_VALUE));
	graph_free(g);
}

static void uses_are_counted(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 4));
	value_id a = build_node(g, OP_RELU, IDS(x), 1)->out[0];
	value_id b = build_node(g, OP_ADD, IDS(a, a), 1)->out[0];
	build_output(g, b);
	CHECK_INT(graph_count_uses(g, a), 2);
	CHECK_INT(graph_count_uses(g, b), 1);
	CHECK_INT(graph_count_uses(g, NO_VALUE), 0);
	g->node[1].in[0] = g->node[1].in[1] = x;
	CHECK_INT(graph_count_uses(g, a), 0);
	CHECK_INT(graph_count_uses(g, x), 3);
	graph_sweep(g);
	CHECK(g->node[0].dead && !g->node[1].dead);
	CHECK_INT(graph_sort(g, NULL), CNN_OK);
	CHECK_INT(g->n_node, 1);
	CHECK_INT(g->value[b].producer, 0);
	graph_free(g);
}

static void sweep_removes_chains(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 4));
	value_id used = build_node(g, OP_RELU, IDS(x), 1)->out[0];
	value_id a = build_node(g, OP_EXP, IDS(x), 1)->out[0];
	build_node(g, OP_ADD, IDS(a, used), 1);
	value_id residual = build_node(g, OP_EXP, IDS(x), 1)->out[0];
	g->node[0].residual = residual;
	build_output(g, used);
	CHECK_INT(graph_sort(g, NULL), CNN_OK);
	graph_sweep(g);
	CHECK_INT(graph_sort(g, NULL), CNN_OK);
	CHECK_INT(g->n_node, 2);
	CHECK_INT(graph_check(g, NULL), CNN_OK);
	graph_free(g);
}

static void sorting_is_stable_and_finds_cycles(void)
{
	struct graph *g = build_graph();
	struct cnn_error err = {0};
	value_id x = build_input(g, CNN_F32, LIST(1, 4));
	value_id late = graph_add_value(g, "late");
	value_id b = build_node(g, OP_ADD, IDS(x, late), 1)->out[0];
	build_node(g, OP_RELU, IDS(b), 1);
	node_id n = graph_add_node(g, OP_EXP, "late", 1, 1);
	g->node[n].in[0] = x;
	g->node[n].out[0] = late;
	g->value[late].producer = n;
	CHECK_INT(graph_check(g, &err), CNN_BAD_MODEL);
	CHECK(strstr(err.text, "made after it"));
	CHECK_INT(graph_sort(g, &err), CNN_OK);
	CHECK_INT(graph_check(g, &err), CNN_OK);
	CHECK_STR(g->node[0].name, "late");
	CHECK_STR(g->node[1].name, "n0");
	CHECK_STR(g->node[2].name, "n1");
	g->node[0].in[0] = b;
	CHECK_INT(graph_sort(g, &err), CNN_BAD_MODEL);
	CHECK(strstr(err.text, "node '"));
	graph_free(g);
}

static void check_finds_broken_references(void)
{
	struct graph *g = build_graph();
	struct cnn_error err;
	value_id x = build_input(g, CNN_F32, LIST(1, 4));
	struct node *n = build_node(g, OP_RELU, IDS(x), 1);
	value_id out = n->out[0];
	n->in[0] = 77;
	CHECK_INT(graph_check(g, &err), CNN_BAD_MODEL);
	n->in[0] = NO_VALUE;
	CHECK_INT(graph_check(g, &err), CNN_BAD_MODEL);
	n->in[0] = x;
	g->value[out].producer = NO_NODE;
	CHECK_INT(graph_check(g, &err), CNN_BAD_MODEL);
	g->value[out].producer = 0;
	n->n_in = 2;
	CHECK_INT(graph_check(g, &err), CNN_BAD_MODEL);
	n->n_in = 1;
	CHECK_INT(graph_check(g, &err), CNN_OK);
	build_output(g, 99);
	CHECK_INT(graph_check(g, &err), CNN_BAD_MODEL);
	graph_free(g);
}

TEST_MAIN({"ops_have_names_and_rules", ops_have_names_and_rules}, {"arrays_grow", arrays_grow},
          {"constants_are_limited", constants_are_limited}, {"uses_are_counted", uses_are_counted},
          {"sweep_removes_chains", sweep_removes_chains},
          {"sorting_is_stable_and_finds_cycles", sorting_is_stable_and_finds_cycles},
          {"check_finds_broken_references", check_finds_broken_references})
