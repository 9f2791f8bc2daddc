/* backward_quantised.c - operators on quantised tensors, as what they do to the real numbers: their weights are
 * scale * (stored - zero). */
#include "engine/operators/eval.h"
#include "engine/operators/quantised.h"
#include "engine/see/backward.h"

#include <stdlib.h>

/* A constant matrix of bytes: element (term, column), with scale and zero point for each column or for all. */
struct matrix {
	const struct value *v, *scale, *zero;
	int64_t terms, columns, term, column; /* dimensions; strides */
};

static float real(const struct matrix *m, int64_t at, int64_t column)
{
	return quantised_scale(m->scale, column) *
	       (float)(resolve_int(m->v, at) - quantised_zero(m->zero, column));
}

static void add_rows(const struct matrix *m, int64_t rows, float factor, const float *dy, float *dx)
{
	for (int64_t i = 0; i < rows; i++, dx += m->terms, dy += m->columns)
		for (int64_t j = 0; j < m->columns; j++)
			for (int64_t t = 0; t < m->terms && dy[j] != 0; t++)
				dx[t] += factor * dy[j] * real(m, t * m->term + j * m->column, j);
}

BACKWARD_RULE(backward_qlinear_matmul)
{
	(void)err;
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 3);
	struct matrix m = {b, graph_in(g, n, 4), graph_in(g, n, 5), b->dim[0], b->dim[1], b->dim[1],
	                   1};
	add_rows(&m, m.terms ? graph_elements(a) / m.terms : 0, 1, gradient[n->out[0]],
	         gradient[n->in[0]]);
	return CNN_OK;
}

BACKWARD_RULE(backward_qgemm)
{
	(void)err;
	const struct quant_attr *attr = &n->attr.quant;
	const struct value *a = graph_in(g, n, 0), *b = graph_in(g, n, 3), *y = graph_out(g, n);
	struct matrix m = {b, graph_in(g, n, 4), graph_in(g, n, 5), a->dim[1], y->dim[1], y->dim[1],
	                   1};
	if (attr->trans_b) {
		m.term = 1;
		m.column = m.terms;
	}
	add_rows(&m, y->dim[0], attr->alpha, gradient[n->out[0]], gradient[n->in[0]]);
	return CNN_OK;
}

/* The convolution of the same form whose weights are floats. */
BACKWARD_RULE(backward_qlinear_conv)
{
	const struct value *w = graph_in(g, n, 3);
	int64_t count = graph_elements(w), filter = w->dim[0] ? count / w->dim[0] : 0;
	struct matrix m = {.v = w, .scale = graph_in(g, n, 4), .zero = graph_in(g, n, 5)};
	float *weights = malloc(((size_t)count + 1) * sizeof *weights);
	if (!weights)
		return cnn_fail_memory(err, n->name, (size_t)count * sizeof *weights);
	for (int64_t i = 0; i < count; i++)
		weights[i] = real(&m, i, i / filter);
	backward_convolve(g, n, weights, gradient);
	free(weights);
	return CNN_OK;
}

BACKWARD_RULE(backward_qlinear_add)
{
	(void)err;
	const struct value *y = graph_out(g, n);
	const float *dy = gradient[n->out[0]];
	for (uint32_t k = 0; k <= 3; k += 3) {
		float *dx = backward_in(n, gradient, k);
		if (!dx)
			continue;
		struct stride_walk w = stride_walk_broadcast(graph_in(g, n, k), y);
		for (int64_t i = 0, count = graph_elements(y); i < count; i++, stride_walk_next(&w))
			dx[w.at] += dy[i];
	}
	return CNN_OK;
}
