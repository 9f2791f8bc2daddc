/* eval_blocks.c - depth into space and back: transpositions of the six axes that the blocks have. */
#include "engine/operators/eval.h"

EVAL_RULE(eval_depth_to_space)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	int64_t size = n->attr.block.size, channels = y->dim[1];
	int64_t plane = x->dim[2] * x->dim[3], block = size * size;
	bool crd = n->attr.block.columns_first;
	/* Of the input's channels: how far apart a block's columns are, its rows, and what is one channel then. */
	int64_t column = crd ? plane : channels * plane;
	int64_t channel = crd ? block * plane : plane;
	const int64_t dim[] = {x->dim[0], channels, x->dim[2], size, x->dim[3], size};
	struct stride_walk w = {
		.rank = 6,
		.dim = dim,
		.stride = {x->dim[1] * plane, channel, x->dim[3], size * column, 1, column}};
	copy_walk(out[0], x->data, cnn_dtype_size(x->dtype), w);
	return CNN_OK;
}

EVAL_RULE(eval_space_to_depth)
{
	(void)err;
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	int64_t size = n->attr.block.size, width = x->dim[3], plane = x->dim[2] * width;
	const int64_t dim[] = {x->dim[0], size, size, x->dim[1], y->dim[2], y->dim[3]};
	struct stride_walk w = {.rank = 6,
	                        .dim = dim,
	                        .stride = {x->dim[1] * plane, width, 1, plane, size * width, size}};
	copy_walk(out[0], x->data, cnn_dtype_size(x->dtype), w);
	return CNN_OK;
}
