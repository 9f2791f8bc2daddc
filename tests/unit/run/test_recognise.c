#include "engine/run/recognise.h"
#include "tests/unit/graph/build.h"

/* A graph that grows from its input. */
struct sketch {
	struct graph *g;
	value_id at;
	struct description d;
	struct assumptions assumed;
};

static struct sketch input_of(const int64_t *dim, int32_t rank)
{
	struct sketch s = {.g = build_graph()};
	s.at = build_input(s.g, CNN_F32, dim, rank);
	s.assumed.arena = s.g->arena;
	return s;
}

#define NCHW LIST(1, 3, 8, 8)
#define NHWC LIST(1, 8, 8, 3)

static value_id numbers(struct sketch *s, const double *list, const int64_t *dim, int32_t rank)
{
	void *data;
	value_id id = graph_add_constant(s->g, "c", CNN_F32, rank, dim, &data);
	CHECK(id != NO_VALUE);
	for (int64_t i = 0; i < graph_elements(&s->g->value[id]); i++)
		((float *)data)[i] = (float)list[i];
	return id;
}

static void scalar(struct sketch *s, enum op op, double c)
{
	value_id id = numbers(s, &c, NULL, 0);
	s->at = build_node(s->g, op, IDS(s->at, id), 1)->out[0];
}

/* Along axis 1. */
static void channels(struct sketch *s, enum op op, double r, double g, double b)
{
	value_id id = numbers(s, (double[]){r, g, b}, LIST(1, 3, 1, 1));
	s->at = build_node(s->g, op, IDS(s->at, id), 1)->out[0];
}

/* Along the last axis. */
static void last_axis(struct sketch *s, enum op op, double r, double g, double b)
{
	value_id id = numbers(s, (double[]){r, g, b}, LIST(3));
	s->at = build_node(s->g, op, IDS(s->at, id), 1)->out[0];
}

static void batch_norm(struct sketch *s, double mean, double variance)
{
	value_id one = numbers(s, (double[]){1, 1, 1}, LIST(3));
	value_id zero = numbers(s, (double[]){0, 0, 0}, LIST(3));
	value_id m = numbers(s, (double[]){mean, mean, mean}, LIST(3));
	value_id v = numbers(s, (double[]){variance, variance, variance}, LIST(3));
	s->at = build_node(s->g, OP_BATCH_NORM, IDS(s->at, one, zero, m, v), 1)->out[0];
}

static void to_nchw(struct sketch *s)
{
	struct node *n = build_node(s->g, OP_TRANSPOSE, IDS(s->at), 1);
	n->attr.perm = (struct perm_attr){4, {0, 3, 1, 2}};
	s->at = n->out[0];
}

static void convolve(struct sketch *s)
{
	value_id w = build_weights(s->g, LIST(2, 3, 3, 3));
	s->at = build_node(s->g, OP_CONV, IDS(s->at, w), 1)->out[0];
}

static void recognise(struct sketch *s, const char *producer)
{
	build_output(s->g, s->at);
	infer(s->g);
	graph_sweep(s->g);
	recognise_values(s->g, producer, &s->d, &s->assumed);
}

enum want { NOTHING, BYTES, UNIT, SYMMETRIC };

static void expect(struct sketch *s, enum want want, bool bgr)
{
	static const struct {
		double scale, mean;
	} values[] = {{0, 0}, {1, 0}, {1.0 / 255, 0}, {1 / 127.5, 1}};
	CHECK(s->d.has_scale == (want != NOTHING));
	CHECK((s->d.values_by != NULL) == (want != NOTHING));
	CHECK_NEAR(s->d.scale, values[want].scale, 1e-12);
	for (int c = 0; c < 3 && want != NOTHING; c++) {
		CHECK_NEAR(s->d.mean[c], values[want].mean, 0);
		CHECK_NEAR(s->d.std[c], 1, 0);
	}
	CHECK(s->d.has_channels == bgr);
	CHECK(!bgr || s->d.channels == CNN_CHANNELS_BGR);
	CHECK_INT(s->assumed.n, (want != NOTHING) + bgr);
	graph_free(s->g);
}

