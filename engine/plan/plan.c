#include "engine/operators/eval.h"
#include "engine/plan/rows.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Would the batch better go through this step together? Yes where its weights outweigh the
 * activations of one picture: then they are read once instead of once for each picture. */
static bool *choose_together(const struct lowering *l)
{
	const struct plan *p = l->plan;
	bool *together = calloc(p->n_step + 1, sizeof *together);
	size_t *activations = calloc(p->n_step + 1, sizeof *activations);
	if (!together || !activations) {
		free(together);
		free(activations);
		return NULL;
	}
	const uint32_t never = UINT32_MAX;
	uint32_t last_heavy = never;
	for (size_t i = 0; i < l->n_storage; i++) {
		const struct storage *s = &l->storage[i];
		if (!s->used)
			continue;
		activations[s->first] += s->bytes;
		if (s->last != s->first)
			activations[s->last] += s->bytes;
	}
	/* Light steps between two heavy ones stay with them while the batch's activations are small:
	 * a border costs as much as it saves. */
	size_t small = l->options->l2_bytes / 2 / l->options->max_batch;
	for (uint32_t i = 0; i < p->n_step && l->options->max_batch > 1; i++) {
		if (p->step[i].weight_bytes > activations[i]) {
			bool join = last_heavy != never;
			for (uint32_t k = last_heavy + 1; join && k < i; k++)
				join = activations[k] <= small;
			for (uint32_t k = last_heavy + 1; join && k < i; k++)
				together[k] = true;
			together[i] = true;
			last_heavy = i;
		}
	}
	free(activations);
	return together;
}

static enum cnn_status cut_segments(struct lowering *l, struct cnn_error *err)
{
	struct plan *p = l->plan;
	bool *together = choose_together(l);
	p->segment = arena_alloc(p->arena, p->n_step + 1, sizeof *p->segment);
	if (!together || !p->segment) {
		free(together);
		return cnn_fail_memory(err, "the plan's segments", p->n_step * sizeof *p->segment);
	}
	for (uint32_t i = 0; i < p->n_step; i++) {
		if (i == 0 || together[i] != together[i - 1])
			p->segment[p->n_segment++] =
				(struct segment){.first = i, .together = together[i]};
		p->segment[p->n_segment - 1].end = i + 1;
	}
	free(together);
	return CNN_OK;
}

/* The segment of a step: the last that begins at or before it. */
static const struct segment *segment_of(const struct plan *p, uint32_t step)
{
	size_t lo = 0, hi = p->n_segment - 1;
	while (lo < hi) {
		size_t mid = (lo + hi + 1) / 2;
		if (p->segment[mid].first <= step)
			lo = mid;
		else
			hi = mid - 1;
	}
	return &p->segment[lo];
}

/* Decide every offset, and fill the refs that were handed out. */
static enum cnn_status place(struct lowering *l, struct cnn_error *err)
{
	struct plan *p = l->plan;
	size_t batch = l->options->max_batch, limit = l->options->max_bytes;
	if (limit == 0 || limit > SIZE_MAX / 2)
		limit = SIZE_MAX / 2;
	struct lifetime *life = calloc(l->n_storage + 1, sizeof *life);
	if (!life)
		return cnn_fail_memory(err, "the memory plan", l->n_storage * sizeof *life);
	for (size_t i = 0; i < l->n_storage; i++) {
		struct storage *s = &l->storage[i];
		if (!s->used)
			continue;
		const struct segment *a = segment_of(p, s->first), *b = segment_of(p, s->last);
		s->batched = batch > 1 && (a != b || a->together);
		if (s->bytes > limit / (s->batched ? batch : 1)) {
			free(life);
			return cnn_fail(err, CNN_NO_MEMORY,
			                "a batch of %zu has a tensor of %zu MB for each picture; "
			                "%zu MB are allowed",
			                s->batched ? batch : 1, s->bytes >> 20, limit >> 20);
		}
		life[i] = (struct lifetime){
			.first = s->batched ? a->first : s->first,
			.last = s->batched ? b->end - 1 : s->last,
			.bytes = s->bytes * (s->batched ? batch : 1),
		};
	}
	enum cnn_status status = memory_place(life, l->n_storage, ARENA_ALIGN, &p->run_bytes, err);
	if (!status && p->run_bytes > limit)
		status = cnn_fail(err, CNN_NO_MEMORY,
		                  "a run of %zu pictures needs %zu MB; %zu MB are allowed", batch,
		                  p->run_bytes >> 20, limit >> 20);
	if (!status)
		status = memory_live(life, l->n_storage, &p->live_bytes, err);
	for (size_t i = 0; i < l->n_storage; i++)
		l->storage[i].offset = life[i].offset;
	free(life);
	for (size_t i = 0; i < l->n_pending; i++) {
		const struct storage *s = &l->storage[l->pending[i].storage];
		l->pending[i].ref->offset = s->offset + l->pending[i].skip;
		l->pending[i].ref->stride = s->batched ? s->bytes : 0;
	}
	for (size_t i = 0; i < p->n_step; i++) {
		uint32_t id =
			p->step[i].out == NO_VALUE ? UINT32_MAX : l->storage_of[p->step[i].out];
		if (id == UINT32_MAX)
			continue;
		p->step[i].out_ref.offset = l->storage[id].offset;
		p->step[i].out_ref.stride = l->storage[id].batched ? l->storage[id].bytes : 0;
	}
	return status;
}

