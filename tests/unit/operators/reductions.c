/* reductions.c - Reduce* by kernel, by rule and by formula; what is found and added up along an axis. */
#include "tests/unit/operators/run.h"

static const enum op reductions[] = {
	OP_REDUCE_SUM,         OP_REDUCE_MEAN,       OP_REDUCE_MAX, OP_REDUCE_MIN,
	OP_REDUCE_PROD,        OP_REDUCE_L1,         OP_REDUCE_L2,  OP_REDUCE_LOG_SUM,
	OP_REDUCE_LOG_SUM_EXP, OP_REDUCE_SUM_SQUARE,
};

static double formula(enum op op, const double *x, int n)
{
	double sum = 0, product = 1, max = -INFINITY, min = INFINITY, absolute = 0, square = 0,
	       exponential = 0;
	for (int i = 0; i < n; i++) {
		sum += x[i];
		product *= x[i];
		max = fmax(max, x[i]);
		min = fmin(min, x[i]);
		absolute += fabs(x[i]);
		square += x[i] * x[i];
		exponential += exp(x[i] - 1000);
	}
	switch (op) {
	case OP_REDUCE_SUM:
		return sum;
	case OP_REDUCE_MEAN:
		return sum / n;
	case OP_REDUCE_MAX:
		return max;
	case OP_REDUCE_MIN:
		return min;
	case OP_REDUCE_PROD:
		return product;
	case OP_REDUCE_L1:
		return absolute;
	case OP_REDUCE_L2:
		return sqrt(square);
	case OP_REDUCE_LOG_SUM:
		return log(sum);
	case OP_REDUCE_LOG_SUM_EXP:
		return 1000 + log(exponential);
	default:
		return square;
	}
}

/* Over axes `mask` of dim[3]: the terms of output `o`, in order. */
static int terms(const int64_t dim[3], unsigned mask, const float *x, int64_t o, double *out)
{
	int n = 0;
	for (int64_t i = 0; i < dim[0] * dim[1] * dim[2]; i++) {
		const int64_t index[] = {i / (dim[1] * dim[2]), i / dim[2] % dim[1], i % dim[2]};
		int64_t to = 0;
		for (unsigned a = 0; a < 3; a++)
			if (!(mask >> a & 1))
				to = to * dim[a] + index[a];
		if (to == o)
			out[n++] = (double)x[i];
	}
	return n;
}

static void check(enum op op, const int64_t dim[3], unsigned mask, const float *x)
{
	struct graph *g = build_graph();
	struct cnn_error err = {0};
	int64_t axes[3];
	int32_t n_axes = 0;
	for (unsigned a = 0; a < 3; a++)
		if (mask >> a & 1)
			axes[n_axes++] = (int64_t)a - 3;
	void *data;
	value_id in[2] = {build_input(g, CNN_F32, dim, 3),
	                  graph_add_constant(g, "x", CNN_F32, 3, dim, &data)};
	memcpy(data, x, graph_value_bytes(&g->value[in[1]]));
	value_id list = build_ints(g, axes, n_axes), out[2];
	for (int i = 0; i < 2; i++)
		out[i] = build_node(g, op, IDS(in[i], list), 1)->out[0];
	build_output(g, out[0]);
	infer(g);
	int64_t n = graph_elements(&g->value[out[0]]);
	float *rule = malloc((size_t)n * sizeof *rule),
	      *kernel = malloc((size_t)n * sizeof *kernel);
	double *term = malloc((size_t)(dim[0] * dim[1] * dim[2]) * sizeof *term);
	CHECK(rule && kernel && term);
	memcpy(rule, g->value[out[1]].data, (size_t)n * sizeof *rule);
	CHECK_INT(run_graph(g, (const void *[]){x}, (void *[]){kernel}, &err), CNN_OK);
	for (int64_t o = 0; o < n; o++) {
		double want = formula(op, term, terms(dim, mask, x, o, term));
		CHECK_NEAR(rule[o], want, 1e-6 * (1 + fabs(want)));
		CHECK_NEAR(kernel[o], want, 1e-5 * (1 + fabs(want)));
	}
	free(rule);
	free(kernel);
	free(term);
}

