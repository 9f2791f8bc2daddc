/* Small files that ask for much, and graphs that are none: one line each, which names the file and what is wrong
 * in it, in little time and memory. */
#include "tests/unit/run/load_packed.h"

#include <sys/resource.h>

#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT
#define INT64 ONNX__TENSOR_PROTO__DATA_TYPE__INT64

enum { MAX_MEBIBYTES = 64, MAX_SECONDS = 20 };

/* The message of a load that must fail, without the path before it. */
static const char *refusal(const char *path)
{
	static struct cnn_error err;
	struct cnn_load_options options = {
		.max_isa = cpu_isa(), .max_batch = 2, .max_bytes = (size_t)MAX_MEBIBYTES << 20};
	struct cnn_model *m = NULL;
	alarm(MAX_SECONDS);
	err.text[0] = '\0';
	CHECK(cnn_model_load(path, &options, &m, &err) != CNN_OK);
	alarm(0);
	if (strncmp(err.text, path, strlen(path)) != 0)
		CHECK_STR(err.text, path);
	CHECK(m == NULL && !strchr(err.text, '\n'));
	return err.text + strlen(path) + 2;
}

static void refuse(struct model *m, const char *part)
{
	const char *text = refusal(packed_file(m));
	if (!strstr(text, part))
		CHECK_STR(text, part);
}

static void add_ints(struct model *m, const char *name, int64_t *numbers, size_t n, int64_t *dim)
{
	*dim = (int64_t)n;
	model_tensor(m, name, INT64, dim, 1, numbers, n * sizeof *numbers);
}

/* A node "big" on x and one list of numbers. */
static void ask(const char *op, int64_t *numbers, size_t n, const char *part)
{
	struct model *m = model_new(13);
	int64_t dim;
	add_ints(m, "n", numbers, n, &dim);
	model_node(m, "big", op, strcmp(op, "ConstantOfShape") ? "x,n" : "n", "a");
	model_node(m, "last", "Add", "x,a", "y");
	refuse(m, part);
}

#define ASK(op, part, ...) ask(op, MODEL_LIST(__VA_ARGS__), part)

static void huge_results(void)
{
	ASK("ConstantOfShape", "node 'big'", 100000000000);
	ASK("ConstantOfShape", "node 'big'", 1 << 28);
	ASK("ConstantOfShape", "node 'big'", INT64_MAX, INT64_MAX);
	ASK("ConstantOfShape", "node 'big'", -1);
	ASK("Expand", "node 'big'", 1, 3, 1 << 20, 1 << 20);
	ASK("Expand", "node 'big'", INT64_MIN, 1, 1, 1);
	ASK("Tile", "node 'big'", 1, 1, INT64_MAX, 2);
	ASK("Tile", "node 'big'", 1, 1, 1 << 14, 1 << 14);
	ASK("Pad", "node 'big'", 0, 0, INT64_MAX, 0, 0, 0, 0, 0);
	ASK("Pad", "node 'big'", 0, 0, 0, 1 << 30, 0, 0, 0, 0);
	ASK("Reshape", "node 'big'", 1, INT64_MAX, 2);
	ASK("Reshape", "node 'big'", 1, 1, 1, 1, 1, 1, 1, 1, -1);
	ASK("Unsqueeze", "node 'big'", 0, 1, 2, 3, 4);
}

/* Allowed by the graph's own limits: the memory for a run is not. */
static void huge_feature_maps(void)
{
	struct model *m = model_new(13);
	int64_t dim;
	add_ints(m, "n", MODEL_LIST(1, 3, 1024, 1024), &dim);
	model_node(m, "one", "ReduceSum", "x", "s");
	model_node(m, "big", "Expand", "s,n", "a");
	model_node(m, "wide", "Concat", "a,a,a,a,a,a,a,a,a,a,a,a,a,a", "y");
	model_int(m, "axis", 1);
	refuse(m, "MB are allowed");
}

static void huge_scales(void)
{
	float scales[] = {1, 1, 1e9f, 1e9f};
	int64_t four = 4;
	struct model *m = model_new(13);
	model_tensor(m, "s", FLOAT, &four, 1, scales, sizeof scales);
	model_node(m, "big", "Resize", "x,,s", "y");
	refuse(m, "node 'big'");
	m = model_new(13);
	float weights[4 * 3] = {0};
	int64_t dims[] = {3, 4, 1, 1};
	model_tensor(m, "w", FLOAT, dims, 4, weights, sizeof weights);
	model_node(m, "big", "ConvTranspose", "x,w", "y");
	model_ints(m, "strides", MODEL_LIST(1 << 20, 1 << 20));
	refuse(m, "node 'big'");
}

