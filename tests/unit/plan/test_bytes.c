/* Operators on bytes of random shapes, types and numbers at each level that runs here, planned and run in batches:
 * the same bytes as their evaluation rules give, in both layouts. */
#include "engine/base/cpu.h"
#include "engine/passes/passes.h"
#include "engine/plan/plan.h"
#include "tests/unit/graph/build.h"

enum { BATCH = 3, SEEDS = 80, MOST_INPUTS = 3 };

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 9;
}

static int32_t between(uint32_t *seed, int32_t low, int32_t high)
{
	return low + (int32_t)(next(seed) % (uint32_t)(high - low + 1));
}

/* What a seed makes: the graph, the same each time, and what its tensors are. */
struct problem {
	struct graph *g;
	uint32_t seed;
	enum cnn_dtype dtype;
	int64_t dim[4];
	bool last; /* operands come channels last */
};

static value_id constant_bytes(struct problem *p, enum cnn_dtype dtype, const int64_t *dim,
                               int32_t rank)
{
	void *data;
	value_id id = graph_add_constant(p->g, "bytes", dtype, rank, dim, &data);
	CHECK(id != NO_VALUE);
	for (int64_t i = 0; i < graph_elements(&p->g->value[id]); i++)
		((uint8_t *)data)[i] = (uint8_t)next(&p->seed);
	return id;
}

/* One number, or one for each of n channels. */
static value_id scales(struct problem *p, int64_t n)
{
	void *data;
	value_id id = graph_add_constant(p->g, "scale", CNN_F32, n > 1, &n, &data);
	CHECK(id != NO_VALUE);
	for (int64_t i = 0; i < n; i++)
		((float *)data)[i] = (float)between(&p->seed, 1, 900) * 1e-2F;
	return id;
}

static value_id zero_point(struct problem *p, enum cnn_dtype dtype)
{
	return constant_bytes(p, dtype, NULL, 0);
}

/* An input of bytes, behind a pool that changes nothing but the layout. */
static value_id input(struct problem *p, const int64_t *dim, int32_t rank)
{
	value_id id = build_input(p->g, p->dtype, dim, rank);
	if (!p->last || rank != 4)
		return id;
	struct node *n = build_node(p->g, OP_MAX_POOL, &id, 1, 1);
	n->attr.window.kernel[0] = n->attr.window.kernel[1] = 1;
	n->attr.window.spatial = 2;
	return n->out[0];
}

static struct window_attr random_window(struct problem *p)
{
	struct window_attr w = {.group = 1, .spatial = 2, .depth = {0, 1, 1, 0, 0}};
	for (int i = 0; i < 2; i++) {
		int32_t extent;
		w.kernel[i] = between(&p->seed, 1, 5);
		w.stride[i] = between(&p->seed, 1, 3);
		w.dilation[i] = between(&p->seed, 0, 3) ? 1 : 2;
		extent = (w.kernel[i] - 1) * w.dilation[i] + 1;
		w.pad[i] = between(&p->seed, 0, extent - 1);
		w.pad[i + 2] = between(&p->seed, 0, extent - 1);
		if (p->dim[2 + i] + w.pad[i] + w.pad[i + 2] < extent)
			w.pad[i + 2] = extent;
	}
	return w;
}

static struct node *depthwise(struct problem *p)
{
	struct window_attr w = random_window(p);
	enum cnn_dtype weights = next(&p->seed) % 2 ? CNN_U8 : CNN_S8;
	int64_t shape[4] = {p->dim[1], 1, w.kernel[0], w.kernel[1]}, channels = p->dim[1];
	bool each = next(&p->seed) % 2;
	value_id x = input(p, p->dim, 4);
	void *data;
	value_id bias = graph_add_constant(p->g, "bias", CNN_S32, 1, &channels, &data);
	for (int64_t c = 0; c < channels; c++)
		((int32_t *)data)[c] = between(&p->seed, -3000, 3000);
	value_id in[9] = {x,
	                  scales(p, 1),
	                  zero_point(p, p->dtype),
	                  constant_bytes(p, weights, shape, 4),
	                  scales(p, each ? channels : 1),
	                  constant_bytes(p, weights, &channels, each),
	                  scales(p, 1),
	                  zero_point(p, p->dtype),
	                  bias};
	for (int64_t c = 0; c < (each ? channels : 1); c++)
		((float *)(uintptr_t)p->g->value[in[4]].data)[c] *= 0.01F;
	struct node *n = build_node(p->g, OP_QLINEAR_CONV, in, next(&p->seed) % 2 ? 9 : 8, 1);
	w.group = (int32_t)channels;
	n->attr.window = w;
	return n;
}

