/* layers_moves.c - what operators do along each axis of their input. */
#include "engine/graph/layers_follow.h"

#include "engine/graph/resolve.h"

static void keep_all(int32_t rank, struct axis_move move[CNN_MAX_RANK])
{
	for (int32_t t = 0; t < rank; t++)
		move[t] = (struct axis_move){.to = t};
}

static void mix_from(int32_t from, int32_t to, struct axis_move move[CNN_MAX_RANK])
{
	for (int32_t t = from < 0 ? 0 : from; t < to; t++)
		move[t].kind = MOVE_MIX;
}

static void reach_along(struct axis_move *move, struct reach r)
{
	move->kind = MOVE_REACH;
	move->reach = r;
}

static bool moves_of_window(const struct graph *g, const struct node *n,
                            struct axis_move move[CNN_MAX_RANK])
{
	const struct window_attr *w = &n->attr.window;
	int32_t rank = graph_in(g, n, 0)->rank, first = w->channels_last ? 1 : 2;
	struct window_axis axis[3] = {w->depth};
	for (int i = 0; i < 2; i++)
		axis[1 + i] = (struct window_axis){w->kernel[i], w->stride[i], w->dilation[i],
		                                   w->pad[i], w->pad[i + 2]};
	for (int i = 3 - w->spatial; i < 3; i++) {
		const struct window_axis *a = &axis[i];
		int32_t t = first + i - (3 - w->spatial);
		if (t < rank)
			reach_along(&move[t], n->op == OP_CONV_TRANSPOSE
			                              ? reach_spread(a->kernel, a->stride,
			                                             a->dilation, a->before)
			                              : reach_window(a->kernel, a->stride,
			                                             a->dilation, a->before));
	}
	bool pool = n->op == OP_MAX_POOL || n->op == OP_AVERAGE_POOL || n->op == OP_LP_POOL ||
	            n->op == OP_QLINEAR_AVERAGE_POOL;
	if (!pool)
		mix_from(1, 2, move);
	return true;
}

static bool moves_of_reduce(const struct graph *g, const struct node *n,
                            struct axis_move move[CNN_MAX_RANK])
{
	bool reduced[CNN_MAX_RANK] = {false};
	int32_t rank = graph_in(g, n, 0)->rank, axis, to = 0;
	if (n->op == OP_ARG_MAX || n->op == OP_ARG_MIN) {
		if (resolve_axis(n, n->attr.axes.axis, rank, &axis, NULL) != CNN_OK)
			return false;
		reduced[axis] = true;
	} else if (resolve_reduced(g, n, reduced, NULL) != CNN_OK) {
		return false;
	}
	for (int32_t t = 0; t < rank; t++) {
		bool gone = reduced[t] && !n->attr.axes.keep_dims;
		move[t] =
			(struct axis_move){reduced[t] ? MOVE_MIX : MOVE_KEEP, gone ? -1 : to, {0}};
		to += !gone;
	}
	return true;
}

/* A matrix product with constants, on either side. */
static bool moves_of_product(const struct graph *g, const struct node *n, uint32_t input,
                             struct axis_move move[CNN_MAX_RANK])
{
	const struct value *x = graph_in(g, n, input), *y = graph_out(g, n);
	int32_t inner = input == 0 ? x->rank - 1 : x->rank - 2;
	if (n->op == OP_GEMM && (input == 0 ? n->attr.gemm.trans_a : n->attr.gemm.trans_b))
		inner = 1 - inner;
	if (n->op == OP_QGEMM && (input == 0 ? n->attr.quant.trans_a : n->attr.quant.trans_b))
		inner = 1 - inner;
	if (x->rank < 2 || y->rank < x->rank)
		return false;
	for (int32_t t = 0; t < x->rank; t++)
		move[t] = (struct axis_move){.to = t + y->rank - x->rank};
	/* What is left of a matrix is the product's row or column. */
	move[2 * x->rank - 3 - inner].to = input == 0 ? y->rank - 2 : y->rank - 1;
	move[inner] = (struct axis_move){MOVE_MIX, -1, {0}};
	return true;
}

