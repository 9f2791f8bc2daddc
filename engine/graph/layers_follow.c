/* layers_follow.c - receptive fields from the inputs of a node to its outputs. */
#include "engine/graph/layers_follow.h"

#include "engine/graph/resolve.h"

/* A tensor of rank 4 is [N][C][H][W], unless only its last axis can be the channels of a picture. */
static int32_t axis_of_input(const struct value *v, int a)
{
	bool last = v->rank == 4 && v->dim[1] != 3 && v->dim[1] != 1 &&
	            (v->dim[3] == 3 || v->dim[3] == 1);
	int32_t axis = v->rank - 2 + a - last;
	/* [N][C][L] has a width only, and so have flat features. */
	return v->rank < 4 && a == 0 ? -1 : axis;
}

bool follow_inputs(struct follower *f)
{
	struct graph *g = f->g;
	for (size_t i = 0; i < g->n_input; i++) {
		const struct value *v = &g->value[g->input[i]];
		struct field *field = &f->of[g->input[i]];
		field->picture = true;
		for (int a = 0; a < 2; a++) {
			int32_t axis = axis_of_input(v, a);
			if (!field_axis_picture(&f->room, &field->axis[a]))
				return false;
			if (axis < 0)
				continue;
			field->held[axis] = a == 0 ? HELD_HEIGHT : HELD_WIDTH;
			f->has[a] = true;
		}
	}
	return true;
}

static void see_all(struct field *field, uint8_t held)
{
	for (int a = 0; a < 2; a++)
		field->axis[a].whole |= (held & (HELD_HEIGHT << a)) != 0;
}

bool follow_axis(struct follower *f, const struct reach *r, struct field *field, int a)
{
	struct field_axis in = field->axis[a];
	return field_axis_through(&f->room, &in, r, &field->axis[a]);
}

/* The only axis of the tensor that holds this one of the picture's, and holds nothing else. */
static bool alone(const struct field *in, int32_t rank, int32_t axis)
{
	uint8_t held = in->held[axis];
	for (int32_t t = 0; t < rank; t++)
		if (t != axis && (in->held[t] & held))
			return false;
	return held == HELD_HEIGHT || held == HELD_WIDTH;
}

static bool is_shift(const struct reach *r)
{
	return r->kind == REACH_WINDOW && r->kernel == 1 && r->stride == 1;
}

static bool carry(struct follower *f, const struct field *in, int32_t rank,
                  const struct axis_move move[CNN_MAX_RANK], struct field *out)
{
	*out = (struct field){.picture = true,
	                      .aside = in->aside,
	                      .rows = in->rows,
	                      .columns = in->columns,
	                      .axis = {in->axis[0], in->axis[1]}};
	for (int32_t t = 0; t < rank; t++) {
		const struct axis_move *m = &move[t];
		if (m->to >= 0)
			out->held[m->to] |= in->held[t];
		/* Tokens cut off or put in front leave what each of the others sees as it is. */
		bool shift = m->kind == MOVE_REACH && is_shift(&m->reach);
		bool plain = alone(in, rank, t);
		if (!in->held[t] || m->kind == MOVE_KEEP ||
		    (shift && (!plain || m->reach.before == 0)))
			continue;
		if (m->kind == MOVE_MIX || !plain)
			see_all(out, in->held[t]);
		else if (!follow_axis(f, &m->reach, out, in->held[t] == HELD_WIDTH))
			return false;
	}
	return true;
}

/* How many positions of the picture's axis a the value has; 0 when that is not plain. */
static int64_t positions(const struct field *field, const struct value *v, int a)
{
	for (int32_t t = 0; t < v->rank; t++)
		if (field->held[t] == (HELD_HEIGHT << a))
			return alone(field, v->rank, t) ? v->dim[t] : 0;
	return 0;
}

/* `more` comes beside what `seen` saw so far of the same output. */
static bool join(struct follower *f, const struct value *y, struct field *seen,
                 const struct field *more)
{
	if (!seen->picture || (seen->aside && !more->aside)) {
		*seen = *more;
		return true;
	}
	if (more->aside)
		return true;
	for (int32_t t = 0; t < y->rank; t++)
		seen->held[t] |= more->held[t];
	if (seen->rows != more->rows || seen->columns != more->columns)
		seen->rows = seen->columns = 0;
	for (int a = 0; a < 2; a++) {
		struct field_axis so_far = seen->axis[a];
		const struct field_axis *other = &more->axis[a];
		int64_t n = positions(seen, y, a);
		bool even = !so_far.whole && !other->whole &&
		            so_far.step * other->phases == other->step * so_far.phases;
		if (n == 0 && !even)
			seen->axis[a].whole = true;
		else if (!field_axis_join(&f->room, &so_far, other, n, &seen->axis[a]))
			return false;
	}
	return true;
}

