/* Small models that exporters do not write, but files may hold: answered rightly, or refused by name. */
#include "tests/unit/run/load_packed.h"

#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT
#define INT64 ONNX__TENSOR_PROTO__DATA_TYPE__INT64

static const float zeros[4096];

/* The network's input as [1][n] instead. */
static void flat_input(struct model *m, int64_t n)
{
	m->shape.n_dim = 2;
	m->dim[1].dim_value = n;
}

/* A feature map that is constant is read in ONNX's order, not in that of the maps of a run. */
static void constant_feature_map(void)
{
	static const float map[12] = {1, 2, 3, 4, 10, 20, 30, 40, 100, 200, 300, 400};
	static const float ones[3] = {1, 1, 1}, mean[3], scale[3] = {1, 2, 3};
	static const struct {
		const char *op, *in;
		float want[2];
	} cases[] = {
		{"Conv", "map,weights", {111, 222}},
		{"GlobalAveragePool", "map", {2.5f, 25}},
		{"BatchNormalization", "map,scale,mean,mean,ones", {1, 2}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct model *m = model_new(13);
		int64_t of_map[] = {1, 3, 2, 2}, of_weights[] = {1, 3, 1, 1}, three = 3;
		int64_t axes[] = {2, 3};
		float got[2];
		model_tensor(m, "map", FLOAT, of_map, 4, map, sizeof map);
		model_tensor(m, "weights", FLOAT, of_weights, 4, ones, sizeof ones);
		model_tensor(m, "ones", FLOAT, &three, 1, ones, sizeof ones);
		model_tensor(m, "scale", FLOAT, &three, 1, scale, sizeof scale);
		model_tensor(m, "mean", FLOAT, &three, 1, mean, sizeof mean);
		model_node(m, "constant", cases[i].op, cases[i].in, "c");
		if (cases[i].op[0] == 'B')
			model_float(m, "epsilon", 0);
		model_node(m, "first", "Slice", "x,zeros,ones_i,axes", "s");
		int64_t none[] = {0, 0}, one[] = {1, 1}, two = 2;
		model_tensor(m, "zeros", INT64, &two, 1, none, sizeof none);
		model_tensor(m, "ones_i", INT64, &two, 1, one, sizeof one);
		model_tensor(m, "axes", INT64, &two, 1, axes, sizeof axes);
		/* the first pixel of channel 0 is 0 */
		model_node(m, "part", "Slice", "s,zeros,ones_i", "t");
		model_node(m, "sum", "Add", "c,t", "y");
		packed_run(m, 2, got);
		CHECK_NEAR(got[0], cases[i].want[0], 1e-4);
		CHECK_NEAR(got[1], cases[i].want[1], 1e-4);
	}
}

static void empty_tensors(void)
{
	int64_t none[] = {4, 0}, scalar_dim = 1, sizes[] = {4, 0}, two = 2, one = 1;
	float number = 2, got = 1;
	/* a product without columns, where a pass would divide by their number */
	static const char *const products[] = {"Gemm", "MatMul"};
	for (size_t i = 0; i < 2; i++) {
		struct model *m = model_new(13);
		flat_input(m, 4);
		model_tensor(m, "w", FLOAT, none, 2, zeros, 0);
		model_tensor(m, "two", FLOAT, &scalar_dim, 1, &number, 4);
		model_node(m, "product", products[i], "x,w", "p");
		model_tensor(m, "axes", INT64, &one, 1, &one, sizeof one);
		model_node(m, "sum", "Add", "p,two", "s");
		model_node(m, "total", "ReduceSum", "s,axes", "y");
		packed_run(m, 1, &got);
		CHECK_NEAR(got, 0, 0);
	}
	/* the sum of a part without elements */
	got = 1;
	struct model *m = model_new(13);
	flat_input(m, 4);
	model_tensor(m, "sizes", INT64, &two, 1, sizes, sizeof sizes);
	model_tensor(m, "axes", INT64, &one, 1, &one, sizeof one);
	model_node(m, "split", "Split", "x,sizes", "a,b");
	model_int(m, "axis", 1);
	model_node(m, "sum", "ReduceSum", "b,axes", "y");
	packed_run(m, 1, &got);
	CHECK_NEAR(got, 0, 0);
}

/* How many outputs there are decides their sizes, whether they have names or not. */
static void split_counts_all_outputs(void)
{
	float got[4];
	struct model *m = model_new(13);
	flat_input(m, 4);
	model_node(m, "split", "Split", "x", "y,,,");
	model_int(m, "axis", 1);
	packed_run(m, 1, got);
	CHECK_NEAR(got[0], 0, 0);
	m = model_new(13);
	flat_input(m, 4);
	model_node(m, "split", "Split", "x", ",,y,");
	model_int(m, "axis", 1);
	struct cnn_model *loaded = packed_load(m, 1);
	CHECK_INT(cnn_model_info(loaded)->classes, 1);
	cnn_model_unref(loaded);

	static char many[300];
	memset(many, ',', sizeof many - 1);
	many[0] = 'y';
	m = model_new(13);
	Onnx__NodeProto *n = model_node(m, "split", "Split", "x", "y");
	char *outs[300];
	for (size_t i = 0; i < 300; i++)
		outs[i] = (char *)(i ? "" : "y");
	n->output = outs;
	n->n_output = 300;
	packed_refuse(m, CNN_BAD_MODEL, "node 'split': 300 outputs");
}

/* A shape that holds the batch of the file would mix up the numbers of one picture. */
static void fixed_batch_in_a_shape(void)
{
	int64_t shape[] = {8, -1}, two = 2;
	struct model *m = model_new(13);
	m->dim[0].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
	m->dim[0].dim_value = 8;
	model_tensor(m, "shape", INT64, &two, 1, shape, sizeof shape);
	model_node(m, "flat", "Reshape", "x,shape", "y");
	packed_refuse(m, CNN_UNSUPPORTED,
	              "node 'flat': its shape has the graph's fixed batch of 8");
	m = model_new(13);
	m->dim[0].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
	m->dim[0].dim_value = 8;
	model_node(m, "flat", "Flatten", "x", "y");
	struct cnn_model *loaded = packed_load(m, 1);
	CHECK_INT(cnn_model_info(loaded)->classes, 192);
	cnn_model_unref(loaded);
}

/* Passes may leave another tensor in the output's place. */
static void output_keeps_its_name(void)
{
	struct model *m = model_new(13);
	model_node(m, "relu", "Relu", "x", "inner");
	model_node(m, "same", "Identity", "inner", "y");
	struct cnn_model *loaded = packed_load(m, 1);
	CHECK_STR(cnn_model_info(loaded)->output_name, "y");
	cnn_model_unref(loaded);
}

/* Names that would fill the whole message leave room for the reason. */
static void long_names(void)
{
	static char name[5000];
	struct model *m = model_new(13);
	for (size_t i = 0; i + 2 < sizeof name; i += 2)
		memcpy(name + i, "\xc3\xa4", 2);
	model_node(m, name, "Relu", "x,x", "y");
	packed_refuse(m, CNN_BAD_MODEL, "Relu with 2 inputs");
	m = model_new(13);
	model_node(m, "n", name, "x", "y");
	packed_refuse(m, CNN_UNSUPPORTED, "(opset 13) is not supported");
	m = model_new(13);
	model_node(m, "n", "Relu", "x", "y")->domain = name;
	packed_refuse(m, CNN_UNSUPPORTED, "is not supported");
}

/* A folder called "." is no name for its file. */
static void file_is_always_named(void)
{
	char folder[] = "/tmp/convd-test-XXXXXX";
	CHECK(mkdtemp(folder) && chdir(folder) == 0);
	struct model *m = model_new(13);
	model_node(m, "a.b", "Foo.bar", "x", "y");
	size_t len;
	uint8_t *bytes = model_pack(m, &len);
	FILE *f = fopen("model.onnx", "wb");
	CHECK(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
	free(bytes);
	static const char *const paths[] = {".", "model.onnx", "./model.onnx"};
	for (size_t i = 0; i < 3; i++) {
		struct cnn_load_options options = {.max_isa = CNN_ISA_PORTABLE, .max_batch = 1};
		struct cnn_model *loaded;
		struct cnn_error err;
		CHECK_INT(cnn_model_load(paths[i], &options, &loaded, &err), CNN_UNSUPPORTED);
		CHECK(strstr(err.text, "model.onnx: node 'a.b': operator Foo.bar") != NULL);
	}
	unlink("model.onnx");
	rmdir(folder);
}

TEST_MAIN({"constant_feature_map", constant_feature_map}, {"empty_tensors", empty_tensors},
          {"split_counts_all_outputs", split_counts_all_outputs},
          {"fixed_batch_in_a_shape", fixed_batch_in_a_shape},
          {"output_keeps_its_name", output_keeps_its_name}, {"long_names", long_names},
          {"file_is_always_named", file_is_always_named})
