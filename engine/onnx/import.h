/* import.h - the bytes of an .onnx file -> struct graph.
 *
 * Opset 1 to 22 of ONNX's own domain; older forms become opset 13's (see graph.h). Float16,
 * bfloat16 and float64 tensors, inputs and casts become float32. Constant nodes and initialisers
 * become constants. No byte of the file is trusted. */
#ifndef ENGINE_ONNX_IMPORT_H
#define ENGINE_ONNX_IMPORT_H
#include "engine/graph/graph.h"

/* What else the file says. All is in the graph's arena; strings are valid UTF-8, never NULL, and
 * without control characters but for the values' line ends and tabs. */
struct onnx_info {
	const char *producer;
	int64_t ir_version, opset;
	const char *const *meta_keys, *const *meta_values;
	size_t n_meta;
};

/* On success the caller owns *out, sorted and checked. Its inputs have a type, a rank and
 * dimensions, but shaped = false: an open dimension is -1, and the caller decides it and sets
 * `shaped` before graph_infer(). `info` may be NULL. `bytes` is not needed afterwards.
 * Errors name the node or the tensor; those about the whole file name file_name. */
enum cnn_status onnx_import(const uint8_t *bytes, size_t len, const char *file_name,
                            struct graph **out, struct onnx_info *info, struct cnn_error *err);

/* What an import may use besides `bytes`. */
struct onnx_bounds {
	size_t max_bytes; /* of memory; the graph's arena keeps that limit */
	/* The model's path: tensors may have their data in other files of its folder. NULL: not. */
	const char *beside;
};
enum cnn_status onnx_import_within(const struct onnx_bounds *bounds, const uint8_t *bytes,
                                   size_t len, const char *file_name, struct graph **out,
                                   struct onnx_info *info, struct cnn_error *err);

#endif
