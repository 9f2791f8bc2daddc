/* fuzz_run.c - any bytes as a model file: loaded, planned and run, on zeros and on other numbers.
 *
 * As in fuzz_load.c a model may take a few megabytes only. */
#include "engine/base/cpu.h"
#include "engine/cnn.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/work.h"

#include <math.h>

#define MAX_BYTES ((size_t)32 << 20)
#define BATCH     3

static bool same_numbers(const float *a, const float *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i])))
			return false;
	return true;
}

static void run_twice(struct cnn_session *s, const struct cnn_model_info *info)
{
	size_t in = (size_t)elements(&info->input), out = info->classes;
	float *x = calloc(BATCH * in, sizeof *x);
	float *together = calloc(BATCH * out, sizeof *together);
	float *alone = calloc(BATCH * out, sizeof *alone);
	struct cnn_error err = {0};
	check(x && together && alone);
	/* zeros, and something else */
	for (size_t i = in; i < BATCH * in; i++)
		x[i] = (float)(i * 2654435761u % 2001) / 1000 - 1;
	/* what the picture itself makes impossible (to divide by zero) fails alone too */
	enum cnn_status status = cnn_session_run_tensor(s, x, BATCH, false, together, NULL, &err);
	enum cnn_status one = CNN_OK;
	for (size_t i = 0; i < BATCH && !one; i++)
		one = cnn_session_run_tensor(s, x + i * in, 1, false, alone + i * out, NULL, &err);
	check(one == status);
	if (status)
		check_refusal(status, &err);
	else
		check(same_numbers(together, alone, BATCH * out));
	free(x);
	free(together);
	free(alone);
}

static void load(const char *path, enum cnn_isa isa, bool keep_layers)
{
	struct cnn_load_options options = {.max_isa = isa,
	                                   .max_batch = BATCH,
	                                   .keep_layers = keep_layers,
	                                   .max_bytes = MAX_BYTES};
	struct cnn_model *m = NULL;
	struct cnn_session *s = NULL;
	struct cnn_error err = {0};
	enum cnn_status status = cnn_model_load(path, &options, &m, &err);
	if (!status)
		status = cnn_session_new(m, NULL, &s, &err);
	if (status)
		check_refusal(status, &err);
	else if (work_of(m) <= MAX_WORK)
		run_twice(s, cnn_model_info(m));
	cnn_session_free(s);
	cnn_model_unref(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char path[64];
	int fd = memory_file(bytes, len, path);
	load(path, CNN_ISA_PORTABLE, true);
	load(path, cpu_isa(), false);
	close(fd);
	return 0;
}
