/* Feature maps that are only concatenated: made where they will lie, they are the same bits as copied ones. */
#include "engine/passes/passes.h"
#include "engine/plan/plan.h"
#include "tests/kernels/rows.h"
#include "tests/unit/graph/build.h"

enum {
	BATCH = 3,
	CHANNELS = 16,
	HEIGHT = 9,
	WIDTH = 7,
	SEEDS = 60,
	MOST_PARTS = 5,
	MOST_CHANNELS = 64
};

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 9;
}

static void fill(float *x, size_t n, uint32_t *seed)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float)next(seed) / (1 << 22) - 1;
}

/* A kernel of 1 x 1, or of 3 x 3, which Winograd may do, and an activation that the kernel does not have. */
static struct node *add_conv(struct graph *g, value_id x, int64_t channels, int32_t group,
                             uint32_t *seed)
{
	static const int64_t widths[] = {1, 8, 16, 24, 33, MOST_CHANNELS};
	int32_t side = next(seed) % 2 ? 3 : 1;
	int64_t out = group > 1 ? CHANNELS : widths[next(seed) % 6];
	const int64_t dim[] = {out, channels / group, side, side};
	void *weights;
	value_id w = graph_add_constant(g, "weights", CNN_F32, 4, dim, &weights);
	CHECK(w != NO_VALUE);
	fill(weights, (size_t)(out * channels / group * side * side), seed);
	struct node *n = build_node(g, OP_CONV, IDS(x, w), 1);
	n->attr.window = (struct window_attr){.kernel = {side, side},
	                                      .stride = {1, 1},
	                                      .dilation = {1, 1},
	                                      .pad = {side / 2, side / 2, side / 2, side / 2},
	                                      .group = group,
	                                      .spatial = 2};
	if (next(seed) % 3 == 0)
		n->activation = (struct activation){.kind = ACT_SILU};
	return n;
}

struct problem {
	struct graph *graph;
	int64_t channels; /* of all parts */
	size_t copied;    /* parts that cannot be made in place */
};

static value_id add_part(struct problem *p, value_id x, uint32_t *seed)
{
	struct graph *g = p->graph;
	uint32_t kind = next(seed) % 8;
	if (kind < 5) {
		const struct node *n = add_conv(g, x, CHANNELS, kind == 0 ? 4 : 1, seed);
		p->channels += graph_in(g, n, 1)->dim[0];
		return n->out[0];
	}
	p->copied++;
	p->channels += CHANNELS;
	if (kind == 5) /* the maps that the others read */
		return x;
	if (kind == 6) { /* the kernel adds to it maps that lie elsewhere */
		struct node *n = add_conv(g, x, CHANNELS, 4, seed);
		n->residual = x;
		return n->out[0];
	}
	struct node *pool = build_node(g, OP_MAX_POOL, IDS(x), 1);
	pool->attr.window.kernel[0] = pool->attr.window.kernel[1] = 1;
	return pool->out[0];
}

/* A convolution, several parts made of its maps, their concatenation, another convolution. */
static struct problem make(uint32_t seed)
{
	struct problem p = {.graph = build_graph()};
	struct graph *g = p.graph;
	value_id x = build_input(g, CNN_F32, LIST(1, CHANNELS, HEIGHT, WIDTH)), part[MOST_PARTS];
	x = add_conv(g, x, CHANNELS, 4, &seed)->out[0];
	uint32_t n = 2 + next(&seed) % (MOST_PARTS - 1);
	for (uint32_t i = 0; i < n; i++)
		part[i] = add_part(&p, x, &seed);
	struct node *concat = build_node(g, OP_CONCAT, part, n, 1);
	concat->attr.axes.axis = next(&seed) % 2 ? 1 : -3;
	build_output(g, add_conv(g, concat->out[0], p.channels, 1, &seed)->out[0]);
	for (size_t i = 0; i < g->n_node; i++)
		g->node[i].layer = NO_LAYER;
	struct pass_log log = {0};
	struct cnn_error err;
	infer(g);
	CHECK_INT(passes_run(g, true, &log, &err), CNN_OK);
	return p;
}

/* Returns how many steps concatenate. */
static size_t run_graph(const struct graph *g, const struct kernels *kernels, bool keep,
                        const float *in, float *out)
{
	struct cnn_error err = {0};
	struct plan *plan = NULL;
	const struct plan_options options = {
		.kernels = kernels, .max_batch = BATCH, .threads_hint = 1, .keep_layers = keep};
	CHECK_INT(plan_new(g, &options, &plan, &err), CNN_OK);
	struct run run = {.scratch_stride = plan->scratch_bytes};
	run.arena = aligned_alloc(ARENA_ALIGN, plan->run_bytes + ARENA_ALIGN);
	run.scratch = aligned_alloc(ARENA_ALIGN, plan->scratch_bytes + ARENA_ALIGN);
	CHECK(run.arena && run.scratch);
	memset(run.arena, 0xff, plan->run_bytes);
	run.input = (const void *[]){in};
	run.output = (void *[]){out};
	CHECK_INT(plan_run(plan, &run, BATCH, NULL, NULL, &err), CNN_OK);
	size_t concats = 0;
	for (size_t i = 0; i < plan->n_step; i++)
		concats += strcmp(plan->step[i].kernel, "concat") == 0;
	free(run.arena);
	free(run.scratch);
	plan_free(plan);
	return concats;
}

static void parts_are_made_in_place(void)
{
	enum { IN = CHANNELS * HEIGHT * WIDTH, OUT = MOST_CHANNELS * HEIGHT * WIDTH };
	static float in[BATCH * IN], copied[BATCH * OUT], in_place[BATCH * OUT];
	uint32_t numbers = 1;
	size_t whole = 0;
	fill(in, BATCH * IN, &numbers);
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct problem p = make(seed);
		whole += p.copied == 0;
		for (enum cnn_isa isa = CNN_ISA_PORTABLE; isa <= cpu_isa(); isa++) {
			const struct kernels *kernels = kernels_for(isa);
			CHECK_INT(run_graph(p.graph, kernels, true, in, copied), 1);
			CHECK_INT(run_graph(p.graph, kernels, false, in, in_place), p.copied > 0);
			CHECK(memcmp(copied, in_place, sizeof copied) == 0);
		}
		graph_free(p.graph);
	}
	CHECK(whole > 0 && whole < SEEDS);
}

TEST_MAIN({"parts_are_made_in_place", parts_are_made_in_place})
