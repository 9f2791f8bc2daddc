/* Convolutions of bytes by signed bytes: rows of a window as they lie in the input where a convolution is 1x1, gathered
 * into scratch where it is not; the input's zero point is in the bias. */
#include "engine/operators/quantised.h"
#include "engine/plan/qconv.h"

#include <string.h>

bool qconv_fits_bytes(const struct lowering *l, const struct node *n, const struct qconv_args *a)
{
	bool fits = l->k->gemm_u8s8.fn != NULL;
	for (size_t o = 0; o < a->groups * a->outputs && fits; o++)
		for (size_t c = 0; c < a->inputs && fits; c++)
			for (size_t t = 0; t < a->taps && fits; t++) {
				int16_t w = qconv_weight(l, n, a, o, c, t);
				fits = w >= INT8_MIN && w <= INT8_MAX;
			}
	return fits;
}

bool qconv_pack_bytes(struct lowering *l, const struct node *n, struct qconv_args *a, int32_t *bias)
{
	size_t nr = a->bytes.nr, panels = (a->outputs + nr - 1) / nr;
	a->quads = (a->taps * a->inputs + 3) / 4;
	a->flip = a->x_signed ? 0x80 : 0;
	a->group_packed = panels * nr * a->quads * 4;
	int8_t *packed = lower_alloc(l, a->groups * a->group_packed, 1);
	a->packed_bytes = packed;
	if (!packed)
		return false;
	memset(packed, 0, a->groups * a->group_packed);
	uint8_t zero = (uint8_t)a->x_zero ^ a->flip;
	for (size_t o = 0; o < a->groups * a->outputs; o++) {
		size_t j = o % a->outputs;
		int8_t *panel = packed + o / a->outputs * a->group_packed +
		                j / nr * nr * a->quads * 4 + j % nr * 4;
		int64_t sum = 0;
		for (size_t c = 0; c < a->inputs; c++)
			for (size_t t = 0; t < a->taps; t++) {
				size_t k = t * a->inputs + c;
				int16_t w = qconv_weight(l, n, a, o, c, t);
				panel[k / 4 * nr * 4 + k % 4] = (int8_t)w;
				sum += w;
			}
		bias[o] = (int32_t)((uint32_t)bias[o] - (uint32_t)(sum * zero));
	}
	return true;
}

/* Rows of a plain 1x1 convolution are there already. */
static bool lies_ready(const struct qconv_args *a)
{
	return a->taps == 1 && a->groups == 1 && a->stride[0] == 1 && a->stride[1] == 1 &&
	       a->pad[0] == 0 && a->pad[1] == 0 && a->in[0] == a->out[0] && a->in[1] == a->out[1] &&
	       a->inputs % 4 == 0 && !a->flip;
}

size_t qconv_bytes_scratch(const struct qconv_args *a)
{
	return lies_ready(a) ? 0 : 4 * a->quads;
}

static void copy(const struct qconv_args *a, size_t n, const uint8_t *x, uint8_t *row)
{
	if (!a->flip) {
		memcpy(row, x, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		row[i] = x[i] ^ 0x80;
}

/* A row of a window, whose taps lie together in the input from (h, w) on; what is outside is the zero point. */
static void gather_together(const struct qconv_args *a, const uint8_t *x, int64_t h, int64_t w,
                            uint8_t *row)
{
	int64_t width = a->kernel[1], left = w < 0 ? -w : 0, right = w + width - a->in[1];
	left = h < 0 || h >= a->in[0] || left > width ? width : left;
	right = right < 0 ? 0 : right > width - left ? width - left : right;
	size_t inside = (size_t)(width - left - right) * a->inputs;
	size_t before = (size_t)left * a->inputs, after = (size_t)right * a->inputs;
	uint8_t zero = (uint8_t)a->x_zero ^ a->flip;
	memset(row, zero, before);
	if (inside)
		copy(a, inside, x + (size_t)(h * a->in[1] + w + left) * a->inputs, row + before);
	memset(row + before + inside, zero, after);
}

static void gather_row(const struct qconv_args *a, const uint8_t *x, int64_t p, size_t group,
                       uint8_t *row)
{
	size_t k = a->taps * a->inputs;
	memset(row + k, 0, 4 * a->quads - k);
	if (a->groups > 1 || a->dilation[1] > 1) {
		for (size_t t = 0; t < a->taps; t++)
			copy(a, a->inputs, qconv_tap(a, x, p, (int64_t)t) + group * a->inputs,
			     row + t * a->inputs);
		return;
	}
	int64_t h = p / a->out[1] * a->stride[0] - a->pad[0];
	int64_t w = p % a->out[1] * a->stride[1] - a->pad[1];
	for (int64_t i = 0; i < a->kernel[0]; i++, row += (size_t)a->kernel[1] * a->inputs)
		gather_together(a, x, h + i * a->dilation[0], w, row);
}

static void multiply(const struct qconv_args *a, size_t n, size_t group, const uint8_t *rows,
                     uint8_t *y)
{
	const struct gemm_u8s8 *gemm = &a->bytes;
	size_t ldy = a->groups * a->outputs, lda = 4 * a->quads;
	const int8_t *b = a->packed_bytes + group * a->group_packed;
	for (size_t j = 0; j < a->outputs; j += gemm->nr, b += a->quads * gemm->nr * 4) {
		size_t columns = a->outputs - j < gemm->nr ? a->outputs - j : gemm->nr;
		size_t at = group * a->outputs + j;
		struct requantise r = a->result;
		r.bias += at;
		r.scale += at;
		for (size_t i = 0; i < n; i += gemm->mr)
			gemm->fn(n - i < gemm->mr ? n - i : gemm->mr, columns, a->quads,
			         rows + i * lda, lda, b, &r, y + i * ldy + at, ldy);
	}
}

void qconv_run_bytes(const struct qconv_args *a, const uint8_t *x, size_t p, size_t n,
                     uint8_t *rows, uint8_t *y)
{
	if (lies_ready(a)) {
		multiply(a, n, 0, x + p * a->inputs, y);
		return;
	}
	for (size_t g = 0; g < a->groups; g++) {
		for (size_t i = 0; i < n; i++)
			gather_row(a, x, (int64_t)(p + i), g, rows + i * 4 * a->quads);
		multiply(a, n, g, rows, y);
	}
}
