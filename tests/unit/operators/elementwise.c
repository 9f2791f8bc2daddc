/* elementwise.c - numbers of every type: limits, signs, types that mix, and what is refused. */
#include "tests/unit/operators/run.h"

static value_id one(struct graph *g, enum op op, value_id x)
{
	return build_node(g, op, IDS(x), 1)->out[0];
}

static value_id two(struct graph *g, enum op op, value_id a, value_id b)
{
	return build_node(g, op, IDS(a, b), 1)->out[0];
}

static value_id flagged(struct graph *g, enum op op, value_id a, value_id b)
{
	struct node *n = build_node(g, op, IDS(a, b), 1);
	n->attr.flag.on = true;
	return n->out[0];
}

static void uint64_is_not_signed(void)
{
	struct graph *g = build_graph();
	value_id a = CONSTANT(g, CNN_U64, uint64_t, UINT64_MAX, 7, 1);
	value_id b = CONSTANT(g, CNN_U64, uint64_t, 2, 7, UINT64_MAX);
	value_id div = two(g, OP_DIV, a, b), mod = two(g, OP_MOD, a, b);
	value_id max = two(g, OP_MAX, a, b), min = two(g, OP_MIN, a, b);
	value_id greater = two(g, OP_GREATER, a, b), at_most = two(g, OP_LESS_OR_EQUAL, a, b);
	value_id sign = one(g, OP_SIGN, a), absolute = one(g, OP_ABS, a);
	struct node *mean = build_node(g, OP_MEAN, IDS(a, CONSTANT(g, CNN_U64, uint64_t, 0)), 1);
	value_id half = mean->out[0];
	struct node *clip = build_node(g, OP_CLIP,
	                               IDS(a, CONSTANT(g, CNN_U64, uint64_t, 5),
	                                   CONSTANT(g, CNN_U64, uint64_t, UINT64_MAX - 1)),
	                               1);
	value_id clipped = clip->out[0];
	struct node *cast = build_node(g, OP_CAST, IDS(a), 1);
	cast->attr.cast_to = CNN_F32;
	value_id floats = cast->out[0];
	infer(g);
	EXPECT(g, div, CNN_U64, uint64_t, UINT64_MAX / 2, 1, 0);
	EXPECT(g, mod, CNN_U64, uint64_t, 1, 0, 1);
	EXPECT(g, max, CNN_U64, uint64_t, UINT64_MAX, 7, UINT64_MAX);
	EXPECT(g, min, CNN_U64, uint64_t, 2, 7, 1);
	EXPECT(g, greater, CNN_BOOL, uint8_t, 1, 0, 0);
	EXPECT(g, at_most, CNN_BOOL, uint8_t, 0, 1, 1);
	EXPECT(g, sign, CNN_U64, uint64_t, 1, 1, 1);
	EXPECT(g, absolute, CNN_U64, uint64_t, UINT64_MAX, 7, 1);
	EXPECT(g, half, CNN_U64, uint64_t, UINT64_MAX / 2, 3, 0);
	EXPECT(g, clipped, CNN_U64, uint64_t, UINT64_MAX - 1, 7, 5);
	EXPECT(g, floats, CNN_F32, float, 0x1p64f, 7, 1);
	graph_free(g);
}

static void narrow_integers_wrap(void)
{
	struct graph *g = build_graph();
	value_id a = CONSTANT(g, CNN_S8, int8_t, 127, -128, -7),
		 b = CONSTANT(g, CNN_S8, int8_t, 1, -1, 3);
	value_id sum = two(g, OP_ADD, a, b), div = two(g, OP_DIV, a, b);
	value_id python = two(g, OP_MOD, a, b), c = flagged(g, OP_MOD, a, b);
	value_id bytes = CONSTANT(g, CNN_U8, uint8_t, 200, 3, 255);
	value_id by = CONSTANT(g, CNN_U8, uint8_t, 1, 9, 200);
	value_id left = flagged(g, OP_BIT_SHIFT, bytes, by),
		 right = two(g, OP_BIT_SHIFT, bytes, by);
	value_id square = two(g, OP_MUL, bytes, bytes);
	infer(g);
	EXPECT(g, sum, CNN_S8, int8_t, -128, 127, -4);
	EXPECT(g, div, CNN_S8, int8_t, 127, -128, -2);
	EXPECT(g, python, CNN_S8, int8_t, 0, 0, 2);
	EXPECT(g, c, CNN_S8, int8_t, 0, 0, -1);
	EXPECT(g, left, CNN_U8, uint8_t, 144, 0, 0);
	EXPECT(g, right, CNN_U8, uint8_t, 100, 0, 0);
	EXPECT(g, square, CNN_U8, uint8_t, 64, 9, 1);
	graph_free(g);
}

