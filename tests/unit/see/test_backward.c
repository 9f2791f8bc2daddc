/* Gradients of every operator that has a rule, by finite differences. */
#include "tests/unit/see/network.h"

/* Ends the graph with weights for each element and a sum, so that all gradients differ; compares, and frees it. */
static void try_graph(struct graph *g, value_id last, enum backward_kind want)
{
	build_output(g, last);
	infer(g);
	enum backward_kind kind;
	struct head h = whole_graph(g, &kind);
	CHECK_INT(kind, want);
	size_t n = (size_t)graph_elements(&g->value[h.maps]);
	float *maps = calloc(n, sizeof *maps);
	CHECK(maps != NULL);
	/* All of them are at least 0.05 apart, and 0.012 from the corners below: no difference reaches over one. */
	for (size_t i = 0; i < n; i++)
		maps[i] = 0.05f * ((float)(i * 7919 % n) - (float)(n / 2)) + 0.012f;
	size_t classes = (size_t)graph_elements(&g->value[h.scores]);
	for (size_t cls = 0; cls<classes; cls += classes> 5 ? classes / 5 : 1)
		compare_differences(g, &h, maps, cls, 0.01, 0.01);
	free(maps);
	free(h.node);
	graph_free(g);
}

static struct graph *with_input(const int64_t *dim, int32_t rank, value_id *in)
{
	struct graph *g = build_graph();
	*in = build_input(g, CNN_F32, dim, rank);
	return g;
}

/* op(x) * weights, summed up: one number from all elements. */
static void try_unary(enum op op, struct unary_attr attr, enum backward_kind want)
{
	value_id in;
	struct graph *g = with_input(LIST(1, 2, 3, 4), &in);
	bool positive = op == OP_LOG || op == OP_SQRT || op == OP_RECIPROCAL;
	value_id x = in;
	if (positive) {
		value_id square = build_op(g, OP_MUL, IDS(in, in));
		x = build_op(g, OP_ADD, IDS(square, build_scalar(g, 0.5f)));
	}
	struct node *n = build_node(g, op, IDS(x), 1);
	n->attr.unary = attr;
	value_id y = n->out[0];
	value_id weighted = build_op(g, OP_MUL, IDS(y, build_seeded(g, LIST(1, 2, 3, 4))));
	n = build_node(g, OP_REDUCE_SUM, IDS(weighted), 1);
	n->attr.axes.keep_dims = true;
	try_graph(g, n->out[0], positive ? BACKWARD_CURVED : want);
}

static void unary(void)
{
	static const enum op curved[] = {
		OP_RELU, OP_SIGMOID, OP_HARD_SWISH, OP_TANH, OP_SOFTPLUS,   OP_ERF,      OP_EXP,
		OP_LOG,  OP_SQRT,    OP_ABS,        OP_MISH, OP_RECIPROCAL, OP_SOFTSIGN, OP_GELU};
	for (size_t i = 0; i < sizeof curved / sizeof curved[0]; i++)
		try_unary(curved[i], (struct unary_attr){.alpha = 0}, BACKWARD_CURVED);
	try_unary(OP_NEG, (struct unary_attr){.alpha = 0}, BACKWARD_AFFINE);
	try_unary(OP_IDENTITY, (struct unary_attr){.alpha = 0}, BACKWARD_AFFINE);
	try_unary(OP_GELU, (struct unary_attr){.approximate = true}, BACKWARD_CURVED);
	try_unary(OP_LEAKY_RELU, (struct unary_attr){.alpha = 0.1f}, BACKWARD_CURVED);
	try_unary(OP_ELU, (struct unary_attr){.alpha = 1.5f}, BACKWARD_CURVED);
	try_unary(OP_CELU, (struct unary_attr){.alpha = 1.5f}, BACKWARD_CURVED);
	try_unary(OP_SELU, (struct unary_attr){.alpha = 1.67f, .beta = 1.05f}, BACKWARD_CURVED);
	try_unary(OP_HARD_SIGMOID, (struct unary_attr){.alpha = 0.55f, .beta = 0.4f},
	          BACKWARD_CURVED);
}

