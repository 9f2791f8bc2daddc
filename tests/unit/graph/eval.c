/* eval.c - constants computed from constants and shapes. */
#include "tests/unit/graph/build.h"

/* The sum that exporters write for x.view(x.size(0), -1). */
static void shape_arithmetic(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 8, 4, 4));
	value_id shape = build_node(g, OP_SHAPE, IDS(x), 1)->out[0];
	value_id batch = build_node(g, OP_GATHER, IDS(shape, build_ints(g, LIST(0))), 1)->out[0];
	struct node *join = build_node(g, OP_CONCAT, IDS(batch, build_ints(g, LIST(-1))), 1);
	value_id target = join->out[0];
	value_id flat = build_node(g, OP_RESHAPE, IDS(x, target), 1)->out[0];
	build_output(g, flat);
	infer(g);
	expect_ints(g, shape, LIST(1, 8, 4, 4));
	expect_ints(g, target, LIST(1, -1));
	expect_dims(g, flat, LIST(1, 128));
	CHECK(g->node[0].dead && g->node[2].dead && !g->node[3].dead);
	graph_free(g);
}

static value_id two_ints(struct graph *g, enum op op, int64_t a, int64_t b)
{
	value_id x = build_ints(g, LIST(a)), y = build_ints(g, LIST(b));
	return build_node(g, op, IDS(x, y), 1)->out[0];
}

static void integers_wrap(void)
{
	struct graph *g = build_graph();
	build_input(g, CNN_F32, LIST(1));
	value_id add = two_ints(g, OP_ADD, INT64_MAX, 1);
	value_id mul = two_ints(g, OP_MUL, INT64_MAX, 2);
	value_id div = two_ints(g, OP_DIV, INT64_MIN, -1);
	value_id trunc = two_ints(g, OP_DIV, -7, 2);
	value_id pow = two_ints(g, OP_POW, -3, 3);
	value_id inverse = two_ints(g, OP_POW, 2, -1);
	value_id neg = build_node(g, OP_NEG, IDS(build_ints(g, LIST(INT64_MIN))), 1)->out[0];
	infer(g);
	expect_ints(g, add, LIST(INT64_MIN));
	expect_ints(g, mul, LIST(-2));
	expect_ints(g, div, LIST(INT64_MIN));
	expect_ints(g, trunc, LIST(-3));
	expect_ints(g, pow, LIST(-27));
	expect_ints(g, inverse, LIST(0));
	expect_ints(g, neg, LIST(INT64_MIN));
	graph_free(g);
	g = build_graph();
	two_ints(g, OP_DIV, 1, 0);
	refuse(g, CNN_BAD_MODEL, "node 'n0': integer division by zero");
}

static void casts_saturate(void)
{
	struct graph *g = build_graph();
	void *data;
	value_id x = graph_add_constant(g, "x", CNN_F32, 1, (int64_t[]){4}, &data);
	memcpy(data, (float[]){1e30f, -1e30f, NAN, -2.7f}, 4 * sizeof(float));
	struct node *n = build_node(g, OP_CAST, IDS(x), 1);
	n->attr.cast_to = CNN_S64;
	infer(g);
	expect_ints(g, n->out[0], LIST(INT64_MAX, INT64_MIN, 0, -2));
	graph_free(g);
}

static void movement(void)
{
	struct graph *g = build_graph();
	value_id w = build_weights(g, LIST(2, 3));
	value_id turned = build_node(g, OP_TRANSPOSE, IDS(w), 1)->out[0];
	value_id slice = build_node(g, OP_SLICE,
	                            IDS(w, build_ints(g, LIST(-1)), build_ints(g, LIST(INT64_MIN)),
	                                build_ints(g, LIST(1)), build_ints(g, LIST(-2))),
	                            1)
	                         ->out[0];
	struct node *pad = build_node(g, OP_PAD, IDS(w, build_ints(g, LIST(0, 1, 0, -1))), 1);
	pad->attr.pad_mode = PAD_REFLECT;
	value_id padded = pad->out[0];
	infer(g);
	static const struct {
		int64_t n;
		float want[6];
	} expected[] = {{6, {1, 4, 2, 5, 3, 6}}, {4, {3, 1, 6, 4}}, {6, {2, 1, 2, 5, 4, 5}}};
	const value_id got[] = {turned, slice, padded};
	for (size_t k = 0; k < 3; k++) {
		CHECK_INT(graph_elements(&g->value[got[k]]), expected[k].n);
		const float *at = g->value[got[k]].data;
		CHECK(at != NULL);
		for (int64_t i = 0; i < expected[k].n; i++)
			CHECK_NEAR(at[i], expected[k].want[i], 0);
	}
	graph_free(g);
}

