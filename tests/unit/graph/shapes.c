/* shapes.c - ONNX's shape rules, a graph of a node or two for each. */
#include "tests/unit/graph/build.h"

static struct graph *conv(const int64_t *x, int32_t x_rank, const int64_t *w, int32_t w_rank,
                          struct node **n)
{
	struct graph *g = build_graph();
	value_id in = build_input(g, CNN_F32, x, x_rank);
	value_id weights = build_weights(g, w, w_rank);
	*n = build_node(g, OP_CONV, IDS(in, weights), 1);
	build_output(g, (*n)->out[0]);
	return g;
}

static void convolutions(void)
{
	struct node *n;
	struct graph *g = conv(LIST(1, 3, 224, 224), LIST(64, 3, 3, 5), &n);
	n->attr.window.stride[0] = 2;
	n->attr.window.dilation[1] = 2;
	n->attr.window.pad[3] = 1;
	infer(g);
	expect_dims(g, n->out[0], LIST(1, 64, 111, 217));
	CHECK_INT(n->attr.window.spatial, 2);
	CHECK_INT(n->attr.window.kernel[1], 5);
	graph_free(g);

	g = conv(LIST(1, 8, 100), LIST(4, 2, 3), &n);
	n->attr.window.group = 4;
	n->attr.window.stride[1] = 3;
	infer(g);
	expect_dims(g, n->out[0], LIST(1, 4, 33));
	CHECK_INT(n->attr.window.spatial, 1);
	CHECK_INT(n->attr.window.kernel[0], 1);
	CHECK_INT(n->attr.window.kernel[1], 3);
	graph_free(g);
}

static void auto_padding(void)
{
	static const struct {
		enum auto_pad mode;
		int64_t in, out;
		int32_t before, after;
	} cases[] = {{PAD_SAME_UPPER, 5, 3, 0, 1},
	             {PAD_SAME_LOWER, 5, 3, 1, 0},
	             {PAD_SAME_UPPER, 4, 2, 0, 0},
	             {PAD_VALID, 5, 2, 0, 0}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct node *n;
		struct graph *g = conv(LIST(1, 1, cases[i].in, cases[i].in), LIST(1, 1, 2, 2), &n);
		n->attr.window.auto_pad = cases[i].mode;
		n->attr.window.stride[0] = n->attr.window.stride[1] = 2;
		/* A second inference finds the same, though pad[] has been written. */
		infer(g);
		infer(g);
		expect_dims(g, n->out[0], LIST(1, 1, cases[i].out, cases[i].out));
		CHECK_INT(n->attr.window.pad[0], cases[i].before);
		CHECK_INT(n->attr.window.pad[3], cases[i].after);
		graph_free(g);
	}
}

static void refused_convolutions(void)
{
	struct node *n;
	struct graph *g = conv(LIST(1, 64, 9, 9), LIST(6, 21, 3, 3), &n);
	n->attr.window.group = 3;
	refuse(g, CNN_BAD_MODEL, "node 'n0': group 3 does not divide 64 channels");
	g = conv(LIST(1, 3, 9, 9), LIST(6, 4, 3, 3), &n);
	refuse(g, CNN_BAD_MODEL, "weights 6 × 4 × 3 × 3 do not fit an input of 3 channels");
	g = conv(LIST(1, 3, 2, 9), LIST(6, 3, 3, 3), &n);
	refuse(g, CNN_BAD_MODEL, "does not fit its padded input of 2");
	g = conv(LIST(1, 3, 9, 9), LIST(6, 3, 3, 3), &n);
	n->attr.window.kernel[0] = 5;
	refuse(g, CNN_BAD_MODEL, "kernel_shape says 5");
	g = conv(LIST(1, 3, 9, 9), LIST(6, 3, 3, 3), &n);
	n->attr.window.stride[1] = 0;
	refuse(g, CNN_BAD_MODEL, "stride 0");
	g = conv(LIST(1, 3, 9, 9), LIST(6, 3, 3, 3), &n);
	n->attr.window.pad[2] = -1;
	refuse(g, CNN_BAD_MODEL, "pad -1");
	g = conv(LIST(1, 3, 9, 9, 9, 9), LIST(6, 3, 3, 3, 3, 3), &n);
	refuse(g, CNN_UNSUPPORTED, "4 spatial axes");
	g = conv(LIST(1, 3, 9, 9, 9), LIST(6, 3, 3, 3, 3), &n);
	n->attr.window.depth.stride = 0;
	refuse(g, CNN_BAD_MODEL, "stride 0");
	g = conv(LIST(1, 3, 9, 9), LIST(6, 3, 3), &n);
	refuse(g, CNN_BAD_MODEL, "weights 6 × 3 × 3");

	g = build_graph();
	value_id x = build_input(g, CNN_U8, LIST(1, 3, 9, 9));
	build_node(g, OP_GLOBAL_AVERAGE_POOL, IDS(x), 1);
	refuse(g, CNN_UNSUPPORTED, "GlobalAveragePool of uint8");
}

