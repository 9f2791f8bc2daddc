#include "engine/plan/gemm_view.h"

#include <string.h>

/* Output positions that follow each other in one output row, and the first's place in the tile. */
struct stretch {
	int32_t oy, ox;
	size_t first, n;
};

/* The input row that tap row ky of the stretch sees, or NULL outside the picture. */
static const float *input_line(const struct gemm_view *v, const struct stretch *s, int32_t ky)
{
	const struct gemm_window *w = &v->a->window;
	int32_t iy = s->oy * w->stride[0] - w->pad[0] + ky * w->dilation[0];
	return iy < 0 || iy >= w->in_h ? NULL : rows_at(v->x, iy);
}

/* ptr[t * mr + i] shows tap t of the i-th position, from channel `from` on. */
static void find_taps(const struct gemm_view *v, size_t from, const struct stretch *s)
{
	const struct gemm_args *a = v->a;
	const struct gemm_window *w = &a->window;
	size_t mr = a->k->gemm_f32.mr;
	const float **p = v->ptr + s->first;
	for (int32_t ky = 0; ky < w->kernel[0]; ky++) {
		const float *line = input_line(v, s, ky);
		int32_t ix = s->ox * w->stride[1] - w->pad[1];
		for (int32_t kx = 0; kx < w->kernel[1]; kx++, ix += w->dilation[1], p += mr) {
			int32_t at = ix;
			for (size_t i = 0; i < s->n; i++, at += w->stride[1])
				p[i] = !line || at < 0 || at >= w->in_w
				               ? a->zero
				               : line + (size_t)at * w->pixel + from;
		}
	}
}

/* A window's row that begins at input column ix, which is not inside the picture as a whole: a copy with zeros
 * around it. */
static void copy_window_row(const struct gemm_args *a, const float *line, int32_t ix, float *to)
{
	const struct gemm_window *w = &a->window;
	int32_t left = ix < 0 ? -ix : 0;
	int32_t end = w->in_w - ix < w->kernel[1] ? w->in_w - ix : w->kernel[1];
	memset(to, 0, (size_t)w->kernel[1] * a->kc * sizeof *to);
	if (left < end)
		memcpy(to + (size_t)left * a->kc, line + (size_t)(ix + left) * w->pixel,
		       (size_t)(end - left) * a->kc * sizeof *to);
}

/* The window's rows are contiguous: ptr[ky * mr + i] shows them where they lie. */
static void find_window_rows(const struct gemm_view *v, const struct stretch *s)
{
	const struct gemm_args *a = v->a;
	const struct gemm_window *w = &a->window;
	size_t mr = a->k->gemm_f32.mr, width = (size_t)w->kernel[1] * a->kc;
	size_t step = (size_t)w->stride[1] * w->pixel;
	int32_t first = s->ox * w->stride[1] - w->pad[1], last_inside = w->in_w - w->kernel[1];
	/* The positions between `left` and `right` see no padding to their sides. */
	size_t left = 0, right = s->n;
	while (left < s->n && first + (int32_t)left * w->stride[1] < 0)
		left++;
	while (right > left && first + (int32_t)(right - 1) * w->stride[1] > last_inside)
		right--;
	for (int32_t ky = 0; ky < w->kernel[0]; ky++) {
		const float *line = input_line(v, s, ky);
		const float **p = v->ptr + (size_t)ky * mr + s->first;
		if (!line) {
			for (size_t i = 0; i < s->n; i++)
				p[i] = a->zero;
			continue;
		}
		float *copy = v->copies + ((size_t)ky * mr + s->first) * width;
		for (size_t i = 0; i < left; i++, copy += width)
			copy_window_row(a, line, first + (int32_t)i * w->stride[1], copy);
		copy = v->copies + ((size_t)ky * mr + s->first + right) * width;
		for (size_t i = right; i < s->n; i++, copy += width)
			copy_window_row(a, line, first + (int32_t)i * w->stride[1], copy);
		copy = v->copies + ((size_t)ky * mr + s->first) * width;
		for (size_t i = 0; i < left; i++)
			p[i] = copy + i * width;
		for (size_t i = right; i < s->n; i++)
			p[i] = copy + i * width;
		const float *inside = line + (ptrdiff_t)first * (ptrdiff_t)w->pixel;
		for (size_t i = left; i < right; i++)
			p[i] = inside + i * step;
	}
}

/* Copy the taps of each row together, so that the kernel sees one long row. */
static void gather_rows(const struct gemm_view *v, size_t m)
{
	const struct gemm_args *a = v->a;
	size_t mr = a->k->gemm_f32.mr, k = a->taps * a->kc;
	for (size_t i = 0; i < m; i++) {
		float *to = v->copies + i * k;
		for (size_t t = 0; t < a->taps; t++) {
			const float *from = v->ptr[t * mr + i];
			for (size_t c = 0; c < a->kc; c++)
				*to++ = from[c];
		}
	}
	for (size_t i = 0; i < m; i++)
		v->ptr[i] = v->copies + i * k;
}

void gemm_find_rows(const struct gemm_view *v, size_t group, size_t row, size_t m)
{
	const struct gemm_args *a = v->a;
	const struct gemm_window *w = &a->window;
	size_t width = (size_t)w->out_w, from = group * a->kc;
	if (w->plain && v->x->mask == ROWS_ALL) {
		const float *x = v->x->base + from + row * w->pixel;
		for (size_t i = 0; i < m; i++, x += w->pixel)
			v->ptr[i] = x;
		return;
	}
	struct stretch s = {(int32_t)(row / width), (int32_t)(row % width), 0, 0};
	for (; s.first < m; s.first += s.n, s.ox = 0, s.oy++) {
		size_t left = width - (size_t)s.ox;
		s.n = m - s.first < left ? m - s.first : left;
		if (a->gather == GATHER_ROWS)
			find_window_rows(v, &s);
		else
			find_taps(v, from, &s);
	}
	if (a->gather == GATHER_ALL)
		gather_rows(v, m);
}
