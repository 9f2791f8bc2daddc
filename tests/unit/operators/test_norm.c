/* Normalisations, by hand. */
#include "tests/unit/operators/two_ways.h"

#define HALF_ROOT 1.2247448713915890 /* 1, 2, 3 are -it, 0 and it when normalised */

static void by_channel(void)
{
	struct trial t = {.op = OP_INSTANCE_NORM};
	t.in[0] = (struct given){CNN_F32, DIMS(1, 2, 3), NUMBERS(1, 2, 3, 30, 20, 10)};
	t.in[1] = (struct given){CNN_F32, DIMS(2), NUMBERS(1, 10)};
	t.in[2] = (struct given){CNN_F32, DIMS(2), NUMBERS(0, 1)};
	t.out[0] = (struct given){
		CNN_F32, DIMS(1, 2, 3),
		NUMBERS(-HALF_ROOT, 0, HALF_ROOT, 1 + 10 * HALF_ROOT, 1, 1 - 10 * HALF_ROOT)};
	two_ways(t);
	t.in[1].dim[0] = 1;
	two_ways_refuse(t, CNN_BAD_MODEL, "its scale is 1 for 2 channels");
}

/* All five inputs are computed; a list has one channel. */
static void statistics_of_the_run(void)
{
	struct graph *g = build_graph();
	value_id x = build_input(g, CNN_F32, LIST(2, 2)), s = build_input(g, CNN_F32, LIST(2)),
		 b = build_input(g, CNN_F32, LIST(2)), v = build_input(g, CNN_F32, LIST(2));
	value_id y = build_node(g, OP_BATCH_NORM, IDS(x, s, b, b, v), 1)->out[0];
	build_output(g, y);
	static const float data[4][4] = {{1, 2, 3, 4}, {2, 10}, {1, 2}, {4, 0.25f}};
	for (size_t i = 4; i-- > 0;)
		CHECK_INT(graph_bind(g, i, data[i], NULL), CNN_OK);
	infer(g);
	static const float want[] = {1, 2, 3, 42};
	for (int i = 0; i < 4; i++)
		CHECK_NEAR(((const float *)g->value[y].data)[i], want[i], 1e-4);
	graph_free(g);
}

static void by_group(void)
{
	struct trial t = {.op = OP_GROUP_NORM, .attr.norm = {.groups = 2}};
	t.in[0] = (struct given){CNN_F32, DIMS(1, 4, 1), NUMBERS(1, 3, 10, 30)}; /* -1, 1, -1, 1 */
	t.in[1] = (struct given){CNN_F32, DIMS(4), counting};
	t.in[2] = (struct given){CNN_F32, DIMS(4), NUMBERS(0, 0, 0, 10)};
	t.out[0] = (struct given){CNN_F32, DIMS(1, 4, 1), NUMBERS(-1, 2, -3, 14)};
	two_ways(t);
	t.attr.norm.by_group = true;
	two_ways_refuse(t, CNN_BAD_MODEL, "its scale is 4 for 2 groups");
	t.in[1].dim[0] = t.in[2].dim[0] = 2;
	t.out[0].x = NUMBERS(-1, 1, -2, 2);
	two_ways(t);
	t.attr.norm.groups = 3;
	two_ways_refuse(t, CNN_BAD_MODEL, "num_groups 3 does not divide 4 channels");
	t.attr.norm.groups = 0;
	two_ways_refuse(t, CNN_BAD_MODEL, "num_groups 0");
}

static void layers(void)
{
	struct trial t = {.op = OP_LAYER_NORM, .attr.norm = {.axis = -1}};
	t.in[0] = (struct given){CNN_F32, DIMS(2, 3), NUMBERS(1, 2, 3, 30, 20, 10)};
	t.in[1] = (struct given){CNN_F32, DIMS(3), NUMBERS(1, 1, 10)};
	t.out[0] = (struct given){
		CNN_F32, DIMS(2, 3),
		NUMBERS(-HALF_ROOT, 0, 10 * HALF_ROOT, HALF_ROOT, 0, -10 * HALF_ROOT)};
	two_ways(t);
	t.in[2] = (struct given){CNN_F32, DIMS(1, 3), NUMBERS(1, 2, 3)};
	t.out[0].x =
		NUMBERS(1 - HALF_ROOT, 2, 3 + 10 * HALF_ROOT, 1 + HALF_ROOT, 2, 3 - 10 * HALF_ROOT);
	two_ways(t);
	/* one for each row; and the moments */
	t.in[2] = (struct given){CNN_F32, DIMS(2, 1), NUMBERS(5, 6)};
	t.n_out = 3;
	t.out[0].x =
		NUMBERS(5 - HALF_ROOT, 5, 5 + 10 * HALF_ROOT, 6 + HALF_ROOT, 6, 6 - 10 * HALF_ROOT);
	t.out[1] = (struct given){CNN_F32, DIMS(2, 1), NUMBERS(2, 20)};
	t.out[2] = (struct given){CNN_F32, DIMS(2, 1), NUMBERS(HALF_ROOT, HALF_ROOT / 10)};
	two_ways(t);
	t.in[1].dim[0] = 2;
	two_ways_refuse(t, CNN_BAD_MODEL, "scale 2 does not fit 2 × 3");
	t.attr.norm.axis = 2;
	two_ways_refuse(t, CNN_BAD_MODEL, "axis 2");
}

