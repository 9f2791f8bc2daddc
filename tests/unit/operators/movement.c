/* movement.c - tiles, pads, gathers, scatters and marks, on types and forms that the tests that come with ONNX leave out;
 * and what hostile numbers are refused for. */
#include "tests/unit/operators/build.h"

static void tiles(void)
{
	struct graph *g = build_graph();
	value_id x = build_ints(g, LIST(1, 2));
	value_id rows = build_node(g, OP_UNSQUEEZE, IDS(x, build_ints(g, LIST(0))), 1)->out[0];
	value_id y = build_node(g, OP_TILE, IDS(rows, build_ints(g, LIST(2, 3))), 1)->out[0];
	value_id none = build_node(g, OP_TILE, IDS(x, build_ints(g, LIST(0))), 1)->out[0];
	infer(g);
	expect_dims(g, y, LIST(2, 6));
	expect_ints(g, y, LIST(1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2));
	expect_dims(g, none, LIST(0));
	graph_free(g);
	g = build_graph();
	build_node(g, OP_TILE, IDS(build_ints(g, LIST(1)), build_ints(g, LIST(-1))), 1);
	refuse(g, CNN_BAD_MODEL, "repeats -1 times");
	g = build_graph();
	build_node(g, OP_TILE, IDS(build_ints(g, LIST(1, 2)), build_ints(g, LIST(INT64_MAX))), 1);
	refuse(g, CNN_BAD_MODEL, "more than");
}

static value_id pad(struct graph *g, enum pad_mode mode, value_id x, int64_t before, int64_t after)
{
	value_id pads = build_ints(g, LIST(before, after));
	struct node *n = build_node(g, OP_PAD, IDS(x, pads), 1);
	n->attr.pad_mode = mode;
	return n->out[0];
}

static void pads(void)
{
	struct graph *g = build_graph();
	value_id x = build_ints(g, LIST(1, 2, 3));
	value_id wrap = pad(g, PAD_WRAP, x, 4, 2), cut = pad(g, PAD_WRAP, x, -1, 3);
	value_id reflect = pad(g, PAD_REFLECT, x, 1, -1), edge = pad(g, PAD_EDGE, x, -2, 2);
	value_id fill = pad(g, PAD_CONSTANT, x, 1, -3);
	/* The axes may be int32. */
	value_id axes = build_typed(g, CNN_S32, LIST(1), (const int64_t[]){-1});
	value_id nine = build_typed(g, CNN_S64, LIST(1), (const int64_t[]){9});
	value_id by_axes =
		build_node(g, OP_PAD, IDS(x, build_ints(g, LIST(0, 1)), nine, axes), 1)->out[0];
	infer(g);
	expect_ints(g, wrap, LIST(3, 1, 2, 3, 1, 2, 3, 1, 2));
	expect_ints(g, cut, LIST(2, 3, 2, 3, 2));
	expect_ints(g, reflect, LIST(2, 1, 2));
	expect_ints(g, edge, LIST(3, 3, 3));
	expect_ints(g, fill, LIST(0));
	expect_ints(g, by_axes, LIST(1, 2, 3, 9));
	graph_free(g);
	g = build_graph();
	pad(g, PAD_WRAP, build_ints(g, LIST(1)), -1, 2);
	refuse(g, CNN_BAD_MODEL, "do not fit");
}

static void gathers(void)
{
	struct graph *g = build_graph();
	value_id x = build_typed(g, CNN_U8, LIST(2, 3), (const int64_t[]){1, 2, 3, 4, 5, 6});
	value_id at = build_typed(g, CNN_S64, LIST(2, 1), (const int64_t[]){-1, 0});
	struct node *n = build_node(g, OP_GATHER_ND, IDS(x, at), 1);
	n->attr.axes.batch_dims = 1;
	value_id batches = n->out[0];
	value_id whole = build_node(g, OP_GATHER_ND, IDS(x, at), 1)->out[0];
	n = build_node(g, OP_GATHER_ELEMENTS, IDS(x, at), 1);
	n->attr.axes.axis = 1;
	value_id elements = n->out[0];
	infer(g);
	expect_dims(g, batches, LIST(2));
	expect_typed(g, batches, CNN_U8, LIST(3, 4));
	expect_typed(g, whole, CNN_U8, LIST(4, 5, 6, 1, 2, 3));
	expect_typed(g, elements, CNN_U8, LIST(3, 4));
	graph_free(g);
	static const enum op ops[] = {OP_GATHER, OP_GATHER_ELEMENTS, OP_GATHER_ND};
	for (size_t i = 0; i < 3; i++) {
		g = build_graph();
		build_node(g, ops[i], IDS(build_ints(g, LIST(1, 2)), build_ints(g, LIST(2))), 1);
		refuse(g, CNN_BAD_MODEL, "index 2 is outside");
	}
	g = build_graph();
	n = build_node(g, OP_GATHER_ND, IDS(build_ints(g, LIST(1, 2)), build_ints(g, LIST(0))), 1);
	n->attr.axes.batch_dims = INT64_MIN;
	refuse(g, CNN_BAD_MODEL, "batch dimensions");
}

