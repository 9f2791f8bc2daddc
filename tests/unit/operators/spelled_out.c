/* spelled_out.c - activations that exporters write in several nodes become one, and compute the same. */
#include "tests/unit/operators/run.h"

enum { N = 64 };

static value_id number(struct graph *g, float x)
{
	void *data;
	value_id id = graph_add_constant(g, "number", CNN_F32, 0, NULL, &data);
	CHECK(id != NO_VALUE);
	*(float *)data = x;
	return id;
}

static value_id node(struct graph *g, enum op op, value_id a, value_id b)
{
	return build_node(g, op, IDS(a, b), 1)->out[0];
}

static value_id unary(struct graph *g, enum op op, value_id x)
{
	return build_node(g, op, IDS(x), 1)->out[0];
}

/* 1 + erf(x / sqrt(2)), or 1 + tanh(...) with the cube as Pow or as products. */
static value_id gate(struct graph *g, value_id x, int form)
{
	if (form == 0)
		return node(g, OP_ADD, unary(g, OP_ERF, node(g, OP_DIV, x, number(g, 1.41421356f))),
		            number(g, 1));
	if (form == 1)
		return node(g, OP_ADD, number(g, 1),
		            unary(g, OP_ERF, node(g, OP_MUL, number(g, 0.707106781f), x)));
	value_id cube = form == 2 ? node(g, OP_POW, x, number(g, 3))
	                          : node(g, OP_MUL, x, node(g, OP_MUL, x, x));
	value_id inner = node(g, OP_ADD, x, node(g, OP_MUL, cube, number(g, 0.044715f)));
	inner = node(g, OP_MUL, inner, number(g, 0.797884561f));
	return node(g, OP_ADD, unary(g, OP_TANH, inner), number(g, 1));
}

static value_id gelu(struct graph *g, value_id x, int form, int order)
{
	value_id v = gate(g, x, form);
	switch (order) {
	case 0:
		return node(g, OP_MUL, node(g, OP_MUL, x, v), number(g, 0.5f));
	case 1:
		return node(g, OP_MUL, node(g, OP_MUL, number(g, 0.5f), x), v);
	case 2:
		return node(g, OP_MUL, x, node(g, OP_MUL, v, number(g, 0.5f)));
	default:
		return node(g, OP_DIV, node(g, OP_MUL, v, x), number(g, 2));
	}
}

static size_t live(const struct graph *g, enum op op)
{
	size_t n = 0;
	for (size_t i = 0; i < g->n_node; i++)
		n += !g->node[i].dead && (op == OP_COUNT || g->node[i].op == op);
	return n;
}

static void find(struct graph *g)
{
	struct pass_log log = {0};
	struct cnn_error err;
	infer(g);
	for (size_t i = 0; i < g->n_node; i++)
		g->node[i].layer = NO_LAYER;
	CHECK_INT(pass_find_activation(g, &log, &err), CNN_OK);
	CHECK_INT(pass_find_gelu(g, &log, &err), CNN_OK);
	CHECK_INT(pass_find_layer_norm(g, &log, &err), CNN_OK);
	CHECK_INT(graph_check(g, &err), CNN_OK);
}

static void gelu_in_any_order(void)
{
	float x[N], got[N];
	for (int i = 0; i < N; i++)
		x[i] = (float)(i - 32) / 6;
	for (int k = 0; k < 16; k++) {
		struct graph *g = build_graph();
		struct cnn_error err = {0};
		bool by_tanh = k / 4 > 1;
		build_output(g, gelu(g, build_input(g, CNN_F32, LIST(N)), k / 4, k % 4));
		find(g);
		CHECK_INT(live(g, OP_COUNT), 1);
		CHECK_INT(live(g, OP_GELU), 1);
		CHECK_INT(g->node[g->n_node - 1].attr.unary.approximate, by_tanh);
		CHECK_INT(run_graph(g, (const void *[]){x}, (void *[]){got}, &err), CNN_OK);
		for (int i = 0; i < N; i++) {
			double v = (double)x[i], u = 0.7978845608 * (v + 0.044715 * v * v * v);
			double want = v / 2 * (1 + (by_tanh ? tanh(u) : erf(v / sqrt(2))));
			CHECK_NEAR(got[i], want, 1e-6 * (1 + fabs(want)));
		}
	}
}

