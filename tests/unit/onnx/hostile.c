/* hostile.c - bytes that are no model: each gets one clear line, in little time and memory. */
#include "engine/operators/infer.h"
#include "tests/unit/onnx/model.h"

static void refuse_bytes(const uint8_t *bytes, size_t len, const char *part)
{
	struct graph *g = NULL;
	struct cnn_error err = {0};
	CHECK(onnx_import(bytes, len, "bad.onnx", &g, NULL, &err) != CNN_OK);
	CHECK(g == NULL && err.text[0] && !strchr(err.text, '\n'));
	if (part && !strstr(err.text, part))
		fprintf(stderr, "\"%s\", want \"%s\"\n", err.text, part);
	CHECK(!part || strstr(err.text, part));
}

static void not_protobuf(void)
{
	static const uint8_t jpeg[] = {0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F'};
	const char *text = "<!DOCTYPE html><html><body>404</body></html>";
	refuse_bytes((const uint8_t *)"", 0, "bad.onnx: the file is empty");
	refuse_bytes(jpeg, sizeof jpeg, "bad.onnx: not an ONNX file");
	refuse_bytes((const uint8_t *)text, strlen(text), "bad.onnx: not an ONNX file");
	/* Well-formed, but only a version number. */
	refuse_bytes((const uint8_t *)"\x08\x08", 2, "it holds no graph");
}

static void truncated(void)
{
	size_t len;
	uint8_t *bytes = test_read(test_data("models/mnist-8/model.onnx"), &len);
	for (size_t cut = 97; cut < len; cut += 97) {
		/* A copy of its own size, so that a sanitizer sees any read past the end. */
		uint8_t *part = malloc(cut);
		CHECK(part != NULL);
		memcpy(part, bytes, cut);
		refuse_bytes(part, cut, "ends in the middle of ModelProto.graph");
		free(part);
	}
	free(bytes);
}

static void random_bytes(void)
{
	uint64_t state = 1;
	uint8_t bytes[512];
	for (int round = 0; round < 20000; round++) {
		size_t len = 1 + (size_t)round % sizeof bytes;
		for (size_t i = 0; i < len; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = (uint8_t)(state >> 56);
		}
		refuse_bytes(bytes, len, NULL);
	}
}

/* A real model with bytes changed: any answer is good, a crash is not. */
static void damaged(void)
{
	size_t len;
	uint8_t *bytes = test_read(test_data("models/mnist-8/model.onnx"), &len);
	for (size_t i = 0; i < 3000; i++) {
		size_t at = i * 7919 % len;
		uint8_t old = bytes[at];
		bytes[at] = (uint8_t)(old ^ (1u << i % 8));
		struct graph *g = NULL;
		struct cnn_error err = {0};
		if (onnx_import(bytes, len, "bad.onnx", &g, NULL, &err) == CNN_OK) {
			for (size_t k = 0; k < g->n_input; k++) {
				bool open = false;
				struct value *v = &g->value[g->input[k]];
				for (int32_t a = 0; a < v->rank; a++)
					open |= v->dim[a] < 0;
				v->shaped = !open;
			}
			graph_infer(g, &err);
		} else {
			CHECK(err.text[0] != '\0');
		}
		graph_free(g);
		bytes[at] = old;
	}
	free(bytes);
}

/* Message `field` of number f around `inner`, `depth` times, growing from the end of a buffer. */
static void deep_nesting(void)
{
	enum { DEPTH = 20000, ROOM = 400000 };
	uint8_t *buffer = malloc(ROOM);
	CHECK(buffer != NULL);
	size_t at = ROOM;
	/* ModelProto.graph(7) . node(1) . { attribute(5) . g(6) . node(1) }* */
	for (int i = 0; i < DEPTH; i++) {
		static const uint8_t tag[] = {1 << 3 | 2, 6 << 3 | 2, 5 << 3 | 2};
		size_t len = ROOM - at, n = 0;
		uint8_t head[12];
		head[n++] = i == DEPTH - 1 ? 7 << 3 | 2 : tag[i % 3];
		for (; len >= 128; len >>= 7)
			head[n++] = (uint8_t)(len | 128);
		head[n++] = (uint8_t)len;
		at -= n;
		memcpy(buffer + at, head, n);
	}
	refuse_bytes(buffer + at, ROOM - at, NULL);
	free(buffer);

	struct model *m = model_new(13);
	Onnx__GraphProto inner;
	onnx__graph_proto__init(&inner);
	model_node(m, "n", "Relu", "x", "y");
	model_attribute(m, "body", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = &inner;
	model_refuse(m, CNN_UNSUPPORTED, "node 'n': attribute body of Relu");
}

static void nesting_is_counted(void)
{
	/* TypeProto.sequence_type(4).elem_type(1), down to where the limit must stop it. */
	enum { LEVELS = 200, ROOM = 4096 };
	uint8_t buffer[ROOM];
	size_t at = ROOM;
	static const uint8_t outer[] = {2 << 3 | 2, 11 << 3 | 2, 7 << 3 | 2};
	for (int i = 0; i < LEVELS + 3; i++) {
		size_t len = ROOM - at;
		uint8_t tag = i >= LEVELS ? outer[i - LEVELS] : i % 2 ? 4 << 3 | 2 : 1 << 3 | 2;
		if (len >= 128)
			buffer[--at] = (uint8_t)(len >> 7);
		buffer[--at] = (uint8_t)(len >= 128 ? len | 128 : len);
		buffer[--at] = tag;
	}
	refuse_bytes(buffer + at, ROOM - at, "too deep nesting");
}

static void repeated_graph(void)
{
	/* protobuf would merge them. */
	static const uint8_t twice[] = {7 << 3 | 2, 0, 7 << 3 | 2, 0};
	refuse_bytes(twice, sizeof twice, "second copy in ModelProto.graph");
}

/* Two bytes ask for an empty node, which takes far more in memory. */
static void memory_is_limited(void)
{
	size_t len = 4000000;
	uint8_t *bytes = malloc(len);
	CHECK(bytes != NULL);
	static const uint8_t head[] = {7 << 3 | 2, 0xfb, 0x91, 0xf4, 0x01};
	memcpy(bytes, head, sizeof head);
	for (size_t i = sizeof head; i + 1 < len; i += 2) {
		bytes[i] = 1 << 3 | 2;
		bytes[i + 1] = 0;
	}
	refuse_bytes(bytes, len - 1, NULL);
	free(bytes);
}

TEST_MAIN({"not_protobuf", not_protobuf}, {"truncated", truncated}, {"random_bytes", random_bytes},
          {"damaged", damaged}, {"deep_nesting", deep_nesting},
          {"nesting_is_counted", nesting_is_counted}, {"repeated_graph", repeated_graph},
          {"memory_is_limited", memory_is_limited})
