/* Transpose, Slice, Pad, Gather, Expand, Concat, Split, views and changes of layout. */
#include "engine/graph/resolve.h"
#include "engine/plan/move.h"

enum cnn_status lower_view(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	return lower_alias(l, n, err);
}

enum cnn_status lower_layout(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	if (physical_same(x, y) && !x->data)
		return lower_alias(l, n, err);
	if (cnn_dtype_size(x->dtype) == 1)
		return lower_layout_bytes(l, n, err);
	int64_t stride[CNN_MAX_RANK];
	struct move move;
	move_strides(x, stride);
	if (!move_new(l, y, stride, &move))
		return lower_no_memory(n, err);
	return move_step(l, n, n->in[0], n->out[0], &move, "copy layout", err);
}

enum cnn_status lower_transpose(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	int64_t in_stride[CNN_MAX_RANK], stride[CNN_MAX_RANK];
	move_strides(x, in_stride);
	for (int32_t i = 0; i < y->rank; i++)
		stride[i] = in_stride[n->attr.perm.n ? n->attr.perm.perm[i] : y->rank - 1 - i];
	/* Does it move anything? Not when the input's elements already lie in the output's order. */
	struct physical p;
	physical_shape(y, &p);
	bool same = true;
	for (int32_t d = 0; d < p.rank; d++)
		same = same && (p.dim[d] == 1 || stride[p.axis[d]] == p.stride[d]);
	if (same)
		return lower_alias(l, n, err);
	struct move move;
	if (!move_new(l, y, stride, &move))
		return lower_no_memory(n, err);
	return move_step(l, n, n->in[0], n->out[0], &move, "transpose", err);
}

enum cnn_status lower_slice(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	struct slice_range range[CNN_MAX_RANK];
	int64_t stride[CNN_MAX_RANK];
	struct move move;
	enum cnn_status status = resolve_slice(l->g, n, range, err);
	if (status)
		return status;
	move_strides(x, stride);
	if (!move_new(l, y, stride, &move))
		return lower_no_memory(n, err);
	for (int32_t axis = 0; axis < y->rank; axis++) {
		int32_t d = move_dim(y, axis);
		for (int64_t i = 0; i < move.dim[d]; i++)
			move.at[d][i] = (range[axis].start + i * range[axis].step) * stride[axis];
	}
	return move_step(l, n, n->in[0], n->out[0], &move, "slice", err);
}

enum cnn_status lower_pad(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	int64_t before[CNN_MAX_RANK], after[CNN_MAX_RANK], stride[CNN_MAX_RANK];
	struct move move;
	enum cnn_status status = resolve_pads(l->g, n, before, after, err);
	if (status)
		return status;
	const struct value *fill = graph_in(l->g, n, 2);
	if (fill && (!fill->data || fill->dtype != CNN_F32 || graph_elements(fill) != 1))
		return lower_unsupported(n, "needs a constant fill value", err);
	move_strides(x, stride);
	if (!move_new(l, y, stride, &move))
		return lower_no_memory(n, err);
	move.fill = fill ? *(const float *)fill->data : 0;
	for (int32_t axis = 0; axis < y->rank; axis++) {
		int32_t d = move_dim(y, axis);
		for (int64_t i = 0; i < move.dim[d]; i++) {
			int64_t from = resolve_pad_source(n->attr.pad_mode, i, before[axis],
			                                  after[axis], x->dim[axis]);
			move.at[d][i] = from < 0 ? MOVE_FILL : from * stride[axis];
		}
	}
	return move_step(l, n, n->in[0], n->out[0], &move, "pad", err);
}

