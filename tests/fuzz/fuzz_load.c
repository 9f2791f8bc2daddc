/* fuzz_load.c - any bytes as a model file: imported, its shapes and constants worked out, and what that accepts
 * written and read again.
 *
 * A model may take a few megabytes only. What would need more must be refused by arithmetic: the fuzzer's
 * own limit on memory is not far above. */
#include "engine/graph/layers.h"
#include "engine/onnx/export.h"
#include "engine/onnx/import.h"
#include "engine/operators/infer.h"
#include "tests/fuzz/target.h"

#define MAX_BYTES ((size_t)32 << 20)

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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	import(bytes, len);
	return 0;
}
