/* moves.c - operators that move elements, planned and run: channels last, and in batches, they give what they give in
 * ONNX's order, one picture at a time, where the evaluation rule is the reference. */
#include "engine/operators/eval.h"
#include "engine/passes/passes.h"
#include "engine/plan/plan.h"
#include "tests/unit/graph/build.h"

enum { BATCH = 2 };

typedef struct node *build_fn(struct graph *g, value_id x);

static value_id floats(struct graph *g, const float *list, int64_t n)
{
	void *data;
	value_id id = graph_add_constant(g, "floats", CNN_F32, 1, &n, &data);
	CHECK(id != NO_VALUE);
	memcpy(data, list, (size_t)n * sizeof *list);
	return id;
}

static struct node *resized(struct graph *g, value_id x, float height, float width,
                            struct resize_attr attr)
{
	value_id scales = floats(g, (const float[]){1, 1, height, width}, 4);
	struct node *n = build_node(g, OP_RESIZE, IDS(x, NO_VALUE, scales), 1);
	n->attr.resize = attr;
	return n;
}

static struct node *nearest(struct graph *g, value_id x)
{
	return resized(g, x, 2, 1.5f, (struct resize_attr){.coordinates = RESIZE_ASYMMETRIC});
}

static struct node *linear(struct graph *g, value_id x)
{
	return resized(g, x, 2, 0.7f, (struct resize_attr){.mode = RESIZE_LINEAR});
}

static struct node *one_axis(struct graph *g, value_id x)
{
	return resized(
		g, x, 1, 3,
		(struct resize_attr){.mode = RESIZE_LINEAR, .coordinates = RESIZE_ALIGN_CORNERS});
}

static struct node *cubic(struct graph *g, value_id x)
{
	return resized(g, x, 1.3f, 0.5f,
	               (struct resize_attr){
			       .mode = RESIZE_CUBIC, .cubic_a = -0.5f, .exclude_outside = true});
}

static struct node *antialiased(struct graph *g, value_id x)
{
	return resized(g, x, 0.4f, 0.5f,
	               (struct resize_attr){.mode = RESIZE_LINEAR, .antialias = true});
}

static struct node *cropped(struct graph *g, value_id x)
{
	struct node *n =
		resized(g, x, 1, 1.5f, (struct resize_attr){.coordinates = RESIZE_CROP, .fill = 5});
	n->in[1] = floats(g, (const float[]){0, 0, 0.2f, -0.5f, 1, 1, 0.8f, 1.5f}, 8);
	return n;
}

static struct node *tiled(struct graph *g, value_id x)
{
	return build_node(g, OP_TILE, IDS(x, build_ints(g, LIST(1, 2, 1, 3))), 1);
}

static struct node *to_space(struct graph *g, value_id x)
{
	struct node *n = build_node(g, OP_DEPTH_TO_SPACE, IDS(x), 1);
	n->attr.block.size = 2;
	return n;
}

static struct node *to_space_crd(struct graph *g, value_id x)
{
	struct node *n = to_space(g, x);
	n->attr.block.columns_first = true;
	return n;
}

static struct node *to_depth(struct graph *g, value_id x)
{
	struct node *n = build_node(g, OP_SPACE_TO_DEPTH, IDS(x), 1);
	n->attr.block.size = 2;
	return n;
}

static struct node *wrapped(struct graph *g, value_id x)
{
	struct node *n =
		build_node(g, OP_PAD, IDS(x, build_ints(g, LIST(0, 0, 1, -1, 0, 0, 0, 7))), 1);
	n->attr.pad_mode = PAD_WRAP;
	return n;
}

static struct node *expanded(struct graph *g, value_id x)
{
	value_id axes = build_ints(g, LIST(2, 3));
	value_id mean = build_node(g, OP_REDUCE_MAX, IDS(x, axes), 1)->out[0];
	g->node[g->n_node - 1].attr.axes.keep_dims = true;
	return build_node(g, OP_EXPAND, IDS(mean, build_ints(g, LIST(1, 8, 5, 3))), 1);
}

static struct node *picked(struct graph *g, value_id x)
{
	struct node *n = build_node(g, OP_GATHER, IDS(x, build_ints(g, LIST(7, -8, 3))), 1);
	n->attr.axes.axis = 1;
	return n;
}

static struct node *shuffled(struct graph *g, value_id x)
{
	value_id parts = build_ints(g, LIST(1, 4, 2, 4, 6)),
		 whole = build_ints(g, LIST(1, 8, 4, 6));
	value_id split = build_node(g, OP_RESHAPE, IDS(x, parts), 1)->out[0];
	struct node *turn = build_node(g, OP_TRANSPOSE, IDS(split), 1);
	turn->attr.perm = (struct perm_attr){5, {0, 2, 1, 3, 4}};
	return build_node(g, OP_RESHAPE, IDS(turn->out[0], whole), 1);
}

