/* rows.h - kernels.def as tables: what the checks walk, so that a new row is a new check. */
#ifndef TESTS_KERNELS_ROWS_H
#define TESTS_KERNELS_ROWS_H
#include "engine/base/cpu.h"
#include "engine/kernels/kernels.h"

#define ROWS_UNUSED __attribute__((unused))

/* Can this program run a level's kernels? Built with EMULATED_AVX512 it has those of AVX-512 in plain C, which
 * run everywhere, and leaves the other levels to the program without. */
ROWS_UNUSED static bool level_runs(enum cnn_isa isa)
{
#ifdef EMULATED_AVX512
	return isa >= CNN_ISA_AVX512;
#else
	return isa <= cpu_isa();
#endif
}

struct gemm_row {
	enum cnn_isa isa;
	struct gemm_f32 gemm;
};

ROWS_UNUSED static const struct gemm_row gemm_rows[] = {
#define GEMM_F32(isa, function, rows, columns) {isa, {function, #function, rows, columns}},
#include "engine/kernels/kernels.def"
};

#define ROW_TYPE(kind)             \
	struct kind##_row {        \
		enum cnn_isa isa;  \
		kind##_f32_fn *fn; \
		const char *name;  \
	};                         \
	ROWS_UNUSED static const struct kind##_row kind##_rows[]