static int64_t pool_size(int64_t in, int32_t kernel, int32_t stride, int32_t before, int32_t after,
                         bool ceil_mode)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 2, in));
	struct node *n = build_node(g, OP_MAX_POOL, IDS(x), 1);
	n->attr.window.kernel[1] = kernel;
	n->attr.window.stride[1] = stride;
	n->attr.window.pad[1] = before;
	n->attr.window.pad[3] = after;
	n->attr.window.ceil_mode = ceil_mode;
	infer(g);
	int64_t size = g->value[n->out[0]].dim[2];
	graph_free(g);
	return size;
}

static void pool_rounding(void)
{
	CHECK_INT(pool_size(112, 3, 2, 0, 0, false), 55);
	CHECK_INT(pool_size(112, 3, 2, 0, 0, true), 56);
	CHECK_INT(pool_size(111, 3, 2, 0, 0, true), 55);
	/* The last window would start in the padding behind: it is dropped. */
	CHECK_INT(pool_size(4, 1, 3, 0, 1, true), 2);
	CHECK_INT(pool_size(5, 1, 3, 1, 1, true), 2);
	CHECK_INT(pool_size(6, 1, 3, 1, 1, true), 3);
}

static value_id matmul(struct graph *g, const int64_t *a, int32_t a_rank, const int64_t *b,
                       int32_t b_rank)
{
	value_id x = build_input(g, CNN_F32, a, a_rank);
	return build_node(g, OP_MATMUL, IDS(x, build_weights(g, b, b_rank)), 1)->out[0];
}

static void matrix_products(void)
{
	struct graph *g = build_graph();
	value_id a = matmul(g, LIST(5, 1, 2, 3), LIST(4, 3, 6));
	value_id b = matmul(g, LIST(3), LIST(3, 6));
	value_id c = matmul(g, LIST(2, 3), LIST(3));
	infer(g);
	expect_dims(g, a, LIST(5, 4, 2, 6));
	expect_dims(g, b, LIST(6));
	expect_dims(g, c, LIST(2));
	graph_free(g);
	g = build_graph();
	matmul(g, LIST(2, 3), LIST(2, 3));
	refuse(g, CNN_BAD_MODEL, "MatMul of 2 × 3 and 2 × 3");

	g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(3, 2));
	value_id w = build_weights(g, LIST(7, 3)), bias = build_weights(g, LIST(7));
	struct node *n = build_node(g, OP_GEMM, IDS(x, w, bias), 1);
	n->attr.gemm = (struct gemm_attr){1, 1, true, true};
	infer(g);
	expect_dims(g, n->out[0], LIST(2, 7));
	n->in[2] = build_weights(g, LIST(6));
	refuse(g, CNN_BAD_MODEL, "bias 6 does not fit 2 × 7");
}

