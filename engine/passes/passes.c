#include "engine/passes/passes.h"

const struct pass passes[] = {
	{"split gemm", pass_split_gemm, false},
	{"drop identity", pass_drop_identity, true},
	{"find activation", pass_find_activation, true},
	{"merge pad", pass_merge_pad, true},
	{"fold affine", pass_fold_affine, true},
	{"fuse residual", pass_fuse_residual, true},
	{"fuse activation", pass_fuse_activation, true},
	{"layout", pass_layout, false},
};
const size_t n_passes = sizeof passes / sizeof passes[0];

/* What cannot run is refused here, so that neither the passes nor the plan meet it. */
static enum cnn_status check_node(const struct graph *g, const struct node *n,
                                  struct cnn_error *err)
{
	for (uint32_t k = 0; k < n->n_out; k++) {
		const struct value *v = &g->value[n->out[k]];
		if (v->dtype != CNN_F32)
			return cnn_fail(err, CNN_UNSUPPORTED,
			                "node '%s': %s makes %s of the picture, not float32",
			                n->name, op_table[n->op].onnx_name,
			                cnn_dtype_name(v->dtype));
		if (graph_elements(v) == 0)
			return cnn_fail(err, CNN_UNSUPPORTED, "node '%s': %s makes an empty tensor",
			                n->name, op_table[n->op].onnx_name);
	}
	return CNN_OK;
}

enum cnn_status passes_run(struct graph *g, bool keep_layers, struct pass_log *log,
                           struct cnn_error *err)
{
	for (size_t i = 0; i < g->n_node; i++) {
		enum cnn_status status = g->node[i].dead ? CNN_OK : check_node(g, &g->node[i], err);
		if (status)
			return status;
	}
	for (size_t i = 0; i < n_passes; i++) {
		if (keep_layers && passes[i].optional)
			continue;
		enum cnn_status status = passes[i].run(g, log, err);
		if (!status)
			status = graph_check(g, err);
		if (status)
			return status;
	}
	return CNN_OK;
}
