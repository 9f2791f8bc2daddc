/* The gradients of blocks, pools and dense layers, and of whole small networks. */
#include "tests/unit/train/differences.h"

/* --- norms, sums, clamps ----------------------------------------------------------------------------- */

/* Each of what a block may be made of, or not, in this order. */
static void draw_block(struct sketch *s)
{
	before(s, between(s, 5, 20));
	draw_relu(s);
	value_id start = s->at;
	int parts = between(s, 1, 15);
	if (parts & 1) {
		struct window_attr w = square_window(3, 1, 1);
		int32_t channels = (int32_t)dim_of(s, 1);
		w.group = channels % 2 == 0 && between(s, 0, 1) ? 2
		          : between(s, 0, 2)                    ? 1
		                                                : channels;
		draw_conv(s, channels, w, random_below(&s->random, 2));
	}
	if (parts & 2)
		draw_norm(s);
	if (parts & 4) {
		bool first = random_below(&s->random, 2);
		draw_add(s, first ? s->at : start, first ? start : s->at);
	}
	if ((parts & 8) && random_below(&s->random, 2))
		draw_relu(s);
	else if (parts & 8)
		draw_clip(s, random_below(&s->random, 2), random_below(&s->random, 2));
	behind(s);
}

/* Both operands are results that nothing else uses, so that only one is in the chain; and a map of many uses. */
static void draw_sums(struct sketch *s)
{
	int64_t channels = between(s, 3, 18);
	before(s, channels);
	value_id start = s->at, branch[3];
	for (int i = 0; i < 3; i++) {
		s->at = start;
		draw_conv(s, channels, square_window(i == 1 ? 3 : 1, 1, i == 1), i == 0);
		if (i < 2)
			draw_norm(s);
		branch[i] = s->at;
	}
	draw_add(s, branch[0], branch[1]);
	draw_relu(s);
	draw_add(s, s->at, branch[2]);
	draw_norm(s);
	draw_add(s, s->at, start);
	draw_add(s, s->at, s->at);
	draw_clip(s, true, true);
	behind(s);
}

static void blocks(void)
{
	const struct trial t = {"block", draw_block, .n = 3};
	const struct trial many = {"block of 11 pictures", draw_block, .height = 4, .width = 5,
	                           .n = 11};
	check_gradients(&t, 11, 40, NULL);
	check_gradients(&many, 12, 8, NULL);
}

static void sums(void)
{
	const struct trial t = {"sums", draw_sums, .n = 3};
	check_gradients(&t, 13, 15, NULL);
}

/* --- pools, concatenations, dense layers, dropout ----------------------------------------------------- */

static void draw_any_pool(struct sketch *s)
{
	static const enum op ops[] = {OP_MAX_POOL, OP_AVERAGE_POOL, OP_AVERAGE_POOL,
	                              OP_GLOBAL_MAX_POOL, OP_GLOBAL_AVERAGE_POOL};
	enum op op = ops[between(s, 0, 4)];
	before(s, between(s, 2, 19));
	if (random_below(&s->random, 2))
		draw_relu(s);
	value_id start = s->at;
	struct window_attr w = random_window(s, 3, 1);
	w.count_include_pad = random_below(&s->random, 2);
	w.ceil_mode = random_below(&s->random, 2);
	/* No window of a maximum lies in the padding alone. */
	for (int i = 0; i < 2 && op == OP_MAX_POOL; i++)
		if (w.kernel[i] == 1)
			w.pad[i] = w.pad[i + 2] = 0;
	draw_pool(s, op, w);
	/* The pooled map has another user half of the time, before or behind the pool. */
	value_id pooled = s->at;
	if (random_below(&s->random, 2)) {
		s->at = start;
		draw_conv(s, 2, square_window(1, 1, 0), false);
		draw_pool(s, OP_GLOBAL_AVERAGE_POOL, (struct window_attr){0});
		value_id other = s->at;
		s->at = pooled;
		draw_pool(s, OP_GLOBAL_AVERAGE_POOL, (struct window_attr){0});
		draw_concat(s, (value_id[]){s->at, other}, 2);
	}
	behind(s);
}

