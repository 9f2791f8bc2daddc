#include "server/oip_request.h"
#include "server/oip_tensor.h"
#include "tests/test.h"

static struct cnn_error err;
static struct oip_request request;

static enum cnn_status read_text(const char *text, size_t len)
{
	/* From a block of its own size, so that reading past it is noticed. */
	struct arena *arena = arena_new();
	char *copy = malloc(len + !len);
	memcpy(copy, text, len);
	enum cnn_status status = oip_request_read(copy, len, arena, &request, &err);
	free(copy);
	arena_free(arena);
	return status;
}

static const char whole[] =
	"{\"id\":\"7\",\"parameters\":{\"binary_data_output\":true,\"timeout\":5,\"x\":[]},"
	"\"inputs\":"
	"[{\"name\":\"a\",\"shape\":[2,3],\"datatype\":\"FP32\",\"data\":[[1,2,3],[4,5,6]]},"
	"{\"name\":\"b\",\"shape\":[],\"datatype\":\"BYTES\",\"parameters\":{\"binary_data_size\":"
	"9}}],"
	"\"outputs\":[{\"name\":\"y\",\"parameters\":{\"classification\":3}},"
	"{\"name\":\"z\",\"parameters\":{\"binary_data\":false}}],\"other\":{\"deep\":[1]}}";

static void a_request_is_read(void)
{
	struct arena *arena = arena_new();
	CHECK_INT(oip_request_read(whole, sizeof whole - 1, arena, &request, &err), CNN_OK);
	CHECK_STR(request.id, "7");
	CHECK_INT(request.timeout_us, 5);
	CHECK_INT(request.n_inputs, 2);
	CHECK_STR(request.input[0].name, "a");
	CHECK_STR(request.input[0].datatype, "FP32");
	CHECK_INT(request.input[0].rank, 2);
	CHECK_INT(request.input[0].dim[1], 3);
	CHECK_INT(request.input[0].binary_size, -1);
	CHECK_INT(request.input[0].data.len, strlen("[[1,2,3],[4,5,6]]"));
	CHECK_INT(request.input[1].rank, 0);
	CHECK(!request.input[1].data.text);
	CHECK_INT(request.input[1].binary_size, 9);
	CHECK_INT(request.n_outputs, 2);
	CHECK_INT(request.output[0].classes, 3);
	CHECK(request.output[0].binary);
	CHECK(!request.output[1].binary);
	arena_free(arena);
}

static void no_part_of_a_request_is_one(void)
{
	for (size_t len = 0; len < sizeof whole - 1; len++)
		CHECK_INT(read_text(whole, len), CNN_BAD_ARG);
}

static void changed_bytes_do_no_harm(void)
{
	char text[sizeof whole];
	memcpy(text, whole, sizeof whole);
	for (size_t i = 0; i < sizeof text - 1; i++) {
		static const char other[] = "\"\\[]{},:0-9ent\x80\xff ";
		for (size_t c = 0; c < sizeof other; c++) {
			text[i] = other[c];
			read_text(text, sizeof text - 1);
		}
		text[i] = whole[i];
	}
	CHECK_INT(read_text(text, sizeof text - 1), CNN_OK);
}

static void faults_are_told(void)
{
	static const struct {
		const char *text, *says;
	} faults[] = {
		{"{}", "no inputs"},
		{"{\"inputs\":[]}", "no inputs"},
		{"{\"inputs\":[],\"inputs\":[]}", "twice"},
		{"{\"inputs\":[{}]}", "no name"},
		{"{\"inputs\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", "twice"},
		{"{\"inputs\":[{\"name\":\"a\",\"shape\":[-1]}]}", "negative"},
		{"{\"inputs\":[{\"name\":\"a\",\"shape\":[1,1,1,1,1,1,1,1,1]}]}", "axes"},
		{"{\"inputs\":[{\"name\":\"a\",\"shape\":[9223372036854775808]}]}", "63 bits"},
		{"{\"inputs\":[{\"name\":\"a\",\"parameters\":{\"binary_data_size\":-1}}]}",
	         "negative"},
		{"{\"inputs\":[{\"name\":\"a\"}],\"outputs\":[{}]}", "no name"},
		{"{\"inputs\":[{\"name\":\"a\"}],\"outputs\":[{\"name\":\"y\"},{\"name\":\"y\"}]}",
	         "twice"},
		{"{\"inputs\":[{\"name\":\"a\"}],\"parameters\":{\"timeout\":-1}}", "negative"},
		{"{\"inputs\":[{\"name\":\"a\"}]} {}", "follows"},
		{"[]", "object"},
	};
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		CHECK_INT(read_text(faults[i].text, strlen(faults[i].text)), CNN_BAD_ARG);
		CHECK(strstr(err.text, faults[i].says));
	}
}

static void the_headers_value_is_a_number(void)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1, 1", "99999999999999999999"};
	size_t value;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK_INT(oip_json_bytes(bad[i], &value, &err), CNN_BAD_ARG);
	CHECK_INT(oip_json_bytes("0", &value, &err), CNN_OK);
	CHECK_INT(value, 0);
	CHECK_INT(oip_json_bytes("1234", &value, &err), CNN_OK);
	CHECK_INT(value, 1234);
}

static enum cnn_status numbers(const char *text, enum cnn_dtype dtype, size_t count, void *out)
{
	struct oip_span span = {text, strlen(text)};
	return oip_tensor_numbers(&span, dtype, count, out, &err);
}