/* Operators that look along one axis, or from it on. */
static bool moves_along(const struct graph *g, const struct node *n, int64_t written,
                        bool from_it_on, struct axis_move move[CNN_MAX_RANK])
{
	int32_t axis, rank = graph_in(g, n, 0)->rank;
	if (resolve_axis(n, written, rank, &axis, NULL) != CNN_OK)
		return false;
	mix_from(axis, from_it_on ? rank : axis + 1, move);
	return true;
}

static bool moves_of_transpose(const struct graph *g, const struct node *n,
                               struct axis_move move[CNN_MAX_RANK])
{
	int32_t rank = graph_in(g, n, 0)->rank, from;
	for (int32_t t = 0; t < rank; t++) {
		int32_t written = n->attr.perm.n ? n->attr.perm.perm[t] : rank - 1 - t;
		if (resolve_axis(n, written, rank, &from, NULL) != CNN_OK)
			return false;
		move[from].to = t;
	}
	return true;
}

static bool moves_of_slice(const struct graph *g, const struct node *n,
                           struct axis_move move[CNN_MAX_RANK])
{
	struct slice_range range[CNN_MAX_RANK];
	if (resolve_slice(g, n, range, NULL) != CNN_OK)
		return false;
	for (int32_t t = 0; t < graph_in(g, n, 0)->rank; t++)
		reach_along(&move[t], reach_window(1, range[t].step, 1, -range[t].start));
	return true;
}

static bool moves_of_pad(const struct graph *g, const struct node *n,
                         struct axis_move move[CNN_MAX_RANK])
{
	int64_t before[CNN_MAX_RANK], after[CNN_MAX_RANK];
	if (resolve_pads(g, n, before, after, NULL) != CNN_OK)
		return false;
	for (int32_t t = 0; t < graph_in(g, n, 0)->rank; t++)
		reach_along(&move[t], reach_window(1, 1, 1, before[t]));
	return true;
}

static bool moves_of_split(const struct graph *g, const struct node *n, uint32_t output,
                           struct axis_move move[CNN_MAX_RANK])
{
	int32_t axis;
	int64_t start, size;
	if (resolve_split(g, n, output, &axis, &start, &size, NULL) != CNN_OK)
		return false;
	reach_along(&move[axis], reach_window(1, 1, 1, -start));
	return true;
}

/* Along channels each input keeps its place; along the picture it may be shifted. */
static bool moves_of_concat(const struct graph *g, const struct node *n, uint32_t input,
                            struct axis_move move[CNN_MAX_RANK])
{
	bool bytes = n->op == OP_QLINEAR_CONCAT;
	uint32_t first = bytes ? 2 : 0, each = bytes ? 3 : 1;
	const struct value *x = graph_in(g, n, first);
	int64_t before = 0;
	int32_t axis;
	if (input < first || (input - first) % each ||
	    resolve_axis(n, bytes ? n->attr.quant.axis : n->attr.axes.axis, x->rank, &axis, NULL) !=
	            CNN_OK)
		return false;
	for (uint32_t i = first; i < input; i += each)
		before += graph_in(g, n, i)->dim[axis];
	/* Tokens put before the picture's leave what each of these sees as it is. */
	reach_along(&move[axis], reach_window(1, 1, 1, before));
	return true;
}

/* One index, or several along an axis that has no place in the picture. */
static bool moves_of_gather(const struct graph *g, const struct node *n,
                            struct axis_move move[CNN_MAX_RANK])
{
	const struct value *x = graph_in(g, n, 0), *i = graph_in(g, n, 1);
	int32_t axis;
	if (!i->data || resolve_axis(n, n->attr.axes.axis, x->rank, &axis, NULL) != CNN_OK)
		return false;
	for (int32_t t = axis; t < x->rank; t++)
		move[t].to = t + i->rank - 1;
	if (graph_elements(i) == 1) {
		int64_t index = resolve_int(i, 0);
		struct reach r = reach_window(1, 0, 1, index < 0 ? -index - x->dim[axis] : -index);
		reach_along(&move[axis], r);
	} else {
		move[axis].kind = MOVE_MIX;
	}
	if (i->rank == 0)
		move[axis].to = -1;
	return true;
}