static void reductions(void)
{
	struct graph *g = build_graph();
	value_id w = build_weights(g, LIST(2, 3));
	struct node *max = build_node(g, OP_REDUCE_MAX, IDS(w, build_ints(g, LIST(0))), 1);
	value_id m = max->out[0];
	value_id product =
		build_node(g, OP_REDUCE_PROD, IDS(build_ints(g, LIST(2, 3, 4))), 1)->out[0];
	value_id mean = build_node(g, OP_REDUCE_MEAN, IDS(w), 1)->out[0];
	infer(g);
	CHECK_NEAR(((const float *)g->value[m].data)[2], 6, 0);
	expect_ints(g, product, LIST(24));
	CHECK_NEAR(*(const float *)g->value[mean].data, 3.5, 0);
	graph_free(g);
}

static void ranges(void)
{
	struct graph *g = build_graph();
	value_id from = build_ints(g, LIST(7)), to = build_ints(g, LIST(-1)),
		 by = build_ints(g, LIST(-3));
	value_id range = build_node(g, OP_RANGE, IDS(from, to, by), 1)->out[0];
	infer(g);
	expect_ints(g, range, LIST(7, 4, 1));
	graph_free(g);
	g = build_graph();
	from = build_ints(g, LIST(0));
	build_node(g, OP_RANGE, IDS(from, build_ints(g, LIST(9)), from), 1);
	refuse(g, CNN_BAD_MODEL, "its range has no end");
	g = build_graph();
	from = build_ints(g, LIST(INT64_MIN));
	build_node(g, OP_RANGE, IDS(from, build_ints(g, LIST(9)), build_ints(g, LIST(1))), 1);
	refuse(g, CNN_BAD_MODEL, "its range has no end");
}

/* Forty bytes of numbers may not ask for eight gigabytes. */
static void memory_is_limited(void)
{
	struct graph *g = build_graph();
	value_id shape = build_ints(g, LIST(1 << 14, 1 << 15));
	build_node(g, OP_CONSTANT_OF_SHAPE, IDS(shape), 1);
	refuse(g, CNN_UNSUPPORTED, "takes too much memory");

	/* Nor may many nodes each convert a large exponent of their own. */
	g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1));
	void *data;
	value_id large = graph_add_constant(g, "e", CNN_S64, 1, (int64_t[]){1 << 20}, &data);
	for (int i = 0; i < 100; i++)
		build_node(g, OP_POW, IDS(x, large), 1);
	refuse(g, CNN_UNSUPPORTED, "takes too much memory");
}

/* An operator on constants that takes long stays for the run. */
static void heavy_operators_stay(void)
{
	struct graph *g = build_graph();
	value_id w = build_weights(g, LIST(1, 2, 3, 3)), m = build_weights(g, LIST(1024, 1024));
	value_id pooled = build_node(g, OP_GLOBAL_AVERAGE_POOL, IDS(w), 1)->out[0];
	value_id product = build_node(g, OP_MATMUL, IDS(m, m), 1)->out[0];
	infer(g);
	CHECK(g->node[0].dead && !g->node[1].dead && !g->value[product].data);
	CHECK_NEAR(((const float *)g->value[pooled].data)[1], 14, 0);
	graph_free(g);
}

/* One on other types cannot run. */
static void operators_without_evaluator(void)
{
	struct graph *g = build_graph();
	build_node(g, OP_ERF, IDS(build_ints(g, LIST(1))), 1);
	refuse(g, CNN_UNSUPPORTED, "Erf of int64 constants");
}

TEST_MAIN({"shape_arithmetic", shape_arithmetic}, {"integers_wrap", integers_wrap},
          {"casts_saturate", casts_saturate}, {"movement", movement}, {"reductions", reductions},
          {"ranges", ranges}, {"memory_is_limited", memory_is_limited},
          {"heavy_operators_stay", heavy_operators_stay},
          {"operators_without_evaluator", operators_without_evaluator})