ROW_TYPE(dwconv) = {
#define DWCONV_F32(isa, function) {isa, function, #function},
#include "engine/kernels/kernels.def"
};
ROW_TYPE(dwrow) = {
#define DWROW_F32(isa, function) {isa, function, #function},
#include "engine/kernels/kernels.def"
};
ROW_TYPE(maxpool) = {
#define MAXPOOL_F32(isa, function) {isa, function, #function},
#include "engine/kernels/kernels.def"
};
ROW_TYPE(avgpool) = {
#define AVGPOOL_F32(isa, function) {isa, function, #function},
#include "engine/kernels/kernels.def"
};
ROW_TYPE(peak) = {
#define PEAK_F32(isa, function) {isa, function, #function},
#include "engine/kernels/kernels.def"
};
struct winograd_row {
	enum cnn_isa isa;
	winograd_input_f32_fn *input;
	winograd_output_f32_fn *output;
	winograd_kernel_f32_fn *kernel;
	const char *name;
};
ROWS_UNUSED static const struct winograd_row winograd_rows[] = {
#define WINOGRAD_F32(isa, input, output, kernel) {isa, input, output, kernel, #input},
#include "engine/kernels/kernels.def"
};
struct gemm_tn_row {
	enum cnn_isa isa;
	struct gemm_tn_f32 gemm;
};
ROWS_UNUSED static const struct gemm_tn_row gemm_tn_rows[] = {
#define GEMM_TN_F32(isa, function, rows, columns) {isa, {function, #function, rows, columns}},
#include "engine/kernels/kernels.def"
};
struct learn_row {
	enum cnn_isa isa;
	moments_f32_fn *moments;
	affine_f32_fn *affine;
	clamp_grad_f32_fn *clamp_grad;
	combine_f32_fn *combine;
	dwconv_grad_f32_fn *dwconv_grad;
	const char *name;
};
ROWS_UNUSED static const struct learn_row learn_rows[] = {
#define LEARN_F32(isa, moments, affine, clamp_grad, combine, dwconv_grad) \
	{isa, moments, affine, clamp_grad, combine, dwconv_grad, #moments},
#include "engine/kernels/kernels.def"
};

struct elementwise_row {
	enum cnn_isa isa;
	unary_f32_fn *unary;
	binary_f32_fn *binary;
	softmax_f32_fn *softmax;
	layer_norm_f32_fn *layer_norm;
	const char *name;
};
ROWS_UNUSED static const struct elementwise_row elementwise_rows[] = {
#define ELEMENTWISE_F32(isa, unary, binary, softmax, layer_norm) \
	{isa, unary, binary, softmax, layer_norm, #unary},
#include "engine/kernels/kernels.def"
};

struct gemm_u8s8_row {
	enum cnn_isa isa;
	struct gemm_u8s8 gemm;
};
ROWS_UNUSED static const struct gemm_u8s8_row gemm_u8s8_rows[] = {
#define GEMM_U8S8(isa, function, rows, columns) {isa, {function, #function, rows, columns}},
#include "engine/kernels/kernels.def"
};

struct dwconv_u8_row {
	enum cnn_isa isa;
	dwconv_u8_fn *fn;
	const char *name;
};
ROWS_UNUSED static const struct dwconv_u8_row dwconv_u8_rows[] = {
#define DWCONV_U8(isa, function) {isa, function, #function},
#include "engine/kernels/kernels.def"
};

/* Those on integers, which check_bytes.c, check_elements_u8.c and check_pool_u8.c find by level. */
struct bytes_row {
	enum cnn_isa isa;
	const char *name;
};
ROWS_UNUSED static const struct bytes_row bytes_rows[] = {
#define GEMM_S16(isa, function, rows, columns)                {isa, #function},
#define GEMM_U8S8(isa, function, rows, columns)               {isa, #function},
#define DWCONV_U8(isa, function)                              {isa, #function},
#define ELEMENTS_U8(isa, add, multiply, quantise, dequantise) {isa, #add},
#define POOL_U8(isa, maxpool, avgpool, mean)                  {isa, #maxpool},
#include "engine/kernels/kernels.def"
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The kernels of one level, as kernels_for() gives them where the CPU has it. */
ROWS_UNUSED static struct kernels level_kernels(enum cnn_isa isa)
{
	struct kernels k = {.isa = isa};
	for (size_t i = 0; i < COUNT(gemm_rows); i++)
		if (gemm_rows[i].isa == isa)
			k.gemm_f32 = gemm_rows[i].gemm;
#define CHOOSE(kind)                                    \
	for (size_t i = 0; i < COUNT(kind##_rows); i++) \
		if (kind##_rows[i].isa == isa)          \
			k.kind##_f32 = kind##_rows[i].fn;
	CHOOSE(dwconv)
	CHOOSE(dwrow)
	CHOOSE(maxpool)
	CHOOSE(avgpool)
	CHOOSE(peak)
#undef CHOOSE
	for (size_t i = 0; i < COUNT(dwconv_u8_rows); i++)
		if (dwconv_u8_rows[i].isa == isa)
			k.dwconv_u8 = dwconv_u8_rows[i].fn;
	for (size_t i = 0; i < COUNT(winograd_rows); i++)
		if (winograd_rows[i].isa == isa) {
			k.winograd_input_f32 = winograd_rows[i].input;
			k.winograd_output_f32 = winograd_rows[i].output;
			k.winograd_kernel_f32 = winograd_rows[i].kernel;
		}
	for (size_t i = 0; i < COUNT(gemm_tn_rows); i++)
		if (gemm_tn_rows[i].isa == isa)
			k.gemm_tn_f32 = gemm_tn_rows[i].gemm;
	for (size_t i = 0; i < COUNT(learn_rows); i++)
		if (learn_rows[i].isa == isa) {
			k.moments_f32 = learn_rows[i].moments;
			k.affine_f32 = learn_rows[i].affine;
			k.clamp_grad_f32 = learn_rows[i].clamp_grad;
			k.combine_f32 = learn_rows[i].combine;
			k.dwconv_grad_f32 = learn_rows[i].dwconv_grad;
		}
	for (size_t i = 0; i < COUNT(elementwise_rows); i++)
		if (elementwise_rows[i].isa == isa) {
			k.unary_f32 = elementwise_rows[i].unary;
			k.binary_f32 = elementwise_rows[i].binary;
			k.softmax_f32 = elementwise_rows[i].softmax;
			k.layer_norm_f32 = elementwise_rows[i].layer_norm;
		}
	return k;
}

#endif