static struct node *pair(struct problem *p, enum op op)
{
	int64_t pixel[4] = {1, p->dim[1], 1, 1};
	uint32_t alone = next(&p->seed) % 4; /* 0, 1: that operand is the same for all pixels */
	value_id a = input(p, alone == 0 ? pixel : p->dim, 4);
	value_id b = input(p, alone == 1 ? pixel : p->dim, 4);
	enum cnn_dtype to = next(&p->seed) % 2 ? CNN_U8 : CNN_S8;
	return build_node(p->g, op,
	                  IDS(a, scales(p, 1), zero_point(p, p->dtype), b, scales(p, 1),
	                      zero_point(p, p->dtype), scales(p, 1), zero_point(p, to)),
	                  1);
}

static struct node *unary(struct problem *p, enum op op)
{
	value_id x = input(p, p->dim, 4);
	struct node *n = build_node(p->g, op,
	                            IDS(x, scales(p, 1), zero_point(p, p->dtype), scales(p, 1),
	                                zero_point(p, p->dtype)),
	                            1);
	n->attr.quant = (struct quant_attr){.alpha = 0.1F};
	return n;
}

static struct node *average(struct problem *p)
{
	struct node *n = unary(p, OP_QLINEAR_AVERAGE_POOL);
	struct window_attr w = random_window(p);
	w.dilation[0] = w.dilation[1] = 1;
	w.count_include_pad = next(&p->seed) % 2;
	if (next(&p->seed) % 4 == 0) { /* the whole feature map */
		memset(w.pad, 0, sizeof w.pad);
		w.kernel[0] = (int32_t)p->dim[2];
		w.kernel[1] = (int32_t)p->dim[3];
	}
	n->attr.window = w;
	return n;
}

static struct node *largest(struct problem *p)
{
	value_id x = input(p, p->dim, 4);
	struct node *n = build_node(p->g, OP_MAX_POOL, &x, 1, 1);
	n->attr.window = random_window(p);
	return n;
}

static struct node *concat(struct problem *p, bool quantised)
{
	int32_t axis = between(&p->seed, 1, 3);
	value_id in[2 + 3 * MOST_INPUTS] = {0}, parts[MOST_INPUTS];
	uint32_t count = (uint32_t)between(&p->seed, quantised ? 1 : 2, MOST_INPUTS);
	for (uint32_t k = 0; k < count; k++) {
		p->dim[axis] = between(&p->seed, 1, 40);
		parts[k] = input(p, p->dim, 4);
	}
	if (!quantised) {
		struct node *n = build_node(p->g, OP_CONCAT, parts, count, 1);
		n->attr.axes.axis = axis - 4;
		return n;
	}
	in[0] = scales(p, 1);
	in[1] = zero_point(p, p->dtype);
	for (uint32_t k = 0; k < count; k++) {
		in[2 + 3 * k] = parts[k];
		in[3 + 3 * k] = k ? scales(p, 1) : in[0];
		in[4 + 3 * k] = k ? zero_point(p, p->dtype) : in[1];
	}
	struct node *n = build_node(p->g, OP_QLINEAR_CONCAT, in, 2 + 3 * count, 1);
	n->attr.quant = (struct quant_attr){.axis = axis};
	return n;
}

