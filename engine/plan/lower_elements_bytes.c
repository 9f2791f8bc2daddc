/* Functions of one tensor of bytes, or of two of a shape; to bytes and back. */
#include "engine/kernels/bytes.h"
#include "engine/operators/quantised.h"
#include "engine/plan/lower.h"

#include <string.h>

enum { BLOCK = 16384 }; /* elements that one thread takes at a time, about */

struct elements_args {
	struct ref x, second, y;
	const struct kernels *k;
	enum op op;
	size_t elements, block;
	struct pair_u8 pair;
	size_t x_row, second_row; /* of a pair: elements before an operand begins again */
	size_t run;               /* elements that an operand's stand still for */
	float scale;              /* of a quantisation */
	bool is_signed;
	struct byte_range range;
	uint8_t table[256];
};

struct elements_job {
	const struct elements_args *a;
	const struct run *run;
	size_t first, blocks;
};

static struct byte_range range_of(enum cnn_dtype dtype, int32_t zero)
{
	struct quantised_range r = quantised_range(dtype, zero);
	return (struct byte_range){r.zero, r.lo, r.hi};
}

static void run_part(const struct elements_args *a, size_t n, const void *x, uint8_t *y)
{
	switch (a->op) {
	case OP_QUANTIZE_LINEAR:
		a->k->quantise_u8(n, x, a->scale, &a->range, y);
		break;
	case OP_DEQUANTIZE_LINEAR:
		a->k->dequantise_u8(n, x, a->is_signed, a->range.zero, a->scale,
		                    (float *)(void *)y);
		break;
	default:
		look_up_bytes(n, x, a->table, y);
	}
}

static void run_block(void *ctx, size_t item, size_t thread)
{
	(void)thread;
	const struct elements_job *job = ctx;
	const struct elements_args *a = job->a;
	size_t picture = job->first + item / job->blocks, at = item % job->blocks * a->block;
	size_t n = a->elements - at < a->block ? a->elements - at : a->block;
	bool from_floats = a->op == OP_QUANTIZE_LINEAR, to_floats = a->op == OP_DEQUANTIZE_LINEAR;
	const char *x = (const char *)ref_at(job->run, &a->x, picture);
	char *y = (char *)ref_at(job->run, &a->y, picture);
	run_part(a, n, x + at * (from_floats ? sizeof(float) : 1),
	         (uint8_t *)y + at * (to_floats ? sizeof(float) : 1));
}

static void run_elements(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct elements_args *a = step->args;
	struct elements_job job = {a, run, first, (a->elements + a->block - 1) / a->block};
	cnn_parallel_for(run->pool, n * job.blocks, run_block, &job);
}

static enum cnn_status elements_new(struct lowering *l, const struct node *n,
                                    struct elements_args **out, struct cnn_error *err)
{
	struct elements_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	a->k = l->k;
	a->op = n->op;
	a->elements = (size_t)graph_elements(graph_out(l->g, n));
	a->block = BLOCK;
	*out = a;
	return CNN_OK;
}

