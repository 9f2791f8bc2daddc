/* Concatenations of bytes, through a table for each part whose bytes mean something else in the result. */
#include "engine/kernels/bytes.h"
#include "engine/operators/quantised.h"
#include "engine/plan/lower.h"

#include <string.h>

struct concat_bytes_args {
	struct ref y;
	size_t rows, row; /* of the result; each begins with a run of the first part */
	uint32_t n;
	struct part {
		struct ref x;
		size_t at, run; /* in a row */
		bool same;
		uint8_t table[256];
	} part[];
};

struct concat_bytes_job {
	const struct concat_bytes_args *a;
	const struct run *run;
	size_t first;
};

static void run_part(void *ctx, size_t item, size_t thread)
{
	(void)thread;
	const struct concat_bytes_job *job = ctx;
	const struct concat_bytes_args *a = job->a;
	size_t picture = job->first + item / a->n;
	const struct part *part = &a->part[item % a->n];
	const uint8_t *x = (const uint8_t *)ref_at(job->run, &part->x, picture);
	uint8_t *y = (uint8_t *)ref_at(job->run, &a->y, picture) + part->at;
	for (size_t i = 0; i < a->rows; i++, x += part->run, y += a->row) {
		if (part->same)
			memcpy(y, x, part->run);
		else
			look_up_bytes(part->run, x, part->table, y);
	}
}

static void run_concat_bytes(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct concat_bytes_args *a = step->args;
	struct concat_bytes_job job = {a, run, first};
	cnn_parallel_for(run->pool, n * a->n, run_part, &job);
}

static bool is_same(const uint8_t table[256])
{
	bool same = true;
	for (int i = 0; i < 256; i++)
		same = same && table[i] == i;
	return same;
}

/* Cut memory at the axis: elements of a row for each of its places, and how many rows there are. */
static size_t cut(const struct value *y, int64_t axis, size_t *rows)
{
	struct physical p;
	physical_shape(y, &p);
	int32_t d = 0;
	*rows = 1;
	while (p.axis[d] != axis)
		*rows *= (size_t)p.dim[d++];
	return (size_t)p.stride[d];
}

enum cnn_status lower_concat_bytes(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *y = graph_out(l->g, n);
	bool quantised = n->op == OP_QLINEAR_CONCAT;
	uint32_t first = quantised ? 2 : 0, apart = quantised ? 3 : 1;
	int64_t axis = quantised ? n->attr.quant.axis : n->attr.axes.axis;
	struct concat_bytes_args *a = lower_alloc(l, 1, sizeof *a + n->n_in * sizeof a->part[0]);
	if (!a)
		return lower_no_memory(n, err);
	axis += axis < 0 ? y->rank : 0;
	size_t unit = cut(y, axis, &a->rows);
	a->row = unit * (size_t)y->dim[axis];
	enum cnn_status status =
		lower_step(l, run_concat_bytes, a, "concat of bytes", n, n->out[0], 0, err);
	size_t at = 0;
	for (uint32_t k = first; k < n->n_in && !status; k += apart) {
		struct part *part = &a->part[a->n++];
		part->at = at;
		part->run = unit * (size_t)graph_in(l->g, n, k)->dim[axis];
		part->same = !quantised;
		if (quantised) {
			quantised_table(l->g, n, k, part->table);
			part->same = is_same(part->table);
		}
		at += part->run;
		status = lower_read(l, n->in[k], &part->x, err);
	}
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