static void over_any_axes(void)
{
	static const int64_t dim[3] = {3, 4, 5}, wide[3] = {2, 3, 270};
	float x[2 * 3 * 270];
	for (int i = 0; i < 2 * 3 * 270; i++)
		x[i] = (float)(i * 37 % 101) / 50 + 0.01f;
	for (size_t k = 0; k < sizeof reductions / sizeof reductions[0]; k++) {
		for (unsigned mask = 1; mask < 8; mask++)
			check(reductions[k], dim, mask, x);
		check(reductions[k], wide, 3, x);
	}
	/* exp(1000) is more than a double holds. */
	for (int i = 0; i < 60; i++)
		x[i] += 1000;
	for (unsigned mask = 1; mask < 8; mask++)
		check(OP_REDUCE_LOG_SUM_EXP, dim, mask, x);
}

static value_id reduce(struct graph *g, enum op op, value_id x)
{
	return build_node(g, op, IDS(x), 1)->out[0];
}

static void of_integers(void)
{
	struct graph *g = build_graph();
	value_id x = CONSTANT(g, CNN_S8, int8_t, -100, 3, -100);
	value_id u = CONSTANT(g, CNN_U64, uint64_t, UINT64_MAX, 1);
	value_id sum = reduce(g, OP_REDUCE_SUM, x), mean = reduce(g, OP_REDUCE_MEAN, x);
	value_id l1 = reduce(g, OP_REDUCE_L1, x),
		 l2 = reduce(g, OP_REDUCE_L2, CONSTANT(g, CNN_S32, int32_t, 3, -4));
	value_id max = reduce(g, OP_REDUCE_MAX, u), min = reduce(g, OP_REDUCE_MIN, u);
	value_id any = reduce(g, OP_REDUCE_MAX, CONSTANT(g, CNN_BOOL, uint8_t, 0, 1));
	infer(g);
	EXPECT(g, sum, CNN_S8, int8_t, 59);
	EXPECT(g, mean, CNN_S8, int8_t, -65);
	EXPECT(g, l1, CNN_S8, int8_t, -53);
	EXPECT(g, l2, CNN_S32, int32_t, 5);
	EXPECT(g, max, CNN_U64, uint64_t, UINT64_MAX);
	EXPECT(g, min, CNN_U64, uint64_t, 1);
	EXPECT(g, any, CNN_BOOL, uint8_t, 1);
	graph_free(g);
}

static void over_nothing(void)
{
	static const struct {
		enum op op;
		float want;
	} cases[] = {{OP_REDUCE_SUM, 0},
	             {OP_REDUCE_PROD, 1},
	             {OP_REDUCE_MAX, -INFINITY},
	             {OP_REDUCE_MIN, INFINITY},
	             {OP_REDUCE_L2, 0},
	             {OP_REDUCE_LOG_SUM, -INFINITY},
	             {OP_REDUCE_LOG_SUM_EXP, -INFINITY}};
	for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
		struct graph *g = build_graph();
		void *data;
		value_id x = graph_add_constant(g, "x", CNN_F32, 2, (int64_t[]){0, 2}, &data);
		value_id y = build_node(g, cases[k].op, IDS(x, build_ints(g, LIST(0))), 1)->out[0];
		infer(g);
		EXPECT(g, y, CNN_F32, float, cases[k].want, cases[k].want);
		graph_free(g);
	}
	struct graph *g = build_graph();
	value_id least = reduce(g, OP_REDUCE_MAX, constant_of(g, CNN_S8, "", 0));
	value_id most = reduce(g, OP_REDUCE_MIN, constant_of(g, CNN_U16, "", 0));
	infer(g);
	EXPECT(g, least, CNN_S8, int8_t, -128);
	EXPECT(g, most, CNN_U16, uint16_t, 65535);
	graph_free(g);
	g = build_graph();
	reduce(g, OP_REDUCE_MEAN, build_input(g, CNN_F32, LIST(0)));
	refuse(g, CNN_BAD_MODEL, "ReduceMean over no elements");
	g = build_graph();
	build_node(g, OP_REDUCE_L1,
	           IDS(build_input(g, CNN_F32, LIST(2)), build_input(g, CNN_S64, LIST(1))), 1);
	refuse(g, CNN_UNSUPPORTED, "its axes input is computed from the picture");
	g = build_graph();
	reduce(g, OP_REDUCE_L1, build_input(g, CNN_BOOL, LIST(2)));
	refuse(g, CNN_UNSUPPORTED, "ReduceL1 of bool");
}