static enum cnn_status elements_step(struct lowering *l, const struct node *n,
                                     struct elements_args *a, step_fn *fn, const char *kernel,
                                     struct cnn_error *err)
{
	enum cnn_status status = lower_step(l, fn, a, kernel, n, n->out[0], 0, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}

enum cnn_status lower_quantise(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	struct elements_args *a;
	enum cnn_status status = elements_new(l, n, &a, err);
	if (status)
		return status;
	bool from_floats = n->op == OP_QUANTIZE_LINEAR;
	enum cnn_dtype stored = (from_floats ? graph_out(l->g, n) : graph_in(l->g, n, 0))->dtype;
	a->scale = quantised_scale_of(l->g, n, 1);
	a->range = range_of(stored, quantised_zero_of(l->g, n, 2));
	a->is_signed = stored == CNN_S8;
	return elements_step(l, n, a, run_elements, from_floats ? "quantise_u8" : "dequantise_u8",
	                     err);
}

enum cnn_status lower_table_bytes(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	struct elements_args *a;
	enum cnn_status status = elements_new(l, n, &a, err);
	if (status)
		return status;
	quantised_table(l->g, n, 0, a->table);
	return elements_step(l, n, a, run_elements, "table of bytes", err);
}

/* --- two operands ------------------------------------------------------------------------------ */

/* An operand's bytes for the n elements from `at` on; one that is a pixel for all of them is laid out in room when its
 * channels are not innermost. */
static const uint8_t *operand(const struct elements_args *a, const uint8_t *x, size_t row,
                              size_t at, size_t n, uint8_t *room)
{
	if (row == a->elements)
		return x + at;
	if (a->run == 1)
		return x + at % row;
	return memset(room, x[at / a->run], n);
}

static void run_pair_block(void *ctx, size_t item, size_t thread)
{
	const struct elements_job *job = ctx;
	const struct elements_args *a = job->a;
	size_t picture = job->first + item / job->blocks, at = item % job->blocks * a->block;
	size_t end = a->elements - at < a->block ? a->elements : at + a->block;
	uint8_t *room = (uint8_t *)job->run->scratch + thread * job->run->scratch_stride;
	const uint8_t *x = (const uint8_t *)ref_at(job->run, &a->x, picture);
	const uint8_t *second = (const uint8_t *)ref_at(job->run, &a->second, picture);
	uint8_t *y = (uint8_t *)ref_at(job->run, &a->y, picture);
	add_u8_fn *fn = a->op == OP_QLINEAR_ADD ? a->k->add_u8 : a->k->multiply_u8;
	/* A part is as long as neither operand begins again or changes within. */
	size_t part = a->run > 1 ? a->run : a->x_row < a->second_row ? a->x_row : a->second_row;
	while (at < end) {
		size_t n = part - at % part < end - at ? part - at % part : end - at;
		fn(n, &a->pair, operand(a, x, a->x_row, at, n, room),
		   operand(a, second, a->second_row, at, n, room), y + at);
		at += n;
	}
}

static void run_pair(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct elements_args *a = step->args;
	struct elements_job job = {a, run, first, (a->elements + a->block - 1) / a->block};
	cnn_parallel_for(run->pool, n * job.blocks, run_pair_block, &job);
}

static struct pair_u8 pair_of(const struct lowering *l, const struct node *n, bool *swap)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	/* The zero point is added before rounding. */
	struct pair_u8 p = {.is_signed = x->dtype == CNN_S8, .to = range_of(y->dtype, 0)};
	if (n->op == OP_QLINEAR_ADD) {
		struct quantised_sum sum = quantised_sum(l->g, n);
		p.a = sum.a;
		p.b = sum.b;
		p.fixed = sum.fixed;
		*swap = sum.swap;
		return p;
	}
	p.a = quantised_scale_of(l->g, n, 1) * quantised_scale_of(l->g, n, 4) /
	      quantised_scale_of(l->g, n, 6);
	p.fixed = (float)quantised_zero_of(l->g, n, 7);
	p.a_zero = quantised_zero_of(l->g, n, 2);
	p.b_zero = quantised_zero_of(l->g, n, 5);
	*swap = false;
	return p;
}

enum cnn_status lower_pair_bytes(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	struct elements_args *a;
	bool swap;
	enum cnn_status status = elements_new(l, n, &a, err);
	if (status)
		return status;
	a->pair = pair_of(l, n, &swap);
	value_id x = n->in[swap ? 3 : 0], second = n->in[swap ? 0 : 3];
	a->x_row = (size_t)graph_elements(&l->g->value[x]);
	a->second_row = (size_t)graph_elements(&l->g->value[second]);
	a->run = 1;
	const struct value *y = graph_out(l->g, n);
	if (y->layout == LAYOUT_PLAIN && (a->x_row < a->elements || a->second_row < a->elements))
		a->run = a->elements / (size_t)y->dim[1];
	lower_scratch(l, BLOCK);
	status = lower_step(l, run_pair, a, n->op == OP_QLINEAR_ADD ? "add_u8" : "multiply_u8", n,
	                    n->out[0], 0, err);
	if (!status)
		status = lower_read(l, x, &a->x, err);
	if (!status)
		status = lower_read(l, second, &a->second, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
