/* bytes.h - loops on bytes that the compiler turns into vectors well enough. */
#ifndef ENGINE_KERNELS_BYTES_H
#define ENGINE_KERNELS_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* out[i] = x[i] - zero; x: int8_t when it is signed. */
void widen_bytes(size_t n, const uint8_t *x, bool is_signed, int32_t zero, int16_t *out);
/* out[j * rows + i] = x[i * columns + j] */
void transpose_bytes(size_t rows, size_t columns, const uint8_t *x, uint8_t *out);
/* y[i] = to[x[i]] */
void look_up_bytes(size_t n, const uint8_t *x, const uint8_t to[256], uint8_t *y);

#endif
