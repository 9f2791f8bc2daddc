/* export.h - struct graph -> the bytes of an .onnx file.
 *
 * IR version 8, opset 17 of ONNX's own domain; weights as raw_data. onnx_import() of the result gives the
 * same graph back, but for names that the importer makes up. */
#ifndef ENGINE_ONNX_EXPORT_H
#define ENGINE_ONNX_EXPORT_H
#include "engine/graph/graph.h"

struct onnx_meta {
	const char *key, *value;
};

struct onnx_export_options {
	const char *producer_name, *producer_version; /* "convd", its version */
	const char *
		batch_name; /* the first dimension of the graph's inputs and outputs; NULL: it is 1 */
	const struct onnx_meta *meta;
	size_t n_meta;
};

/* g is as graph_infer() leaves it, before any of the passes: no layouts, no residuals, no fused activations, none
 * of the operators that only passes make. Dead nodes and constants that nothing uses are left out. *bytes is
 * from malloc(), the caller's. CNN_UNSUPPORTED names a node that a file cannot hold; CNN_NO_MEMORY. */
enum cnn_status onnx_export(const struct graph *g, const struct onnx_export_options *options,
                            uint8_t **bytes, size_t *len, struct cnn_error *err);

#endif