/* Over an empty set of axes, what is done to each element is done. */
static void over_no_axes(void)
{
	struct graph *g = build_graph();
	value_id x = CONSTANT(g, CNN_F32, float, -3, 2);
	struct node *n = build_node(g, OP_REDUCE_SUM_SQUARE, IDS(x), 1);
	n->attr.axes.no_axes_is_noop = true;
	value_id square = n->out[0];
	n = build_node(g, OP_REDUCE_MAX, IDS(x), 1);
	n->attr.axes.no_axes_is_noop = true;
	value_id same = n->out[0];
	infer(g);
	EXPECT(g, square, CNN_F32, float, 9, 4);
	EXPECT(g, same, CNN_F32, float, -3, 2);
	graph_free(g);
}

static value_id arg(struct graph *g, enum op op, value_id x, bool last)
{
	struct node *n = build_node(g, op, IDS(x), 1);
	n->attr.axes.last_index = last;
	return n->out[0];
}

static void positions(void)
{
	struct graph *g = build_graph();
	value_id x = CONSTANT(g, CNN_F32, float, 2, 7, 7, 2);
	value_id nan = CONSTANT(g, CNN_F32, float, 2, NAN, 7, NAN);
	value_id u = CONSTANT(g, CNN_U64, uint64_t, 1, UINT64_MAX, 0);
	value_id first = arg(g, OP_ARG_MAX, x, false), last = arg(g, OP_ARG_MAX, x, true);
	value_id least = arg(g, OP_ARG_MIN, x, true), of_nan = arg(g, OP_ARG_MIN, nan, false);
	value_id last_nan = arg(g, OP_ARG_MAX, nan, true), large = arg(g, OP_ARG_MAX, u, false);
	infer(g);
	expect_ints(g, first, LIST(1));
	expect_ints(g, last, LIST(2));
	expect_ints(g, least, LIST(3));
	expect_ints(g, of_nan, LIST(1));
	expect_ints(g, last_nan, LIST(3));
	expect_ints(g, large, LIST(1));
	graph_free(g);
	g = build_graph();
	arg(g, OP_ARG_MAX, build_input(g, CNN_F32, LIST(0, 3)), false);
	refuse(g, CNN_BAD_MODEL, "ArgMax over no elements");
	g = build_graph();
	build_node(g, OP_ARG_MIN, IDS(build_input(g, CNN_F32, LIST(3))), 1)->attr.axes.axis =
		INT64_MIN;
	refuse(g, CNN_BAD_MODEL, "is outside a tensor of 1 dimensions");
}

/* Along the first of two axes; equal ones by their index. */
static void top_k(void)
{
	struct graph *g = build_graph();
	void *data;
	value_id x = graph_add_constant(g, "x", CNN_S32, 2, (int64_t[]){5, 2}, &data);
	memcpy(data, (int32_t[]){4, 1, 9, 1, 4, 5, -7, 1, 9, 5}, 40);
	value_id k = build_ints(g, LIST(3));
	struct node *n = build_node(g, OP_TOP_K, IDS(x, k), 2);
	value_id value = n->out[0], index = n->out[1];
	n = build_node(g, OP_TOP_K, IDS(x, k), 2);
	n->attr.axes.smallest = true;
	value_id small = n->out[0], small_index = n->out[1];
	n = build_node(g, OP_TOP_K, IDS(x, build_ints(g, LIST(0))), 2);
	value_id none = n->out[1];
	infer(g);
	EXPECT(g, value, CNN_S32, int32_t, 9, 5, 9, 5, 4, 1);
	expect_ints(g, index, LIST(1, 2, 4, 4, 0, 0));
	EXPECT(g, small, CNN_S32, int32_t, -7, 1, 4, 1, 4, 1);
	expect_ints(g, small_index, LIST(3, 0, 0, 1, 2, 3));
	expect_dims(g, none, LIST(0, 2));
	graph_free(g);
	static const int64_t wrong[] = {-1, 6, INT64_MAX};
	for (int i = 0; i < 3; i++) {
		g = build_graph();
		build_node(g, OP_TOP_K,
		           IDS(build_input(g, CNN_F32, LIST(5)), build_ints(g, wrong + i, 1)), 2);
		refuse(g, CNN_BAD_MODEL, "its K is not one number of at most the 5 of axis 0");
	}
	g = build_graph();
	build_node(g, OP_TOP_K,
	           IDS(build_input(g, CNN_F32, LIST(5)), build_input(g, CNN_S64, LIST(1))), 2);
	refuse(g, CNN_UNSUPPORTED, "its K input is computed from the picture");
}

