#include "engine/passes/passes.h"

const struct pass passes[] = {
	/* Looks at what inference has computed, which later passes may put out of order. */
	{"find quantised", pass_find_quantised, true},
	{"split einsum", pass_split_einsum, false},
	{"split gemm", pass_split_gemm, false},
	{"drop identity", pass_drop_identity, true},
	{"find activation", pass_find_activation, true},
	{"find gelu", pass_find_gelu, true},
	{"find layer norm", pass_find_layer_norm, true},
	{"find shuffle", pass_find_shuffle, true},
	{"merge pad", pass_merge_pad, true},
	{"fold affine", pass_fold_affine, true},
	{"fuse residual", pass_fuse_residual, true},
	{"fuse activation", pass_fuse_activation, true},
	{"layout", pass_layout, false},
};
const size_t n_passes = sizeof passes / sizeof passes[0];

enum cnn_status passes_run(struct graph *g, bool keep_layers, struct pass_log *log,
                           struct cnn_error *err)
{
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