static bool is_by_element(enum op op)
{
	switch (op) {
	case OP_BATCH_NORM:
	case OP_CAST:
	case OP_CAST_LIKE:
	case OP_IDENTITY:
	case OP_DROPOUT:
	case OP_EXPAND:
	case OP_TRILU:
	case OP_QUANTIZE_LINEAR:
	case OP_DEQUANTIZE_LINEAR:
	case OP_DYNAMIC_QUANTIZE_LINEAR:
	case OP_QLINEAR_ADD:
	case OP_QLINEAR_MUL:
	case OP_QLINEAR_SIGMOID:
	case OP_QLINEAR_LEAKY_RELU:
		return true;
	default:
		return (op >= OP_RELU && op <= OP_NOT) || (op >= OP_ADD && op <= OP_WHERE);
	}
}

static bool is_view(enum op op)
{
	return op == OP_RESHAPE || op == OP_FLATTEN || op == OP_SQUEEZE || op == OP_UNSQUEEZE;
}

/* Axes are matched from the last one on, and one element stands for all: broadcasting. */
static void moves_by_element(const struct value *x, const struct value *y,
                             struct axis_move move[CNN_MAX_RANK])
{
	for (int32_t t = 0; t < x->rank; t++) {
		int32_t to = t + y->rank - x->rank;
		move[t] = (struct axis_move){.to = to};
		if (x->dim[t] == 1 && y->dim[to] > 1) {
			move[t].kind = MOVE_REACH;
			move[t].reach = reach_window(1, 0, 1, 0);
		}
	}
}

static bool follow_input(struct follower *f, const struct node *n, uint32_t i, uint32_t k,
                         struct field *out)
{
	const struct value *x = &f->g->value[n->in[i]], *y = &f->g->value[n->out[k]];
	const struct field *in = &f->of[n->in[i]];
	struct axis_move move[CNN_MAX_RANK];
	if (is_view(n->op) && i == 0)
		return follow_reshape(f, x, in, y, out);
	if (is_by_element(n->op) && x->rank <= y->rank)
		moves_by_element(x, y, move);
	else if (!moves_of(f->g, n, i, k, move)) {
		*out = (struct field){.picture = true, .aside = in->aside};
		see_all(out, HELD_HEIGHT | HELD_WIDTH);
		return true;
	}
	return carry(f, in, x->rank, move, out);
}

static uint32_t pictures(const struct follower *f, const struct node *n)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < n->n_in; i++)
		count += n->in[i] != NO_VALUE && f->of[n->in[i]].picture;
	return count;
}

/* Products of two feature maps mix them as they like: attention. */
static bool is_attention(const struct follower *f, const struct node *n)
{
	switch (n->op) {
	case OP_GEMM:
	case OP_MATMUL:
	case OP_MATMUL_INTEGER:
	case OP_QLINEAR_MATMUL:
	case OP_QGEMM:
	case OP_CONV:
	case OP_CONV_TRANSPOSE:
	case OP_CONV_INTEGER:
	case OP_QLINEAR_CONV: {
		bool bytes =
			n->op == OP_QLINEAR_CONV || n->op == OP_QLINEAR_MATMUL || n->op == OP_QGEMM;
		uint32_t other = bytes ? 3 : 1;
		return n->n_in > other && n->in[other] != NO_VALUE && f->of[n->in[0]].picture &&
		       f->of[n->in[other]].picture;
	}
	default:
		return false;
	}
}

bool follow_node(struct follower *f, const struct node *n)
{
	if (pictures(f, n) == 0)
		return true;
	for (uint32_t k = 0; k < n->n_out; k++) {
		if (n->out[k] == NO_VALUE)
			continue;
		struct field *out = &f->of[n->out[k]], seen;
		*out = (struct field){0};
		for (uint32_t i = 0; i < n->n_in; i++) {
			if (n->in[i] == NO_VALUE || !f->of[n->in[i]].picture)
				continue;
			if (!follow_input(f, n, i, k, &seen) ||
			    !join(f, &f->g->value[n->out[k]], out, &seen))
				return false;
		}
		if (is_attention(f, n))
			see_all(out, HELD_HEIGHT | HELD_WIDTH);
		if (n->op == OP_DYNAMIC_QUANTIZE_LINEAR && k > 0) {
			out->aside = true;
			see_all(out, HELD_HEIGHT | HELD_WIDTH);
		}
	}
	return true;
}
