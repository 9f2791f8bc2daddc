/* The gradients of convolutions of every geometry. */
#include "tests/unit/train/differences.h"

static void conv_of(struct sketch *s, int32_t group, int64_t channels, int64_t out,
                    int32_t max_kernel)
{
	before(s, channels);
	struct window_attr w = random_window(s, max_kernel, 2);
	w.group = group;
	draw_conv(s, out, w, random_below(&s->random, 2));
	behind(s);
}

static void draw_any_conv(struct sketch *s)
{
	int64_t channels = between(s, 1, 9);
	conv_of(s, 1, channels, between(s, 1, 19), 5);
}

static void draw_grouped_conv(struct sketch *s)
{
	int32_t group = between(s, 2, 3);
	int64_t channels = (int64_t)group * between(s, 2, 5);
	conv_of(s, group, channels, (int64_t)group * between(s, 1, 5), 3);
}

static void draw_depthwise_conv(struct sketch *s)
{
	int32_t group = between(s, 2, 21);
	conv_of(s, group, group, group, 5);
}

static void draw_multiplied_depthwise_conv(struct sketch *s)
{
	int32_t group = between(s, 2, 9);
	conv_of(s, group, group, (int64_t)group * between(s, 2, 3), 3);
}

/* Channels that are enough for Winograd's tiles, and too few; all of its paddings. */
static void draw_winograd_conv(struct sketch *s)
{
	static const int64_t channels[] = {4, 8, 9, 16, 17, 20, 24, 33};
	before(s, channels[between(s, 2, 7)]);
	struct window_attr w = square_window(3, 1, 0);
	for (int i = 0; i < 4; i++)
		w.pad[i] = between(s, 0, 2);
	draw_conv(s, channels[between(s, 0, 7)], w, random_below(&s->random, 2));
	if (random_below(&s->random, 2))
		draw_norm(s);
	behind(s);
}

/* Strides longer than kernels, and than maps. */
static void draw_far_strides(struct sketch *s)
{
	int32_t group = between(s, 0, 1) ? 4 : 1;
	before(s, 4);
	struct window_attr w = random_window(s, 2, 1);
	w.stride[0] = between(s, 2, 6);
	w.stride[1] = between(s, 2, 6);
	w.group = group;
	draw_conv(s, 4, w, true);
	behind(s);
}

static void convolutions(void)
{
	const struct trial t = {"conv", draw_any_conv, .n = 3};
	check_gradients(&t, 1, 120, NULL);
}

static void grouped_convolutions(void)
{
	const struct trial t = {"grouped conv", draw_grouped_conv, .n = 3};
	check_gradients(&t, 2, 20, NULL);
}

static void depthwise_convolutions(void)
{
	const struct trial t = {"depthwise conv", draw_depthwise_conv, .n = 3};
	const struct trial m = {"multiplied depthwise conv", draw_multiplied_depthwise_conv,
	                        .n = 3};
	bool used[CNN_ISA_COUNT][USED_KINDS] = {0};
	check_gradients(&t, 3, 40, used);
	check_gradients(&m, 4, 10, NULL);
	for (int isa = 0; isa <= (int)cpu_isa(); isa++)
		CHECK(used[isa][USED_DEPTHWISE]);
}

static void winograd_convolutions(void)
{
	bool used[CNN_ISA_COUNT][USED_KINDS] = {0};
	const struct trial t = {"3 x 3 conv", draw_winograd_conv, .n = 3};
	const struct trial large = {"large 3 x 3 conv", draw_winograd_conv, 3, 13, 17, .n = 2};
	check_gradients(&t, 5, 30, used);
	check_gradients(&large, 6, 6, used);
	for (int isa = 0; isa <= (int)cpu_isa(); isa++)
		CHECK(used[isa][USED_WINOGRAD] && used[isa][USED_WINOGRAD_BACK] &&
		      used[isa][USED_PLAIN]);
}

static void far_strides(void)
{
	const struct trial t = {"strided conv", draw_far_strides, .n = 3};
	check_gradients(&t, 7, 20, NULL);
}

/* More pictures than slices, and a single one. */
static void many_pictures(void)
{
	const struct trial t = {"conv of 11 pictures", draw_any_conv, .n = 11};
	const struct trial w = {"3 x 3 conv of 11 pictures", draw_winograd_conv, .n = 11};
	const struct trial one = {"conv of a picture", draw_any_conv, .n = 1};
	check_gradients(&t, 8, 6, NULL);
	check_gradients(&w, 9, 6, NULL);
	check_gradients(&one, 10, 6, NULL);
}

TEST_MAIN({"convolutions", convolutions}, {"grouped_convolutions", grouped_convolutions},
          {"depthwise_convolutions", depthwise_convolutions},
          {"winograd_convolutions", winograd_convolutions}, {"far_strides", far_strides},
          {"many_pictures", many_pictures})
