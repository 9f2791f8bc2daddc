/* backward_products.c - matrix products, convolutions and batch norms, whose weights are constants. */
#include "engine/operators/window.h"
#include "engine/see/backward.h"

#include <math.h>

/* dx[terms] += factor * dy[columns] times the matrix's transpose. Its term t and column j is at t * term + j * column. */
static void product_row(const float *dy, int64_t columns, const float *matrix, int64_t terms,
                        int64_t term, int64_t column, float factor, float *dx, int64_t dx_step)
{
	for (int64_t j = 0; j < columns; j++) {
		if (dy[j] == 0) /* most are, behind a class's score or a Relu */
			continue;
		float scaled = factor * dy[j];
		const float *w = matrix + j * column;
		for (int64_t t = 0; t < terms; t++)
			dx[t * dx_step] += scaled * w[t * term];
	}
}

BACKWARD_RULE(backward_gemm)
{
	(void)err;
	const struct gemm_attr *attr = &n->attr.gemm;
	const struct value *a = graph_in(g, n, 0), *y = graph_out(g, n);
	const float *dy = gradient[n->out[0]];
	float *dx = gradient[n->in[0]];
	int64_t rows = y->dim[0], columns = y->dim[1], terms = a->dim[attr->trans_a ? 0 : 1];
	for (int64_t i = 0; i < rows; i++)
		product_row(dy + i * columns, columns, graph_in(g, n, 1)->data, terms,
		            attr->trans_b ? 1 : columns, attr->trans_b ? terms : 1, attr->alpha,
		            dx + i * (attr->trans_a ? 1 : terms), attr->trans_a ? rows : 1);
	return CNN_OK;
}

BACKWARD_RULE(backward_matmul)
{
	(void)err;
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 1);
	const float *dy = gradient[n->out[0]];
	float *dx = gradient[n->in[0]];
	int64_t terms = b->dim[0], columns = b->dim[1];
	int64_t rows = terms ? graph_elements(a) / terms : 0;
	for (int64_t i = 0; i < rows; i++)
		product_row(dy + i * columns, columns, b->data, terms, columns, 1, 1,
		            dx + i * terms, 1);
	return CNN_OK;
}

/* One place (oy, ox) of an output channel hands its gradient to the window it was computed from. */
static void conv_place(const struct window_attr *w, const struct value *x, int64_t channels,
                       const float *weights, int64_t oy, int64_t ox, float dy, float *dx)
{
	int64_t h = x->dim[2], width = x->dim[3];
	int64_t y0 = oy * w->stride[0] - w->pad[0], x0 = ox * w->stride[1] - w->pad[1];
	for (int64_t c = 0; c < channels; c++)
		for (int64_t ky = 0; ky < w->kernel[0]; ky++)
			for (int64_t kx = 0; kx < w->kernel[1]; kx++, weights++) {
				int64_t iy = y0 + ky * w->dilation[0];
				int64_t ix = x0 + kx * w->dilation[1];
				if (iy >= 0 && iy < h && ix >= 0 && ix < width)
					dx[(c * h + iy) * width + ix] += dy * *weights;
			}
}

void backward_convolve(const struct graph *g, const struct node *n, const float *weights,
                       float *const *gradient)
{
	const struct window_attr *w = &n->attr.window;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	const float *dy = gradient[n->out[0]];
	float *dx = gradient[n->in[0]];
	int64_t channels = x->dim[1] / w->group, outs = y->dim[1] / w->group;
	int64_t plane = x->dim[2] * x->dim[3], filter = channels * w->kernel[0] * w->kernel[1];
	for (int64_t p = 0; p < x->dim[0]; p++)
		for (int64_t k = 0; k < y->dim[1]; k++) {
			float *group = dx + (p * x->dim[1] + k / outs * channels) * plane;
			for (int64_t oy = 0; oy < y->dim[2]; oy++)
				for (int64_t ox = 0; ox < y->dim[3]; ox++, dy++)
					if (*dy != 0)
						conv_place(w, x, channels, weights + k * filter, oy,
						           ox, *dy, group);
		}
}

BACKWARD_RULE(backward_conv)
{
	(void)err;
	backward_convolve(g, n, graph_in(g, n, 1)->data, gradient);
	return CNN_OK;
}

BACKWARD_RULE(backward_batch_norm)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0);
	const float *scale = graph_in(g, n, 1)->data, *variance = graph_in(g, n, 4)->data;
	const float *dy = gradient[n->out[0]];
	float *dx = gradient[n->in[0]];
	int64_t channels = x->rank > 1 ? x->dim[1] : 1, plane = 1;
	for (int32_t i = 2; i < x->rank; i++)
		plane *= x->dim[i];
	for (int64_t k = 0, at = 0; k < x->dim[0] * channels; k++) {
		int64_t c = k % channels;
		float factor = scale[c] / sqrtf(variance[c] + n->attr.norm.epsilon);
		for (int64_t i = 0; i < plane; i++, at++)
			dx[at] += factor * dy[at];
	}
	return CNN_OK;
}