/* To bytes of another kind by way of floats. */
static struct node *requantise(struct problem *p)
{
	value_id x = input(p, p->dim, 4);
	enum cnn_dtype to = next(&p->seed) % 2 ? CNN_U8 : CNN_S8;
	value_id real = build_node(p->g, OP_DEQUANTIZE_LINEAR,
	                           IDS(x, scales(p, 1), zero_point(p, p->dtype)), 1)
	                        ->out[0];
	return build_node(p->g, OP_QUANTIZE_LINEAR, IDS(real, scales(p, 1), zero_point(p, to)), 1);
}

static struct node *product(struct problem *p, bool gemm)
{
	int64_t columns = between(&p->seed, 1, 50), inner = between(&p->seed, 1, 90);
	int64_t a_dim[3] = {1, gemm ? inner : between(&p->seed, 1, 60), inner};
	bool turned = gemm && next(&p->seed) % 2, each = next(&p->seed) % 2;
	int64_t b_dim[2] = {turned ? columns : inner, turned ? inner : columns};
	value_id a = input(p, a_dim, gemm ? 2 : 3);
	value_id left[3] = {a, scales(p, 1), zero_point(p, p->dtype)};
	value_id right[3] = {constant_bytes(p, CNN_S8, b_dim, 2), scales(p, each ? columns : 1),
	                     constant_bytes(p, CNN_S8, &columns, each)};
	value_id y[2] = {scales(p, 1), zero_point(p, p->dtype)};
	*(float *)(uintptr_t)p->g->value[left[1]].data *= 1e-3F;
	if (!gemm)
		return build_node(
			p->g, OP_QLINEAR_MATMUL,
			IDS(left[0], left[1], left[2], right[0], right[1], right[2], y[0], y[1]),
			1);
	void *data;
	value_id bias = graph_add_constant(p->g, "bias", CNN_S32, 1, &columns, &data);
	for (int64_t j = 0; j < columns; j++)
		((int32_t *)data)[j] = between(&p->seed, -9000, 9000);
	struct node *n = build_node(
		p->g, OP_QGEMM,
		IDS(left[0], left[1], left[2], right[0], right[1], right[2], bias, y[0], y[1]), 1);
	n->attr.quant = (struct quant_attr){.alpha = 0.75F, .trans_b = turned};
	return n;
}

/* --- what only moves bytes */

static struct node *transpose(struct problem *p)
{
	value_id x = input(p, p->dim, 4);
	struct node *n = build_node(p->g, OP_TRANSPOSE, &x, 1, 1);
	n->attr.perm = (struct perm_attr){.n = 4, .perm = {0, 1, 2, 3}};
	for (int32_t i = 3; i > 0; i--) {
		int32_t k = between(&p->seed, 0, i), last = n->attr.perm.perm[i];
		n->attr.perm.perm[i] = n->attr.perm.perm[k];
		n->attr.perm.perm[k] = last;
	}
	return n;
}

/* Every second element along an axis, backwards. */
static struct node *slice(struct problem *p)
{
	value_id x = input(p, p->dim, 4);
	int64_t axis = between(&p->seed, 1, 3);
	return build_node(p->g, OP_SLICE,
	                  IDS(x, build_ints(p->g, LIST(p->dim[axis] - 1)),
	                      build_ints(p->g, LIST(-99999)), build_ints(p->g, LIST(axis)),
	                      build_ints(p->g, LIST(-2))),
	                  1);
}

static struct node *gather(struct problem *p)
{
	value_id x = input(p, p->dim, 4);
	int32_t axis = between(&p->seed, 1, 3);
	int64_t order[7];
	for (size_t i = 0; i < 7; i++)
		order[i] = between(&p->seed, 0, (int32_t)p->dim[axis] - 1);
	struct node *n = build_node(p->g, OP_GATHER, IDS(x, build_ints(p->g, order, 7)), 1);
	n->attr.axes.axis = axis;
	return n;
}

static struct node *tile(struct problem *p)
{
	value_id x = input(p, p->dim, 4);
	return build_node(p->g, OP_TILE, IDS(x, build_ints(p->g, LIST(1, 2, 1, 3))), 1);
}

