/* kernels.h - pure arithmetic on raw pointers: no graph, no allocation, no errors.
 *
 * Every kernel reads and writes exactly what its formula names: no over-read, at any
 * tail. Floats of one pixel's channels are contiguous; pointers to floats need only the
 * alignment of float unless said otherwise. The value of one output element depends on
 * its own inputs only, never on the tile it fell in: the same numbers come out at
 * every batch size and thread count. */
#ifndef ENGINE_KERNELS_KERNELS_H
#define ENGINE_KERNELS_KERNELS_H
#include "engine/base/types.h"
#include "engine/kernels/elementwise.h"

/* What follows the sums before they are stored. */
struct epilogue {
	const float *bias;     /* [n], or NULL */
	const float *residual; /* laid out like the output, same strides, or NULL */
	float lo, hi;          /* clamp; -INFINITY, INFINITY for none. NaN stays NaN */
};

#define GEMM_MAX_MR 16

/* Implicit GEMM: rows of A are found through pointers, so that one kernel serves 1x1 and
 * k x k convolutions and matrix products. For 0 <= i < m, 0 <= j < n:
 *
 *	c[i * ldc + j] = clamp(sum_{t < taps} sum_{k < kc} a[t * mr + i][k] * b[(t * kc + k) * NR + j]
 *	                       + bias[j] + residual[i * ldc + j])
 *
 * 1 <= m <= MR, 1 <= n <= NR; `mr` is the kernel's MR whatever m is. The sum runs in the order written, one
 * accumulator an element, fused multiply-add where the ISA has it. b: packed panel
 * [taps * kc][NR], 64-byte aligned, zeros past n. Pointers of padding taps show a row of kc zeros. */
typedef void gemm_f32_fn(size_t m, size_t n, size_t taps, size_t kc, const float *const *a,
                         const float *b, float *c, size_t ldc, const struct epilogue *ep);

/* Depthwise convolution of `pixels` output pixels, channels together. For p, c:
 *	out[p * channels + c] = clamp(sum_t in[p * taps + t][c] * w[t * channels + c] + bias[c]
 *	                              + residual[p * channels + c]) */
typedef void dwconv_f32_fn(size_t pixels, size_t channels, size_t taps, const float *const *in,
                           const float *w, float *out, const struct epilogue *ep);

/* The taps of a depthwise window in rows of the input; distances in floats. */
struct dwrow_window {
	size_t rows, columns;
	size_t from;  /* from in[y] to the first pixel's first tap */
	size_t step;  /* from one pixel's taps to the next one's */
	size_t tap;   /* from one tap to the next in a row of the window */
	size_t w_row; /* from one row of weights to the next */
};

/* The same for pixels of an output row whose windows are cut off alike. For p, c:
 *	out[p * channels + c] = clamp(sum_{y < rows} sum_{x < columns} in[y][from + p * step + x * tap + c]
 *	                              * w[y * w_row + x * channels + c] + bias[c] + residual[p * channels + c]) */
typedef void dwrow_f32_fn(size_t pixels, size_t channels, const struct dwrow_window *window,
                          const float *const *in, const float *w, float *out,
                          const struct epilogue *ep);

/* out[p * channels + c] = max_t in[p * taps + t][c], -INFINITY with no taps. NaNs do not count, as in
 * onnxruntime; of zeros of both signs the first is the result. The caller repeats a valid tap where
 * padding was. */
typedef void maxpool_f32_fn(size_t pixels, size_t channels, size_t taps, const float *const *in,
                            float *out);

/* out[p * channels + c] = scale[p] * sum_t in[p * taps + t][c]. The caller passes a row of
 * zeros where padding was. */
typedef void avgpool_f32_fn(size_t pixels, size_t channels, size_t taps, const float *const *in,
                            const float *scale, float *out);

/* Winograd's F(4x4, 3x3): a tile of 4 x 4 outputs of a 3 x 3 convolution of stride 1 from 6 x 6 inputs. */
enum { WINOGRAD_IN = 6, WINOGRAD_OUT = 4, WINOGRAD_POINTS = WINOGRAD_IN * WINOGRAD_IN };

/* v[f * stride + c] = (B^T d B)[f / 6][f % 6], d[y][x] = in[y * 6 + x][c], for c < channels. */
typedef void winograd_input_f32_fn(size_t channels, const float *const *in, float *v,
                                   size_t stride);

