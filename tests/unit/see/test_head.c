/* Which maps are a network's last, and the gradient by them. */
#include "tests/unit/see/network.h"

#include "engine/graph/layers.h"
#include "engine/passes/passes.h"

static value_id conv(struct graph *g, value_id in, int64_t from, int64_t to, int64_t size)
{
	value_id w = build_seeded(g, (const int64_t[]){to, from, size, size}, 4);
	value_id b = build_seeded(g, LIST(to));
	return build_op(g, OP_CONV, IDS(in, w, b));
}

static value_id relu(struct graph *g, value_id in)
{
	return build_op(g, OP_RELU, IDS(in));
}

/* Flatten and Gemm to 4 classes. */
static value_id dense(struct graph *g, value_id in, int64_t features, int64_t classes)
{
	struct node *n = build_node(g, OP_FLATTEN, IDS(in), 1);
	n->attr.axes.axis = 1;
	value_id flat = n->out[0];
	value_id w = build_seeded(g, (const int64_t[]){classes, features}, 2);
	n = build_node(g, OP_GEMM, IDS(flat, w, build_seeded(g, LIST(classes))), 1);
	n->attr.gemm = (struct gemm_attr){.alpha = 1, .beta = 1, .trans_b = true};
	return n->out[0];
}

static value_id softmax(struct graph *g, value_id in)
{
	struct node *n = build_node(g, OP_SOFTMAX, IDS(in), 1);
	n->attr.axes.axis = -1;
	return n->out[0];
}

static struct graph *begin(value_id *maps)
{
	struct graph *g = build_graph();
	value_id in = build_input(g, CNN_F32, LIST(1, 3, 8, 8));
	*maps = relu(g, conv(g, in, 3, 6, 3)); /* [1][6][6][6] */
	return g;
}

/* Finds `maps` and `scores`, also in the graph as a viewer has it, with layouts; then the gradient is right. */
static void expect(struct graph *g, value_id output, value_id maps, value_id scores, bool affine)
{
	struct cnn_error err = {0};
	struct head h;
	build_output(g, output);
	infer(g);
	for (int round = 0; round < 2; round++) {
		struct arena *arena = arena_new();
		if (head_find(g, arena, &h, &err))
			fprintf(stderr, "head_find: %s\n", err.text);
		CHECK_INT(err.code, CNN_OK);
		CHECK_INT(h.maps, maps);
		CHECK_INT(h.scores, scores);
		CHECK_INT(h.affine, affine);
		size_t n = (size_t)graph_elements(&g->value[maps]);
		float *at = calloc(n, sizeof *at);
		CHECK(at != NULL);
		for (size_t i = 0; i < n; i++)
			at[i] = 0.05f * (float)(i * 7919 % n) + 0.012f;
		for (size_t cls = 0; cls < (size_t)graph_elements(&g->value[scores]); cls += 2)
			compare_differences(g, &h, at, cls, 0.01, 0.01);
		free(at);
		arena_free(arena);
		struct pass_log log = {0};
		if (round == 0)
			CHECK_INT(passes_run(g, true, &log, &err), CNN_OK);
	}
	graph_free(g);
}

static void average_and_weights(void)
{
	value_id maps;
	struct graph *g = begin(&maps);
	value_id y = dense(g, build_op(g, OP_GLOBAL_AVERAGE_POOL, IDS(maps)), 6, 4);
	expect(g, softmax(g, y), maps, y, true);
	/* the average spelled as a pool of the maps' size, behind a batch norm, no softmax */
	g = begin(&maps);
	value_id p[] = {maps, build_seeded(g, LIST(6)), build_seeded(g, LIST(6)),
	                build_seeded(g, LIST(6)), build_weights(g, LIST(6))};
	maps = build_op(g, OP_BATCH_NORM, p, 5);
	struct node *n = build_node(g, OP_AVERAGE_POOL, IDS(maps), 1);
	n->attr.window.kernel[0] = n->attr.window.kernel[1] = 6;
	y = dense(g, n->out[0], 6, 4);
	expect(g, y, maps, y, true);
}

/* The channels last, as TensorFlow has them. */
static void transposed(void)
{
	value_id maps;
	struct graph *g = begin(&maps);
	struct node *n = build_node(g, OP_TRANSPOSE, IDS(maps), 1);
	n->attr.perm = (struct perm_attr){4, {0, 2, 3, 1}};
	value_id last = n->out[0];
	n = build_node(g, OP_REDUCE_MEAN, IDS(last, build_ints(g, LIST(1, 2))), 1);
	value_id y = build_op(g, OP_MATMUL, IDS(n->out[0], build_seeded(g, LIST(6, 4))));
	y = build_op(g, OP_ADD, IDS(y, build_seeded(g, LIST(4))));
	expect(g, softmax(g, y), maps, y, true);
}

/* SqueezeNet: a convolution to the classes, Relu, the average. */
static void classes_as_maps(void)
{
	value_id maps;
	struct graph *g = begin(&maps);
	maps = relu(g, conv(g, maps, 6, 4, 1));
	struct node *n =
		build_node(g, OP_FLATTEN, IDS(build_op(g, OP_GLOBAL_AVERAGE_POOL, IDS(maps))), 1);
	n->attr.axes.axis = 1;
	value_id y = n->out[0];
	expect(g, softmax(g, y), maps, y, true);
}

