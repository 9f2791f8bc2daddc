/* tensors.h - TensorProto -> constant. */
#ifndef ENGINE_ONNX_TENSORS_H
#define ENGINE_ONNX_TENSORS_H
#include "engine/graph/graph.h"
#include "engine/onnx/external.h"
#include "onnx.pb-c.h"

/* The graph's type for one of the file's: float16, bfloat16 and float64 are float32 here. Errors begin
 * with `kind` and the quoted name: "tensor 'x'". */
enum cnn_status tensor_dtype(int32_t data_type, const char *kind, const char *name,
                             enum cnn_dtype *out, struct cnn_error *err);

/* A new constant called `name`. `external` is where data in other files comes from. */
enum cnn_status tensor_import(struct graph *g, struct external *external,
                              const Onnx__TensorProto *file, const char *name, value_id *out,
                              struct cnn_error *err);

#endif
