/* Chains of layers whose feature maps outgrow L2, by bands of rows: the rows of the last layer that a band makes,
 * for them the rows of the layer before, and so on. What lies between two layers is a ring in the thread's scratch
 * that never leaves the cache ("fused-layer CNN accelerators", Alwani et al. 2016, with the rows kept
 * instead of computed again). */
#include "engine/plan/rows.h"

#include <string.h>

enum { MAX_PARTS = 8, MAX_BAND = 32 };

struct band_part {
	struct row_work work;
	struct ref residual;
	bool has_residual;
	int32_t mask; /* of the ring that it writes; the last part writes the whole feature map */
	size_t ring;  /* where that lies in scratch, bytes */
};

struct band_args {
	struct ref x, y;
	size_t n;
	int32_t rows;   /* of the last part's output, at a time */
	size_t scratch; /* where the parts' own scratch begins, bytes */
	struct band_part *part;
};

static int32_t round_down(int32_t n, int32_t unit)
{
	return n / unit * unit;
}

static int32_t round_up(int32_t n, int32_t unit, int32_t max)
{
	n = (n + unit - 1) / unit * unit;
	return n < max ? n : max;
}

/* --- running ------------------------------------------------------------------------------ */

struct band_job {
	const struct band_args *a;
	const struct run *run;
	size_t first, strips; /* first picture; parts that each is cut into */
};

/* The rows that have been made so far, and are wanted next, of each part's output. */
struct progress {
	int32_t done[MAX_PARTS], wanted[MAX_PARTS];
};

/* The first row of each part that row `from` of the last one's output depends on. */
static void start_at(const struct band_args *a, int32_t from, struct progress *p)
{
	for (size_t i = a->n; i-- > 0;) {
		const struct row_work *w = &a->part[i].work;
		p->done[i] = round_down(from, w->unit);
		from = p->done[i] * w->stride - w->pad;
		if (from < 0)
			from = 0;
		if (from > w->in_rows)
			from = w->in_rows;
	}
}

/* What each part must have made for the last one's output to reach row `to`. */
static void want(const struct band_args *a, int32_t to, struct progress *p)
{
	for (size_t i = a->n; i-- > 0;) {
		const struct row_work *w = &a->part[i].work;
		to = round_up(to, w->unit, w->out_rows);
		p->wanted[i] = to > p->done[i] ? to : p->done[i];
		to = p->wanted[i] > 0 ? (p->wanted[i] - 1) * w->stride - w->pad + w->window : 0;
		if (to < 0)
			to = 0;
	}
}

static void run_strip(void *ctx, size_t item, size_t thread)
{
	const struct band_job *job = ctx;
	const struct band_args *a = job->a;
	const struct run *run = job->run;
	const struct row_work *first = &a->part[0].work, *last = &a->part[a->n - 1].work;
	size_t picture = job->first + item / job->strips;
	int64_t strip = (int64_t)(item % job->strips), strips = (int64_t)job->strips;
	int32_t from = round_down((int32_t)(strip * last->out_rows / strips), last->unit);
	int32_t end = (int32_t)((strip + 1) * last->out_rows / strips);
	end = strip + 1 == strips ? end : round_down(end, last->unit);
	char *scratch = run->scratch + thread * run->scratch_stride;

	/* view[i] is what part i reads, view[i + 1] what it writes. */
	struct rows view[MAX_PARTS + 1];
	view[0] = (struct rows){ref_at(run, &a->x, picture), first->in_row, ROWS_ALL};
	for (size_t i = 0; i < a->n; i++)
		view[i + 1] = (struct rows){(float *)(void *)(scratch + a->part[i].ring),
		                            a->part[i].work.out_row, a->part[i].mask};
	view[a->n] = (struct rows){ref_at(run, &a->y, picture), last->out_row, ROWS_ALL};

	struct progress p;
	start_at(a, from, &p);
	while (p.done[a->n - 1] < end) {
		int32_t to = p.done[a->n - 1] + a->rows;
		want(a, to < end ? to : end, &p);
		for (size_t i = 0; i < a->n; i++) {
			const struct band_part *part = &a->part[i];
			if (p.wanted[i] == p.done[i])
				continue;
			part->work.fn(part->work.args, &view[i], &view[i + 1],
			              part->has_residual ? ref_at(run, &part->residual, picture)
			                                 : NULL,
			              p.done[i], p.wanted[i], scratch + a->scratch);
			p.done[i] = p.wanted[i];
		}
	}
}

