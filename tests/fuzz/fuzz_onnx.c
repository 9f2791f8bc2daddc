/* fuzz_onnx.c - any bytes as a model file: imported, and what that accepts written again, loaded and run.
 *
 * A model may take a few megabytes only. What would need more must be refused by arithmetic: the fuzzer's
 * own limit on memory is not far above. */
#include "engine/base/cpu.h"
#include "engine/cnn.h"
#include "engine/onnx/export.h"
#include "engine/onnx/import.h"
#include "engine/operators/infer.h"
#include "tests/fuzz/target.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_BYTES ((size_t)32 << 20)
#define MAX_WORK  2e7 /* multiply-adds and the like of a run */
#define BATCH     3

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_refusal(enum cnn_status status, const struct cnn_error *err)
{
	check(err->code == status && err->text[0] != '\0' && !strchr(err->text, '\n'));
}

/* Open dimensions become what a server would choose, so that the walk gets past them. */
static void fix_inputs(struct graph *g)
{
	for (size_t i = 0; i < g->n_input; i++) {
		struct value *v = &g->value[g->input[i]];
		for (int32_t k = 0; k < v->rank; k++)
			if (v->dim[k] < 0)
				v->dim[k] = k == 0 ? 1 : 32;
		v->shaped = true;
	}
}

static bool same_shape(const struct value *a, const struct value *b)
{
	bool same = a->dtype == b->dtype && a->rank == b->rank;
	for (int32_t i = 0; same && i < a->rank; i++)
		same = a->dim[i] == b->dim[i];
	return same;
}

/* The file of a good graph is a good file. */
static void export(const struct graph *g)
{
	static const struct onnx_export_options options = {0};
	struct graph *again = NULL;
	struct cnn_error err = {0};
	uint8_t *bytes = NULL;
	size_t len;
	enum cnn_status status = onnx_export(g, &options, &bytes, &len, &err);
	if (status) {
		check_refusal(status, &err);
		return;
	}
	check(onnx_import(bytes, len, "again.onnx", &again, NULL, &err) == CNN_OK);
	fix_inputs(again);
	check(again->n_input == g->n_input && again->n_output == g->n_output);
	status = graph_infer(again, &err);
	/* What constants may cost goes by their size in the file, and those that nothing uses are gone. */
	check(status == CNN_OK || strstr(err.text, "takes too much memory"));
	for (size_t i = 0; i < g->n_output && !status; i++)
		check(same_shape(&g->value[g->output[i]], &again->value[again->output[i]]));
	graph_free(again);
	free(bytes);
}

/* Whatever inference accepts must keep the graph's promises. */
static void import(const uint8_t *bytes, size_t len)
{
	struct graph *g = NULL;
	struct onnx_info info;
	struct graph_layers layers;
	struct cnn_error err = {0};
	static const struct onnx_bounds bounds = {.max_bytes = MAX_BYTES};
	enum cnn_status status =
		onnx_import_within(&bounds, bytes, len, "fuzz.onnx", &g, &info, &err);
	if (status) {
		check_refusal(status, &err);
		return;
	}
	fix_inputs(g);
	status = graph_infer(g, &err);
	if (!status) {
		check(graph_check(g, &err) == CNN_OK);
		for (size_t i = 0; i < g->n_value; i++)
			check(!g->value[i].shaped ||
			      graph_dims_valid(g->value[i].rank, g->value[i].dim));
		graph_sweep(g);
		check(graph_sort(g, &err) == CNN_OK && graph_check(g, &err) == CNN_OK);
		export(g);
		status = graph_build_layers(g, &layers, &err);
	}
	if (status)
		check_refusal(status, &err);
	graph_free(g);
}

/* --- running ---------------------------------------------------------------------------- */

static double elements(const struct cnn_shape *s)
{
	double n = 1;
	for (int32_t i = 0; i < s->rank; i++)
		n *= (double)s->dim[i];
	return n;
}

/* About how many operations a run is. */
static double work_of(const struct cnn_model *m)
{
	double work = elements(&cnn_model_info(m)->input);
	for (size_t i = 0; i < cnn_model_layers(m); i++) {
		const struct cnn_layer *row = cnn_model_layer(m, i);
		double out = elements(&row->output);
		work += (double)row->macs + elements(&row->input) + out;
		if (row->windowed)
			work += out * row->kernel[0] * row->kernel[1];
		if (strcmp(row->op, "LRN") == 0 && row->output.rank > 1)
			work += out * (double)row->output.dim[1];
	}
	return work;
}

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
	int fd = memfd_create("fuzz.onnx", MFD_CLOEXEC);
	check(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	import(bytes, len);
	load(path, CNN_ISA_PORTABLE, true);
	load(path, cpu_isa(), false);
	close(fd);
	return 0;
}