static void for_bytes(void)
{
	struct sketch caffe = input_of(NCHW), division = input_of(NCHW), keras = input_of(NHWC),
		      imagenet = input_of(NCHW), norm = input_of(NCHW),
		      gray = input_of(LIST(1, 1, 8, 8));
	channels(&caffe, OP_SUB, 123.68, 116.78, 103.94);
	convolve(&caffe);
	recognise(&caffe, "");
	expect(&caffe, BYTES, false);
	scalar(&division, OP_DIV, 255);
	convolve(&division);
	recognise(&division, "");
	expect(&division, BYTES, false);
	scalar(&keras, OP_MUL, 1 / 127.5);
	scalar(&keras, OP_SUB, 1);
	to_nchw(&keras);
	convolve(&keras);
	recognise(&keras, "tf2onnx");
	expect(&keras, BYTES, false);
	/* EfficientNet of Keras: a rescaling, then a normalisation, on either side of the transposition */
	channels(&imagenet, OP_MUL, 1 / 255., 1 / 255., 1 / 255.);
	channels(&imagenet, OP_SUB, 0.485, 0.456, 0.406);
	channels(&imagenet, OP_DIV, 0.229, 0.224, 0.225);
	convolve(&imagenet);
	recognise(&imagenet, "");
	expect(&imagenet, BYTES, false);
	batch_norm(&norm, 120, 64 * 64);
	convolve(&norm);
	recognise(&norm, "");
	expect(&norm, BYTES, false);
	scalar(&gray, OP_DIV, 255);
	recognise(&gray, "");
	expect(&gray, BYTES, false);
}

static void for_blue_first(void)
{
	struct sketch plain = input_of(NCHW), unit = input_of(NCHW), sliced = input_of(NHWC),
		      gathered = input_of(NCHW), scaled = input_of(NCHW);
	channels(&plain, OP_ADD, -103.939, -116.779, -123.68);
	recognise(&plain, "");
	expect(&plain, BYTES, true);
	channels(&scaled, OP_SUB, 103.94, 116.78, 123.68);
	scalar(&scaled, OP_MUL, 0.017);
	recognise(&scaled, "");
	expect(&scaled, BYTES, true);
	channels(&unit, OP_SUB, 0.406, 0.456, 0.485);
	channels(&unit, OP_DIV, 0.225, 0.224, 0.229);
	recognise(&unit, "");
	expect(&unit, UNIT, true);
	/* the graph turns them round by itself: the input is RGB */
	value_id start = build_ints(sliced.g, LIST(-1)),
		 end = build_ints(sliced.g, LIST(INT64_MIN));
	value_id axis = build_ints(sliced.g, LIST(3)), step = build_ints(sliced.g, LIST(-1));
	sliced.at =
		build_node(sliced.g, OP_SLICE, IDS(sliced.at, start, end, axis, step), 1)->out[0];
	last_axis(&sliced, OP_ADD, -103.939, -116.779, -123.68);
	to_nchw(&sliced);
	convolve(&sliced);
	recognise(&sliced, "tf2onnx");
	expect(&sliced, BYTES, false);
	value_id list = build_ints(gathered.g, LIST(2, 1, 0));
	struct node *gather = build_node(gathered.g, OP_GATHER, IDS(gathered.at, list), 1);
	gather->attr.axes.axis = -3;
	gathered.at = gather->out[0];
	channels(&gathered, OP_SUB, 103.939, 116.779, 123.68);
	recognise(&gathered, "");
	expect(&gathered, BYTES, false);
}

static void for_unit(void)
{
	struct sketch imagenet = input_of(NCHW), symmetric = input_of(NHWC), last = input_of(NHWC);
	channels(&imagenet, OP_SUB, 0.485, 0.456, 0.406);
	channels(&imagenet, OP_DIV, 0.229, 0.224, 0.225);
	convolve(&imagenet);
	recognise(&imagenet, "pytorch");
	expect(&imagenet, UNIT, false);
	scalar(&symmetric, OP_SUB, 0.5);
	scalar(&symmetric, OP_MUL, 2);
	recognise(&symmetric, "");
	expect(&symmetric, UNIT, false);
	last_axis(&last, OP_SUB, 0.485, 0.456, 0.406);
	to_nchw(&last);
	channels(&last, OP_MUL, 1 / 0.229, 1 / 0.224, 1 / 0.225);
	recognise(&last, "tf2onnx");
	expect(&last, UNIT, false);
}