static value_id scatter(struct graph *g, enum cnn_dtype dtype, enum scatter_reduction how)
{
	value_id x = build_typed(g, dtype, LIST(3), (const int64_t[]){10, 20, 30});
	value_id at = build_ints(g, LIST(1, -2, 0));
	value_id to = build_typed(g, dtype, LIST(3), (const int64_t[]){5, 40, 10});
	struct node *n = build_node(g, OP_SCATTER_ELEMENTS, IDS(x, at, to), 1);
	n->attr.scatter.reduction = how;
	return n->out[0];
}

static void scatters(void)
{
	static const enum cnn_dtype types[] = {CNN_F32, CNN_U8, CNN_S32, CNN_S64};
	for (size_t i = 0; i < 4; i++) {
		struct graph *g = build_graph();
		value_id set = scatter(g, types[i], SCATTER_SET);
		value_id add = scatter(g, types[i], SCATTER_ADD);
		value_id mul = scatter(g, types[i], SCATTER_MUL);
		value_id min = scatter(g, types[i], SCATTER_MIN);
		value_id max = scatter(g, types[i], SCATTER_MAX);
		infer(g);
		expect_typed(g, set, types[i], LIST(10, 40, 30));
		expect_typed(g, add, types[i], LIST(20, 65, 30));
		expect_typed(g, mul, types[i],
		             LIST(100, types[i] == CNN_U8 ? 4000 % 256 : 4000, 30));
		expect_typed(g, min, types[i], LIST(10, 5, 30));
		expect_typed(g, max, types[i], LIST(10, 40, 30));
		graph_free(g);
	}
	struct graph *g = build_graph();
	value_id x = build_ints(g, LIST(1, 2)), at = build_ints(g, LIST(0));
	build_node(g, OP_SCATTER_ELEMENTS, IDS(x, at, x), 1);
	refuse(g, CNN_BAD_MODEL, "indices 1 for updates 2");
	g = build_graph();
	x = build_ints(g, LIST(1, 2));
	at = build_typed(g, CNN_S64, LIST(1, 1), (const int64_t[]){7});
	build_node(g, OP_SCATTER_ND, IDS(x, at, build_ints(g, LIST(3))), 1);
	refuse(g, CNN_BAD_MODEL, "index 7 is outside");
}

static void marks(void)
{
	struct graph *g = build_graph();
	value_id at = build_typed(g, CNN_F32, LIST(3), (const int64_t[]){0, -1, 5});
	value_id depth = build_typed(g, CNN_F32, LIST(1), (const int64_t[]){3});
	value_id values = build_typed(g, CNN_S32, LIST(2), (const int64_t[]){7, 8});
	struct node *n = build_node(g, OP_ONE_HOT, IDS(at, depth, values), 1);
	n->attr.axes.axis = 0;
	value_id hot = n->out[0];
	value_id x = build_input(g, CNN_F32, LIST(2, 3));
	n = build_node(g, OP_EYE_LIKE, IDS(x), 1);
	n->attr.eye = (struct eye_attr){.diagonal = -1, .dtype = CNN_BOOL};
	value_id eye = n->out[0], size = build_node(g, OP_SIZE, IDS(x), 1)->out[0];
	value_id square = build_typed(g, CNN_U8, LIST(2, 2), (const int64_t[]){1, 2, 3, 4});
	value_id far = build_typed(g, CNN_S64, LIST(1), (const int64_t[]){INT64_MAX});
	value_id lower = build_node(g, OP_TRILU, IDS(square), 1)->out[0];
	n = build_node(g, OP_TRILU, IDS(square, far), 1);
	n->attr.flag.on = true;
	value_id none = n->out[0];
	infer(g);
	expect_typed(g, hot, CNN_S32, LIST(8, 7, 7, 7, 7, 7, 7, 8, 7));
	expect_typed(g, eye, CNN_BOOL, LIST(0, 0, 0, 1, 0, 0));
	expect_typed(g, size, CNN_S64, LIST(6));
	expect_typed(g, lower, CNN_U8, LIST(1, 0, 3, 4));
	expect_typed(g, none, CNN_U8, LIST(0, 0, 0, 0));
	graph_free(g);
	g = build_graph();
	at = build_ints(g, LIST(0));
	values = build_ints(g, LIST(0, 1));
	build_node(g, OP_ONE_HOT, IDS(at, build_ints(g, LIST(INT64_MAX)), values), 1);
	refuse(g, CNN_BAD_MODEL, "more than");
}

