/* intrinsics.h - what each AVX-512 intrinsic that kernels use gives, emulated and by the CPU. */
#ifndef TESTS_KERNELS_EMULATED_INTRINSICS_H
#define TESTS_KERNELS_EMULATED_INTRINSICS_H
#include <stdint.h>

enum { INTRINSICS_LANES = 16 };

/* Operands, and one row of results for each intrinsic. */
struct intrinsics {
	float a[INTRINSICS_LANES], b[INTRINSICS_LANES], c[INTRINSICS_LANES];
	uint16_t mask;
	struct intrinsics_results {
		float set1[INTRINSICS_LANES], setzero[INTRINSICS_LANES], cvtss;
		float maskz_load[INTRINSICS_LANES],
			mask_store[INTRINSICS_LANES]; /* into c's copy */
		float add[INTRINSICS_LANES], mul[INTRINSICS_LANES], fmadd[INTRINSICS_LANES];
		float min[INTRINSICS_LANES], max[INTRINSICS_LANES];
	} result;
};

void intrinsics_emulated(struct intrinsics *i);
/* Only where cpu_isa() has AVX-512. */
void intrinsics_native(struct intrinsics *i);

/* The same for those on integers. */
struct integers {
	int32_t a[INTRINSICS_LANES], b[INTRINSICS_LANES];
	float x[INTRINSICS_LANES];
	uint8_t bytes[INTRINSICS_LANES];
	uint16_t mask;
	uint32_t halves; /* a mask of int16 */
	struct integers_results {
		int32_t set1[INTRINSICS_LANES], load[INTRINSICS_LANES];
		int32_t from_u8[INTRINSICS_LANES], from_s8[INTRINSICS_LANES]; /* masked bytes */
		int32_t shifted[INTRINSICS_LANES], blended[INTRINSICS_LANES];
		int32_t add[INTRINSICS_LANES], madd[INTRINSICS_LANES];
		int32_t from_float[INTRINSICS_LANES];
		float to_float[INTRINSICS_LANES];
		uint8_t to_bytes[INTRINSICS_LANES]; /* into bytes' copy */
	} result;
};

void integers_emulated(struct integers *i);
void integers_native(struct integers *i);

/* out[k] = sum[k] + four unsigned bytes of a[k] by four signed ones of b[k], 16 of each. */
void add_products_emulated(const int32_t *sum, const int32_t *a, const int32_t *b, int32_t *out);
/* Only where cpu_isa() has VNNI. */
void add_products_native(const int32_t *sum, const int32_t *a, const int32_t *b, int32_t *out);

/* Alone, for accesses that fault: 16 floats at `from`, as far as the mask goes, to `to`. */
void copy_masked_emulated(const void *from, uint16_t mask, void *to);
void copy_masked_native(const void *from, uint16_t mask, void *to);
/* 16 bytes, as far as the mask goes, by way of integers. */
void copy_bytes_emulated(const void *from, uint16_t mask, void *to);
void copy_bytes_native(const void *from, uint16_t mask, void *to);
/* Both must be aligned to 64 bytes. */
void copy_aligned_emulated(const void *from, void *to);
void copy_aligned_native(const void *from, void *to);

#endif