static value_id cast(struct graph *g, value_id x, enum cnn_dtype to)
{
	struct node *n = build_node(g, OP_CAST, IDS(x), 1);
	n->attr.cast_to = to;
	return n->out[0];
}

static void casts(void)
{
	struct graph *g = build_graph();
	value_id x = CONSTANT(g, CNN_F32, float, -1.9f, 300.5f, NAN, INFINITY, 0x1p63f, 0);
	value_id bytes = cast(g, x, CNN_U8), truth = cast(g, x, CNN_BOOL);
	value_id large = cast(g, x, CNN_U64), words = cast(g, x, CNN_S32);
	value_id ints = CONSTANT(g, CNN_S64, int64_t, -1, 256, 0x1000001);
	value_id wrapped = cast(g, ints, CNN_U8), yes = cast(g, ints, CNN_BOOL);
	value_id floats = cast(g, ints, CNN_F32);
	value_id like = two(g, OP_CAST_LIKE, ints, build_input(g, CNN_S16, LIST(2)));
	infer(g);
	EXPECT(g, bytes, CNN_U8, uint8_t, 255, 44, 0, 255, 255, 0);
	EXPECT(g, truth, CNN_BOOL, uint8_t, 1, 1, 1, 1, 1, 0);
	EXPECT(g, large, CNN_U64, uint64_t, UINT64_MAX, 300, 0, UINT64_MAX, 1ull << 63, 0);
	EXPECT(g, words, CNN_S32, int32_t, -1, 300, 0, -1, -1, 0);
	EXPECT(g, wrapped, CNN_U8, uint8_t, 255, 0, 1);
	EXPECT(g, yes, CNN_BOOL, uint8_t, 1, 1, 1);
	EXPECT(g, floats, CNN_F32, float, -1, 256, 0x1000000);
	EXPECT(g, like, CNN_S16, int16_t, -1, 256, 1);
	graph_free(g);
}

static void floats_as_numpy(void)
{
	struct graph *g = build_graph();
	value_id a = CONSTANT(g, CNN_F32, float, 2.5f, -0.5f, -5),
		 b = CONSTANT(g, CNN_F32, float, 1, NAN, 3);
	value_id max = two(g, OP_MAX, a, b), equal = two(g, OP_EQUAL, b, b);
	value_id round = one(g, OP_ROUND, CONSTANT(g, CNN_F32, float, 0.5f, 1.5f, -2.5f, 2.51f));
	value_id mod = flagged(g, OP_MOD, a, CONSTANT(g, CNN_F32, float, 3));
	value_id infinite = CONSTANT(g, CNN_F32, float, INFINITY, -INFINITY, NAN);
	struct node *n = build_node(g, OP_IS_INF, IDS(infinite), 1);
	n->attr.unary.no_negative = true;
	value_id positive = n->out[0], nan = one(g, OP_IS_NAN, infinite);
	infer(g);
	const float *m = g->value[max].data;
	CHECK(m[0] == 2.5f && m[1] != m[1] && m[2] == 3);
	EXPECT(g, equal, CNN_BOOL, uint8_t, 1, 0, 1);
	EXPECT(g, round, CNN_F32, float, 0, 2, -2, 3);
	EXPECT(g, mod, CNN_F32, float, 2.5f, -0.5f, -2);
	EXPECT(g, positive, CNN_BOOL, uint8_t, 1, 0, 0);
	EXPECT(g, nan, CNN_BOOL, uint8_t, 0, 0, 1);
	graph_free(g);
}

