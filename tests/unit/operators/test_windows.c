/* Convolutions and pools of the forms that no kernel takes, by hand. */
#include "tests/unit/operators/two_ways.h"

#define WINDOW(k, s, d, b, a)                     \
	{                                         \
		.window = {                       \
			.kernel = {0, k},         \
			.stride = {1, s},         \
			.dilation = {1, d},       \
			.pad = {0, b, 0, a},      \
			.depth = {0, 1, 1, 0, 0}, \
			.group = 1,               \
			.power = 2                \
		}                                 \
	}

static struct trial one_axis(enum op op, int32_t kernel, int32_t stride, int32_t dilation,
                             int32_t before, int32_t after)
{
	return (struct trial){.op = op, .attr = WINDOW(kernel, stride, dilation, before, after)};
}

static void convolutions(void)
{
	struct trial t = one_axis(OP_CONV, 0, 1, 2, 1, 0);
	t.in[0] = (struct given){CNN_F32, DIMS(1, 1, 4), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(1, 1, 2), NUMBERS(1, 10)};
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 3), NUMBERS(20, 31, 42)};
	two_ways(t);

	/* two pictures in the tensor, two groups, a bias, strides */
	t = one_axis(OP_CONV, 0, 2, 1, 0, 1);
	t.attr.window.group = 2;
	t.in[0] = (struct given){CNN_F32, DIMS(2, 2, 3), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(2, 1, 2), NUMBERS(1, 1, 0, 1)};
	t.in[2] = (struct given){CNN_F32, DIMS(2), NUMBERS(100, 200)};
	t.out[0] = (struct given){CNN_F32, DIMS(2, 2, 2),
	                          NUMBERS(103, 103, 205, 200, 115, 109, 211, 200)};
	two_ways(t);

	/* three axes; the first one is strided */
	t = one_axis(OP_CONV, 0, 1, 1, 0, 0);
	t.attr.window.depth = (struct window_axis){0, 2, 1, 1, 0};
	t.in[0] = (struct given){CNN_F32, DIMS(1, 1, 3, 2, 2), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(1, 1, 2, 2, 2), NUMBERS(1, 1, 1, 1, 2, 2, 2, 2)};
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 2, 1, 1), NUMBERS(20, 26 + 84)};
	two_ways(t);
}

static void transposed_convolutions(void)
{
	struct trial t = one_axis(OP_CONV_TRANSPOSE, 0, 2, 1, 0, 0);
	t.in[0] = (struct given){CNN_F32, DIMS(1, 1, 2), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(1, 1, 3), NUMBERS(1, 10, 100)};
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 5), NUMBERS(1, 10, 102, 20, 200)};
	two_ways(t);
	t.attr.window.output_pad[2] = 1;
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 6), NUMBERS(1, 10, 102, 20, 200, 0)};
	two_ways(t);
	/* of an odd number of pads, the larger half is in front, unless it is SAME_UPPER */
	t.attr.window.output_pad[2] = 0;
	t.attr.window.output_size[2] = 4;
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 4), NUMBERS(10, 102, 20, 200)};
	two_ways(t);
	t.attr.window.auto_pad = PAD_SAME_UPPER;
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 4), NUMBERS(1, 10, 102, 20)};
	two_ways(t);
	t.attr.window.output_size[2] = 0; /* 2 * stride */
	two_ways(t);
	/* larger than what the windows reach */
	t.attr.window.output_size[2] = 7;
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 7), NUMBERS(1, 10, 102, 20, 200, 0, 0)};
	two_ways(t);

	/* groups, dilation, pads, bias */
	t = one_axis(OP_CONV_TRANSPOSE, 0, 1, 2, 1, 0);
	t.attr.window.group = 2;
	t.in[0] = (struct given){CNN_F32, DIMS(1, 2, 2), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(2, 1, 2), NUMBERS(1, 10, 1, 100)};
	t.in[2] = (struct given){CNN_F32, DIMS(2), NUMBERS(0.5, 0)};
	t.out[0] = (struct given){CNN_F32, DIMS(1, 2, 3), NUMBERS(2.5, 10.5, 20.5, 4, 300, 400)};
	two_ways(t);
}

static void maximum(void)
{
	struct trial t = one_axis(OP_MAX_POOL, 2, 1, 1, 0, 0);
	t.attr.window.kernel[0] = 2;
	t.in[0] = (struct given){CNN_F32, DIMS(1, 2, 2, 3),
	                         NUMBERS(1, 5, 2, 7, 3, 9, -1, -1, -2, -3, -3, -3)};
	t.n_out = 2;
	t.out[0] = (struct given){CNN_F32, DIMS(1, 2, 1, 2), NUMBERS(7, 9, -1, -1)};
	t.out[1] = (struct given){CNN_S64, DIMS(1, 2, 1, 2), NUMBERS(3, 5, 6, 7)};
	two_ways(t);
	t.attr.window.column_major = true;
	t.out[1] = (struct given){CNN_S64, DIMS(1, 2, 1, 2), NUMBERS(1, 5, 6, 8)};
	two_ways(t);

	t = one_axis(OP_MAX_POOL, 2, 2, 1, 1, 0);
	t.in[0] = (struct given){CNN_S8, DIMS(1, 1, 4), NUMBERS(-5, -3, -128, -100)};
	t.out[0] = (struct given){CNN_S8, DIMS(1, 1, 2), NUMBERS(-5, -3)};
	two_ways(t);
	t.in[0] = (struct given){CNN_U8, DIMS(1, 1, 4), NUMBERS(5, 3, 255, 100)};
	t.out[0] = (struct given){CNN_U8, DIMS(1, 1, 2), NUMBERS(5, 255)};
	two_ways(t);
	t.in[0].dtype = t.out[0].dtype = CNN_S32;
	two_ways_refuse(t, CNN_UNSUPPORTED, "MaxPool of int32");

	t = one_axis(OP_MAX_POOL, 2, 1, 1, 0, 0);
	t.attr.window.depth = (struct window_axis){2, 1, 1, 0, 0};
	t.attr.window.kernel[0] = 1;
	t.in[0] = (struct given){CNN_F32, DIMS(1, 1, 2, 1, 3), NUMBERS(1, 8, 3, 7, 5, 6)};
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 1, 1, 2), NUMBERS(8, 8)};
	two_ways(t);
}