static struct node *expand(struct problem *p)
{
	p->dim[between(&p->seed, 1, 3)] = 1;
	value_id x = input(p, p->dim, 4);
	int64_t to[4] = {1, p->dim[1], p->dim[2], p->dim[3]};
	for (int i = 1; i < 4; i++)
		to[i] = to[i] == 1 ? between(&p->seed, 1, 9) : to[i];
	return build_node(p->g, OP_EXPAND, IDS(x, build_ints(p->g, to, 4)), 1);
}

/* Blocks of two by two, out of channels or into them. */
static struct node *blocks(struct problem *p, enum op op)
{
	for (int i = 1; i < 4; i++)
		p->dim[i] = (p->dim[i] + 3) / 4 * 4;
	value_id x = input(p, p->dim, 4);
	struct node *n = build_node(p->g, op, &x, 1, 1);
	n->attr.block = (struct block_attr){.size = 2, .columns_first = next(&p->seed) % 2};
	return n;
}

static const enum op operators[] = {
	OP_QLINEAR_CONV,
	OP_QLINEAR_ADD,
	OP_QLINEAR_MUL,
	OP_QLINEAR_CONCAT,
	OP_CONCAT,
	OP_MAX_POOL,
	OP_QLINEAR_AVERAGE_POOL,
	OP_QLINEAR_SIGMOID,
	OP_QLINEAR_GLOBAL_AVERAGE_POOL,
	OP_QUANTIZE_LINEAR,
	OP_QLINEAR_LEAKY_RELU,
	OP_QLINEAR_MATMUL,
	OP_QGEMM,
	OP_TRANSPOSE,
	OP_SLICE,
	OP_GATHER,
	OP_TILE,
	OP_EXPAND,
	OP_DEPTH_TO_SPACE,
	OP_SPACE_TO_DEPTH,
};

static struct node *make_node(struct problem *p, enum op op)
{
	switch (op) {
	case OP_QLINEAR_CONV:
		return depthwise(p);
	case OP_QLINEAR_ADD:
	case OP_QLINEAR_MUL:
		return pair(p, op);
	case OP_QLINEAR_CONCAT:
	case OP_CONCAT:
		return concat(p, op == OP_QLINEAR_CONCAT);
	case OP_MAX_POOL:
		return largest(p);
	case OP_QLINEAR_AVERAGE_POOL:
		return average(p);
	case OP_QUANTIZE_LINEAR:
		return requantise(p);
	case OP_QLINEAR_MATMUL:
	case OP_QGEMM:
		return product(p, op == OP_QGEMM);
	case OP_TRANSPOSE:
		return transpose(p);
	case OP_SLICE:
		return slice(p);
	case OP_GATHER:
		return gather(p);
	case OP_TILE:
		return tile(p);
	case OP_EXPAND:
		return expand(p);
	case OP_DEPTH_TO_SPACE:
	case OP_SPACE_TO_DEPTH:
		return blocks(p, op);
	default:
		return unary(p, op);
	}
}

static struct graph *make(enum op op, uint32_t seed)
{
	struct problem p = {.g = build_graph(), .seed = seed * 977 + (uint32_t)op};
	p.dtype = next(&p.seed) % 2 ? CNN_U8 : CNN_S8;
	p.last = next(&p.seed) % 3 > 0;
	p.dim[0] = 1;
	p.dim[1] = between(&p.seed, 2, next(&p.seed) % 4 ? 40 : 150);
	p.dim[2] = between(&p.seed, 1, 12);
	p.dim[3] = between(&p.seed, 1, 20);
	build_output(p.g, make_node(&p, op)->out[0]);
	return p.g;
}

struct tensors {
	uint8_t *in[MOST_INPUTS];
	size_t bytes[MOST_INPUTS];
};