static void numbers_may_be_nested_in_any_way(void)
{
	float out[4];
	static const char *const good[] = {"[1,2.5,-3,4e2]", "[[1,2.5],[-3,4e2]]",
	                                   "[[[1]],2.5,[],[[-3],4e2]]"};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		memset(out, 0, sizeof out);
		CHECK_INT(numbers(good[i], CNN_F32, 4, out), CNN_OK);
		CHECK(out[0] == 1 && out[1] == 2.5f && out[2] == -3 && out[3] == 400);
	}
	CHECK_INT(numbers("7", CNN_F32, 1, out), CNN_OK);
	CHECK(out[0] == 7);
}

static void other_counts_and_kinds_are_refused(void)
{
	float out[2] = {0};
	static const char *const bad[] = {
		"[1]",      "[1,2,3]",   "[]",      "[1,null]", "[1,true]", "[1,\"2\"]", "[1,{}]",
		"[1,1e39]", "[1,-1e39]", "[1,NaN]", "",         "{}",       "[1,2",      "[1,2]x"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK_INT(numbers(bad[i], CNN_F32, 2, out), CNN_BAD_ARG);
	uint8_t bytes[2];
	CHECK_INT(numbers("[0,255]", CNN_U8, 2, bytes), CNN_OK);
	CHECK(bytes[0] == 0 && bytes[1] == 255);
	CHECK_INT(numbers("[0,256]", CNN_U8, 2, bytes), CNN_BAD_ARG);
	CHECK_INT(numbers("[-1,0]", CNN_U8, 2, bytes), CNN_BAD_ARG);
	CHECK_INT(numbers("[0.5,0]", CNN_U8, 2, bytes), CNN_BAD_ARG);
}

static void strings_are_base64(void)
{
	struct arena *arena = arena_new();
	struct oip_bytes out[2];
	struct oip_span span = {"[\"aGk=\",{\"x\":[],\"b64\":\"aG8=\"}]", 31};
	span.len = strlen(span.text);
	CHECK_INT(oip_tensor_strings(&span, 2, arena, out, &err), CNN_OK);
	CHECK(out[0].len == 2 && memcmp(out[0].bytes, "hi", 2) == 0);
	CHECK(out[1].len == 2 && memcmp(out[1].bytes, "ho", 2) == 0);
	static const char *const bad[] = {"[\"aGk=\"]",
	                                  "[\"a*\",\"\"]",
	                                  "[1,2]",
	                                  "[{},{}]",
	                                  "[{\"b64\":1},\"\"]",
	                                  "[\"\",\"\",\"\"]",
	                                  "[{\"b64\":\"\",\"b64\":\"\"},\"\"]"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		span = (struct oip_span){bad[i], strlen(bad[i])};
		CHECK_INT(oip_tensor_strings(&span, 2, arena, out, &err), CNN_BAD_ARG);
	}
	arena_free(arena);
}

static void elements_carry_their_length(void)
{
	struct oip_bytes out[2];
	static const uint8_t good[] = {2, 0, 0, 0, 'h', 'i', 0, 0, 0, 0};
	CHECK_INT(oip_tensor_elements(good, sizeof good, 2, out, &err), CNN_OK);
	CHECK(out[0].bytes == good + 4 && out[0].len == 2 && out[1].len == 0);
	for (size_t len = 0; len < sizeof good; len++) {
		uint8_t *copy = malloc(len + !len);
		memcpy(copy, good, len);
		CHECK_INT(oip_tensor_elements(copy, len, 2, out, &err), CNN_BAD_ARG);
		free(copy);
	}
	CHECK_INT(oip_tensor_elements(good, sizeof good, 1, out, &err), CNN_BAD_ARG);
	static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 1};
	CHECK_INT(oip_tensor_elements(huge, sizeof huge, 1, out, &err), CNN_BAD_ARG);
}

static void instances_are_counted(void)
{
	struct arena *arena = arena_new();
	struct oip_span *span;
	size_t n;
	static const char text[] = "{\"a\":1,\"instances\":[[1,2], {\"b64\":\"\"} ,3]}";
	CHECK_INT(oip_instances_read(text, sizeof text - 1, 3, arena, &span, &n, &err), CNN_OK);
	CHECK_INT(n, 3);
	CHECK_INT(span[0].len, 5);
	CHECK(span[1].text[0] == '{' && span[1].len == 10);
	CHECK_INT(span[2].len, 1);
	CHECK_INT(oip_instances_read(text, sizeof text - 1, 2, arena, &span, &n, &err),
	          CNN_BAD_ARG);
	CHECK_INT(oip_instances_read("{}", 2, 2, arena, &span, &n, &err), CNN_BAD_ARG);
	arena_free(arena);
}

TEST_MAIN({"a_request_is_read", a_request_is_read},
          {"no_part_of_a_request_is_one", no_part_of_a_request_is_one},
          {"changed_bytes_do_no_harm", changed_bytes_do_no_harm},
          {"faults_are_told", faults_are_told},
          {"the_headers_value_is_a_number", the_headers_value_is_a_number},
          {"numbers_may_be_nested_in_any_way", numbers_may_be_nested_in_any_way},
          {"other_counts_and_kinds_are_refused", other_counts_and_kinds_are_refused},
          {"strings_are_base64", strings_are_base64},
          {"elements_carry_their_length", elements_carry_their_length},
          {"instances_are_counted", instances_are_counted})