/* Where a tile's outputs go: the upper left `rows` x `columns` of them, 1..4 each; strides in floats. */
struct winograd_place {
	size_t rows, columns, row_stride, pixel_stride;
};

/* out[y * row_stride + x * pixel_stride + c] = clamp((A^T m A)[y][x] + bias[c] + residual, there laid
 * out like out), with m[f / 6][f % 6] = m[f * stride + c], for c < channels. */
typedef void winograd_output_f32_fn(size_t channels, const struct winograd_place *place,
                                    const float *m, size_t stride, float *out,
                                    const struct epilogue *ep);

/* u[f * stride + c] = (G g G^T)[f / 6][f % 6], g[y][x] = in[y * 3 + x][c], for c < channels. */
typedef void winograd_kernel_f32_fn(size_t channels, const float *const *in, float *u,
                                    size_t stride);

/* --- quantised tensors ---------------------------------------------------------------------------- */

/* What a sum of integers becomes: the byte zero + round(clamp((sum + bias[j]) * scale[j], lo, hi)), of two nearest
 * integers the even one; lo and hi are the range of the type, signed or not, minus zero. */
struct requantise {
	const int32_t *bias;
	const float *scale;
	int32_t zero;
	float lo, hi;
};

/* Products of rows of int16, exact modulo 2^32. For 0 <= i < m <= MR, 0 <= j < n <= NR, both at least 1:
 *
 *	y[i * ldy + j] = requantised sum_{k < 2 * pairs} a[i * lda + k] * b[(k / 2 * NR + j) * 2 + k % 2]
 *
 * b: packed panel [pairs][NR][2], zeros past n, as are bias and scale up to NR. Products of two pairs fit in 32 bits. */
typedef void gemm_s16_fn(size_t m, size_t n, size_t pairs, const int16_t *a, size_t lda,
                         const int16_t *b, const struct requantise *r, uint8_t *y, size_t ldy);

/* Products of rows of unsigned by columns of signed bytes, exact modulo 2^32. For 0 <= i < m <= MR,
 * 0 <= j < n <= NR, both at least 1:
 *
 *	y[i * ldy + j] = requantised sum_{k < 4 * quads} a[i * lda + k] * b[(k / 4 * NR + j) * 4 + k % 4]
 *
 * b: packed panel [quads][NR][4], zeros past n, as are bias and scale up to NR. Not every level has one: where
 * bytes are multiplied no faster than int16 it is NULL. */
typedef void gemm_u8s8_fn(size_t m, size_t n, size_t quads, const uint8_t *a, size_t lda,
                          const int8_t *b, const struct requantise *r, uint8_t *y, size_t ldy);

/* Depthwise convolution of bytes: how a row of outputs lies over the input. */
struct dwconv_u8_window {
	size_t channels;
	size_t kernel[2];        /* height, width */
	size_t stride, dilation; /* along the row */
	size_t columns;          /* of the input that the row sees, padding among them */
	bool is_signed;          /* the input's bytes are int8_t */
};

/* y[p * channels + c] = requantised sum_{ky, kx} in[ky * columns + p * stride + kx * dilation][c] * weight
 *
 * and the weight is w[((ky / 2 * kernel[1] + kx) * channels + c) * 2 + ky % 2], 0 past the last row: rows of the kernel
 * come in pairs. The sums are exact modulo 2^32. in: a pixel for each column of each of the kernel's rows. */
typedef void dwconv_u8_fn(const struct dwconv_u8_window *window, size_t pixels,
                          const uint8_t *const *in, const int16_t *w, const struct requantise *r,
                          uint8_t *y);

/* A float as the byte zero + round(clamp(v, lo, hi)), of two nearest integers the even one. A NaN becomes the least. */
struct byte_range {
	int32_t zero;
	float lo, hi;
};

/* Two tensors of bytes, int8_t when they are signed:
 *	add_u8:       y[i] = byte of a * a[i] + (b * b[i] + fixed), each sum rounded once
 *	multiply_u8:  y[i] = byte of (a[i] - a_zero) * (b[i] - b_zero) * a + fixed */
struct pair_u8 {
	float a, b, fixed;
	int32_t a_zero, b_zero;
	bool is_signed;
	struct byte_range to;
};
typedef void add_u8_fn(size_t n, const struct pair_u8 *p, const uint8_t *a, const uint8_t *b,
                       uint8_t *y);