enum cnn_status lower_gather(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n),
			   *index = graph_in(l->g, n, 1);
	int32_t axis =
		(int32_t)(n->attr.axes.axis < 0 ? n->attr.axes.axis + x->rank : n->attr.axes.axis);
	if (!index->data || (index->dtype != CNN_S64 && index->dtype != CNN_S32) ||
	    index->rank > 1 || x->data)
		return lower_unsupported(
			n, "needs a picture's data and constant indices of one axis", err);
	int64_t in_stride[CNN_MAX_RANK], stride[CNN_MAX_RANK] = {0};
	move_strides(x, in_stride);
	for (int32_t i = 0, j = 0; i < x->rank; i++) {
		if (i == axis && index->rank == 0)
			continue;
		stride[j++] = in_stride[i];
	}
	struct move move;
	if (!move_new(l, y, stride, &move))
		return lower_no_memory(n, err);
	int64_t count = graph_elements(index);
	for (int64_t k = 0; k < count; k++) {
		int64_t at = resolve_int(index, k);
		at = at < 0 ? at + x->dim[axis] : at;
		if (at < 0 || at >= x->dim[axis])
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': Gather's index %lld is outside its input",
			                n->name, (long long)at);
		if (index->rank == 0)
			move.in_base = at * in_stride[axis];
		else
			move.at[move_dim(y, axis)][k] = at * in_stride[axis];
	}
	return move_step(l, n, n->in[0], n->out[0], &move, "gather", err);
}

enum cnn_status lower_expand(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	int64_t in_stride[CNN_MAX_RANK], stride[CNN_MAX_RANK] = {0};
	move_strides(x, in_stride); /* 0 for axes of one element: they repeat */
	for (int32_t i = 0; i < x->rank; i++)
		stride[y->rank - x->rank + i] = in_stride[i];
	struct move move;
	if (!move_new(l, y, stride, &move))
		return lower_no_memory(n, err);
	return move_step(l, n, n->in[0], n->out[0], &move, "expand", err);
}

struct concat_args {
	struct ref y;
	uint32_t n;
	struct part {
		struct ref x;
		struct move move;
	} part[];
};

static void run_concat(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct concat_args *a = step->args;
	for (size_t i = first; i < first + n; i++)
		for (uint32_t k = 0; k < a->n; k++)
			move_run(&a->part[k].move, ref_at(run, &a->part[k].x, i),
			         ref_at(run, &a->y, i));
}

enum cnn_status lower_concat(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *y = graph_out(l->g, n);
	if (y->dtype != CNN_F32)
		return lower_concat_bytes(l, n, err);
	int32_t axis =
		(int32_t)(n->attr.axes.axis < 0 ? n->attr.axes.axis + y->rank : n->attr.axes.axis);
	uint32_t copied = 0;
	for (uint32_t k = 0; k < n->n_in; k++)
		copied += !l->slice[n->in[k]].taken;
	/* what is there already was made there */
	if (copied == 0)
		return CNN_OK;
	struct concat_args *a = lower_alloc(l, 1, sizeof *a + copied * sizeof a->part[0]);
	if (!a)
		return lower_no_memory(n, err);
	enum cnn_status status = lower_step(l, run_concat, a, "concat", n, n->out[0], 0, err);
	int64_t at = 0, y_stride = physical_stride(y, axis);
	struct physical whole;
	physical_shape(y, &whole);
	for (uint32_t k = 0; k < n->n_in && !status; k++) {
		const struct value *x = graph_in(l->g, n, k);
		int64_t first = at;
		at += x->dim[axis];
		if (l->slice[n->in[k]].taken)
			continue;
		struct part *part = &a->part[a->n++];
		/* write a part of y as if it were a value of x's shape in y's layout */
		struct value slice = *x;
		slice.layout = y->layout;
		int64_t stride[CNN_MAX_RANK];
		move_strides(x, stride);
		if (!move_new(l, &slice, stride, &part->move))
			return lower_no_memory(n, err);
		for (int32_t d = 0; d < whole.rank; d++)
			part->move.out_stride[d] = whole.stride[d];
		part->move.out_base = first * y_stride;
		move_finish(&part->move);
		status = lower_read(l, n->in[k], &part->x, err);
	}
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}

enum cnn_status lower_split(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	int64_t stride[CNN_MAX_RANK];
	move_strides(graph_in(l->g, n, 0), stride);
	for (uint32_t k = 0; k < n->n_out; k++) {
		if (n->out[k] == NO_VALUE)
			continue;
		int32_t axis;
		int64_t start, size;
		struct move move;
		enum cnn_status status = resolve_split(l->g, n, k, &axis, &start, &size, err);
		if (status)
			return status;
		if (!move_new(l, &l->g->value[n->out[k]], stride, &move))
			return lower_no_memory(n, err);
		move.in_base = start * stride[axis];
		status = move_step(l, n, n->in[0], n->out[k], &move, "split", err);
		if (status)
			return status;
	}
	return CNN_OK;
}