static void averages(void)
{
	struct trial t = one_axis(OP_AVERAGE_POOL, 3, 2, 1, 1, 1);
	t.attr.window.ceil_mode = true;
	t.in[0] = (struct given){CNN_F32, DIMS(1, 1, 4), counting};
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 3), NUMBERS(1.5, 3, 4)};
	two_ways(t);
	/* padding counts, but not what ceil_mode goes beyond it */
	t.attr.window.count_include_pad = true;
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 3), NUMBERS(1, 3, 2)};
	two_ways(t);

	t = one_axis(OP_AVERAGE_POOL, 2, 1, 2, 0, 0);
	t.in[0] = (struct given){CNN_F32, DIMS(2, 1, 3), counting};
	t.out[0] = (struct given){CNN_F32, DIMS(2, 1, 1), NUMBERS(2, 5)};
	two_ways(t);

	t = one_axis(OP_LP_POOL, 2, 1, 1, 0, 0);
	t.in[0] = (struct given){CNN_F32, DIMS(1, 1, 3), NUMBERS(3, -4, 0)};
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 2), NUMBERS(5, 4)};
	two_ways(t);
	t.attr.window.power = 1;
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 2), NUMBERS(7, 4)};
	two_ways(t);
	t.attr.window.power = 3;
	t.out[0] = (struct given){CNN_F32, DIMS(1, 1, 2), NUMBERS(cbrt(91), 4)};
	two_ways(t);
}

static void global_pools(void)
{
	struct trial t = {.op = OP_GLOBAL_LP_POOL, .attr.window.power = 2};
	t.in[0] = (struct given){CNN_F32, DIMS(2, 1, 2), NUMBERS(3, -4, 6, 8)};
	t.out[0] = (struct given){CNN_F32, DIMS(2, 1, 1), NUMBERS(5, 10)};
	two_ways(t);
	t.op = OP_GLOBAL_MAX_POOL;
	t.out[0].x = NUMBERS(3, 8);
	two_ways(t);
	t.op = OP_GLOBAL_AVERAGE_POOL;
	t.out[0].x = NUMBERS(-0.5, 7);
	two_ways(t);
}

static void refused(void)
{
	struct trial t = one_axis(OP_CONV_TRANSPOSE, 0, 2, 1, 0, 0);
	t.in[0] = (struct given){CNN_F32, DIMS(1, 2, 2), counting};
	t.in[1] = (struct given){CNN_F32, DIMS(2, 1, 3), counting};
	struct trial bad = t;
	bad.attr.window.output_pad[2] = -1;
	two_ways_refuse(bad, CNN_BAD_MODEL, "output_padding -1");
	bad = t;
	bad.attr.window.output_size[2] = INT32_MAX;
	two_ways_refuse(bad, CNN_BAD_MODEL, "an output of 2147483647 is out of range");
	bad = t;
	bad.attr.window.pad[1] = 5;
	two_ways_refuse(bad, CNN_BAD_MODEL, "its output is empty");
	bad = t;
	bad.attr.window.group = 3;
	two_ways_refuse(bad, CNN_BAD_MODEL, "group 3 does not divide");
	bad = t;
	bad.attr.window.group = INT32_MAX;
	two_ways_refuse(bad, CNN_BAD_MODEL, "does not divide 2 channels");
	bad = t;
	bad.in[1].dim[0] = 1;
	two_ways_refuse(bad, CNN_BAD_MODEL, "weights 1 × 1 × 3 do not fit");
	bad = t;
	bad.in[2] = (struct given){CNN_F32, DIMS(2), counting};
	two_ways_refuse(bad, CNN_BAD_MODEL, "bias 2 for 1 output channels");
	t = one_axis(OP_LP_POOL, 2, 1, 1, 0, 0);
	t.in[0] = (struct given){CNN_F32, DIMS(1, 1, 2, 2, 2, 2), counting};
	two_ways_refuse(t, CNN_UNSUPPORTED, "LpPool over 4 spatial axes");
}

TEST_MAIN({"convolutions", convolutions}, {"transposed_convolutions", transposed_convolutions},
          {"maximum", maximum}, {"averages", averages}, {"global_pools", global_pools},
          {"refused", refused})