static void powers_of_two_types(void)
{
	struct graph *g = build_graph();
	value_id ints = CONSTANT(g, CNN_S32, int32_t, 2, -3, 4);
	value_id by_float = two(g, OP_POW, ints, CONSTANT(g, CNN_F32, float, 0.5f, 3, -1));
	value_id by_int = two(g, OP_POW, ints, CONSTANT(g, CNN_S64, int64_t, -1, 2, 3));
	value_id by_uint = two(g, OP_POW, ints, CONSTANT(g, CNN_U64, uint64_t, 31, 2, UINT64_MAX));
	value_id floats = two(g, OP_POW, CONSTANT(g, CNN_F32, float, 0.5f),
	                      CONSTANT(g, CNN_S32, int32_t, -2));
	infer(g);
	EXPECT(g, by_float, CNN_S32, int32_t, 1, -27, 0);
	EXPECT(g, by_int, CNN_S32, int32_t, 0, 9, 64);
	EXPECT(g, by_uint, CNN_S32, int32_t, INT32_MIN, 9, 0);
	EXPECT(g, floats, CNN_F32, float, 4);
	graph_free(g);
}

/* 1 x 3 and 2 x 1 x 1 with a scalar. */
static void three_shapes_broadcast(void)
{
	struct graph *g = build_graph();
	void *data;
	value_id condition = graph_add_constant(g, "c", CNN_BOOL, 2, (int64_t[]){1, 3}, &data);
	memcpy(data, (uint8_t[]){1, 0, 1}, 3);
	value_id x = graph_add_constant(g, "x", CNN_S16, 3, (int64_t[]){2, 1, 1}, &data);
	memcpy(data, (int16_t[]){5, 6}, 4);
	value_id y = graph_add_constant(g, "y", CNN_S16, 0, NULL, &data);
	*(int16_t *)data = -1;
	value_id chosen = build_node(g, OP_WHERE, IDS(condition, x, y), 1)->out[0];
	infer(g);
	expect_dims(g, chosen, LIST(2, 1, 3));
	EXPECT(g, chosen, CNN_S16, int16_t, 5, -1, 5, 6, -1, 6);
	graph_free(g);
}

static void refuse_two(enum op op, enum cnn_dtype a, enum cnn_dtype b, enum cnn_status code,
                       const char *part)
{
	struct graph *g = build_graph();
	build_node(g, op, IDS(build_input(g, a, LIST(2)), build_input(g, b, LIST(2))), 1);
	refuse(g, code, part);
}

static void refused(void)
{
	refuse_two(OP_ADD, CNN_BOOL, CNN_BOOL, CNN_UNSUPPORTED,
	           "node 'n0': Add of bool is not supported");
	refuse_two(OP_AND, CNN_S32, CNN_S32, CNN_UNSUPPORTED, "And of int32");
	refuse_two(OP_BIT_SHIFT, CNN_S32, CNN_S32, CNN_UNSUPPORTED, "BitShift of int32");
	refuse_two(OP_LESS, CNN_S32, CNN_S64, CNN_BAD_MODEL,
	           "Less mixes the types int32 and int64");
	refuse_two(OP_MOD, CNN_F32, CNN_F32, CNN_BAD_MODEL, "Mod of float32 needs fmod 1");
	refuse_two(OP_POW, CNN_F32, CNN_BOOL, CNN_BAD_MODEL, "its exponent is bool");
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(2));
	build_node(g, OP_WHERE, IDS(x, x, x), 1);
	refuse(g, CNN_BAD_MODEL, "its condition is float32, not bool");
	g = build_graph();
	build_node(g, OP_SIN, IDS(build_input(g, CNN_S32, LIST(2))), 1);
	refuse(g, CNN_UNSUPPORTED, "Sin of int32");
	g = build_graph();
	two(g, OP_MOD, CONSTANT(g, CNN_U8, uint8_t, 1), CONSTANT(g, CNN_U8, uint8_t, 0));
	refuse(g, CNN_BAD_MODEL, "node 'n0': integer division by zero");
}