/* Rows that are longer than the kernel's lanes and no multiple of them. */
static void long_rows(void)
{
	enum { ROWS = 3, ROW = 37 };
	double x[ROWS * ROW], scale[ROW], want[ROWS * ROW];
	for (int i = 0; i < ROWS * ROW; i++)
		x[i] = i * 7 % 31 / 4.0;
	for (int r = 0; r < ROWS; r++) {
		double mean = 0, square = 0;
		for (int i = 0; i < ROW; i++)
			mean += x[r * ROW + i] / ROW;
		for (int i = 0; i < ROW; i++)
			square += pow(x[r * ROW + i] - mean, 2) / ROW;
		for (int i = 0; i < ROW; i++) {
			scale[i] = i - 4;
			want[r * ROW + i] =
				scale[i] * ((x[r * ROW + i] - mean) / sqrt(square + 0.5) + 1);
		}
	}
	struct trial t = {.op = OP_LAYER_NORM, .attr.norm = {.axis = 1, .epsilon = 0.5f}};
	t.in[0] = (struct given){CNN_F32, DIMS(ROWS, 1, ROW), x};
	t.in[1] = t.in[2] = (struct given){CNN_F32, DIMS(1, ROW), scale};
	t.out[0] = (struct given){CNN_F32, DIMS(ROWS, 1, ROW), want};
	two_ways(t);
}

static void over_axes(void)
{
	struct trial t = {.op = OP_MEAN_VARIANCE_NORM, .attr.perm = {.n = 2, .perm = {0, -1}}};
	t.in[0] = (struct given){CNN_F32, DIMS(2, 2, 1), NUMBERS(1, 10, 3, 30)};
	t.out[0] = (struct given){CNN_F32, DIMS(2, 2, 1), NUMBERS(-1, -1, 1, 1)};
	two_ways(t);
	t.attr.perm.perm[1] = 0;
	two_ways_refuse(t, CNN_BAD_MODEL, "axis 0 is given twice");
	t.attr.perm.perm[1] = 3;
	two_ways_refuse(t, CNN_BAD_MODEL, "axis 3");

	t = (struct trial){.op = OP_LP_NORM, .attr.axes = {.axis = 0, .power = 2}};
	t.in[0] = (struct given){CNN_F32, DIMS(2, 2), NUMBERS(3, 0, -4, 0)};
	t.out[0] = (struct given){CNN_F32, DIMS(2, 2), NUMBERS(0.6, 0, -0.8, 0)};
	two_ways(t);
	t.attr.axes = (struct axis_attr){.axis = -1, .power = 1};
	t.out[0].x = NUMBERS(1, 0, -1, 0);
	two_ways(t);
	t.attr.axes.power = 3;
	two_ways_refuse(t, CNN_UNSUPPORTED, "p 3");

	t = (struct trial){.op = OP_LRN,
	                   .attr.norm = {.alpha = 3, .beta = 0.5f, .bias = 1, .size = 2}};
	t.in[0] = (struct given){CNN_F32, DIMS(1, 3), NUMBERS(1, 1, 1)};
	t.out[0] = (struct given){CNN_F32, DIMS(1, 3), NUMBERS(0.5, 0.5, sqrt(0.4))};
	two_ways(t);
}

TEST_MAIN({"by_channel", by_channel}, {"statistics_of_the_run", statistics_of_the_run},
          {"by_group", by_group}, {"layers", layers}, {"long_rows", long_rows},
          {"over_axes", over_axes})