static void run_band(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct band_args *a = step->args;
	struct band_job job = {a, run, first, 1};
	/* Each border between strips makes some rows twice. */
	size_t threads = cnn_pool_threads(run->pool);
	size_t rows = (size_t)a->part[a->n - 1].work.out_rows;
	if (threads > 1 && n < 2 * threads)
		job.strips = threads < rows ? threads : rows;
	cnn_parallel_for(run->pool, n * job.strips, run_strip, &job);
}

/* --- deciding ------------------------------------------------------------------------------ */

/* Place the rings that bands of `rows` need, one behind the other; their bytes in all. */
static size_t place_rings(struct band_part *part, size_t n, int32_t rows)
{
	size_t bytes = 0;
	int64_t made = rows; /* rows that the part may make in one call */
	for (size_t i = n - 1; i > 0; i--) {
		const struct row_work *w = &part[i].work;
		struct band_part *before = &part[i - 1];
		made = (made + w->unit - 1) / w->unit * w->unit;
		made = (made - 1) * w->stride + w->window + 2 * (before->work.unit - 1);
		int64_t skipped = w->stride > w->window ? w->stride - w->window : 0, ring = 1;
		while (ring < made + skipped)
			ring *= 2;
		before->mask = (int32_t)(ring - 1);
		before->ring = bytes;
		bytes += ((size_t)ring * before->work.out_row * sizeof(float) + ARENA_ALIGN - 1) /
		         ARENA_ALIGN * ARENA_ALIGN;
	}
	return bytes;
}

/* The most rows whose rings take no more than `room`; 0 when not even the fewest do. */
static int32_t choose_rows(struct band_part *part, size_t n, size_t room)
{
	int32_t unit = part[n - 1].work.unit;
	for (int32_t rows = MAX_BAND; rows >= 1; rows /= 2)
		if (rows % unit == 0 && place_rings(part, n, rows) <= room)
			return rows;
	return 0;
}

static bool has_rows(const struct lowering *l, const struct node *n)
{
	if (n->op != OP_CONV && n->op != OP_MAX_POOL && n->op != OP_AVERAGE_POOL)
		return false;
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	return x->rank == 4 && y->rank == 4 && y->dtype == CNN_F32 && graph_elements(y) > 0 &&
	       y->layout == LAYOUT_CHANNELS_LAST && x->layout == LAYOUT_CHANNELS_LAST && !x->data;
}

/* The row_work that a node will have, as far as it can be told before its weights are packed: nothing that
 * may turn out larger later. */
static struct row_work estimate(const struct lowering *l, const struct node *n)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	const struct window_attr *w = &n->attr.window;
	bool by_tiles = n->op == OP_CONV && w->group == 1 && w->kernel[0] == 3 &&
	                w->kernel[1] == 3 && w->stride[0] == 1 && w->stride[1] == 1;
	struct row_work work = {
		.in_rows = (int32_t)x->dim[2],
		.out_rows = (int32_t)y->dim[2],
		.window = (w->kernel[0] - 1) * w->dilation[0] + 1,
		.stride = w->stride[0],
		.pad = w->pad[0],
		.unit = by_tiles ? WINOGRAD_OUT : 1,
		.in_row = (size_t)(x->dim[1] * x->dim[3]),
		.out_row = (size_t)(y->dim[1] * y->dim[3]),
	};
	const struct value *weights = n->op == OP_CONV ? graph_in(l->g, n, 1) : NULL;
	if (weights)
		work.weight_bytes =
			graph_value_bytes(weights) * (by_tiles ? WINOGRAD_POINTS / 9 : 1);
	return work;
}

/* The live node behind g->node[i] in order, or g->n_node. */
static size_t next_live(const struct graph *g, size_t i)
{
	do
		i++;
	while (i < g->n_node && g->node[i].dead);
	return i;
}

