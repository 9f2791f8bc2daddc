/* resize.c - what the tests that come with ONNX leave out of Resize: opset 18's and 19's attributes, other types, and
 * refusals. */
#include "tests/unit/operators/build.h"

/* x is [1][1][height][width] of 1, 2, 3, ... */
static struct node *resize_scales(struct graph *g, int64_t height, int64_t width, float y, float x)
{
	value_id in = build_weights(g, LIST(1, 1, height, width));
	value_id scales = build_floats(g, FLOATS(1, 1, y, x));
	return build_node(g, OP_RESIZE, IDS(in, NO_VALUE, scales), 1);
}

static struct node *resize_sizes(struct graph *g, value_id in, const int64_t *size, int32_t n)
{
	value_id sizes = build_ints(g, size, n);
	return build_node(g, OP_RESIZE, IDS(in, NO_VALUE, NO_VALUE, sizes), 1);
}

static void antialiased(void)
{
	struct graph *g = build_graph();
	struct node *n = resize_scales(g, 4, 4, 0.6f, 0.6f);
	n->attr.resize = (struct resize_attr){.mode = RESIZE_LINEAR, .antialias = true};
	value_id linear = n->out[0];
	n = resize_scales(g, 4, 4, 0.6f, 0.6f);
	n->attr.resize =
		(struct resize_attr){.mode = RESIZE_CUBIC, .antialias = true, .cubic_a = -0.75f};
	value_id cubic = n->out[0];
	/* Where it grows nothing changes. */
	n = resize_scales(g, 1, 2, 1, 2);
	n->attr.resize = (struct resize_attr){.mode = RESIZE_LINEAR, .antialias = true};
	value_id grown = n->out[0];
	infer(g);
	expect_floats(g, linear, FLOATS(2.875f, 4.5f, 9.375f, 11));
	expect_floats(g, cubic, FLOATS(2.5180721f, 4.2858863f, 9.589329f, 11.357142f));
	expect_floats(g, grown, FLOATS(1, 1.25f, 1.75f, 2));
	graph_free(g);
}

static void symmetric_half_pixels(void)
{
	struct graph *g = build_graph();
	struct node *n = resize_scales(g, 1, 4, 1, 0.6f);
	n->attr.resize = (struct resize_attr){.mode = RESIZE_LINEAR,
	                                      .coordinates = RESIZE_HALF_PIXEL_SYMMETRIC};
	value_id out = n->out[0];
	infer(g);
	expect_floats(g, out, FLOATS(1.6666667f, 3.3333333f));
	graph_free(g);
}

static void aspect_ratio(void)
{
	struct graph *g = build_graph();
	value_id x = build_weights(g, LIST(1, 1, 2, 2));
	struct node *n = resize_sizes(g, x, LIST(7, 8));
	n->attr.resize =
		(struct resize_attr){.policy = RESIZE_NOT_LARGER, .n_axes = 2, .axes = {2, 3}};
	value_id larger = n->out[0];
	n = resize_sizes(g, x, LIST(8, 7));
	n->attr.resize =
		(struct resize_attr){.policy = RESIZE_NOT_SMALLER, .n_axes = 2, .axes = {-1, 2}};
	value_id smaller = n->out[0];
	infer(g);
	expect_dims(g, larger, LIST(1, 1, 7, 7));
	expect_dims(g, smaller, LIST(1, 1, 8, 8));
	const float *at = g->value[larger].data;
	for (int i = 0; i < 49; i++)
		CHECK_NEAR(at[i], 1 + i % 7 / 4 + i / 28 * 2, 0);
	graph_free(g);
}