static void blocks(void)
{
	struct graph *g = build_graph();
	value_id x = build_weights(g, LIST(1, 8, 1, 1));
	struct node *n = build_node(g, OP_DEPTH_TO_SPACE, IDS(x), 1);
	n->attr.block.size = 2;
	value_id dcr = n->out[0];
	n = build_node(g, OP_DEPTH_TO_SPACE, IDS(x), 1);
	n->attr.block = (struct block_attr){2, true};
	value_id crd = n->out[0];
	n = build_node(g, OP_SPACE_TO_DEPTH, IDS(dcr), 1);
	n->attr.block.size = 2;
	value_id back = n->out[0];
	infer(g);
	expect_floats(g, dcr, FLOATS(1, 3, 5, 7, 2, 4, 6, 8));
	expect_floats(g, crd, FLOATS(1, 2, 3, 4, 5, 6, 7, 8));
	expect_floats(g, back, FLOATS(1, 2, 3, 4, 5, 6, 7, 8));
	graph_free(g);
	static const int64_t sizes[] = {0, -1, 3, INT64_MAX};
	for (size_t i = 0; i < 4; i++) {
		g = build_graph();
		n = build_node(g, OP_DEPTH_TO_SPACE, IDS(build_weights(g, LIST(1, 8, 1, 1))), 1);
		n->attr.block.size = sizes[i];
		refuse(g, CNN_BAD_MODEL, i == 2 ? "not made of blocks of 3" : "out of range");
	}
}

/* x resized to the size of another feature map, as exporters write it. */
static void sizes_from_shapes(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 8, 4, 4));
	value_id like = build_input(g, CNN_F32, LIST(1, 3, 9, 7));
	value_id shape = build_node(g, OP_SHAPE, IDS(x), 1)->out[0];
	value_id two = build_ints(g, LIST(2)), zero = build_ints(g, LIST(0));
	value_id front = build_node(g, OP_SLICE, IDS(shape, zero, two), 1)->out[0];
	value_id other = build_node(g, OP_SHAPE, IDS(like), 1)->out[0];
	value_id back = build_node(g, OP_SLICE, IDS(other, two, build_ints(g, LIST(4))), 1)->out[0];
	value_id sizes = build_node(g, OP_CONCAT, IDS(front, back), 1)->out[0];
	value_id y = build_node(g, OP_RESIZE, IDS(x, NO_VALUE, NO_VALUE, sizes), 1)->out[0];
	value_id count = build_node(g, OP_SIZE, IDS(y), 1)->out[0];
	build_output(g, y);
	infer(g);
	expect_dims(g, y, LIST(1, 8, 9, 7));
	expect_ints(g, count, LIST(504));
	graph_free(g);
}

/* expand(-1, 8, 5, 3) and view(size(0), -1), as PyTorch writes them. */
static void exporters_idioms(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 8, 1, 1));
	value_id want = build_ints(g, LIST(-1, 8, 5, 3)), minus = build_ints(g, LIST(-1));
	value_id rank = build_node(g, OP_SHAPE, IDS(want), 1)->out[0];
	value_id one = build_ints(g, LIST(1)), zero = build_ints(g, LIST(0));
	value_id ones = build_node(g, OP_CONSTANT_OF_SHAPE, IDS(rank, one), 1)->out[0];
	value_id open = build_node(g, OP_MUL, IDS(ones, minus), 1)->out[0];
	value_id mask = build_node(g, OP_EQUAL, IDS(want, open), 1)->out[0];
	value_id shape = build_node(g, OP_WHERE, IDS(mask, ones, want), 1)->out[0];
	value_id y = build_node(g, OP_EXPAND, IDS(x, shape), 1)->out[0];
	value_id whole = build_node(g, OP_SHAPE, IDS(y), 1)->out[0];
	value_id first = build_typed(g, CNN_S64, NULL, 0, (const int64_t[]){0});
	value_id batch = build_node(g, OP_GATHER, IDS(whole, first), 1)->out[0];
	value_id list = build_node(g, OP_UNSQUEEZE, IDS(batch, zero), 1)->out[0];
	value_id flat = build_node(g, OP_CONCAT, IDS(list, minus), 1)->out[0];
	value_id z = build_node(g, OP_RESHAPE, IDS(y, flat), 1)->out[0];
	build_output(g, z);
	infer(g);
	expect_dims(g, y, LIST(1, 8, 5, 3));
	expect_dims(g, z, LIST(1, 120));
	size_t alive = 0;
	for (size_t i = 0; i < g->n_node; i++)
		alive += !g->node[i].dead;
	CHECK_INT(alive, 2);
	graph_free(g);
}

TEST_MAIN({"tiles", tiles}, {"pads", pads}, {"gathers", gathers}, {"scatters", scatters},
          {"marks", marks}, {"blocks", blocks}, {"sizes_from_shapes", sizes_from_shapes},
          {"exporters_idioms", exporters_idioms})
