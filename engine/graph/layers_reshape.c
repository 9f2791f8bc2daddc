/* layers_reshape.c - where rows and columns go when axes are joined and split. */
#include "engine/graph/layers_follow.h"

/* Axes of the input and of the output that hold the same elements: from .. to - 1. Axes of one element are in none. */
struct block {
	int32_t in[CNN_MAX_RANK], out[CNN_MAX_RANK];
	int32_t n_in, n_out;
};

static int32_t skip_ones(const struct value *v, int32_t t)
{
	while (t < v->rank && v->dim[t] == 1)
		t++;
	return t;
}

/* The next block from axes *i and *j on; false at the end, or when the shapes do not fit. */
static bool next_block(const struct value *x, const struct value *y, int32_t *i, int32_t *j,
                       struct block *b)
{
	b->n_in = b->n_out = 0;
	*i = skip_ones(x, *i);
	*j = skip_ones(y, *j);
	if (*i == x->rank || *j == y->rank)
		return false;
	int64_t have = x->dim[*i], want = y->dim[*j];
	b->in[b->n_in++] = (*i)++;
	b->out[b->n_out++] = (*j)++;
	while (have != want) {
		if (have < want) {
			*i = skip_ones(x, *i);
			if (*i == x->rank)
				return false;
			have *= x->dim[*i];
			b->in[b->n_in++] = (*i)++;
		} else {
			*j = skip_ones(y, *j);
			if (*j == y->rank)
				return false;
			want *= y->dim[*j];
			b->out[b->n_out++] = (*j)++;
		}
	}
	return true;
}

static uint8_t held_by(const struct field *in, const struct block *b)
{
	uint8_t held = 0;
	for (int32_t k = 0; k < b->n_in; k++)
		held |= in->held[b->in[k]];
	return held;
}

static bool is_pure(uint8_t held)
{
	return held == HELD_HEIGHT || held == HELD_WIDTH;
}

/* Rows and columns in a row: [H][W] -> [H*W]. */
static bool folds(const struct field *in, const struct block *b)
{
	return b->n_in == 2 && b->n_out == 1 && in->held[b->in[0]] == HELD_HEIGHT &&
	       in->held[b->in[1]] == HELD_WIDTH;
}

/* And back: [H*W] -> [H][W]. */
static bool unfolds(const struct field *in, const struct block *b, const struct value *y)
{
	return b->n_in == 1 && b->n_out == 2 && y->dim[b->out[0]] == in->rows &&
	       y->dim[b->out[1]] == in->columns && in->held[b->in[0]] == (HELD_HEIGHT | HELD_WIDTH);
}

/* [H/2][2] -> [H], the 2 from channels: positions get closer. */
static bool spreads(const struct field *in, const struct block *b)
{
	if (b->n_out != 1 || !is_pure(in->held[b->in[0]]))
		return false;
	for (int32_t k = 1; k < b->n_in; k++)
		if (in->held[b->in[k]])
			return false;
	return true;
}

static int64_t product(const struct value *v, const int32_t *axis, int32_t n)
{
	int64_t all = 1;
	for (int32_t k = 0; k < n; k++)
		all *= v->dim[axis[k]];
	return all;
}

static bool follow_block(struct follower *f, const struct value *x, const struct field *in,
                         const struct value *y, const struct block *b, struct field *out)
{
	uint8_t held = held_by(in, b);
	if (folds(in, b)) {
		out->rows = x->dim[b->in[0]];
		out->columns = x->dim[b->in[1]];
	}
	if (unfolds(in, b, y)) {
		out->held[b->out[0]] = HELD_HEIGHT;
		out->held[b->out[1]] = HELD_WIDTH;
		return true;
	}
	struct reach r;
	if (spreads(in, b)) {
		/* A block of one axis on either side spreads by 1, which changes nothing. */
		int64_t by = product(x, b->in + 1, b->n_in - 1);
		r = reach_spread(by, by, 1, 0);
	} else if (b->n_in == 1 && is_pure(held)) {
		/* [H] -> [H/2][2]: a row of the new ones stands for all that were in it. */
		int64_t by = product(y, b->out + 1, b->n_out - 1);
		r = reach_window(by, by, 1, 0);
	} else {
		for (int32_t k = 0; k < b->n_out; k++)
			out->held[b->out[k]] =
				held && b->n_in > 1 && !folds(in, b) ? held | HELD_MIXED : held;
		return true;
	}
	out->held[b->out[0]] = held;
	return r.kernel == 1 || follow_axis(f, &r, out, held == HELD_WIDTH);
}

bool follow_reshape(struct follower *f, const struct value *x, const struct field *in,
                    const struct value *y, struct field *out)
{
	struct block b;
	*out = *in;
	for (int32_t t = 0; t < CNN_MAX_RANK; t++)
		out->held[t] = 0;
	if (graph_elements(x) == 0)
		return true;
	for (int32_t i = 0, j = 0; next_block(x, y, &i, &j, &b);)
		if (!follow_block(f, x, in, y, &b, out))
			return false;
	return true;
}