static void clip(void)
{
	value_id in;
	struct graph *g = with_input(LIST(1, 3, 2, 2), &in);
	value_id y = build_op(g, OP_CLIP, IDS(in, build_scalar(g, -0.55f), build_scalar(g, 0.75f)));
	try_graph(g, y, BACKWARD_CURVED);
	g = with_input(LIST(1, 3, 2, 2), &in);
	y = build_op(g, OP_CLIP, IDS(in, NO_VALUE, build_scalar(g, 0.75f)));
	try_graph(g, y, BACKWARD_CURVED);
}

/* Operands of every shape that stretches, on either side. */
static void broadcasting(void)
{
	static const enum op ops[] = {OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_SUM, OP_MEAN};
	for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
		value_id in;
		struct graph *g = with_input(LIST(1, 3, 2, 2), &in);
		try_graph(g, build_op(g, ops[i], IDS(in, build_seeded(g, LIST(3, 1, 1)))),
		          BACKWARD_AFFINE);
		g = with_input(LIST(3, 1), &in);
		try_graph(g, build_op(g, ops[i], IDS(in, build_seeded(g, LIST(1, 2, 3, 2)))),
		          BACKWARD_AFFINE);
		g = with_input(LIST(3, 1), &in);
		value_id weights = build_seeded(g, LIST(2, 3, 2));
		value_id off = build_op(g, OP_ADD, IDS(in, build_scalar(g, 3))); /* from 0 */
		try_graph(g, build_op(g, ops[i], IDS(weights, off)),
		          ops[i] == OP_DIV ? BACKWARD_CURVED : BACKWARD_AFFINE);
		/* both vary, one of them stretched: as squeeze and excitation has it */
		g = with_input(LIST(1, 3, 2, 2), &in);
		value_id mean = build_op(g, OP_GLOBAL_AVERAGE_POOL, IDS(in));
		value_id gate = build_op(g, OP_ADD, IDS(mean, build_scalar(g, 3)));
		bool sum = ops[i] != OP_MUL && ops[i] != OP_DIV;
		try_graph(g, build_op(g, ops[i], IDS(in, gate)),
		          sum ? BACKWARD_AFFINE : BACKWARD_CURVED);
	}
	value_id in;
	struct graph *g = with_input(LIST(1, 3, 2, 2), &in);
	try_graph(g, build_op(g, OP_MUL, IDS(in, in)), BACKWARD_CURVED);
	g = with_input(LIST(1, 3, 2, 2), &in);
	value_id above = build_op(g, OP_ADD, IDS(in, build_scalar(g, 3)));
	try_graph(g, build_op(g, OP_POW, IDS(above, build_scalar(g, 2.5f))), BACKWARD_CURVED);
	g = with_input(LIST(1, 3, 2, 2), &in);
	try_graph(g, build_op(g, OP_PRELU, IDS(in, build_seeded(g, LIST(3, 1, 1)))),
	          BACKWARD_CURVED);
}

static void products(void)
{
	for (int form = 0; form < 4; form++) {
		value_id in;
		bool trans_a = form & 1, trans_b = form & 2;
		struct graph *g =
			with_input((const int64_t[]){trans_a ? 5 : 2, trans_a ? 2 : 5}, 2, &in);
		value_id weights =
			build_seeded(g, (const int64_t[]){trans_b ? 3 : 5, trans_b ? 5 : 3}, 2);
		struct node *n =
			build_node(g, OP_GEMM, IDS(in, weights, build_seeded(g, LIST(3))), 1);
		n->attr.gemm = (struct gemm_attr){
			.alpha = 0.5f, .beta = 2, .trans_a = trans_a, .trans_b = trans_b};
		try_graph(g, n->out[0], BACKWARD_AFFINE);
	}
	value_id in;
	struct graph *g = with_input(LIST(5), &in);
	try_graph(g, build_op(g, OP_MATMUL, IDS(in, build_seeded(g, LIST(5, 3)))), BACKWARD_AFFINE);
	g = with_input(LIST(2, 3, 5), &in);
	try_graph(g, build_op(g, OP_MATMUL, IDS(in, build_seeded(g, LIST(5, 3)))), BACKWARD_AFFINE);
	g = with_input(LIST(1, 4, 2, 3), &in);
	value_id p[] = {in, build_seeded(g, LIST(4)), build_seeded(g, LIST(4)),
	                build_seeded(g, LIST(4)), build_weights(g, LIST(4))};
	struct node *n = build_node(g, OP_BATCH_NORM, p, 5, 1);
	n->attr.norm.epsilon = 0.01f;
	try_graph(g, n->out[0], BACKWARD_AFFINE);
}

