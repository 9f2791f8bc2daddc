#include "engine/kernels/bytes.h"

void widen_bytes(size_t n, const uint8_t *x, bool is_signed, int32_t zero, int16_t *out)
{
	const int8_t *s = (const int8_t *)x;
	int16_t z = (int16_t)zero;
	if (is_signed)
		for (size_t i = 0; i < n; i++)
			out[i] = (int16_t)(s[i] - z);
	else
		for (size_t i = 0; i < n; i++)
			out[i] = (int16_t)(x[i] - z);
}

/* The channels of a picture. */
static void interleave(size_t n, const uint8_t *x, uint8_t *restrict out)
{
	const uint8_t *y = x + n, *z = y + n;
	for (size_t i = 0; i < n; i++, out += 3) {
		out[0] = x[i];
		out[1] = y[i];
		out[2] = z[i];
	}
}

void transpose_bytes(size_t rows, size_t columns, const uint8_t *x, uint8_t *out)
{
	enum { BLOCK = 32 }; /* a block's lines stay in the cache */
	if (rows == 3) {
		interleave(columns, x, out);
		return;
	}
	for (size_t j0 = 0; j0 < columns; j0 += BLOCK)
		for (size_t i0 = 0; i0 < rows; i0 += BLOCK) {
			size_t j1 = columns - j0 < BLOCK ? columns : j0 + BLOCK;
			size_t i1 = rows - i0 < BLOCK ? rows : i0 + BLOCK;
			for (size_t j = j0; j < j1; j++)
				for (size_t i = i0; i < i1; i++)
					out[j * rows + i] = x[i * columns + j];
		}
}

void look_up_bytes(size_t n, const uint8_t *x, const uint8_t to[256], uint8_t *y)
{
	for (size_t i = 0; i < n; i++)
		y[i] = to[x[i]];
}
