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
	*move = (struct move){.rank = p.rank, .size = cnn_dtype_size(out->dtype)};
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

void move_finish(struct move *move)
{
	int32_t d = move->rank - 1;
	move->straight = move->rank > 0 && move->out_stride[d] == 1;
	for (int64_t i = 0; move->straight && i < move->dim[d]; i++)
		if (move->at[d][i] == MOVE_FILL || move->at[d][i] != move->at[d][0] + i)
			move->straight = false;
	move->columns = d > 0 && !move->straight && move->dim[d] < move->dim[d - 1] / 4 &&
	                !has_fill(move, d) && !has_fill(move, d - 1);
}

/* The innermost dimension; in is NULL where all of it is fill. With `columns` the innermost two, the last one outside. */
#define MOVE_ROW(name, type)                                                                 \
	static void name(const struct move *move, const type *in, type *out, type fill)      \
	{                                                                                    \
		int32_t d = move->rank - 1;                                                  \
		int64_t n = move->dim[d], stride = move->out_stride[d];                      \
		const int64_t *at = move->at[d];                                             \
		for (int64_t i = 0; i < n && !move->columns; i++)                            \
			out[i * stride] = !in || at[i] == MOVE_FILL ? fill : in[at[i]];      \
		for (int64_t i = 0; i < n && move->columns; i++) {                           \
			const int64_t *row = move->at[d - 1];                                \
			int64_t rows = move->dim[d - 1], step = move->out_stride[d - 1];     \
			for (int64_t j = 0; j < rows; j++)                                   \
				out[j * step + i * stride] = in ? in[row[j] + at[i]] : fill; \
		}                                                                            \
	}
MOVE_ROW(move_words, uint32_t)
MOVE_ROW(move_bytes, uint8_t)

static void run_row(const struct move *move, const char *in, char *out)
{
	int32_t d = move->rank - 1;
	uint32_t fill;
	memcpy(&fill, &move->fill, sizeof fill);
	if (in && move->straight)
		memcpy(out, in + move->at[d][0] * (int64_t)move->size,
		       (size_t)move->dim[d] * move->size);
	else if (move->size == 1)
		move_bytes(move, (const uint8_t *)in, (uint8_t *)out, 0);
	else
		move_words(move, (const uint32_t *)(const void *)in, (uint32_t *)(void *)out, fill);
}

void move_run(const struct move *move, const void *in, void *out)
{
	int64_t size = (int64_t)move->size;
	const char *x = (const char *)in + move->in_base * size;
	char *y = (char *)out + move->out_base * size;
	if (move->rank == 0) {
		memcpy(y, x, move->size);
		return;
	}
	int64_t index[CNN_MAX_RANK] = {0};
	for (int32_t d = 0; d < move->rank; d++)
		if (move->dim[d] == 0)
			return;
	int32_t outer = move->rank - 1 - move->columns; /* dimensions that are walked here */
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
		run_row(move, outside ? NULL : x + from * size, y + to * size);
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