static void convolutions(void)
{
	value_id in;
	struct graph *g = with_input(LIST(1, 3, 5, 4), &in);
	struct node *n =
		build_node(g, OP_CONV,
	                   IDS(in, build_seeded(g, LIST(2, 3, 3, 2)), build_seeded(g, LIST(2))), 1);
	n->attr.window.stride[0] = 2;
	n->attr.window.pad[0] = 1;
	n->attr.window.pad[3] = 1;
	try_graph(g, n->out[0], BACKWARD_AFFINE);
	g = with_input(LIST(1, 4, 5, 6), &in); /* groups, dilation */
	n = build_node(g, OP_CONV, IDS(in, build_seeded(g, LIST(6, 2, 2, 3))), 1);
	n->attr.window.group = 2;
	n->attr.window.dilation[0] = n->attr.window.dilation[1] = 2;
	try_graph(g, n->out[0], BACKWARD_AFFINE);
}

static void pool_of(enum op op, bool count_pads)
{
	value_id in;
	struct graph *g = with_input(LIST(1, 2, 5, 6), &in);
	struct node *n = build_node(g, op, IDS(in), 1);
	n->attr.window.kernel[0] = 3;
	n->attr.window.kernel[1] = 2;
	n->attr.window.stride[0] = 2;
	n->attr.window.pad[0] = n->attr.window.pad[2] = 1;
	n->attr.window.count_include_pad = count_pads;
	try_graph(g, n->out[0], op == OP_MAX_POOL ? BACKWARD_CURVED : BACKWARD_AFFINE);
}

static void pools(void)
{
	value_id in;
	pool_of(OP_MAX_POOL, false);
	pool_of(OP_AVERAGE_POOL, false);
	pool_of(OP_AVERAGE_POOL, true);
	struct graph *g = with_input(LIST(1, 3, 2, 4), &in);
	try_graph(g, build_op(g, OP_GLOBAL_MAX_POOL, IDS(in)), BACKWARD_CURVED);
	g = with_input(LIST(1, 3, 2, 4), &in);
	try_graph(g, build_op(g, OP_GLOBAL_AVERAGE_POOL, IDS(in)), BACKWARD_AFFINE);
	g = with_input(LIST(1, 3, 2, 4), &in);
	try_graph(g, build_op(g, OP_REDUCE_MEAN, IDS(in, build_ints(g, LIST(2, -1)))),
	          BACKWARD_AFFINE);
	g = with_input(LIST(1, 3, 2, 4), &in);
	try_graph(g, build_op(g, OP_REDUCE_SUM, IDS(in, build_ints(g, LIST(1)))), BACKWARD_AFFINE);
}

static void moves(void)
{
	value_id in;
	struct graph *g = with_input(LIST(1, 3, 2, 4), &in);
	struct node *n = build_node(g, OP_TRANSPOSE, IDS(in), 1);
	n->attr.perm = (struct perm_attr){4, {0, 2, 3, 1}};
	value_id list = build_op(g, OP_RESHAPE, IDS(n->out[0], build_ints(g, LIST(1, -1))));
	try_graph(g, list, BACKWARD_AFFINE);
	g = with_input(LIST(1, 3, 2, 4), &in);
	value_id small = build_seeded(g, LIST(1, 2, 2, 4));
	n = build_node(g, OP_CONCAT, IDS(small, in, in), 1);
	n->attr.axes.axis = 1;
	try_graph(g, n->out[0], BACKWARD_AFFINE);
	g = with_input(LIST(1, 3, 2, 4), &in);
	try_graph(g,
	          build_op(g, OP_SLICE,
	                   IDS(in, build_ints(g, LIST(3, 0)), build_ints(g, LIST(0, 2)),
	                       build_ints(g, LIST(3, 1)), build_ints(g, LIST(-2, 1)))),
	          BACKWARD_AFFINE);
}