static void mish(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(N));
	build_output(g, node(g, OP_MUL, unary(g, OP_TANH, unary(g, OP_SOFTPLUS, x)), x));
	find(g);
	CHECK_INT(live(g, OP_COUNT), 1);
	CHECK_INT(live(g, OP_MISH), 1);
	graph_free(g);
}

/* Another constant, another reader, another x: left as they are. */
static void what_only_looks_like_it(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(N)), other = build_input(g, CNN_F32, LIST(N));
	value_id v = gate(g, x, 0);
	build_output(g, node(g, OP_MUL, node(g, OP_MUL, x, v), number(g, 0.25f)));
	value_id w = gate(g, x, 3);
	build_output(g, node(g, OP_MUL, node(g, OP_MUL, other, w), number(g, 0.5f)));
	value_id u = gate(g, x, 1);
	build_output(g, node(g, OP_MUL, node(g, OP_MUL, x, u), number(g, 0.5f)));
	build_output(g, u);
	find(g);
	CHECK_INT(live(g, OP_GELU), 0);
	graph_free(g);
}

static void fused_into_a_product(void)
{
	struct graph *g = build_graph();
	struct cnn_error err = {0};
	struct pass_log log = {0};
	value_id x = build_input(g, CNN_F32, LIST(1, 2));
	value_id y = build_node(g, OP_MATMUL, IDS(x, build_weights(g, LIST(2, 3))), 1)->out[0];
	build_output(g, gelu(g, y, 0, 0));
	infer(g);
	for (size_t i = 0; i < g->n_node; i++)
		g->node[i].layer = NO_LAYER;
	CHECK_INT(passes_run(g, false, &log, &err), CNN_OK);
	CHECK_INT(live(g, OP_COUNT), 1);
	CHECK_INT(g->node[0].activation.kind, ACT_GELU);
	float got[3];
	CHECK_INT(run_graph(g, (const void *[]){(float[]){0.5f, -0.25f}}, (void *[]){got}, &err),
	          CNN_OK);
	for (int i = 0; i < 3; i++) {
		double v = 0.5 * (i + 1) - 0.25 * (i + 4);
		CHECK_NEAR(got[i], v / 2 * (1 + erf(v / sqrt(2))), 1e-6);
	}
}

static value_id mean(struct graph *g, value_id x, const int64_t *axis, int32_t n)
{
	struct node *m = build_node(g, OP_REDUCE_MEAN, IDS(x, build_ints(g, axis, n)), 1);
	m->attr.axes.keep_dims = true;
	return m->out[0];
}

/* (x - mean) / sqrt(variance + 1e-3), the variance's difference computed once more when `twice`; its square as Pow or as
 * a product. */
static value_id normalised(struct graph *g, value_id x, const int64_t *axis, int32_t n, bool twice,
                           bool power)
{
	value_id m = mean(g, x, axis, n), c = node(g, OP_SUB, x, m);
	value_id d = twice ? node(g, OP_SUB, x, m) : c;
	value_id square = power ? node(g, OP_POW, d, number(g, 2)) : node(g, OP_MUL, d, d);
	value_id v = node(g, OP_ADD, mean(g, square, axis, n), number(g, 1e-3f));
	return node(g, OP_DIV, c, unary(g, OP_SQRT, v));
}

/* Rows of `row` elements; what follows the division is computed by LayerNormalization too. */
static void check_rows(struct graph *g, int row, bool scale, bool bias)
{
	float x[48], got[48];
	struct cnn_error err = {0};
	for (int i = 0; i < 48; i++)
		x[i] = (float)((i * 29) % 17) / 4 - 1;
	CHECK_INT(live(g, OP_COUNT), 1);
	CHECK_INT(live(g, OP_LAYER_NORM), 1);
	CHECK_INT(run_graph(g, (const void *[]){x}, (void *[]){got}, &err), CNN_OK);
	for (int r = 0; r < 48; r += row) {
		double m = 0, v = 0;
		for (int i = 0; i < row; i++)
			m += (double)x[r + i] / row;
		for (int i = 0; i < row; i++)
			v += ((double)x[r + i] - m) * ((double)x[r + i] - m) / row;
		for (int i = 0; i < row; i++)
			CHECK_NEAR(got[r + i],
			           ((double)x[r + i] - m) / sqrt(v + 1e-3) * (scale ? i + 1 : 1) +
			                   (bias ? i + 1 : 0),
			           1e-5 * (1 + i));
	}
}

