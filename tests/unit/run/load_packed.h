/* load_packed.h - models packed in memory, loaded as the files they would be. */
#ifndef TESTS_UNIT_RUN_LOAD_PACKED_H
#define TESTS_UNIT_RUN_LOAD_PACKED_H
#include "engine/base/cpu.h"
#include "engine/cnn.h"
#include "tests/unit/onnx/model.h"

#include <sys/mman.h>

/* The path of a file that lives as long as the test. */
__attribute__((unused)) static const char *packed_file(struct model *m)
{
	static char path[64];
	size_t len;
	uint8_t *bytes = model_pack(m, &len);
	int fd = memfd_create("packed.onnx", 0);
	CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	free(bytes);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return path;
}

__attribute__((unused)) static struct cnn_model *packed_load(struct model *m, int32_t max_batch)
{
	struct cnn_load_options options = {.max_isa = cpu_isa(), .max_batch = max_batch};
	struct cnn_model *loaded = NULL;
	struct cnn_error err = {0};
	if (cnn_model_load(packed_file(m), &options, &loaded, &err) != CNN_OK)
		fprintf(stderr, "cnn_model_load: %s\n", err.text);
	CHECK(loaded != NULL);
	return loaded;
}

/* Loading fails with one line that has the file's name and `part` in it. */
__attribute__((unused)) static void packed_refuse(struct model *m, enum cnn_status code,
                                                  const char *part)
{
	struct cnn_load_options options = {.max_isa = cpu_isa(), .max_batch = 2};
	struct cnn_model *loaded = NULL;
	struct cnn_error err = {0};
	const char *path = packed_file(m);
	enum cnn_status got = cnn_model_load(path, &options, &loaded, &err);
	if (got != code || !strstr(err.text, part))
		fprintf(stderr, "cnn_model_load: \"%s\", want \"%s\"\n", err.text, part);
	CHECK_INT(got, code);
	CHECK(loaded == NULL && strstr(err.text, part) != NULL && !strchr(err.text, '\n'));
	CHECK(strncmp(err.text, path, strlen(path)) == 0);
}

/* The first scores of one input, which counts up from 0 in steps of 1/8. */
__attribute__((unused)) static void packed_run(struct model *m, size_t n, float *scores)
{
	struct cnn_model *loaded = packed_load(m, 1);
	const struct cnn_model_info *info = cnn_model_info(loaded);
	struct cnn_session *session = NULL;
	struct cnn_error err = {0};
	size_t in = 1;
	for (int32_t i = 0; i < info->input.rank; i++)
		in *= (size_t)info->input.dim[i];
	float *x = calloc(in, sizeof *x), *all = calloc(info->classes, sizeof *all);
	CHECK(x && all && n <= info->classes);
	for (size_t i = 0; i < in; i++)
		x[i] = (float)i / 8;
	CHECK_INT(cnn_session_new(loaded, NULL, &session, &err), CNN_OK);
	CHECK_INT(cnn_session_run_tensor(session, x, 1, true, all, NULL, &err), CNN_OK);
	memcpy(scores, all, n * sizeof *scores);
	free(x);
	free(all);
	cnn_session_free(session);
	cnn_model_unref(loaded);
}

#endif
