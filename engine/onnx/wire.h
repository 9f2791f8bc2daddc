/* wire.h - protobuf bytes -> ModelProto, within limits on depth and memory. */
#ifndef ENGINE_ONNX_WIRE_H
#define ENGINE_ONNX_WIRE_H
#include "engine/base/status.h"
#include "onnx.pb-c.h"

#include <stdint.h>

/* Takes at most max_bytes of memory, *used of them for the result, which the caller frees with
 * wire_free(). */
enum cnn_status wire_unpack(const uint8_t *bytes, size_t len, const char *file_name,
                            size_t max_bytes, Onnx__ModelProto **out, size_t *used,
                            struct cnn_error *err);
void wire_free(Onnx__ModelProto *model); /* NULL-safe */

#endif
