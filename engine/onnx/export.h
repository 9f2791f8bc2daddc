/* export.h - struct graph -> the bytes of an .onnx file.
 *
 * IR version 8, opset 17 of ONNX's own domain; weights as raw_data. onnx_import() of the result gives an equal
 * graph: nodes and tensors keep their names where these are unique, constants that came of attributes get names
 * that the importer makes up, paddings are explicit. Only what opset 17 has no form for is spelt otherwise: a Softmax
 * over several axes at once is one between Flatten and Reshape, and what opset 18 brought (axes of Pad, uneven
 * parts of Split, a Reduce* that does nothing) is worked out for the graph's shapes. */
#ifndef ENGINE_ONNX_EXPORT_H
#define ENGINE_ONNX_EXPORT_H
#include "engine/graph/graph.h"

struct onnx_meta {
	const char *key, *value;
};

struct onnx_export_options {
	const char *producer_name, *producer_version; /* "convd", its version; may be NULL */
	/* The first dimension of the graph's inputs and outputs where that is 1; NULL: it stays 1. With a name,
	 * a Reshape to a shape that begins with this 1 copies the dimension instead. */
	const char *batch_name;
	const struct onnx_meta *meta;
	size_t n_meta;
};

/* g is as graph_infer() leaves it, before any of the passes: no layouts, no residuals, no fused activations, none
 * of the operators that only passes make. Dead nodes and constants that nothing uses are left out. *bytes is
 * from malloc(), the caller's. CNN_UNSUPPORTED names a node that a file cannot hold, or says that the file would
 * be larger than protobuf's 2 GiB; CNN_BAD_ARG: a shape is not known; CNN_NO_MEMORY. */
enum cnn_status onnx_export(const struct graph *g, const struct onnx_export_options *options,
                            uint8_t **bytes, size_t *len, struct cnn_error *err);

#endif
