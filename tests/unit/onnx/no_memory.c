/* no_memory.c - each allocation of a load or an export fails in turn: every time a clean CNN_NO_MEMORY. */
#include "engine/graph/layers.h"
#include "engine/onnx/export.h"
#include "engine/onnx/import.h"
#include "engine/operators/infer.h"
#include "tests/test.h"

#if defined(__has_feature)
#	if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
		__has_feature(memory_sanitizer)
#		define SANITIZED
#	endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define SANITIZED
#endif

#ifdef SANITIZED
static void every_allocation_fails(void)
{
	SKIP("a sanitizer has an allocator of its own");
}

static void every_allocation_of_an_export_fails(void)
{
	every_allocation_fails();
}
#else
/* glibc's own allocator under its second name; this program's calls come to the functions below. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

static long countdown = -1; /* allocations until the one that fails; negative: none does */

static bool fails(void)
{
	if (countdown < 0)
		return false;
	return countdown-- == 0;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	return fails() ? NULL : __libc_memalign(align, size);
}

static enum cnn_status load(const uint8_t *bytes, size_t len, struct graph **out,
                            struct cnn_error *err)
{
	struct graph *g = NULL;
	struct onnx_info info;
	struct graph_layers layers;
	enum cnn_status s = onnx_import(bytes, len, "m.onnx", &g, &info, err);
	for (size_t i = 0; !s && i < g->n_input; i++) {
		struct value *v = &g->value[g->input[i]];
		for (int32_t k = 0; k < v->rank; k++)
			v->dim[k] = v->dim[k] < 0 ? 48 : v->dim[k];
		v->dim[0] = 1;
		v->shaped = true;
	}
	if (!s)
		s = graph_infer(g, err);
	if (!s)
		graph_sweep(g);
	if (!s)
		s = graph_sort(g, err);
	if (!s)
		s = graph_build_layers(g, &layers, err);
	if (!s && out)
		*out = g;
	else
		graph_free(g);
	return s;
}

static void every_allocation_fails(void)
{
	static const char *const models[] = {"models/mnist-8/model.onnx",
	                                     "models/ppocr_cls_mobilenetv3/model.onnx"};
	for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
		size_t len;
		uint8_t *bytes = test_read(test_data(models[i]), &len);
		bool failed_once = false, more = true;
		/* Prime steps keep the large model's thousands of allocations quick. */
		for (long k = 0; more; k += i ? 13 : 1) {
			struct cnn_error err = {0};
			countdown = k;
			enum cnn_status s = load(bytes, len, NULL, &err);
			more = countdown < 0;
			countdown = -1;
			/* graph_sweep does without its memory: then nothing is reported. */
			CHECK(s == CNN_NO_MEMORY || s == CNN_OK);
			CHECK(s == CNN_OK || strstr(err.text, "out of memory"));
			failed_once |= s != CNN_OK;
		}
		CHECK(failed_once);
		free(bytes);
	}
}

/* How many of them there are. */
static size_t fail_export(const struct graph *g)
{
	static const struct onnx_meta meta = {"key", "value"};
	static const struct onnx_export_options options = {
		.producer_name = "test", .batch_name = "N", .meta = &meta, .n_meta = 1};
	size_t failed = 0;
	bool more = true;
	for (long k = 0; more; k++) {
		struct cnn_error err = {0};
		uint8_t *file = NULL;
		size_t len;
		countdown = k;
		enum cnn_status s = onnx_export(g, &options, &file, &len, &err);
		more = countdown < 0;
		countdown = -1;
		/* qsort does without its memory. */
		CHECK(s == CNN_NO_MEMORY || s == CNN_OK);
		CHECK((file == NULL) == (s != CNN_OK));
		CHECK(s == CNN_OK || strstr(err.text, "out of memory"));
		failed += s != CNN_OK;
		free(file);
	}
	return failed;
}

static void every_allocation_of_an_export_fails(void)
{
	struct graph *g;
	struct cnn_error err = {0};
	size_t len;
	uint8_t *bytes = test_read(test_data("models/ppocr_cls_mobilenetv3/model.onnx"), &len);
	CHECK_INT(load(bytes, len, &g, &err), CNN_OK);
	free(bytes);
	/* Of what the arena gives out only the first of each chunk comes from the system; a larger graph
	 * moves where chunks begin. */
	for (int round = 0; round < 40; round++) {
		CHECK(fail_export(g) > 3);
		for (int i = 0; i < 16; i++)
			CHECK(graph_add_value(g, "") != NO_VALUE);
	}
	graph_free(g);
}
#endif

TEST_MAIN({"every_allocation_fails", every_allocation_fails},
          {"every_allocation_of_an_export_fails", every_allocation_of_an_export_fails})