static value_id with_list(struct graph *g, enum op op, value_id x, const int64_t *list, int32_t n)
{
	return build_node(g, op, IDS(x, build_ints(g, list, n)), 1)->out[0];
}

static void views(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(2, 3, 1, 4));
	value_id reshaped = with_list(g, OP_RESHAPE, x, LIST(0, -1, 2));
	value_id squeezed = with_list(g, OP_SQUEEZE, x, LIST(-2));
	value_id unsqueezed = with_list(g, OP_UNSQUEEZE, x, LIST(0, -1));
	value_id expanded = with_list(g, OP_EXPAND, x, LIST(3, 5, 1));
	value_id all = build_node(g, OP_SQUEEZE, IDS(x), 1)->out[0];
	value_id flat = build_node(g, OP_FLATTEN, IDS(x), 1)->out[0];
	struct node *transpose = build_node(g, OP_TRANSPOSE, IDS(x), 1);
	value_id reversed = transpose->out[0];
	infer(g);
	expect_dims(g, reshaped, LIST(2, 6, 2));
	expect_dims(g, squeezed, LIST(2, 3, 4));
	expect_dims(g, unsqueezed, LIST(1, 2, 3, 1, 4, 1));
	expect_dims(g, expanded, LIST(2, 3, 5, 4));
	expect_dims(g, all, LIST(2, 3, 4));
	expect_dims(g, flat, LIST(1, 24));
	expect_dims(g, reversed, LIST(4, 1, 3, 2));
	graph_free(g);

	g = build_graph();
	x = build_input(g, CNN_F32, LIST(2, 3));
	with_list(g, OP_RESHAPE, x, LIST(4, -1));
	refuse(g, CNN_BAD_MODEL, "6 elements of 2 × 3 do not fit");
	g = build_graph();
	x = build_input(g, CNN_F32, LIST(2, 3));
	with_list(g, OP_RESHAPE, x, LIST(INT64_MAX, INT64_MAX));
	refuse(g, CNN_BAD_MODEL, "do not fit its shape");
	g = build_graph();
	x = build_input(g, CNN_F32, LIST(2, 3));
	with_list(g, OP_SQUEEZE, x, LIST(1));
	refuse(g, CNN_BAD_MODEL, "axis 1 of 2 × 3 is not 1");
	g = build_graph();
	x = build_input(g, CNN_F32, LIST(2, 3));
	build_node(g, OP_RESHAPE, IDS(x, build_input(g, CNN_S64, LIST(2))), 1);
	refuse(g, CNN_UNSUPPORTED, "its shape input is computed from the picture");
}