/* The mean, its deviations, their mean square: a layer norm as PyTorch writes it. */
static void spelled_out_norm(void)
{
	value_id in;
	struct graph *g = with_input(LIST(1, 2, 5), &in);
	struct node *n = build_node(g, OP_REDUCE_MEAN, IDS(in, build_ints(g, LIST(-1))), 1);
	n->attr.axes.keep_dims = true;
	value_id off = build_op(g, OP_SUB, IDS(in, n->out[0]));
	value_id square = build_op(g, OP_POW, IDS(off, build_scalar(g, 2)));
	n = build_node(g, OP_REDUCE_MEAN, IDS(square, build_ints(g, LIST(-1))), 1);
	n->attr.axes.keep_dims = true;
	value_id safe = build_op(g, OP_ADD, IDS(n->out[0], build_scalar(g, 1e-5f)));
	value_id root = build_op(g, OP_SQRT, IDS(safe));
	value_id unit = build_op(g, OP_DIV, IDS(off, root));
	try_graph(g, build_op(g, OP_MUL, IDS(unit, build_seeded(g, LIST(5)))), BACKWARD_CURVED);
}

/* Bytes around their zero point, and the floats they stand for in `real`. */
static value_id build_bytes(struct graph *g, const int64_t *dim, int32_t rank, float scale,
                            int32_t zero, float *real)
{
	void *data;
	value_id id = graph_add_constant(g, "bytes", CNN_U8, rank, dim, &data);
	CHECK(id != NO_VALUE);
	for (int64_t i = 0; i < graph_elements(&g->value[id]); i++) {
		((uint8_t *)data)[i] = (uint8_t)(i * 37 % 256);
		real[i] = scale * (float)((int32_t)(i * 37 % 256) - zero);
	}
	return id;
}

static value_id build_zero(struct graph *g, uint8_t zero)
{
	void *data;
	value_id id = graph_add_constant(g, "zero", CNN_U8, 0, NULL, &data);
	CHECK(id != NO_VALUE);
	*(uint8_t *)data = zero;
	return id;
}

static value_id build_list(struct graph *g, const int64_t *dim, int32_t rank, const float *from)
{
	value_id id = build_weights(g, dim, rank);
	memcpy((void *)(uintptr_t)g->value[id].data, from, graph_value_bytes(&g->value[id]));
	return id;
}

static void gradient_of(struct graph *g, value_id last, size_t cls, float *out)
{
	struct cnn_error err;
	enum backward_kind kind;
	build_output(g, last);
	infer(g);
	struct head h = whole_graph(g, &kind);
	CHECK_INT(kind, BACKWARD_AFFINE);
	CHECK_INT(head_gradient(g, &h, NULL, cls, 1 << 24, out, NULL, &err), CNN_OK);
	free(h.node);
	graph_free(g);
}

