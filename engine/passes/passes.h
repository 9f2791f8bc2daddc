/* passes.h - rewrites of the graph between import and plan, in one ordered table. */
#ifndef ENGINE_PASSES_PASSES_H
#define ENGINE_PASSES_PASSES_H
#include "engine/graph/graph.h"

/* Where layers of the file went: fused_into[layer] is the row that absorbed it, or NO_LAYER. */
struct pass_log {
	uint32_t *fused_into;
	size_t n_layers;
};

/* Rewrite g and keep it valid (graph_check). */
typedef enum cnn_status pass_fn(struct graph *g, struct pass_log *log, struct cnn_error *err);

struct pass {
	const char *name;
	pass_fn *run;
	bool optional; /* left out when every layer must stay visible */
};

extern const struct pass passes[];
extern const size_t n_passes;

/* All of them in order, with graph_check() after each. g must have been through graph_infer(). Tensors that
 * are empty or not float32 are refused, naming the node. */
enum cnn_status passes_run(struct graph *g, bool keep_layers, struct pass_log *log,
                           struct cnn_error *err);

pass_fn pass_find_quantised; /* operators between DequantizeLinear and QuantizeLinear -> integer ones */
pass_fn pass_drop_identity;   /* Identity, Dropout, Concat, Sum, ... of one input */
pass_fn pass_find_activation; /* x * sigmoid(x) and its kin, spelled out -> one node */
pass_fn pass_find_gelu;       /* x * (1 + erf(x / sqrt(2))) / 2, spelled out -> one node */
pass_fn pass_find_layer_norm; /* (x - mean) / sqrt(variance + epsilon), spelled out -> one node */
pass_fn pass_find_shuffle;    /* Reshape, Transpose, Reshape of groups -> Gather of channels */
pass_fn pass_merge_pad;       /* zero Pad before Conv -> Conv's own padding */
pass_fn pass_fold_affine;   /* BatchNormalization, Mul, Add by channel -> the weights before them */
pass_fn pass_fuse_residual; /* Add of two feature maps -> the epilogue of a convolution */
pass_fn pass_fuse_activation; /* Relu, Clip, ... -> the epilogue of what comes before */
pass_fn pass_split_einsum;    /* Einsum that is a matrix product -> MatMul */
pass_fn pass_split_gemm;      /* Gemm's C where it is no plain bias -> an Add of its own */
pass_fn pass_layout;          /* choose each value's layout, insert the copies */

#endif