static void slices_pads_and_splits(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 8, 10));
	value_id slice = build_node(g, OP_SLICE,
	                            IDS(x, build_ints(g, LIST(-1, 2)),
	                                build_ints(g, LIST(INT64_MIN, INT64_MAX)),
	                                build_ints(g, LIST(-1, 1)), build_ints(g, LIST(-3, 4))),
	                            1)
	                         ->out[0];
	value_id none = build_node(g, OP_SLICE,
	                           IDS(x, build_ints(g, LIST(0, 5)), build_ints(g, LIST(9, 2))), 1)
	                        ->out[0];
	value_id pad = with_list(g, OP_PAD, x, LIST(0, -2, 3, 0, 1, 0));
	value_id pad_axis =
		build_node(g, OP_PAD,
	                   IDS(x, build_ints(g, LIST(1, 2)), NO_VALUE, build_ints(g, LIST(-1))), 1)
			->out[0];
	struct node *split = build_node(g, OP_SPLIT, IDS(x), 3);
	split->attr.axes.axis = -1;
	split->attr.axes.uneven = true;
	value_id first = split->out[0], last = split->out[2];
	infer(g);
	expect_dims(g, slice, LIST(1, 2, 4));
	expect_dims(g, none, LIST(1, 0, 10));
	expect_dims(g, pad, LIST(1, 7, 13));
	expect_dims(g, pad_axis, LIST(1, 8, 13));
	expect_dims(g, first, LIST(1, 8, 4));
	expect_dims(g, last, LIST(1, 8, 2));
	graph_free(g);

	g = build_graph();
	x = build_input(g, CNN_F32, LIST(1, 8));
	build_node(g, OP_SPLIT, IDS(x), 3)->attr.axes.axis = 1;
	refuse(g, CNN_BAD_MODEL, "the 8 of axis 1 do not make 3 equal parts");
	g = build_graph();
	x = build_input(g, CNN_F32, LIST(1, 8));
	build_node(g, OP_SPLIT, IDS(x, build_ints(g, LIST(5, 4))), 2)->attr.axes.axis = 1;
	refuse(g, CNN_BAD_MODEL, "do not make up the 8 of axis 1");
	g = build_graph();
	x = build_input(g, CNN_F32, LIST(1, 8));
	with_list(g, OP_PAD, x, LIST(0, -9, 0, 0));
	refuse(g, CNN_BAD_MODEL, "pads -9 and 0 do not fit 8 elements");
	g = build_graph();
	x = build_input(g, CNN_F32, LIST(1, 8));
	with_list(g, OP_PAD, x, LIST(0, 0, 0, GRAPH_MAX_ELEMENTS));
	refuse(g, CNN_BAD_MODEL, "more than 536870912 elements");
}

static void broadcasting_and_types(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 8, 4, 4));
	value_id sum = build_node(g, OP_ADD, IDS(x, build_weights(g, LIST(8, 1, 1))), 1)->out[0];
	struct node *mean = build_node(g, OP_REDUCE_MEAN, IDS(x, build_ints(g, LIST(-1, 2))), 1);
	value_id reduced = mean->out[0];
	struct node *join = build_node(g, OP_CONCAT, IDS(x, sum), 1);
	join->attr.axes.axis = 1;
	value_id joined = join->out[0];
	infer(g);
	expect_dims(g, sum, LIST(1, 8, 4, 4));
	expect_dims(g, reduced, LIST(1, 8));
	expect_dims(g, joined, LIST(1, 16, 4, 4));
	graph_free(g);

	g = build_graph();
	x = build_input(g, CNN_F32, LIST(1, 8));
	build_node(g, OP_ADD, IDS(x, build_weights(g, LIST(7))), 1);
	refuse(g, CNN_BAD_MODEL, "do not broadcast");
	g = build_graph();
	x = build_input(g, CNN_F32, LIST(1, 8));
	build_node(g, OP_ADD, IDS(x, build_ints(g, LIST(7))), 1);
	refuse(g, CNN_BAD_MODEL, "mixes the types float32 and int64");
	g = build_graph();
	x = build_input(g, CNN_S64, LIST(1, 8));
	value_id twice = build_node(g, OP_ADD, IDS(x, x), 1)->out[0];
	infer(g);
	expect_dims(g, twice, LIST(1, 8));
	CHECK_INT(g->value[twice].dtype, CNN_S64);
	graph_free(g);
}

static void inputs_must_be_shaped(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 8));
	g->value[x].shaped = false;
	refuse(g, CNN_BAD_ARG, "'picture'");
	g = build_graph();
	build_input(g, CNN_F32, LIST(1, -1));
	refuse(g, CNN_BAD_ARG, "'picture'");
}

TEST_MAIN({"convolutions", convolutions}, {"auto_padding", auto_padding},
          {"refused_convolutions", refused_convolutions}, {"pool_rounding", pool_rounding},
          {"matrix_products", matrix_products}, {"views", views},
          {"slices_pads_and_splits", slices_pads_and_splits},
          {"broadcasting_and_types", broadcasting_and_types},
          {"inputs_must_be_shaped", inputs_must_be_shaped})
