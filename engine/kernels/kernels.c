#include "engine/kernels/kernels.h"

#include "engine/base/cpu.h"

#include <string.h>

/* A level has one kernel of each kind: a second one is an overridden initialiser, which warns.
 * Levels that are not compiled in stay empty; cpu_isa() never names one. */
static const struct kernels levels[CNN_ISA_COUNT] = {
#define X(name, text) [CNN_ISA_##name].isa = CNN_ISA_##name,
	CNN_ISA_LIST(X)
#undef X
#define GEMM_F32(isa, function, rows, columns) \
	[isa].gemm_f32 = {.fn = (function), .name = #function, .mr = (rows), .nr = (columns)},
#define DWCONV_F32(isa, function)  [isa].dwconv_f32 = (function),
#define DWROW_F32(isa, function)   [isa].dwrow_f32 = (function),
#define MAXPOOL_F32(isa, function) [isa].maxpool_f32 = (function),
#define AVGPOOL_F32(isa, function) [isa].avgpool_f32 = (function),
#define WINOGRAD_F32(isa, input, output, kernel)                                  \
	[isa].winograd_input_f32 = (input), [isa].winograd_output_f32 = (output), \
	[isa].winograd_kernel_f32 = (kernel),
#define GEMM_TN_F32(isa, function, rows, columns) \
	[isa].gemm_tn_f32 = {.fn = (function), .name = #function, .mr = (rows), .nr = (columns)},
#define LEARN_F32(isa, moments, affine, clamp_grad, combine, dwconv_grad)   \
	[isa].moments_f32 = (moments), [isa].affine_f32 = (affine),         \
	[isa].clamp_grad_f32 = (clamp_grad), [isa].combine_f32 = (combine), \
	[isa].dwconv_grad_f32 = (dwconv_grad),
#define GEMM_S16(isa, function, rows, columns) \
	[isa].gemm_s16 = {.fn = (function), .name = #function, .mr = (rows), .nr = (columns)},
#define GEMM_U8S8(isa, function, rows, columns) \
	[isa].gemm_u8s8 = {.fn = (function), .name = #function, .mr = (rows), .nr = (columns)},
#define DWCONV_U8(isa, function) [isa].dwconv_u8 = (function),
#define ELEMENTWISE_F32(isa, unary, binary, softmax, layer_norm)                               \
	[isa].unary_f32 = (unary), [isa].binary_f32 = (binary), [isa].softmax_f32 = (softmax), \
	[isa].layer_norm_f32 = (layer_norm),
#define ELEMENTS_U8(isa, add, multiply, quantise, dequantise)                                 \
	[isa].add_u8 = (add), [isa].multiply_u8 = (multiply), [isa].quantise_u8 = (quantise), \
	[isa].dequantise_u8 = (dequantise),
#define POOL_U8(isa, maxpool, avgpool, mean) \
	[isa].maxpool_u8 = (maxpool), [isa].avgpool_u8 = (avgpool), [isa].mean_u8 = (mean),
#define PEAK_F32(isa, function) [isa].peak_f32 = (function),
#include "engine/kernels/kernels.def"
};

#define GEMM_F32(isa, function, rows, columns) \
	_Static_assert((rows) <= GEMM_MAX_MR, #function " has more rows than GEMM_MAX_MR");
#include "engine/kernels/kernels.def"

const struct kernels *kernels_for(enum cnn_isa max_isa)
{
	enum cnn_isa best = cpu_isa();
	return &levels[max_isa < best ? max_isa : best];
}

size_t gemm_f32_packed_size(const struct gemm_f32 *gemm, size_t n, size_t k)
{
	size_t panels = n / gemm->nr + (n % gemm->nr != 0), size;
	if (__builtin_mul_overflow(panels, gemm->nr, &size) ||
	    __builtin_mul_overflow(size, k, &size))
		return SIZE_MAX;
	return size;
}

void gemm_f32_pack(const struct gemm_f32 *gemm, size_t n, size_t k, const float *b, size_t stride_k,
                   size_t stride_n, float *out)
{
	const size_t nr = gemm->nr;
	for (size_t first = 0; first < n; first += nr) {
		size_t columns = n - first < nr ? n - first : nr;
		for (size_t kk = 0; kk < k; kk++, out += nr) {
			const float *row = b + kk * stride_k + first * stride_n;
			for (size_t j = 0; j < columns; j++)
				out[j] = row[j * stride_n];
			memset(out + columns, 0, (nr - columns) * sizeof *out);
		}
	}
}