static bool moves_of_blocks(const struct node *n, struct axis_move move[CNN_MAX_RANK])
{
	int64_t size = n->attr.block.size;
	for (int32_t t = 2; t < 4; t++)
		reach_along(&move[t], n->op == OP_SPACE_TO_DEPTH ? reach_window(size, size, 1, 0)
		                                                 : reach_spread(size, size, 1, 0));
	return true;
}

static bool moves_of_norm(const struct graph *g, const struct node *n,
                          struct axis_move move[CNN_MAX_RANK])
{
	switch (n->op) {
	case OP_LRN:
		mix_from(1, 2, move);
		return true;
	case OP_LAYER_NORM:
		return moves_along(g, n, n->attr.norm.axis, true, move);
	case OP_INSTANCE_NORM:
	case OP_GROUP_NORM:
	case OP_MEAN_VARIANCE_NORM:
		mix_from(1, graph_in(g, n, 0)->rank, move);
		return true;
	case OP_SOFTMAX:
	case OP_HARDMAX:
	case OP_LOG_SOFTMAX:
		return moves_along(g, n, n->attr.axes.axis, n->attr.axes.coerced_2d, move);
	case OP_LP_NORM:
	case OP_TOP_K:
		return moves_along(g, n, n->attr.axes.axis, false, move);
	case OP_QLINEAR_SOFTMAX:
		return moves_along(g, n, n->attr.quant.axis, n->attr.quant.coerced_2d, move);
	default:
		return false;
	}
}

bool moves_of(const struct graph *g, const struct node *n, uint32_t input, uint32_t output,
              struct axis_move move[CNN_MAX_RANK])
{
	int32_t rank = graph_in(g, n, input)->rank;
	keep_all(rank, move);
	switch (n->op) {
	case OP_CONV:
	case OP_CONV_TRANSPOSE:
	case OP_MAX_POOL:
	case OP_AVERAGE_POOL:
	case OP_LP_POOL:
	case OP_CONV_INTEGER:
	case OP_QLINEAR_CONV:
	case OP_QLINEAR_AVERAGE_POOL:
		return input == 0 && moves_of_window(g, n, move);
	case OP_GLOBAL_AVERAGE_POOL:
	case OP_GLOBAL_MAX_POOL:
	case OP_GLOBAL_LP_POOL:
		mix_from(2, rank, move);
		return true;
	case OP_QLINEAR_GLOBAL_AVERAGE_POOL:
		mix_from(n->attr.quant.channels_last ? 1 : 2,
		         n->attr.quant.channels_last ? rank - 1 : rank, move);
		return true;
	case OP_GEMM:
	case OP_MATMUL:
	case OP_MATMUL_INTEGER:
		return input < 2 && moves_of_product(g, n, input, move);
	case OP_QLINEAR_MATMUL:
	case OP_QGEMM:
		return input == 0 && moves_of_product(g, n, input, move);
	case OP_TRANSPOSE:
		return moves_of_transpose(g, n, move);
	case OP_SLICE:
		return input == 0 && moves_of_slice(g, n, move);
	case OP_PAD:
		return input == 0 && moves_of_pad(g, n, move);
	case OP_SPLIT:
		return input == 0 && moves_of_split(g, n, output, move);
	case OP_CONCAT:
	case OP_QLINEAR_CONCAT:
		return moves_of_concat(g, n, input, move);
	case OP_GATHER:
		return input == 0 && moves_of_gather(g, n, move);
	case OP_RESIZE:
		return input == 0 && moves_of_resize(g, n, move);
	case OP_DEPTH_TO_SPACE:
	case OP_SPACE_TO_DEPTH:
		return moves_of_blocks(n, move);
	default:
		if ((n->op >= OP_REDUCE_MEAN && n->op <= OP_REDUCE_SUM_SQUARE) ||
		    n->op == OP_ARG_MAX || n->op == OP_ARG_MIN)
			return input == 0 && moves_of_reduce(g, n, move);
		return input == 0 && moves_of_norm(g, n, move);
	}
}