typedef add_u8_fn multiply_u8_fn;
/* y[i] = byte of x[i] / scale */
typedef void quantise_u8_fn(size_t n, const float *x, float scale, const struct byte_range *to,
                            uint8_t *y);
/* y[i] = (x[i] - zero) * scale */
typedef void dequantise_u8_fn(size_t n, const uint8_t *x, bool is_signed, int32_t zero, float scale,
                              float *y);

/* y[p * channels + c] = max_t in[p * taps + t][c], of at least one tap. */
typedef void maxpool_u8_fn(size_t pixels, size_t channels, size_t taps, const uint8_t *const *in,
                           bool is_signed, uint8_t *y);

/* One pixel: y[c] = byte of sum_t x_scale * (in[t][c] - x_zero) / divisor / y_scale + y_zero, in this order. */
struct average_u8 {
	float x_scale, y_scale, y_zero;
	int32_t x_zero;
	bool is_signed;
	struct byte_range to;
};
typedef void avgpool_u8_fn(size_t channels, size_t taps, const uint8_t *const *in,
                           const struct average_u8 *a, float divisor, uint8_t *y);

/* y[c] = byte of (bias + sum_p x[p * stride + c]) * scale; the sums fit. */
struct mean_u8 {
	int32_t bias;
	float scale;
	struct byte_range to;
};
typedef void mean_u8_fn(size_t channels, size_t pixels, size_t stride, const uint8_t *x,
                        bool is_signed, const struct mean_u8 *m, uint8_t *y);

/* --- training: feature maps are [pixels][channels] ------------------------------------------------- */

/* Pairs of rows of pixels: pixel p of row r is a[r] + p * a_step and b[r] + p * b_step. */
struct outer_rows {
	size_t n;
	const float *const *a, *const *b; /* [n] */
	size_t pixels;                    /* of each row */
	size_t a_step, b_step;            /* floats */
};

/* c[i * ldc + j] += sum_{r < rows->n} sum_{p < pixels} a_r[p][i] * b_r[p][j], for 0 <= i < m <= MR,
 * 0 <= j < n <= NR, both at least 1: the gradient of a convolution's weights, when a is its input and b the
 * gradient of its output. */
typedef void gemm_tn_f32_fn(size_t m, size_t n, const struct outer_rows *rows, float *c,
                            size_t ldc);

/* sum[c] += sum_p x[p][c], square[c] += sum_p x[p][c]^2 */
typedef void moments_f32_fn(size_t pixels, size_t channels, const float *x, float *sum,
                            float *square);
/* y = clamp(x * scale[c] + shift[c] + residual); residual NULL: 0; y may be x. */
typedef void affine_f32_fn(size_t pixels, size_t channels, const float *x, const float *scale,
                           const float *shift, const float *residual, float lo, float hi, float *y);
/* The gradient through a clamp whose result was y: g becomes 0 where y <= lo or y >= hi. What is left of it:
 * sum_g[c] += sum_p g, sum_gx[c] += sum_p g * x; x NULL: without the latter. */
typedef void clamp_grad_f32_fn(size_t pixels, size_t channels, const float *y, float lo, float hi,
                               const float *x, float *g, float *sum_g, float *sum_gx);
/* out = a[c] * g + b[c] * x + shift[c]; out may be g. */
typedef void combine_f32_fn(size_t pixels, size_t channels, const float *g, const float *x,
                            const float *a, const float *b, const float *shift, float *out);
/* dw[t * channels + c] += sum_p in[p * taps + t][c] * g[p * channels + c] */
typedef void dwconv_grad_f32_fn(size_t pixels, size_t channels, size_t taps, const float *const *in,
                                const float *g, float *dw);

/* Do `rounds` rounds of independent multiply-adds in registers; returns how many floating-point
 * operations (2 a multiply-add) that was. *sink keeps the compiler honest. */
typedef double peak_f32_fn(size_t rounds, float *sink);

#define GEMM_F32(isa, fn, mr, nr) gemm_f32_fn fn;
#define DWCONV_F32(isa, fn)       dwconv_f32_fn fn;
#define DWROW_F32(isa, fn)        dwrow_f32_fn fn;
#define MAXPOOL_F32(isa, fn)      maxpool_f32_fn fn;
#define AVGPOOL_F32(isa, fn)      avgpool_f32_fn fn;
#define WINOGRAD_F32(isa, input, output, kernel) \
	winograd_input_f32_fn input;             \
	winograd_output_f32_fn output;           \
	winograd_kernel_f32_fn kernel;
