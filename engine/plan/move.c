#include "engine/plan/move.h"

#include <string.h>

struct move_args {
	struct ref x, y;
	struct move move;
};

void move_strides(const struct value *v, int64_t stride[CNN_MAX_RANK])
{
	struct physical p;
	physical_shape(v, &p);
	for (int32_t i = 0; i < p.rank; i++)
		stride[p.axis[i]] = p.dim[i] == 1 ? 0 : p.stride[i];
}

int32_t move_dim(const struct value *out, int32_t axis)
{
	struct physical p;
	physical_shape(out, &p);
	int32_t d = 0;
	while (p.axis[d] != axis)
		d++;
	return d;
}

bool move_new(struct lowering *l, const struct value *out, const int64_t in_stride[CNN_MAX_RANK],
              struct move *move)
{
	struct physical p;
	physical_shape(out, &p);
	*move = (struct move){.rank = p.rank};
	for (int32_t d = 0; d < p.rank; d++) {
		move->dim[d] = p.dim[d];
		move->out_stride[d] = p.stride[d];
		move->at[d] = lower_alloc(l, (size_t)p.dim[d], sizeof(int64_t));
		if (!move->at[d])
			return false;
		for (int64_t i = 0; i < p.dim[d]; i++)
			move->at[d][i] = i * in_stride[p.axis[d]];
	}
	return true;
}

static bool has_fill(const struct move *move, int32_t d)
{
	for (int64_t i = 0; i < move->dim[d]; i++)
		if (move->at[d][i] == MOVE_FILL)
			return true;
	return false;
}

static bool is_contiguous(const struct move *move, int32_t d)
{
	for (int64_t i = 0; i < move->dim[d]; i++)
		if (move->at[d][i] != move->at[d][0] + i)
			return false;
	return !has_fill(move, d);
}

void move_finish(struct move *move)
{
	int32_t d = move->rank - 1;
	move->straight = move->rank > 0 && move->out_stride[d] == 1 && is_contiguous(move, d);
	move->turned = move->rank > 1 && !move->straight && !has_fill(move, d) &&
	               is_contiguous(move, d - 1);
}

static void run_row(const struct move *move, const float *in, float *out)
{
	int32_t d = move->rank - 1;
	int64_t n = move->dim[d], stride = move->out_stride[d];
	const int64_t *at = move->at[d];
	if (move->straight) {
		memcpy(out, in + at[0], (size_t)n * sizeof *out);
		return;
	}
	for (int64_t i = 0; i < n; i++)
		out[i * stride] = at[i] == MOVE_FILL ? move->fill : in[at[i]];
}

/* Planes into pixels, those of a picture foremost. */
static void run_three(int64_t n, const float *a, const float *b, const float *c,
                      float *restrict out)
{
	for (int64_t i = 0; i < n; i++, out += 3) {
		out[0] = a[i];
		out[1] = b[i];
		out[2] = c[i];
	}
}

/* The two innermost dimensions of a move that is turned, TOGETHER columns at a time: their lines of the output
 * stay in L1 until they are full. */
static void run_plane(const struct move *move, const float *in, float *out)
{
	enum { TOGETHER = 16 };
	int32_t d = move->rank - 1;
	const int64_t *at = move->at[d], n = move->dim[d], stride = move->out_stride[d];
	int64_t columns = move->dim[d - 1], column_stride = move->out_stride[d - 1];
	in += move->at[d - 1][0];
	if (n == 3 && stride == 1 && column_stride == 3) {
		run_three(columns, in + at[0], in + at[1], in + at[2], out);
		return;
	}
	for (int64_t first = 0; first < columns; first += TOGETHER) {
		int64_t end = columns - first < TOGETHER ? columns : first + TOGETHER;
		for (int64_t i = 0; i < n; i++) {
			const float *from = in + at[i];
			for (int64_t x = first; x < end; x++)
				out[x * column_stride + i * stride] = from[x];
		}
	}
}

static void fill_row(const struct move *move, float *out)
{
	int32_t d = move->rank - 1;
	for (int64_t i = 0; i < move->dim[d]; i++)
		out[i * move->out_stride[d]] = move->fill;
}

void move_run(const struct move *move, const float *in, float *out)
{
	in += move->in_base;
	out += move->out_base;
	if (move->rank == 0) {
		*out = *in;
		return;
	}
	int64_t index[CNN_MAX_RANK] = {0};
	const int32_t outer = move->rank - (move->turned ? 2 : 1);
	for (int32_t d = 0; d < move->rank; d++)
		if (move->dim[d] == 0)
			return;
	for (;;) {
		int64_t from = 0, to = 0;
		bool outside = false;
		for (int32_t d = 0; d < outer; d++) {
			int64_t at = move->at[d][index[d]];
			if (at == MOVE_FILL)
				outside = true;
			else
				from += at;
			to += index[d] * move->out_stride[d];
		}
		if (outside && move->turned)
			for (int64_t i = 0; i < move->dim[outer]; i++)
				fill_row(move, out + to + i * move->out_stride[outer]);
		else if (outside)
			fill_row(move, out + to);
		else if (move->turned)
			run_plane(move, in + from, out + to);
		else
			run_row(move, in + from, out + to);
		int32_t d = outer - 1;
		while (d >= 0 && ++index[d] == move->dim[d])
			index[d--] = 0;
		if (d < 0)
			return;
	}
}

static void run_move(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct move_args *a = step->args;
	for (size_t i = first; i < first + n; i++)
		move_run(&a->move, ref_at(run, &a->x, i), ref_at(run, &a->y, i));
}

enum cnn_status move_step(struct lowering *l, const struct node *n, value_id in, value_id out,
                          const struct move *move, const char *kernel, struct cnn_error *err)
{
	struct move_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	a->move = *move;
	move_finish(&a->move);
	enum cnn_status status = lower_step(l, run_move, a, kernel, n, out, 0, err);
	if (!status)
		status = lower_read(l, in, &a->x, err);
	return status ? status : lower_write(l, out, &a->y, err);
}