/* Each node doubles a constant: 2^15 times the first. */
static void constants_that_grow(void)
{
	static float kilo[1024];
	int64_t dim = 1024;
	struct model *m = model_new(13);
	char in[16], out[16];
	model_tensor(m, "c0", FLOAT, &dim, 1, kilo, sizeof kilo);
	for (int i = 0; i < MODEL_MAX - 1; i++) {
		snprintf(in, sizeof in, "c%d,c%d", i, i);
		snprintf(out, sizeof out, "c%d", i + 1);
		model_node(m, "double", "Concat", in, out);
		model_int(m, "axis", 0);
	}
	snprintf(in, sizeof in, "c%d", MODEL_MAX - 1);
	model_node(m, "last", "Relu", in, "y");
	refuse(m, "node 'Concat_");
}

/* Arithmetic on constants that takes no memory but long. */
static void constants_that_take_long(void)
{
	struct model *m = model_new(13);
	int64_t dim;
	add_ints(m, "n", MODEL_LIST(1, 2000, 2000), &dim);
	model_node(m, "c", "ConstantOfShape", "n", "c0");
	for (int i = 0; i < MODEL_MAX - 2; i++) {
		char in[16], out[16];
		snprintf(in, sizeof in, "c%d,c%d", i, i);
		snprintf(out, sizeof out, "c%d", i + 1);
		model_node(m, "product", "MatMul", in, out);
	}
	model_node(m, "last", "Add", "x,c14", "y");
	alarm(MAX_SECONDS);
	CHECK(refusal(packed_file(m)) != NULL);
}

static void many_dimensions(void)
{
	enum { RANK = 100 };
	static int64_t ones[RANK];
	static Onnx__TensorShapeProto__Dimension *dims[RANK];
	struct model *m = model_new(13);
	for (int i = 0; i < RANK; i++)
		ones[i] = 1;
	model_tensor(m, "w", FLOAT, ones, RANK, "abcd", 4);
	model_node(m, "n", "Relu", "x", "y");
	refuse(m, "tensor 'w': 100 dimensions, more than 8");
	m = model_new(13);
	for (int i = 0; i < RANK; i++)
		dims[i] = &m->dim[1];
	m->shape.dim = dims;
	m->shape.n_dim = RANK;
	model_node(m, "n", "Relu", "x", "y");
	refuse(m, "input 'x' has 100 dimensions, more than 8");
	m = model_new(13);
	model_node(m, "n", "Transpose", "x", "y");
	model_ints(m, "perm", ones, RANK);
	refuse(m, "node 'n'");
}

static void names_missing_or_twice(void)
{
	static float one[] = {1};
	int64_t dim = 1;
	struct model *m = model_new(13);
	model_tensor(m, "", FLOAT, &dim, 1, one, sizeof one);
	model_node(m, "n", "Relu", "x", "y");
	refuse(m, "initializer 0 has no name");
	m = model_new(13);
	model_tensor(m, "w", FLOAT, &dim, 1, one, sizeof one);
	model_tensor(m, "w", FLOAT, &dim, 1, one, sizeof one);
	model_node(m, "n", "Add", "x,w", "y");
	refuse(m, "tensor 'w' is defined twice");
	m = model_new(13);
	m->input.name = NULL;
	model_node(m, "n", "Relu", "x", "y");
	refuse(m, "input 0 has no name");
	m = model_new(13);
	model_node(m, "n", "Relu", "x", "x");
	refuse(m, "tensor 'x' is defined twice");
	m = model_new(13);
	model_node(m, "n", "Relu", "x", "y")->op_type = NULL;
	refuse(m, "node 'n'");
	m = model_new(13);
	m->output.name = NULL;
	model_node(m, "n", "Relu", "x", "y");
	refuse(m, "graph output '' is not defined");
}