/* VGG: the maps before the last pool; the gradient depends on where they are largest. */
static void pool_and_layers(void)
{
	value_id maps;
	struct graph *g = begin(&maps);
	struct node *n = build_node(g, OP_MAX_POOL, IDS(maps), 1);
	n->attr.window.kernel[0] = n->attr.window.kernel[1] = 2;
	n->attr.window.stride[0] = n->attr.window.stride[1] = 2;
	value_id hidden = relu(g, dense(g, build_op(g, OP_DROPOUT, IDS(n->out[0])), 54, 5));
	value_id y = dense(g, hidden, 5, 4);
	expect(g, y, maps, y, false);
}

/* MobileNetV3: a layer between the average and the classes. */
static void hard_swish_between(void)
{
	value_id maps;
	struct graph *g = begin(&maps);
	value_id mean = build_op(g, OP_GLOBAL_AVERAGE_POOL, IDS(maps));
	value_id hidden = build_op(g, OP_HARD_SWISH, IDS(conv(g, mean, 6, 5, 1)));
	value_id y = conv(g, hidden, 5, 4, 1);
	expect(g, y, maps, y, false);
}

/* Squeeze and excitation, a shortcut and a Concat: only what comes after them is whole. */
static void joins(void)
{
	value_id x;
	struct graph *g = begin(&x);
	value_id gate = build_op(
		g, OP_SIGMOID, IDS(conv(g, build_op(g, OP_GLOBAL_AVERAGE_POOL, IDS(x)), 6, 6, 1)));
	value_id gated = build_op(g, OP_MUL, IDS(x, gate));
	value_id sum = build_op(g, OP_ADD, IDS(gated, conv(g, gated, 6, 6, 1)));
	struct node *n = build_node(g, OP_CONCAT,
	                            IDS(relu(g, conv(g, sum, 6, 2, 1)), conv(g, sum, 6, 3, 1)), 1);
	n->attr.axes.axis = 1;
	value_id maps = n->out[0];
	value_id y = dense(g, build_op(g, OP_GLOBAL_AVERAGE_POOL, IDS(maps)), 5, 4);
	expect(g, softmax(g, y), maps, y, true);
}

static void refused(struct graph *g, value_id output, const char *part)
{
	struct cnn_error err = {0};
	struct head h;
	struct arena *arena = arena_new();
	build_output(g, output);
	infer(g);
	CHECK_INT(head_find(g, arena, &h, &err), CNN_UNSUPPORTED);
	if (!strstr(err.text, part))
		CHECK_STR(err.text, part);
	arena_free(arena);
	graph_free(g);
}

static void without_head(void)
{
	value_id maps;
	/* two ways to the answer, which meet where no maps are left */
	struct graph *g = build_graph();
	value_id in = build_input(g, CNN_F32, LIST(1, 3, 8, 8));
	value_id left = dense(g, relu(g, conv(g, in, 3, 2, 3)), 72, 4);
	value_id right = dense(g, relu(g, conv(g, in, 3, 2, 3)), 72, 4);
	refused(g, build_op(g, OP_ADD, IDS(left, right)), "no feature maps");
	/* attention: a product of what varies with what varies */
	g = begin(&maps);
	value_id tokens = build_op(g, OP_RESHAPE, IDS(maps, build_ints(g, LIST(6, 36))));
	struct node *n = build_node(g, OP_TRANSPOSE, IDS(tokens), 1);
	value_id product = build_op(g, OP_MATMUL, IDS(tokens, n->out[0]));
	refused(g, dense(g, product, 6, 4), "no gradient through MatMul");
	/* no convolution at all */
	g = build_graph();
	in = build_input(g, CNN_F32, LIST(1, 3, 8, 8));
	refused(g, dense(g, in, 192, 4), "no feature maps");
}

static void limits(void)
{
	value_id maps;
	struct cnn_error err = {0};
	struct head h;
	struct graph *g = begin(&maps);
	build_output(g, dense(g, build_op(g, OP_GLOBAL_AVERAGE_POOL, IDS(maps)), 6, 4));
	infer(g);
	struct arena *arena = arena_new();
	CHECK_INT(head_find(g, arena, &h, &err), CNN_OK);
	float *gradient = calloc((size_t)graph_elements(&g->value[maps]), sizeof *gradient);
	CHECK_INT(head_gradient(g, &h, gradient, 4, 1 << 24, gradient, NULL, &err), CNN_BAD_ARG);
	CHECK_INT(head_gradient(g, &h, gradient, 3, 1000, gradient, NULL, &err), CNN_NO_MEMORY);
	CHECK_INT(head_gradient(g, &h, NULL, 3, 1 << 24, gradient, NULL, &err), CNN_OK);
	free(gradient);
	arena_free(arena);
	graph_free(g);
}

TEST_MAIN({"average_and_weights", average_and_weights}, {"transposed", transposed},
          {"classes_as_maps", classes_as_maps}, {"pool_and_layers", pool_and_layers},
          {"hard_swish_between", hard_swish_between}, {"joins", joins},
          {"without_head", without_head}, {"limits", limits})