/* What the rule makes of picture i, and how many bytes that is. */
static size_t by_rule(enum op op, uint32_t seed, const struct tensors *t, size_t i, uint8_t *want,
                      size_t room)
{
	struct graph *g = make(op, seed);
	for (uint32_t k = (uint32_t)g->n_input; k-- > 0;)
		CHECK_INT(graph_bind(g, k, t->in[k] + i * t->bytes[k], NULL), CNN_OK);
	infer(g);
	const struct value *y = &g->value[g->output[0]];
	size_t bytes = graph_value_bytes(y);
	CHECK(y->data != NULL && bytes <= room);
	memcpy(want, y->data, bytes);
	graph_free(g);
	return bytes;
}

static struct plan *plan_of(enum op op, uint32_t seed, enum cnn_isa isa)
{
	struct graph *g = make(op, seed);
	struct cnn_error err = {0};
	struct plan *plan = NULL;
	const struct plan_options options = {.kernels = kernels_for(isa),
	                                     .max_batch = BATCH,
	                                     .threads_hint = 2,
	                                     .l2_bytes = 1 << 18};
	infer(g);
	if (passes_run(g, false, NULL, &err) || plan_new(g, &options, &plan, &err))
		fprintf(stderr, "%s\n", err.text);
	CHECK(plan != NULL);
	graph_free(g);
	/* None of them is left to its rule. */
	for (size_t s = 0; s < plan->n_step; s++)
		CHECK(strcmp(plan->step[s].kernel, op_table[op].onnx_name) != 0);
	return plan;
}

static void check(enum op op, uint32_t seed, enum cnn_isa isa)
{
	enum { ROOM = 1 << 18 };
	static uint8_t got[BATCH * ROOM], want[ROOM];
	struct graph *g = make(op, seed);
	struct tensors t = {0};
	uint32_t noise = seed;
	for (size_t k = 0; k < g->n_input; k++) {
		t.bytes[k] = graph_value_bytes(&g->value[g->input[k]]);
		t.in[k] = malloc(BATCH * t.bytes[k]);
		for (size_t i = 0; i < BATCH * t.bytes[k]; i++)
			t.in[k][i] = (uint8_t)next(&noise);
	}
	graph_free(g);
	struct plan *plan = plan_of(op, seed, isa);
	struct cnn_pool *pool = cnn_pool_new(2);
	struct cnn_error err = {0};
	void *out[1] = {got};
	struct run run = {.scratch_stride = plan->scratch_bytes,
	                  .pool = pool,
	                  .input = (const void *const *)(void *)t.in,
	                  .output = out};
	run.arena = aligned_alloc(ARENA_ALIGN, plan->run_bytes + ARENA_ALIGN);
	run.scratch = aligned_alloc(ARENA_ALIGN, 2 * plan->scratch_bytes + ARENA_ALIGN);
	CHECK(run.arena && run.scratch && pool);
	memset(run.arena, 0xff, plan->run_bytes);
	cnn_pool_begin(pool);
	CHECK_INT(plan_run(plan, &run, BATCH, NULL, NULL, &err), CNN_OK);
	cnn_pool_end(pool);
	for (size_t i = 0; i < BATCH; i++) {
		size_t bytes = by_rule(op, seed, &t, i, want, ROOM);
		for (size_t k = 0; k < bytes; k++)
			if (got[i * bytes + k] != want[k]) {
				fprintf(stderr,
				        "%s, seed %u, %s: picture %zu byte %zu is %d, not %d\n",
				        op_table[op].onnx_name, seed, cpu_isa_name(isa), i, k,
				        got[i * bytes + k], want[k]);
				exit(TEST_EXIT_FAILED);
			}
	}
	for (size_t k = 0; k < MOST_INPUTS; k++)
		free(t.in[k]);
	free(run.arena);
	free(run.scratch);
	cnn_pool_free(pool);
	plan_free(plan);
}

static void as_their_rules(void)
{
	for (size_t o = 0; o < sizeof operators / sizeof operators[0]; o++)
		for (uint32_t seed = 0; seed < SEEDS; seed++)
			for (enum cnn_isa isa = 0; isa <= cpu_isa(); isa++)
				check(operators[o], seed, isa);
}

TEST_MAIN({"as_their_rules", as_their_rules})
