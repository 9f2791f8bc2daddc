/* qconv.h - convolutions of bytes as products of rows, which two kinds of kernels compute: lower_qconv.c's of int16, and
 * lower_qconv_bytes.c's of the bytes themselves. */
#ifndef ENGINE_PLAN_QCONV_H
#define ENGINE_PLAN_QCONV_H
#include "engine/plan/lower.h"

struct qconv_args {
	struct ref x, y;
	struct gemm_s16 gemm;
	int64_t in[2], out[2]; /* height, width */
	int64_t kernel[2], stride[2], dilation[2], pad[2];
	size_t groups, inputs, outputs; /* channels of one group */
	size_t taps, pairs;             /* pairs of numbers in a row of a group's matrix */
	size_t block;                   /* output pixels of one item of a parallel loop */
	int32_t x_zero;
	bool x_signed;
	const int16_t *packed;
	size_t group_packed; /* elements of packed for one group */
	/* Where bytes are multiplied as they are: the kernel, else NULL; rows of quads, signed ones turned into unsigned by
	 * their sign bit; panels [quads][NR][4] of each group. */
	struct gemm_u8s8 bytes;
	size_t quads;
	uint8_t flip;
	const int8_t *packed_bytes;
	const uint8_t *zeros; /* [channels]: a pixel of padding */
	struct requantise result;
};

/* Where tap t of output pixel p reads; padding shows a row of zero points. */
const uint8_t *qconv_tap(const struct qconv_args *a, const uint8_t *x, int64_t p, int64_t t);
/* Output channel o's weight for input channel c of its group at tap t, without its zero point. */
int16_t qconv_weight(const struct lowering *l, const struct node *n, const struct qconv_args *a,
                     size_t o, size_t c, size_t t);

/* Is there a kernel for bytes, and do all weights fit? */
bool qconv_fits_bytes(const struct lowering *l, const struct node *n, const struct qconv_args *a);
/* Pack the weights and take the input's zero point into `bias`. false: no memory. */
bool qconv_pack_bytes(struct lowering *l, const struct node *n, struct qconv_args *a,
                      int32_t *bias);
/* What each output pixel of an item needs of scratch. */
size_t qconv_bytes_scratch(const struct qconv_args *a);
/* Output pixels p .. p + n of a picture; y: those of p. */
void qconv_run_bytes(const struct qconv_args *a, const uint8_t *x, size_t p, size_t n,
                     uint8_t *rows, uint8_t *y);

#endif