static void of_tensorflow(void)
{
	struct sketch plain = input_of(NHWC), other = input_of(NHWC), inside = input_of(NCHW),
		      padded = input_of(NHWC), unclear = input_of(NHWC);
	to_nchw(&plain);
	convolve(&plain);
	recognise(&plain, "tf2onnx 1.16");
	expect(&plain, SYMMETRIC, false);
	to_nchw(&other);
	convolve(&other);
	recognise(&other, "pytorch");
	expect(&other, NOTHING, false);
	convolve(&inside);
	recognise(&inside, "tf2onnx");
	expect(&inside, NOTHING, false);
	value_id pads = build_ints(padded.g, LIST(0, 1, 1, 0, 0, 1, 1, 0));
	padded.at = build_node(padded.g, OP_PAD, IDS(padded.at, pads), 1)->out[0];
	to_nchw(&padded);
	convolve(&padded);
	recognise(&padded, "keras2onnx");
	expect(&padded, SYMMETRIC, false);
	/* something that is no convolution comes first */
	unclear.at = build_node(unclear.g, OP_TANH, IDS(unclear.at), 1)->out[0];
	recognise(&unclear, "tf2onnx");
	expect(&unclear, NOTHING, false);
}

static void what_fits_nothing(void)
{
	struct sketch none = input_of(NCHW), data = input_of(NCHW), odd = input_of(NCHW),
		      turned = input_of(NCHW), zero = input_of(NCHW), flat = input_of(LIST(1, 30)),
		      mean = input_of(NCHW), two = input_of(NCHW);
	convolve(&none);
	recognise(&none, "pytorch");
	expect(&none, NOTHING, false);
	/* MXNet's networks normalise what is normalised already */
	batch_norm(&data, 0, 1);
	convolve(&data);
	recognise(&data, "");
	expect(&data, NOTHING, false);
	channels(&mean, OP_SUB, 0.485, 0.456, 0.406);
	recognise(&mean, "");
	expect(&mean, NOTHING, false);
	scalar(&odd, OP_MUL, 7);
	recognise(&odd, "");
	expect(&odd, NOTHING, false);
	value_id c = numbers(&turned, (double[]){255}, NULL, 0);
	turned.at = build_node(turned.g, OP_DIV, IDS(c, turned.at), 1)->out[0];
	recognise(&turned, "");
	expect(&turned, NOTHING, false);
	scalar(&zero, OP_DIV, 0);
	recognise(&zero, "");
	expect(&zero, NOTHING, false);
	scalar(&flat, OP_DIV, 255);
	recognise(&flat, "");
	expect(&flat, NOTHING, false);
	/* the picture goes two ways */
	value_id input = two.at;
	scalar(&two, OP_DIV, 255);
	two.at = build_node(two.g, OP_ADD, IDS(two.at, input), 1)->out[0];
	recognise(&two, "");
	expect(&two, NOTHING, false);
}

/* A constant of another shape is no number for each channel. */
static void constants_along_other_axes(void)
{
	struct sketch wide = input_of(LIST(1, 3, 3, 3)), picture = input_of(NCHW),
		      weights = input_of(NCHW);
	value_id row = numbers(&wide, (double[]){123.68, 116.78, 103.94}, LIST(3));
	wide.at = build_node(wide.g, OP_SUB, IDS(wide.at, row), 1)->out[0];
	recognise(&wide, "");
	expect(&wide, NOTHING, false);
	value_id all = build_weights(picture.g, LIST(1, 3, 8, 8));
	picture.at = build_node(picture.g, OP_SUB, IDS(picture.at, all), 1)->out[0];
	recognise(&picture, "");
	expect(&picture, NOTHING, false);
	value_id high = numbers(&weights, (double[]){255}, LIST(1, 1, 1, 1, 1));
	weights.at = build_node(weights.g, OP_DIV, IDS(weights.at, high), 1)->out[0];
	recognise(&weights, "");
	expect(&weights, NOTHING, false);
}

static void a_file_is_stronger(void)
{
	struct sketch s = input_of(NCHW), order = input_of(NCHW);
	s.d = (struct description){.has_mean = true, .mean = {1, 2, 3}, .values_by = "model.json"};
	scalar(&s, OP_DIV, 255);
	recognise(&s, "");
	CHECK(!s.d.has_scale && s.d.mean[1] == 2 && s.assumed.n == 0);
	graph_free(s.g);
	order.d.has_channels = true;
	order.d.channels_by = "model.json";
	channels(&order, OP_SUB, 103.939, 116.779, 123.68);
	recognise(&order, "");
	CHECK(order.d.has_scale && order.d.channels == CNN_CHANNELS_RGB && order.assumed.n == 1);
	graph_free(order.g);
}

TEST_MAIN({"for_bytes", for_bytes}, {"for_blue_first", for_blue_first}, {"for_unit", for_unit},
          {"of_tensorflow", of_tensorflow}, {"what_fits_nothing", what_fits_nothing},
          {"constants_along_other_axes", constants_along_other_axes},
          {"a_file_is_stronger", a_file_is_stronger})
