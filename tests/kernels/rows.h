/* rows.h - kernels.def as tables: what the checks walk, so that a new row is a new check. */
#ifndef TESTS_KERNELS_ROWS_H
#define TESTS_KERNELS_ROWS_H
#include "engine/kernels/kernels.h"

#define ROWS_UNUSED __attribute__((unused))

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

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#endif
