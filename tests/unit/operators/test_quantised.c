/* Operators on quantised tensors: rounding, saturation, and what is refused. */
#include "engine/operators/quantised.h"
#include "tests/unit/graph/build.h"

static value_id bytes(struct graph *g, enum cnn_dtype dtype, const int64_t *list, int32_t n,
                      const int64_t *dim, int32_t rank)
{
	void *data;
	value_id id = graph_add_constant(g, "bytes", dtype, rank, dim, &data);
	CHECK(id != NO_VALUE && graph_elements(&g->value[id]) == n);
	for (int32_t i = 0; i < n; i++)
		((uint8_t *)data)[i] = (uint8_t)list[i];
	return id;
}

static value_id zero_point(struct graph *g, enum cnn_dtype dtype, int64_t zero)
{
	return bytes(g, dtype, &zero, 1, NULL, 0);
}

static value_id floats(struct graph *g, const float *list, int32_t n)
{
	void *data;
	int64_t dim = n;
	value_id id = graph_add_constant(g, "floats", CNN_F32, n > 1, &dim, &data);
	CHECK(id != NO_VALUE);
	memcpy(data, list, (size_t)n * sizeof *list);
	return id;
}

static value_id scale(struct graph *g, float s)
{
	return floats(g, &s, 1);
}

static void expect_bytes(const struct graph *g, value_id id, const int64_t *list, int32_t n)
{
	const struct value *v = &g->value[id];
	CHECK(v->data != NULL);
	CHECK_INT(graph_elements(v), n);
	for (int32_t i = 0; i < n; i++)
		CHECK_INT(resolve_int(v, i), list[i]);
}

static void rounds_half_to_even(void)
{
	for (int32_t i = -70000; i <= 70000; i++)
		CHECK_INT(quantised_round((float)i), i);
	CHECK_INT(quantised_round(0.5F), 0);
	CHECK_INT(quantised_round(1.5F), 2);
	CHECK_INT(quantised_round(-2.5F), -2);
	CHECK_INT(quantised_round(-0.5F), 0);
}

static void quantises(void)
{
	struct graph *g = build_graph();
	build_input(g, CNN_F32, LIST(1));
	value_id x = floats(g, (const float[]){-1e30F, -1, 0.25F, 0.75F, 1e30F, NAN}, 6);
	value_id u8 = build_node(g, OP_QUANTIZE_LINEAR,
	                         IDS(x, scale(g, 0.5F), zero_point(g, CNN_U8, 10)), 1)
	                      ->out[0];
	value_id s8 = build_node(g, OP_QUANTIZE_LINEAR,
	                         IDS(x, scale(g, 0.5F), zero_point(g, CNN_S8, -100)), 1)
	                      ->out[0];
	value_id plain = build_node(g, OP_QUANTIZE_LINEAR, IDS(x, scale(g, 0.5F)), 1)->out[0];
	infer(g);
	expect_bytes(g, u8, LIST(0, 8, 10, 12, 255, 0));
	expect_bytes(g, s8, LIST(-128, -102, -100, -98, 127, -128));
	expect_bytes(g, plain, LIST(0, 0, 0, 2, 255, 0));
	graph_free(g);
}

/* One tap, two output channels with a scale each; the padding is a zero, not a stored 0. */
static void convolves(void)
{
	struct graph *g = build_graph();
	build_input(g, CNN_F32, LIST(1));
	value_id x = bytes(g, CNN_U8, LIST(10, 20, 255), LIST(1, 1, 3));
	value_id w = bytes(g, CNN_S8, LIST(1, -2, 0, 3), LIST(2, 1, 2));
	void *data;
	int64_t two = 2;
	value_id bias = graph_add_constant(g, "bias", CNN_S32, 1, &two, &data);
	((int32_t *)data)[1] = 5;
	struct node *n =
		build_node(g, OP_QLINEAR_CONV,
	                   IDS(x, scale(g, 1), zero_point(g, CNN_U8, 10), w,
	                       floats(g, (const float[]){1, 0.5F}, 2), zero_point(g, CNN_S8, 0),
	                       scale(g, 1), zero_point(g, CNN_S8, 1), bias),
	                   1);
	n->attr.window = (struct window_attr){
		.stride = {1, 1}, .dilation = {1, 1}, .pad = {0, 1, 0, 0}, .group = 1};
	value_id y = n->out[0];
	infer(g);
	/* x - 10: 0 10 245. Channel 0: x[i-1] - 2 x[i]; channel 1: (3 x[i] + 5) / 2. */
	expect_bytes(g, y, LIST(1, -19, -128, 3, 19, 127));
	graph_free(g);
}

