/* oip_tensor.h - the elements of a tensor, out of JSON or out of bytes. */
#ifndef SERVER_OIP_TENSOR_H
#define SERVER_OIP_TENSOR_H
#include "server/oip_request.h"

/* One element of a BYTES tensor. */
struct oip_bytes {
	const uint8_t *bytes;
	size_t len;
};

/* Exactly `count` numbers, nested in arrays in any way, as float32 or uint8, into out[]. */
enum cnn_status oip_tensor_numbers(const struct oip_span *data, enum cnn_dtype dtype, size_t count,
                                   void *out, struct cnn_error *err);
/* Exactly `count` elements, each base64 as a string or as {"b64": "..."}, decoded into `arena`. */
enum cnn_status oip_tensor_strings(const struct oip_span *data, size_t count, struct arena *arena,
                                   struct oip_bytes out[], struct cnn_error *err);
/* Exactly `count` elements, a little-endian uint32 of its length before each; they stay where they are. */
enum cnn_status oip_tensor_elements(const uint8_t *bytes, size_t len, size_t count,
                                    struct oip_bytes out[], struct cnn_error *err);

#endif