#define GEMM_TN_F32(isa, fn, mr, nr) gemm_tn_f32_fn fn;
#define LEARN_F32(isa, moments, affine, clamp_grad, combine, dwconv_grad) \
	moments_f32_fn moments;                                           \
	affine_f32_fn affine;                                             \
	clamp_grad_f32_fn clamp_grad;                                     \
	combine_f32_fn combine;                                           \
	dwconv_grad_f32_fn dwconv_grad;
#define GEMM_S16(isa, fn, mr, nr)  gemm_s16_fn fn;
#define GEMM_U8S8(isa, fn, mr, nr) gemm_u8s8_fn fn;
#define DWCONV_U8(isa, fn)         dwconv_u8_fn fn;
#define ELEMENTWISE_F32(isa, unary, binary, softmax, layer_norm) \
	unary_f32_fn unary;                                      \
	binary_f32_fn binary;                                    \
	softmax_f32_fn softmax;                                  \
	layer_norm_f32_fn layer_norm;
#define ELEMENTS_U8(isa, add, multiply, quantise, dequantise) \
	add_u8_fn add;                                        \
	multiply_u8_fn multiply;                              \
	quantise_u8_fn quantise;                              \
	dequantise_u8_fn dequantise;
#define POOL_U8(isa, maxpool, avgpool, mean) \
	maxpool_u8_fn maxpool;               \
	avgpool_u8_fn avgpool;               \
	mean_u8_fn mean;
#define PEAK_F32(isa, fn) peak_f32_fn fn;
#include "engine/kernels/kernels.def"

/* A kernel never travels without its tile shape. */
struct gemm_f32 {
	gemm_f32_fn *fn;
	const char *name;
	uint8_t mr, nr;
};

struct gemm_tn_f32 {
	gemm_tn_f32_fn *fn;
	const char *name;
	uint8_t mr, nr;
};

struct gemm_s16 {
	gemm_s16_fn *fn;
	const char *name;
	uint8_t mr, nr;
};

struct gemm_u8s8 {
	gemm_u8s8_fn *fn;
	const char *name;
	uint8_t mr, nr;
};

/* The best kernels of one level. */
struct kernels {
	enum cnn_isa isa;
	struct gemm_f32 gemm_f32;
	dwconv_f32_fn *dwconv_f32;
	dwrow_f32_fn *dwrow_f32;
	maxpool_f32_fn *maxpool_f32;
	avgpool_f32_fn *avgpool_f32;
	winograd_input_f32_fn *winograd_input_f32;
	winograd_output_f32_fn *winograd_output_f32;
	winograd_kernel_f32_fn *winograd_kernel_f32;
	struct gemm_tn_f32 gemm_tn_f32;
	moments_f32_fn *moments_f32;
	affine_f32_fn *affine_f32;
	clamp_grad_f32_fn *clamp_grad_f32;
	combine_f32_fn *combine_f32;
	dwconv_grad_f32_fn *dwconv_grad_f32;
	struct gemm_s16 gemm_s16;
	struct gemm_u8s8 gemm_u8s8; /* fn NULL: none of its own */
	dwconv_u8_fn *dwconv_u8;
	unary_f32_fn *unary_f32;
	binary_f32_fn *binary_f32;
	softmax_f32_fn *softmax_f32;
	layer_norm_f32_fn *layer_norm_f32;
	add_u8_fn *add_u8;
	multiply_u8_fn *multiply_u8;
	quantise_u8_fn *quantise_u8;
	dequantise_u8_fn *dequantise_u8;
	maxpool_u8_fn *maxpool_u8;
	avgpool_u8_fn *avgpool_u8;
	mean_u8_fn *mean_u8;
	peak_f32_fn *peak_f32;
};

/* The best kernels not above max_isa that this CPU and OS can run. Constant data. */
const struct kernels *kernels_for(enum cnn_isa max_isa);

/* Pack B for gemm_f32: out = ceil(n / nr) panels of [k][nr], zeros past n.
 * b[kk * stride_k + j * stride_n]. Size in floats: gemm_f32_packed_size(), SIZE_MAX on overflow. */
size_t gemm_f32_packed_size(const struct gemm_f32 *gemm, size_t n, size_t k);
void gemm_f32_pack(const struct gemm_f32 *gemm, size_t n, size_t k, const float *b, size_t stride_k,
                   size_t stride_n, float *out);

#endif