static void adds(void)
{
	struct graph *g = build_graph();
	build_input(g, CNN_F32, LIST(1));
	value_id a = bytes(g, CNN_U8, LIST(0, 100, 255), LIST(3));
	value_id b = bytes(g, CNN_U8, LIST(7), LIST(1));
	value_id y =
		build_node(g, OP_QLINEAR_ADD,
	                   IDS(a, scale(g, 1), zero_point(g, CNN_U8, 0), b, scale(g, 2),
	                       zero_point(g, CNN_U8, 0), scale(g, 1), zero_point(g, CNN_U8, 1)),
	                   1)
			->out[0];
	infer(g);
	expect_bytes(g, y, LIST(15, 115, 255));
	graph_free(g);
}

/* A certain class is 256 levels above nothing, one more than the type has. */
static void softmax_saturates(void)
{
	struct graph *g = build_graph();
	build_input(g, CNN_F32, LIST(1));
	value_id x = bytes(g, CNN_S8, LIST(127, -128), LIST(1, 2));
	struct node *n = build_node(g, OP_QLINEAR_SOFTMAX,
	                            IDS(x, scale(g, 1), zero_point(g, CNN_S8, 0),
	                                scale(g, 1.0F / 256), zero_point(g, CNN_S8, -128)),
	                            1);
	n->attr.quant.axis = -1;
	value_id y = n->out[0];
	infer(g);
	expect_bytes(g, y, LIST(127, -128));
	graph_free(g);
}

static struct graph *quantise_with(value_id (*zero)(struct graph *), int64_t axis, int32_t scales,
                                   int64_t block)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 2, 3));
	value_id s = floats(g, (const float[]){1, 1, 1, 1}, scales), z = zero ? zero(g) : NO_VALUE;
	struct node *n = build_node(g, OP_QUANTIZE_LINEAR, IDS(x, s, z), 1);
	n->attr.quant.axis = axis;
	n->attr.quant.block_size = block;
	return g;
}

static value_id wide_zero(struct graph *g)
{
	return build_ints(g, LIST(0));
}

static value_id two_zeros(struct graph *g)
{
	return bytes(g, CNN_U8, LIST(0, 0), LIST(2));
}

static void refusals(void)
{
	refuse(quantise_with(NULL, 1, 3, 0), CNN_BAD_MODEL, "does not fit");
	refuse(quantise_with(NULL, 7, 2, 0), CNN_BAD_MODEL, "does not fit");
	refuse(quantise_with(NULL, INT64_MIN, 2, 0), CNN_BAD_MODEL, "does not fit");
	refuse(quantise_with(NULL, 1, 2, INT64_MAX), CNN_BAD_MODEL, "does not fit");
	refuse(quantise_with(wide_zero, 1, 1, 0), CNN_UNSUPPORTED, "int64");
	refuse(quantise_with(two_zeros, 1, 1, 0), CNN_BAD_MODEL, "zero point");
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 2, 3));
	value_id z = zero_point(g, CNN_U8, 0), s = scale(g, 1);
	build_node(g, OP_QLINEAR_SIGMOID, IDS(x, s, z, s, z), 1);
	refuse(g, CNN_UNSUPPORTED, "QLinearSigmoid of float32");
	g = build_graph();
	build_input(g, CNN_F32, LIST(1));
	z = zero_point(g, CNN_U8, 0);
	s = scale(g, 1);
	build_node(g, OP_QLINEAR_CONCAT, IDS(s, z, z, s, z, z), 1);
	refuse(g, CNN_BAD_MODEL, "6 inputs");
}

TEST_MAIN({"rounds_half_to_even", rounds_half_to_even}, {"quantises", quantises},
          {"convolves", convolves}, {"adds", adds}, {"softmax_saturates", softmax_saturates},
          {"refusals", refusals})
