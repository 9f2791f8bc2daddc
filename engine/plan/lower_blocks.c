/* Tile, DepthToSpace and SpaceToDepth: moves whose every axis reads on its own. */
#include "engine/plan/move.h"

enum cnn_status lower_tile(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	int64_t stride[CNN_MAX_RANK];
	struct move move;
	move_strides(x, stride);
	if (!move_new(l, y, stride, &move))
		return lower_no_memory(n, err);
	for (int32_t axis = 0; axis < y->rank; axis++)
		for (int64_t i = x->dim[axis]; i < y->dim[axis]; i++)
			move.at[move_dim(y, axis)][i] = i % x->dim[axis] * stride[axis];
	return move_step(l, n, n->in[0], n->out[0], &move, "tile", err);
}

enum cnn_status lower_depth_to_space(struct lowering *l, const struct node *n,
                                     struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	int64_t size = n->attr.block.size, stride[CNN_MAX_RANK];
	bool crd = n->attr.block.columns_first;
	struct move move;
	move_strides(x, stride);
	/* How far apart a block's columns are, and the channels that are left. */
	int64_t column = stride[1] * (crd ? 1 : y->dim[1]);
	int64_t channel = stride[1] * (crd ? size * size : 1);
	if (!move_new(l, y, stride, &move))
		return lower_no_memory(n, err);
	for (int64_t c = 0; c < y->dim[1]; c++)
		move.at[move_dim(y, 1)][c] = c * channel;
	for (int64_t i = 0; i < y->dim[2]; i++)
		move.at[move_dim(y, 2)][i] = i / size * stride[2] + i % size * size * column;
	for (int64_t i = 0; i < y->dim[3]; i++)
		move.at[move_dim(y, 3)][i] = i / size * stride[3] + i % size * column;
	return move_step(l, n, n->in[0], n->out[0], &move, "depth to space", err);
}

enum cnn_status lower_space_to_depth(struct lowering *l, const struct node *n,
                                     struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	int64_t size = n->attr.block.size, stride[CNN_MAX_RANK];
	struct move move;
	move_strides(x, stride);
	if (!move_new(l, y, stride, &move))
		return lower_no_memory(n, err);
	for (int64_t c = 0; c < y->dim[1]; c++) {
		int64_t block = c / x->dim[1];
		move.at[move_dim(y, 1)][c] = c % x->dim[1] * stride[1] + block / size * stride[2] +
		                             block % size * stride[3];
	}
	for (int32_t axis = 2; axis < 4; axis++)
		for (int64_t i = 0; i < y->dim[axis]; i++)
			move.at[move_dim(y, axis)][i] = i * size * stride[axis];
	return move_step(l, n, n->in[0], n->out[0], &move, "space to depth", err);
}