/* Bounds and divisors that another input gives. */
static void at_run_time(void)
{
	struct graph *g = build_graph();
	struct cnn_error err = {0};
	value_id x = build_input(g, CNN_F32, LIST(4));
	void *data;
	value_id lo = build_input(g, CNN_F32, NULL, 0),
		 hi = graph_add_constant(g, "hi", CNN_F32, 0, NULL, &data);
	*(float *)data = 2;
	build_output(g, build_node(g, OP_CLIP, IDS(x, lo, hi), 1)->out[0]);
	infer(g);
	float got[4], least = -1;
	CHECK_INT(run_graph(g, (const void *[]){(float[]){-3, 0, 5, NAN}, &least}, (void *[]){got},
	                    &err),
	          CNN_OK);
	CHECK(got[0] == -1 && got[1] == 0 && got[2] == 2 && got[3] != got[3]);

	g = build_graph();
	value_id a = build_input(g, CNN_S32, LIST(2)), b = build_input(g, CNN_S32, LIST(2));
	build_output(g, two(g, OP_DIV, a, b));
	infer(g);
	int32_t quotient[2];
	CHECK_INT(run_graph(g, (const void *[]){(int32_t[]){1, 2}, (int32_t[]){1, 0}},
	                    (void *[]){quotient}, &err),
	          CNN_BAD_MODEL);
	CHECK(strstr(err.text, "node 'n0': integer division by zero") != NULL);
}

/* Kernels and rules are two forms of one function. */
static void kernels_agree(void)
{
	static const enum op ops[] = {
		OP_RELU,  OP_LEAKY_RELU,   OP_ELU,        OP_SELU, OP_CELU,      OP_SIGMOID,
		OP_SILU,  OP_HARD_SIGMOID, OP_HARD_SWISH, OP_TANH, OP_SOFTPLUS,  OP_SOFTSIGN,
		OP_MISH,  OP_GELU,         OP_ERF,        OP_EXP,  OP_ABS,       OP_NEG,
		OP_FLOOR, OP_CEIL,         OP_ROUND,      OP_SIGN, OP_RECIPROCAL};
	enum { N = 80 };
	float x[N], got[N];
	for (int i = 0; i < N; i++)
		x[i] = (float)(i - 40) / 4 + 0.01f;
	for (size_t k = 0; k < 2 * sizeof ops / sizeof ops[0]; k++) {
		struct graph *g = build_graph();
		struct cnn_error err = {0};
		value_id in = build_input(g, CNN_F32, LIST(N)),
			 fixed = constant_of(g, CNN_F32, x, N);
		value_id out[2];
		for (int i = 0; i < 2; i++) {
			struct node *n = build_node(g, ops[k / 2], IDS(i ? fixed : in), 1);
			n->attr.unary = (struct unary_attr){
				.alpha = 0.75f, .beta = 0.5f, .approximate = k % 2};
			out[i] = n->out[0];
		}
		build_output(g, out[0]);
		infer(g);
		float want[N];
		memcpy(want, g->value[out[1]].data, sizeof want);
		CHECK_INT(run_graph(g, (const void *[]){x}, (void *[]){got}, &err), CNN_OK);
		for (int i = 0; i < N; i++)
			CHECK_NEAR(got[i], want[i], 1e-6 * (1 + fabs((double)want[i])));
	}
}

TEST_MAIN({"uint64_is_not_signed", uint64_is_not_signed},
          {"narrow_integers_wrap", narrow_integers_wrap}, {"casts", casts},
          {"floats_as_numpy", floats_as_numpy}, {"powers_of_two_types", powers_of_two_types},
          {"three_shapes_broadcast", three_shapes_broadcast}, {"refused", refused},
          {"at_run_time", at_run_time}, {"kernels_agree", kernels_agree})