static void draw_joined(struct sketch *s)
{
	before(s, between(s, 1, 9));
	value_id a = s->at;
	draw_conv(s, between(s, 1, 9), square_window(3, 1, 1), true);
	draw_relu(s);
	value_id b = s->at;
	/* The same map twice, and the picture itself, which needs no gradient. */
	draw_concat(s, (value_id[]){a, b, a, s->g->input[0]}, 4);
	value_id c = s->at;
	draw_concat(s, (value_id[]){b, c}, 2);
	draw_conv(s, 4, square_window(2, 1, 0), false);
	behind(s);
}

/* What was flattened goes through layers that do not know; then rows of numbers. */
static void draw_dense_layers(struct sketch *s)
{
	before(s, between(s, 2, 5));
	draw_flatten(s);
	for (int i = between(s, 0, 2); i > 0; i--)
		random_below(&s->random, 2) ? draw_relu(s) : draw_dropout(s, 0.3);
	if (random_below(&s->random, 2))
		draw_gemm(s, between(s, 4, 20), random_below(&s->random, 2),
		          random_below(&s->random, 2));
	else
		draw_matmul(s, between(s, 4, 20));
	value_id row_before = s->at;
	if (random_below(&s->random, 2))
		draw_norm(s);
	draw_relu(s);
	draw_gemm(s, dim_of(s, 1), random_below(&s->random, 2), true);
	draw_add(s, s->at, row_before);
	draw_concat(s, (value_id[]){s->at, row_before}, 2);
	draw_matmul(s, 5);
}

static void draw_dropouts(struct sketch *s)
{
	before(s, between(s, 2, 9));
	value_id start = s->at;
	draw_dropout(s, 0.4);
	draw_add(s, s->at, start);
	value_id dropped = s->at;
	draw_conv(s, dim_of(s, 1), square_window(1, 1, 0), true);
	draw_dropout(s, 0.1);
	draw_add(s, s->at, dropped);
	draw_dropout(s, 0.5);
	behind(s);
}

static void pools(void)
{
	const struct trial t = {"pool", draw_any_pool, .n = 3};
	check_gradients(&t, 14, 60, NULL);
}

static void concatenations(void)
{
	const struct trial t = {"concat", draw_joined, .n = 3};
	check_gradients(&t, 15, 15, NULL);
}

static void dense_layers(void)
{
	const struct trial t = {"dense", draw_dense_layers, .n = 9};
	check_gradients(&t, 16, 40, NULL);
}

static void dropouts(void)
{
	const struct trial t = {"dropout", draw_dropouts, .n = 3};
	check_gradients(&t, 17, 15, NULL);
}

/* What nobody reads, in the middle and behind the output. */
static void draw_unused_results(struct sketch *s)
{
	before(s, 4);
	value_id start = s->at;
	draw_conv(s, 3, square_window(3, 1, 1), true);
	draw_norm(s);
	s->at = start;
	draw_dropout(s, 0.2);
	s->at = start;
	behind(s);
	value_id end = s->at;
	draw_gemm(s, 4, true, true);
	draw_relu(s);
	s->at = end;
}

static void unused_results(void)
{
	const struct trial t = {"unused results", draw_unused_results, .n = 3};
	check_gradients(&t, 18, 5, NULL);
}

/* --- whole networks ---------------------------------------------------------------------------------- */

static void residual_block(struct sketch *s, int64_t out, int32_t stride)
{
	value_id start = s->at;
	int64_t in = dim_of(s, 1);
	draw_conv(s, out, square_window(3, stride, 1), false);
	draw_norm(s);
	draw_relu(s);
	draw_conv(s, out, square_window(3, 1, 1), false);
	draw_norm(s);
	value_id main = s->at;
	s->at = start;
	if (stride > 1 || in != out) {
		draw_conv(s, out, square_window(1, stride, 0), false);
		draw_norm(s);
	}
	draw_add(s, s->at, main);
	draw_relu(s);
}