/* An average, a convolution, a product and a sum on bytes have the gradient of the same on floats. */
static void quantised(void)
{
	const int64_t filters[] = {5, 6, 1, 1}, matrix[] = {5, 4};
	float w[30], b[20], bytes[6 * 12], floats[6 * 12];
	value_id in;
	struct graph *g = build_graph();
	in = build_input(g, CNN_U8, LIST(1, 6, 3, 4));
	value_id scale = build_scalar(g, 0.02f), zero = build_zero(g, 120);
	struct node *n =
		build_node(g, OP_QLINEAR_GLOBAL_AVERAGE_POOL, IDS(in, scale, zero, scale, zero), 1);
	value_id x = n->out[0], k = build_bytes(g, filters, 4, 0.02f, 120, w);
	n = build_node(g, OP_QLINEAR_CONV, IDS(x, scale, zero, k, scale, zero, scale, zero), 1);
	n->attr.window = (struct window_attr){
		.stride = {1, 1}, .dilation = {1, 1}, .depth = {0, 1, 1, 0, 0}, .group = 1};
	x = build_op(g, OP_RESHAPE, IDS(n->out[0], build_ints(g, LIST(1, 5))));
	value_id m = build_bytes(g, matrix, 2, 0.02f, 120, b);
	x = build_op(g, OP_QLINEAR_MATMUL, IDS(x, scale, zero, m, scale, zero, scale, zero));
	x = build_op(g, OP_QLINEAR_ADD, IDS(x, scale, zero, x, scale, zero, scale, zero));
	gradient_of(g, build_op(g, OP_DEQUANTIZE_LINEAR, IDS(x, scale, zero)), 2, bytes);

	g = with_input(LIST(1, 6, 3, 4), &in);
	x = build_op(g, OP_GLOBAL_AVERAGE_POOL, IDS(in));
	x = build_op(g, OP_CONV, IDS(x, build_list(g, filters, 4, w)));
	x = build_op(g, OP_RESHAPE, IDS(x, build_ints(g, LIST(1, 5))));
	x = build_op(g, OP_MATMUL, IDS(x, build_list(g, matrix, 2, b)));
	gradient_of(g, build_op(g, OP_ADD, IDS(x, x)), 2, floats);
	for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++)
		CHECK_NEAR(bytes[i], floats[i], 1e-6 + 1e-5 * fabs((double)floats[i]));
}

/* QGemm in both forms of its right operand. */
static void quantised_gemm(void)
{
	for (int trans = 0; trans < 2; trans++) {
		const int64_t dim[] = {trans ? 4 : 5, trans ? 5 : 4};
		float b[20], bytes[10], floats[10];
		struct graph *g = build_graph();
		value_id in = build_input(g, CNN_U8, LIST(2, 5));
		value_id scale = build_scalar(g, 0.02f), zero = build_zero(g, 7);
		value_id m = build_bytes(g, dim, 2, 0.02f, 7, b);
		struct node *n =
			build_node(g, OP_QGEMM,
		                   IDS(in, scale, zero, m, scale, zero, NO_VALUE, scale, zero), 1);
		n->attr.quant = (struct quant_attr){.alpha = 0.5f, .trans_b = trans};
		gradient_of(g, build_op(g, OP_DEQUANTIZE_LINEAR, IDS(n->out[0], scale, zero)), 6,
		            bytes);
		value_id x;
		g = with_input(LIST(2, 5), &x);
		n = build_node(g, OP_GEMM, IDS(x, build_list(g, dim, 2, b)), 1);
		n->attr.gemm = (struct gemm_attr){.alpha = 0.5f, .beta = 1, .trans_b = trans};
		gradient_of(g, n->out[0], 6, floats);
		for (size_t i = 0; i < 10; i++)
			CHECK_NEAR(bytes[i], floats[i], 1e-6);
	}
}

static void refuse_kind(enum op op, const value_id *in, uint32_t n, struct graph *g)
{
	enum backward_kind kind;
	build_output(g, build_op(g, op, in, n));
	infer(g);
	free(whole_graph(g, &kind).node);
	CHECK_INT(kind, BACKWARD_NONE);
	graph_free(g);
}

/* Forms without a rule say so. */
static void without_rule(void)
{
	value_id in;
	struct graph *g = with_input(LIST(4, 4), &in);
	refuse_kind(OP_MATMUL, IDS(in, in), g);
	g = with_input(LIST(4, 4), &in);
	refuse_kind(OP_SOFTMAX, IDS(in), g);
	g = with_input(LIST(4, 4), &in);
	refuse_kind(OP_POW, IDS(in, in), g);
	g = with_input(LIST(4), &in);
	refuse_kind(OP_RELU, IDS(build_op(g, OP_FLOOR, IDS(in))), g);
}

TEST_MAIN({"unary", unary}, {"clip", clip}, {"broadcasting", broadcasting}, {"products", products},
          {"convolutions", convolutions}, {"pools", pools}, {"moves", moves},
          {"spelled_out_norm", spelled_out_norm}, {"quantised", quantised},
          {"quantised_gemm", quantised_gemm}, {"without_rule", without_rule})
