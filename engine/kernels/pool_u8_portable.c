#include "engine/kernels/pool_u8.h"

void maxpool_u8_portable(size_t pixels, size_t channels, size_t taps, const uint8_t *const *in,
                         bool is_signed, uint8_t *y)
{
	maxpool_all(pixels, channels, taps, in, is_signed, y);
}

void avgpool_u8_portable(size_t channels, size_t taps, const uint8_t *const *in,
                         const struct average_u8 *a, float divisor, uint8_t *y)
{
	average_all(channels, taps, in, a, divisor, y);
}

void mean_u8_portable(size_t channels, size_t pixels, size_t stride, const uint8_t *x,
                      bool is_signed, const struct mean_u8 *m, uint8_t *y)
{
	mean_all(channels, pixels, stride, x, is_signed, m, y);
}