static void count_uses(const struct graph *g, uint32_t *uses)
{
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		for (uint32_t k = 0; k < n->n_in && !n->dead; k++)
			if (n->in[k] != NO_VALUE)
				uses[n->in[k]]++;
		if (n->residual != NO_VALUE && !n->dead)
			uses[n->residual]++;
	}
	for (size_t i = 0; i < g->n_output; i++)
		uses[g->output[i]]++;
}

/* Which values are only read by a concatenation of channels, and where in it each would lie. */
static void find_slices(struct lowering *l)
{
	const struct graph *g = l->g;
	for (size_t v = 0; v < g->n_value; v++)
		l->slice[v].whole = NO_VALUE;
	for (size_t i = 0; i < g->n_node && !l->options->keep_layers; i++) {
		const struct node *n = &g->node[i];
		if (n->dead || n->op != OP_CONCAT)
			continue;
		const struct value *y = graph_out(g, n);
		int64_t axis =
			n->attr.axes.axis < 0 ? n->attr.axes.axis + y->rank : n->attr.axes.axis;
		size_t at = 0;
		if (axis != 1 || y->layout != LAYOUT_CHANNELS_LAST || y->dtype != CNN_F32)
			continue;
		for (uint32_t k = 0; k < n->n_in; k++) {
			const struct value *x = graph_in(g, n, k);
			if (l->uses[n->in[k]] == 1 && x->layout == LAYOUT_CHANNELS_LAST && !x->data)
				l->slice[n->in[k]] = (struct slice){n->out[0], at, false};
			at += (size_t)x->dim[1];
		}
	}
}

static enum cnn_status lower_all(struct lowering *l, struct cnn_error *err)
{
	const struct graph *g = l->g;
	enum cnn_status status = CNN_OK;
	for (size_t i = 0; i < g->n_input && !status; i++)
		status = lower_input(l, i, err);
	for (size_t i = 0; i < g->n_node && !status; i++) {
		const struct node *n = &g->node[i];
		size_t taken;
		/* What an input is quantised to has been made with it. */
		bool made = n->op == OP_QUANTIZE_LINEAR && l->storage_of[n->out[0]] != UINT32_MAX;
		if (n->dead || made)
			continue;
		status = lower_band(l, i, &taken, err);
		if (status || taken) {
			i += taken - 1;
			continue;
		}
		if (!lower_table[n->op] || eval_at_run_time(g, n))
			status = lower_generic(l, n, err);
		else
			status = lower_table[n->op](l, n, err);
	}
	for (size_t i = 0; i < g->n_output && !status; i++)
		status = lower_output(l, i, err);
	return status;
}

enum cnn_status plan_new(const struct graph *g, const struct plan_options *options,
                         struct plan **out, struct cnn_error *err)
{
	struct plan *p = calloc(1, sizeof *p);
	struct lowering l = {.g = g, .plan = p, .options = options, .k = options->kernels};
	enum cnn_status status = cnn_fail_memory(err, "the plan", sizeof *p);
	if (!p)
		return status;
	p->arena = l.arena = arena_new();
	if (p->arena && options->max_bytes)
		arena_limit(p->arena, options->max_bytes);
	l.storage_of = malloc((g->n_value + 1) * sizeof *l.storage_of);
	l.uses = calloc(g->n_value + 1, sizeof *l.uses);
	l.slice = calloc(g->n_value + 1, sizeof *l.slice);
	if (!p->arena || !l.storage_of || !l.uses || !l.slice)
		goto done;
	count_uses(g, l.uses);
	find_slices(&l);
	memset(l.storage_of, 0xff, (g->n_value + 1) * sizeof *l.storage_of);
	status = lower_all(&l, err);
	if (!status)
		status = cut_segments(&l, err);
	if (!status)
		status = place(&l, err);
done:
	free(l.storage_of);
	free(l.uses);
	free(l.slice);
	free(l.storage);
	free(l.pending);
	if (status)
		plan_free(p);
	else
		*out = p;
	return status;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->step);
	arena_free(plan->arena);
	free(plan);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Whether the run goes on. */
static bool run_segment(const struct plan *plan, const struct run *run, const struct segment *s,
                        size_t first, size_t n, plan_watch_fn *watch, void *ctx)
{
	for (uint32_t i = s->first; i < s->end && !*run->status; i++) {
		const struct step *step = &plan->step[i];
		if (!watch) {
			step->fn(step, run, first, n);
			continue;
		}
		uint64_t start = now_ns();
		step->fn(step, run, first, n);
		uint64_t ns = now_ns() - start;
		const float *out =
			step->out == NO_VALUE ? NULL : ref_at(run, &step->out_ref, first);
		if (!watch(ctx, step, out, first, n, ns))
			return false;
	}
	return !*run->status;
}

enum cnn_status plan_run(const struct plan *plan, const struct run *run, size_t n,
                         plan_watch_fn *watch, void *ctx, struct cnn_error *err)
{
	enum cnn_status status = CNN_OK;
	struct run own = *run;
	own.status = &status;
	own.err = err;
	bool on = true;
	for (size_t i = 0; i < plan->n_segment && on; i++) {
		const struct segment *s = &plan->segment[i];
		if (s->together) {
			on = run_segment(plan, &own, s, 0, n, watch, ctx);
			continue;
		}
		for (size_t picture = 0; picture < n && on; picture++)
			on = run_segment(plan, &own, s, picture, 1, watch, ctx);
	}
	return status;
}