/* [1][8][4][6] -> the operator -> a pool of one pixel, with one before it when `last`: those want channels last. */
static struct graph *make(build_fn *build, bool last)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 8, 4, 6));
	for (int i = 0; i < 2; i++) {
		if (last) {
			struct node *n = build_node(g, OP_MAX_POOL, IDS(x), 1);
			n->attr.window.kernel[0] = n->attr.window.kernel[1] = 1;
			x = n->out[0];
		}
		if (i == 0)
			x = build(g, x)->out[0];
	}
	build_output(g, x);
	infer(g);
	return g;
}

static size_t run_graph(struct graph *g, const void *in, void *out)
{
	struct cnn_error err = {0};
	struct plan *plan = NULL;
	struct pass_log log = {0};
	struct run run = {0};
	size_t elements = (size_t)graph_elements(&g->value[g->output[0]]);
	CHECK_INT(passes_run(g, false, &log, &err), CNN_OK);
	const struct plan_options options = {
		.kernels = kernels_for(CNN_ISA_PORTABLE), .max_batch = BATCH, .threads_hint = 1};
	CHECK_INT(plan_new(g, &options, &plan, &err), CNN_OK);
	run.scratch_stride = plan->scratch_bytes;
	run.arena = aligned_alloc(ARENA_ALIGN, plan->run_bytes + ARENA_ALIGN);
	run.scratch = aligned_alloc(ARENA_ALIGN, plan->scratch_bytes + ARENA_ALIGN);
	CHECK(run.arena && run.scratch);
	memset(run.arena, 0xff, plan->run_bytes);
	run.input = (const void *[]){in};
	run.output = (void *[]){out};
	CHECK_INT(plan_run(plan, &run, BATCH, NULL, NULL, &err), CNN_OK);
	free(run.arena);
	free(run.scratch);
	plan_free(plan);
	return elements;
}

/* The same by evaluation rules alone, of one picture. */
static void reference(build_fn *build, const float *in, float *out)
{
	struct graph *g = make(build, false);
	struct cnn_error err = {0};
	CHECK_INT(graph_bind(g, 0, in, &err), CNN_OK);
	infer(g);
	const struct value *v = &g->value[g->output[0]];
	CHECK(v->data != NULL);
	memcpy(out, v->data, graph_value_bytes(v));
	graph_free(g);
}

static void layouts_agree(void)
{
	static build_fn *const builders[] = {nearest, linear,   one_axis, cubic,    antialiased,
	                                     cropped, tiled,    to_space, to_depth, to_space_crd,
	                                     wrapped, expanded, picked,   shuffled};
	enum { IN = 8 * 4 * 6, MOST = 4096 };
	static float in[BATCH * IN], want[BATCH][MOST], got[BATCH * MOST];
	uint32_t seed = 1;
	for (size_t i = 0; i < BATCH * IN; i++) {
		seed = seed * 1664525u + 1013904223u;
		in[i] = (float)(seed >> 9) / (1 << 22) - 1;
	}
	for (size_t b = 0; b < sizeof builders / sizeof builders[0]; b++) {
		for (size_t i = 0; i < BATCH; i++)
			reference(builders[b], in + i * IN, want[i]);
		for (int last = 0; last < 2; last++) {
			struct graph *g = make(builders[b], last);
			size_t n = run_graph(g, in, got);
			CHECK(n <= MOST);
			for (size_t i = 0; i < BATCH * n; i++)
				CHECK_NEAR(got[i], want[i / n][i % n], 1e-6);
			/* Only pictures themselves change their layout, not what lies between the pools. */
			int copies = 0;
			for (size_t i = 0; i < g->n_node; i++)
				copies += !g->node[i].dead && g->node[i].op == OP_LAYOUT;
			CHECK_INT(copies, 0);
			graph_free(g);
		}
	}
}