static void top_k_sorts_anything(void)
{
	enum { N = 300 };
	float x[N], value[N];
	int64_t index[N];
	struct graph *g = build_graph();
	struct cnn_error err = {0};
	for (int i = 0; i < N; i++)
		x[i] = (float)(i * 7919 % 97);
	struct node *n = build_node(
		g, OP_TOP_K, IDS(build_input(g, CNN_F32, LIST(N)), build_ints(g, LIST(N))), 2);
	build_output(g, n->out[0]);
	build_output(g, n->out[1]);
	infer(g);
	CHECK_INT(run_graph(g, (const void *[]){x}, (void *[]){value, index}, &err), CNN_OK);
	for (int i = 0; i < N; i++) {
		CHECK(value[i] == x[index[i]]);
		CHECK(i == 0 || value[i - 1] > value[i] ||
		      (value[i - 1] == value[i] && index[i - 1] < index[i]));
	}
}

static value_id cum_sum(struct graph *g, value_id x, bool exclusive, bool reverse)
{
	struct node *n = build_node(g, OP_CUM_SUM, IDS(x, build_ints(g, LIST(-1))), 1);
	n->attr.axes.exclusive = exclusive;
	n->attr.axes.reverse = reverse;
	return n->out[0];
}

static void sums_so_far(void)
{
	struct graph *g = build_graph();
	value_id x = CONSTANT(g, CNN_U8, uint8_t, 200, 100, 1),
		 y = CONSTANT(g, CNN_F32, float, 1, 2, 4);
	value_id plain = cum_sum(g, x, false, false), exclusive = cum_sum(g, y, true, false);
	value_id reverse = cum_sum(g, y, false, true), both = cum_sum(g, y, true, true);
	infer(g);
	EXPECT(g, plain, CNN_U8, uint8_t, 200, 44, 45);
	EXPECT(g, exclusive, CNN_F32, float, 0, 1, 3);
	EXPECT(g, reverse, CNN_F32, float, 7, 6, 4);
	EXPECT(g, both, CNN_F32, float, 6, 4, 0);
	graph_free(g);
	g = build_graph();
	build_node(g, OP_CUM_SUM,
	           IDS(build_input(g, CNN_F32, LIST(3)), build_input(g, CNN_S64, LIST(1))), 1);
	refuse(g, CNN_UNSUPPORTED, "its axis is not constant");
	g = build_graph();
	build_node(g, OP_CUM_SUM,
	           IDS(build_input(g, CNN_F32, LIST(3)), CONSTANT(g, CNN_S32, int32_t, 0, 0)), 1);
	refuse(g, CNN_BAD_MODEL, "its axis is not one whole number");
}

/* Both meanings of an axis; of equals the first. */
static void hardmax(void)
{
	struct graph *g = build_graph();
	void *data;
	value_id x = graph_add_constant(g, "x", CNN_F32, 2, (int64_t[]){2, 3}, &data);
	memcpy(data, (float[]){1, 3, 3, 2, 0, 4}, 24);
	value_id out[3];
	for (int i = 0; i < 3; i++) {
		struct node *n = build_node(g, OP_HARDMAX, IDS(x), 1);
		n->attr.axes.coerced_2d = i > 0;
		n->attr.axes.axis = i == 2 ? 2 : 0;
		out[i] = n->out[0];
	}
	infer(g);
	EXPECT(g, out[0], CNN_F32, float, 0, 1, 0, 1, 0, 1);
	EXPECT(g, out[1], CNN_F32, float, 0, 0, 0, 0, 0, 1);
	EXPECT(g, out[2], CNN_F32, float, 1, 1, 1, 1, 1, 1);
	graph_free(g);
}

TEST_MAIN({"over_any_axes", over_any_axes}, {"of_integers", of_integers},
          {"over_nothing", over_nothing}, {"over_no_axes", over_no_axes}, {"positions", positions},
          {"top_k", top_k}, {"top_k_sorts_anything", top_k_sorts_anything},
          {"sums_so_far", sums_so_far}, {"hardmax", hardmax})