/* How many nodes from `first` on pay as one band, 0 or at least 2: of the chains whose rings fit, the one
 * that ends in the smallest feature map, since that is what leaves the cache. */
static size_t chain_length(const struct lowering *l, size_t first, size_t index[MAX_PARTS])
{
	const struct graph *g = l->g;
	struct band_part part[MAX_PARTS] = {0};
	const size_t l2 = l->options->l2_bytes;
	size_t n = 0, weights = 0;
	for (size_t i = first; i < g->n_node && n < MAX_PARTS; i = next_live(g, i)) {
		const struct node *node = &g->node[i];
		if (!has_rows(l, node))
			break;
		if (n > 0) {
			value_id between = g->node[index[n - 1]].out[0];
			if (node->in[0] != between || node->residual == between ||
			    l->uses[between] != 1 ||
			    graph_value_bytes(&g->value[between]) <= l2 / 2)
				break;
		}
		part[n].work = estimate(l, node);
		weights += part[n].work.weight_bytes;
		if (weights > l2 / 3)
			break;
		index[n++] = i;
	}
	size_t best = 0, least = SIZE_MAX;
	for (size_t i = 1; i < n; i++) {
		size_t bytes = part[i].work.out_row * (size_t)part[i].work.out_rows;
		if (bytes <= least && choose_rows(part, i + 1, l2 / 2) > 0) {
			best = i + 1;
			least = bytes;
		}
	}
	return best;
}

/* --- lowering ------------------------------------------------------------------------------ */

static enum cnn_status make_parts(struct lowering *l, const size_t *index, struct band_args *a,
                                  struct cnn_error *err)
{
	enum cnn_status status = CNN_OK;
	size_t scratch = 0;
	for (size_t i = 0; i < a->n && !status; i++) {
		const struct node *n = &l->g->node[index[i]];
		struct row_work *work = &a->part[i].work;
		a->part[i].has_residual = n->residual != NO_VALUE;
		status = n->op == OP_CONV ? rows_of_conv(l, n, work, err)
		                          : rows_of_pool(l, n, work, err);
		if (!status && work->scratch_bytes > scratch)
			scratch = work->scratch_bytes;
	}
	if (status)
		return status;
	a->rows = choose_rows(a->part, a->n, l->options->l2_bytes / 2);
	a->scratch = place_rings(a->part, a->n, a->rows);
	lower_scratch(l, a->scratch + scratch);
	return CNN_OK;
}

enum cnn_status lower_band(struct lowering *l, size_t first, size_t *n, struct cnn_error *err)
{
	size_t index[MAX_PARTS], weights = 0;
	*n = l->options->keep_layers ? 0 : chain_length(l, first, index);
	if (*n == 0)
		return CNN_OK;
	const struct node *head = &l->g->node[first], *tail = &l->g->node[index[*n - 1]];
	struct band_args *a = lower_alloc(l, 1, sizeof *a);
	struct band_part *part = lower_alloc(l, *n, sizeof *part);
	if (!a || !part)
		return lower_no_memory(head, err);
	a->n = *n;
	a->part = part;
	enum cnn_status status = make_parts(l, index, a, err);
	if (status)
		return status;
	for (size_t i = 0; i < a->n; i++)
		weights += part[i].work.weight_bytes;
	const char *name = arena_printf(l->arena, "%zu layers by %d rows", a->n, a->rows);
	if (!name)
		return lower_no_memory(head, err);
	status = lower_step(l, run_band, a, name, head, tail->out[0], weights, err);
	if (!status)
		l->plan->step[l->plan->n_step - 1].last_layer = tail->layer;
	if (!status)
		status = lower_read(l, head->in[0], &a->x, err);
	for (size_t i = 0; i < a->n && !status; i++)
		if (part[i].has_residual)
			status = lower_read(l, l->g->node[index[i]].residual, &part[i].residual,
			                    err);
	*n = index[*n - 1] + 1 - first; /* dead nodes between them are taken too */
	return status ? status : lower_write(l, tail->out[0], &a->y, err);
}