/* [1][2][3] of any type through everything that moves elements without looking at them. */
static struct graph *make_typed(enum cnn_dtype dtype)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, dtype, LIST(1, 2, 3));
	value_id one = build_ints(g, LIST(1)), two = build_ints(g, LIST(2));
	struct node *n = build_node(g, OP_TRANSPOSE, IDS(x), 1);
	n->attr.perm = (struct perm_attr){3, {0, 2, 1}};
	value_id turned = n->out[0];
	value_id sliced = build_node(g, OP_SLICE,
	                             IDS(turned, build_ints(g, LIST(-1)), build_ints(g, LIST(-4)),
	                                 one, build_ints(g, LIST(-1))),
	                             1)
	                          ->out[0];
	n = build_node(g, OP_CONCAT, IDS(sliced, turned), 1);
	n->attr.axes.axis = 2;
	value_id joined = n->out[0];
	n = build_node(g, OP_SPLIT, IDS(joined), 2);
	n->attr.axes = (struct axis_attr){.axis = 2, .uneven = true};
	value_id left = n->out[0], right = n->out[1];
	value_id wide = build_node(g, OP_UNSQUEEZE, IDS(left, two), 1)->out[0];
	value_id thin = build_node(g, OP_SQUEEZE, IDS(wide, two), 1)->out[0];
	value_id padded =
		build_node(g, OP_PAD, IDS(thin, build_ints(g, LIST(0, 1, 0, 0, 0, 0))), 1)->out[0];
	value_id flat =
		build_node(g, OP_RESHAPE, IDS(padded, build_ints(g, LIST(-1, 4, 2))), 1)->out[0];
	value_id tall = build_node(g, OP_TILE, IDS(right, build_ints(g, LIST(1, 2, 1))), 1)->out[0];
	n = build_node(g, OP_CONCAT, IDS(flat, tall), 1);
	n->attr.axes.axis = 1;
	value_id same = build_node(g, OP_IDENTITY, IDS(n->out[0]), 1)->out[0];
	build_output(g,
	             build_node(g, OP_EXPAND, IDS(same, build_ints(g, LIST(1, 10, 2))), 1)->out[0]);
	infer(g);
	return g;
}

static void types_agree(void)
{
	static const enum cnn_dtype types[] = {CNN_F32, CNN_U8,  CNN_S8,  CNN_U16, CNN_S16,
	                                       CNN_U32, CNN_S32, CNN_U64, CNN_S64, CNN_BOOL};
	for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
		size_t size = cnn_dtype_size(types[k]);
		uint8_t in[BATCH * 6 * 8] = {0}, want[BATCH * 20 * 8], got[BATCH * 20 * 8];
		for (size_t i = 0; i < BATCH * 6; i++)
			in[i * size] = types[k] == CNN_BOOL ? i % 3 == 0 : (uint8_t)(i + 1);
		for (size_t i = 0; i < BATCH; i++) {
			struct graph *g = make_typed(types[k]);
			struct cnn_error err = {0};
			CHECK_INT(graph_bind(g, 0, in + i * 6 * size, &err), CNN_OK);
			infer(g);
			memcpy(want + i * 20 * size, g->value[g->output[0]].data, 20 * size);
			graph_free(g);
		}
		/* 3, 2, 1 turned around and their partners, by hand */
		if (types[k] == CNN_U8)
			CHECK(memcmp(want, (const uint8_t[]){0, 0, 3, 6, 2, 5, 1, 4, 1, 4,
			                                     2, 5, 3, 6, 1, 4, 2, 5, 3, 6},
			             20) == 0);
		struct graph *g = make_typed(types[k]);
		CHECK_INT(run_graph(g, in, got), 20);
		CHECK(memcmp(got, want, BATCH * 20 * size) == 0);
		graph_free(g);
	}
}

/* Indices computed from the picture: a run with one outside fails, and says where. */
static void indices_at_run_time(void)
{
	struct graph *g = build_graph();
	struct cnn_error err = {0};
	value_id x = build_input(g, CNN_S64, LIST(1, 2));
	value_id at = build_node(g, OP_ABS, IDS(x), 1)->out[0];
	struct node *n = build_node(g, OP_GATHER, IDS(build_ints(g, LIST(5, 6, 7)), at), 1);
	build_output(g, n->out[0]);
	infer(g);
	int64_t in[] = {1, -2, 0, 1}, out[4];
	CHECK_INT(run_graph(g, in, out), 2);
	CHECK(out[0] == 6 && out[1] == 7 && out[2] == 5 && out[3] == 6);
	struct plan *plan = NULL;
	const struct plan_options options = {
		.kernels = kernels_for(CNN_ISA_PORTABLE), .max_batch = 1, .threads_hint = 1};
	CHECK_INT(plan_new(g, &options, &plan, &err), CNN_OK);
	struct run run = {.scratch_stride = plan->scratch_bytes};
	run.arena = aligned_alloc(ARENA_ALIGN, plan->run_bytes + ARENA_ALIGN);
	run.scratch = aligned_alloc(ARENA_ALIGN, plan->scratch_bytes + ARENA_ALIGN);
	CHECK(run.arena && run.scratch);
	in[1] = 3;
	run.input = (const void *[]){in};
	run.output = (void *[]){out};
	CHECK_INT(plan_run(plan, &run, 1, NULL, NULL, &err), CNN_BAD_MODEL);
	CHECK(strstr(err.text, "node 'n1': index 3 is outside 0 .. 2") != NULL);
	free(run.arena);
	free(run.scratch);
	plan_free(plan);
	graph_free(g);
}

TEST_MAIN({"layouts_agree", layouts_agree}, {"types_agree", types_agree},
          {"indices_at_run_time", indices_at_run_time})