static void other_types(void)
{
	struct graph *g = build_graph();
	value_id x = build_typed(g, CNN_U8, LIST(1, 2), (const int64_t[]){7, 250});
	struct node *n = resize_sizes(g, x, LIST(1, 4));
	value_id nearest = n->out[0];
	x = build_typed(g, CNN_S32, LIST(2), (const int64_t[]){-1, 2});
	n = resize_sizes(g, x, LIST(4));
	n->attr.resize.mode = RESIZE_LINEAR;
	value_id linear = n->out[0];
	/* Cubic overshoots; what does not fit saturates. */
	x = build_typed(g, CNN_U8, LIST(4), (const int64_t[]){0, 0, 255, 255});
	n = resize_sizes(g, x, LIST(8));
	n->attr.resize = (struct resize_attr){.mode = RESIZE_CUBIC, .cubic_a = -0.75f};
	value_id cubic = n->out[0];
	infer(g);
	expect_typed(g, nearest, CNN_U8, LIST(7, 7, 250, 250));
	expect_typed(g, linear, CNN_S32, LIST(-1, 0, 1, 2));
	expect_typed(g, cubic, CNN_U8, LIST(0, 0, 0, 57, 197, 255, 255, 255));
	graph_free(g);
}

/* Before opset 11: down where an axis grows, up where it shrinks. */
static void old_rounding(void)
{
	struct graph *g = build_graph();
	struct node *n = resize_scales(g, 2, 4, 2, 0.6f);
	n->attr.resize =
		(struct resize_attr){.coordinates = RESIZE_ASYMMETRIC, .rounding = RESIZE_SIMPLE};
	value_id out = n->out[0];
	infer(g);
	expect_floats(g, out, FLOATS(1, 3, 1, 3, 5, 7, 5, 7));
	graph_free(g);
}

/* A 0 of weight does not meet an infinity. */
static void infinite_neighbours(void)
{
	struct graph *g = build_graph();
	value_id x = build_floats(g, FLOATS(1, INFINITY));
	struct node *n = resize_sizes(g, x, LIST(3));
	n->attr.resize =
		(struct resize_attr){.mode = RESIZE_LINEAR, .coordinates = RESIZE_ALIGN_CORNERS};
	value_id out = n->out[0];
	infer(g);
	const float *at = g->value[out].data;
	CHECK(at[0] == 1 && at[1] == INFINITY && at[2] == INFINITY);
	graph_free(g);
}

static void refuse_scales(float y, float x, const char *part)
{
	struct graph *g = build_graph();
	resize_scales(g, 4, 4, y, x);
	refuse(g, CNN_BAD_MODEL, part);
}

static void refusals(void)
{
	refuse_scales(-1, 1, "scale -1 is out of range");
	refuse_scales(NAN, 1, "is out of range");
	refuse_scales(1e30f, 1, "is out of range");
	refuse_scales(60000, 60000, "more than");
	struct graph *g = build_graph();
	value_id x = build_weights(g, LIST(2, 2));
	resize_sizes(g, x, LIST(3));
	refuse(g, CNN_BAD_MODEL, "1 sizes for 2 axes");
	g = build_graph();
	x = build_weights(g, LIST(2, 2));
	resize_sizes(g, x, LIST(INT64_MAX, 2));
	refuse(g, CNN_BAD_MODEL, "is out of range");
	g = build_graph();
	x = build_weights(g, LIST(2, 2));
	struct node *n = resize_sizes(g, x, LIST(3, 3));
	n->attr.resize.n_axes = 2;
	refuse(g, CNN_BAD_MODEL, "axis 0 is given twice");
	g = build_graph();
	build_node(g, OP_RESIZE, IDS(build_weights(g, LIST(2, 2))), 1);
	refuse(g, CNN_BAD_MODEL, "neither scales nor sizes");
	g = build_graph();
	n = resize_scales(g, 4, 4, 2, 2);
	n->attr.resize.coordinates = RESIZE_CROP;
	refuse(g, CNN_BAD_MODEL, "roi input is missing");
	g = build_graph();
	n = resize_sizes(g, build_weights(g, LIST(2, 2, 2, 2)), LIST(3, 3, 3, 3));
	n->attr.resize.mode = RESIZE_CUBIC;
	refuse(g, CNN_UNSUPPORTED, "over 4 axes");
}

TEST_MAIN({"antialiased", antialiased}, {"symmetric_half_pixels", symmetric_half_pixels},
          {"aspect_ratio", aspect_ratio}, {"other_types", other_types},
          {"old_rounding", old_rounding}, {"infinite_neighbours", infinite_neighbours},
          {"refusals", refusals})
