/* wire.h - protobuf bytes -> ModelProto, within limits on depth and memory. */
#ifndef ENGINE_ONNX_WIRE_H
#define ENGINE_ONNX_WIRE_H
#include "engine/base/status.h"
#include "onnx.pb-c.h"

#include <stdint.h>

/* The caller frees *out with wire_free(). */
enum cnn_status wire_unpack(const uint8_t *bytes, size_t len, const char *file_name,
                            Onnx__ModelProto **out, struct cnn_error *err);
void wire_free(Onnx__ModelProto *model); /* NULL-safe */

#endif
