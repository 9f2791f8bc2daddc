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

TEST_MAIN({"gelu_in_any_order", gelu_in_any_order}, {"mish", mish},
          {"what_only_looks_like_it", what_only_looks_like_it},
          {"fused_into_a_product", fused_into_a_product})