static void draw_resnet(struct sketch *s)
{
	draw_conv(s, 16, square_window(3, 1, 1), false);
	draw_norm(s);
	draw_relu(s);
	draw_pool(s, OP_MAX_POOL, square_window(3, 2, 1));
	residual_block(s, 16, 1);
	residual_block(s, 24, 2);
	draw_pool(s, OP_GLOBAL_AVERAGE_POOL, (struct window_attr){0});
	draw_flatten(s);
	draw_dropout(s, 0.2);
	draw_gemm(s, 7, true, true);
}

static void draw_mobilenet(struct sketch *s)
{
	draw_conv(s, 8, square_window(3, 2, 1), false);
	for (int i = 0; i < 3; i++) {
		struct window_attr w = square_window(3, 1 + i % 2, 1);
		w.group = (int32_t)dim_of(s, 1);
		draw_norm(s);
		draw_clip(s, true, true);
		draw_conv(s, w.group, w, false);
		draw_norm(s);
		draw_clip(s, true, true);
		draw_conv(s, 8 + 4 * i, square_window(1, 1, 0), false);
	}
	draw_norm(s);
	draw_pool(s, OP_GLOBAL_AVERAGE_POOL, (struct window_attr){0});
	draw_flatten(s);
	draw_gemm(s, 5, true, true);
}

static void draw_lenet(struct sketch *s)
{
	draw_conv(s, 6, square_window(5, 1, 2), true);
	draw_relu(s);
	draw_pool(s, OP_MAX_POOL, square_window(2, 2, 0));
	draw_conv(s, 9, square_window(5, 1, 2), true);
	draw_norm(s);
	draw_relu(s);
	draw_pool(s, OP_MAX_POOL, square_window(2, 2, 0));
	draw_flatten(s);
	draw_dropout(s, 0.3);
	draw_gemm(s, 20, true, true);
	draw_relu(s);
	draw_gemm(s, 10, true, true);
}

static const struct trial whole[] = {
	{"resnet", draw_resnet, 3, 13, 12, 5, true},
	{"mobilenet", draw_mobilenet, 3, 15, 14, 9, true},
	{"lenet", draw_lenet, 1, 12, 13, 5, true},
};

static void whole_networks(void)
{
	for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
		check_gradients(&whole[i], 20 + i, 3, NULL);
}

/* Everything that a step makes. */
static void same_bits(const struct network *a, const struct network *b, size_t n)
{
	CHECK_INT(a->n_w, b->n_w);
	CHECK(memcmp(a->grad, b->grad, a->n_w * sizeof *a->grad) == 0);
	CHECK(memcmp(a->stats, b->stats, a->n_stats * sizeof *a->stats) == 0);
	for (size_t i = 0; i < a->n_feature; i++)
		CHECK(memcmp(a->feature[i].x, b->feature[i].x,
		             n * a->feature[i].floats * sizeof(float)) == 0);
}

static void threads_change_nothing(void)
{
	struct cnn_pool *pool[] = {NULL, cnn_pool_new(1), cnn_pool_new(2), cnn_pool_new(3)};
	const struct trial sum = {"sums", draw_sums, .n = 11};
	const struct trial joined = {"concat", draw_joined, .n = 5};
	const struct trial *trial[] = {&whole[0], &whole[1], &whole[2], &sum, &joined};
	for (size_t t = 0; t < sizeof trial / sizeof trial[0]; t++) {
		struct problem p = {.t = trial[t], .seed = t};
		draw_problem(&p);
		for (int isa = 0; isa <= (int)cpu_isa(); isa++) {
			struct network *net[4];
			for (int i = 0; i < 4; i++) {
				CHECK(!i || pool[i]);
				net[i] = network_of(&p, (enum cnn_isa)isa, pool[i]);
				step(&p, net[i]);
				step(&p, net[i]);
				same_bits(net[0], net[i], p.t->n);
			}
			for (int i = 0; i < 4; i++)
				network_free(net[i]);
		}
		problem_free(&p);
	}
	for (int i = 0; i < 4; i++)
		cnn_pool_free(pool[i]);
}

TEST_MAIN({"blocks", blocks}, {"sums", sums}, {"pools", pools}, {"concatenations", concatenations},
          {"dense_layers", dense_layers}, {"dropouts", dropouts},
          {"unused_results", unused_results}, {"whole_networks", whole_networks},
          {"threads_change_nothing", threads_change_nothing})