/* One line of some hundred bytes, whatever is in it. */
static void strings_without_end(void)
{
	enum { LENGTH = 1 << 20 };
	char *text = malloc(LENGTH + 1);
	CHECK(text != NULL);
	memset(text, '\n', LENGTH);
	text[LENGTH] = '\0';
	struct model *m = model_new(13);
	model_node(m, text, text, "x", "y");
	CHECK(strlen(refusal(packed_file(m))) > 20);
	m = model_new(13);
	model_node(m, "n", "Relu", "x", "y")->input[0] = text;
	refuse(m, "node 'n'");
	static const char *const ops[][2] = {{"Einsum", "equation"}, {"Conv", "auto_pad"}};
	for (size_t i = 0; i < 2; i++) {
		m = model_new(13);
		model_node(m, "n", ops[i][0], "x,x", "y");
		Onnx__AttributeProto *a = model_attribute(
			m, ops[i][1], ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
		a->has_s = 1;
		a->s = (ProtobufCBinaryData){LENGTH, (uint8_t *)text};
		refuse(m, "node 'n'");
	}
	free(text);
}

/* The bytes of a file whose graph is `n` copies of `part`. */
static const char *repeated(const uint8_t *part, size_t len, size_t n)
{
	static char path[64];
	size_t size = n * len, at = 0;
	uint8_t *bytes = malloc(size + 16);
	CHECK(bytes != NULL);
	static const uint8_t opset[] = {8 << 3 | 2, 2, 2 << 3, 13};
	memcpy(bytes, opset, sizeof opset);
	at = sizeof opset;
	bytes[at++] = 7 << 3 | 2;
	for (size_t left = size; left; left >>= 7)
		bytes[at++] = (uint8_t)((left & 127) | (left > 127) << 7);
	for (size_t i = 0; i < n; i++, at += len)
		memcpy(bytes + at, part, len);
	int fd = memfd_create("repeated.onnx", 0);
	CHECK(fd >= 0 && write(fd, bytes, at) == (ssize_t)at);
	free(bytes);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return path;
}

static void a_million_nodes(void)
{
	/* node { input "x" output "y" op_type "Relu" }, an empty weight, an empty input */
	static const uint8_t node[] = {10,  12,         1 << 3 | 2, 1,   'x', 2 << 3 | 2, 1,
	                               'y', 4 << 3 | 2, 4,          'R', 'e', 'l',        'u'};
	static const uint8_t weight[] = {5 << 3 | 2, 0}, input[] = {11 << 3 | 2, 0};
	CHECK(strlen(refusal(repeated(node, sizeof node, 1000000))) > 10);
	CHECK(strlen(refusal(repeated(weight, sizeof weight, 1000000))) > 10);
	CHECK(strlen(refusal(repeated(input, sizeof input, 1000000))) > 10);
}

/* As many nodes as a file may have, each quantising what the one before it dequantised, or the reverse. Nothing
 * is left of them, in a time that goes by their number and not by its square. */
static void long_chains(void)
{
	enum { NODES = 30000 };
	static Onnx__NodeProto node[NODES], *list[NODES];
	static char name[NODES + 1][8];
	static char *in[NODES][3], *out[NODES];
	static float half[] = {0.5f};
	struct model *m = model_new(13);
	model_tensor(m, "s", FLOAT, NULL, 0, half, sizeof half);
	model_tensor(m, "z", ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, NULL, 0, "\3", 1);
	for (size_t i = 0; i <= NODES; i++)
		snprintf(name[i], sizeof name[i], "t%zu", i);
	for (size_t i = 0; i < NODES; i++) {
		list[i] = &node[i];
		onnx__node_proto__init(&node[i]);
		node[i].op_type = (char *)(i % 2 ? "DequantizeLinear" : "QuantizeLinear");
		in[i][0] = i ? name[i] : (char *)"x";
		in[i][1] = (char *)"s";
		in[i][2] = (char *)"z";
		out[i] = i + 1 < NODES ? name[i + 1] : (char *)"y";
		node[i].input = in[i];
		node[i].n_input = 3;
		node[i].output = &out[i];
		node[i].n_output = 1;
	}
	m->graph.node = list;
	m->graph.n_node = NODES;
	alarm(MAX_SECONDS);
	cnn_model_unref(packed_load(m, 1));
}

/* The most memory that all of the above took: a test is a process, so this runs them again. */
static void memory_stays_small(void)
{
	struct rusage used;
	huge_results();
	huge_feature_maps();
	huge_scales();
	constants_that_grow();
	a_million_nodes();
	CHECK_INT(getrusage(RUSAGE_SELF, &used), 0);
/* gcc alone tells of its sanitizers in this way */
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__ && !defined __clang__
	CHECK(used.ru_maxrss < 3 * MAX_MEBIBYTES * 1024L);
#endif
}

TEST_MAIN({"huge_results", huge_results}, {"huge_feature_maps", huge_feature_maps},
          {"huge_scales", huge_scales}, {"constants_that_grow", constants_that_grow},
          {"constants_that_take_long", constants_that_take_long},
          {"many_dimensions", many_dimensions}, {"names_missing_or_twice", names_missing_or_twice},
          {"strings_without_end", strings_without_end}, {"a_million_nodes", a_million_nodes},
          {"long_chains", long_chains}, {"memory_stays_small", memory_stays_small})
