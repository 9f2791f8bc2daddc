/* requantise.h - the last step of the kernels on integers, in plain C. */
#ifndef ENGINE_KERNELS_REQUANTISE_H
#define ENGINE_KERNELS_REQUANTISE_H
#include "engine/kernels/kernels.h"
#include "engine/kernels/loops.h"

#include <string.h>

/* Adding 1.5 * 2^23 rounds what is small against it to an integer, and leaves that in the low bits. */
ALWAYS_INLINE uint8_t requantise(uint32_t sum, size_t j, const struct requantise *r)
{
	float v = (float)(int32_t)(sum + (uint32_t)r->bias[j]) * r->scale[j];
	v = v > r->lo ? v : r->lo;
	v = v < r->hi ? v : r->hi;
	v += 12582912.0F;
	uint32_t bits;
	memcpy(&bits, &v, sizeof bits);
	return (uint8_t)(bits + (uint32_t)r->zero);
}

#endif
