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
	return isa == CNN_ISA_AVX512;
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
	const char *name;
};
ROWS_UNUSED static const struct winograd_row winograd_rows[] = {
#define WINOGRAD_F32(isa, input, output) {isa, input, output, #input},
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
	CHOOSE(maxpool)
	CHOOSE(avgpool)
	CHOOSE(peak)
#undef CHOOSE
	for (size_t i = 0; i < COUNT(winograd_rows); i++)
		if (winograd_rows[i].isa == isa) {
			k.winograd_input_f32 = winograd_rows[i].input;
			k.winograd_output_f32 = winograd_rows[i].output;
		}
	return k;
}

#endif