static void layer_norm(void)
{
	for (int form = 0; form < 16; form++) {
		bool scale = form & 4, bias = form & 8;
		struct graph *g = build_graph();
		value_id x = build_input(g, CNN_F32, LIST(1, 4, 12));
		value_id y = normalised(g, x, LIST(-1), form & 1, form & 2);
		if (scale)
			y = node(g, OP_MUL, y, build_weights(g, LIST(12)));
		if (bias)
			y = node(g, OP_ADD, build_weights(g, LIST(12)), y);
		build_output(g, y);
		find(g);
		check_rows(g, 12, scale, bias);
	}
	/* Over the last two axes. */
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 2, 4, 6));
	value_id y = normalised(g, x, LIST(2, 3), false, true);
	build_output(g, node(g, OP_MUL, y, build_weights(g, LIST(4, 6))));
	find(g);
	check_rows(g, 24, true, false);
}

/* Axes in the middle, an outside reader, another x: left as they are. A scale by channel stays a product. */
static void what_is_no_layer_norm(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(1, 4, 12));
	build_output(g, normalised(g, x, LIST(1), false, true));
	value_id other = node(g, OP_SUB, x, mean(g, x, LIST(2)));
	value_id c = node(g, OP_SUB, x, mean(g, unary(g, OP_RELU, x), LIST(2)));
	value_id v = node(g, OP_ADD, mean(g, node(g, OP_MUL, c, c), LIST(2)), number(g, 1e-3f));
	build_output(g, node(g, OP_DIV, c, unary(g, OP_SQRT, v)));
	v = node(g, OP_ADD, mean(g, node(g, OP_MUL, other, other), LIST(2)), number(g, 1e-3f));
	build_output(g, node(g, OP_DIV, other, unary(g, OP_SQRT, v)));
	build_output(g, v);
	find(g);
	CHECK_INT(live(g, OP_LAYER_NORM), 0);
	graph_free(g);
	g = build_graph();
	x = build_input(g, CNN_F32, LIST(1, 4, 12));
	build_output(g, node(g, OP_MUL, normalised(g, x, LIST(2), false, true),
	                     build_weights(g, LIST(4, 1))));
	find(g);
	CHECK_INT(live(g, OP_LAYER_NORM), 1);
	CHECK_INT(live(g, OP_MUL), 1);
	graph_free(g);
}

/* By constant weights, of rank 3: the bias and a scale go into it. */
static void bias_of_a_product(void)
{
	struct graph *g = build_graph();
	struct cnn_error err = {0};
	struct pass_log log = {0};
	value_id x = build_input(g, CNN_F32, LIST(1, 2, 2));
	value_id y = node(g, OP_MATMUL, x, build_weights(g, LIST(2, 3)));
	y = node(g, OP_ADD, build_weights(g, LIST(3)), y);
	build_output(g, node(g, OP_MUL, y, build_weights(g, LIST(3))));
	infer(g);
	for (size_t i = 0; i < g->n_node; i++)
		g->node[i].layer = NO_LAYER;
	CHECK_INT(passes_run(g, false, &log, &err), CNN_OK);
	CHECK_INT(live(g, OP_COUNT), 1);
	float got[6], in[] = {1, 2, -1, 3};
	CHECK_INT(run_graph(g, (const void *[]){in}, (void *[]){got}, &err), CNN_OK);
	for (int i = 0; i < 6; i++) {
		int r = i / 3, c = i % 3;
		double sum = (double)in[2 * r] * (c + 1) + (double)in[2 * r + 1] * (c + 4);
		CHECK_NEAR(got[i], (sum + c + 1) * (c + 1), 1e-5);
	}
}

TEST_MAIN({"layer_norm", layer_norm}, {"what_is_no_layer_norm", what_is_no_layer_norm},
          {"bias_of_a_product", bias_of_a_product}, {"gelu_in_any_order", gelu_in_any_order},
          {"mish", mish}, {"what_only_looks_like_it", what_only_looks_like_it},
          {"fused_into_a_product", fused_into_a_product})
