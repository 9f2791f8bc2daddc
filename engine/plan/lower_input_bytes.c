/* An input of floats that is quantised at once: pixels become its bytes through a table for each channel, and a tensor
 * without its floats' coming into the plan's memory. */
#include "engine/kernels/bytes.h"
#include "engine/operators/eval.h"
#include "engine/operators/quantised.h"
#include "engine/plan/lower.h"

enum {
	BLOCK = 65536,
	MOST_PIXELS = 4096
}; /* elements and pixels that one thread takes at a time */

struct input_bytes_args {
	struct ref y;
	const struct kernels *k;
	size_t index; /* which of the graph's inputs */
	size_t pixels, channels, block;
	bool takes_pixels;
	bool planes; /* a tensor's channels lie one behind the other, and not together as in the result */
	int32_t source[3];
	uint8_t table[3][256];
	float scale;
	struct byte_range range;
};

struct input_bytes_job {
	const struct input_bytes_args *a;
	const struct run *run;
	size_t first, blocks;
};

static void from_pixels(const struct input_bytes_args *a, size_t n, const uint8_t *px, uint8_t *y)
{
	if (a->channels == 1) {
		look_up_bytes(n, px, a->table[0], y);
		return;
	}
	for (size_t i = 0; i < n; i++, px += 3, y += 3)
		for (size_t c = 0; c < 3; c++)
			y[c] = a->table[c][px[a->source[c]]];
}

static void from_tensor(const struct input_bytes_args *a, size_t at, size_t n, const float *x,
                        uint8_t *room, uint8_t *y)
{
	if (!a->planes) {
		a->k->quantise_u8(n * a->channels, x + at * a->channels, a->scale, &a->range, y);
		return;
	}
	for (size_t c = 0; c < a->channels; c++)
		a->k->quantise_u8(n, x + c * a->pixels + at, a->scale, &a->range, room + c * n);
	transpose_bytes(a->channels, n, room, y);
}

static void run_block(void *ctx, size_t item, size_t thread)
{
	const struct input_bytes_job *job = ctx;
	const struct input_bytes_args *a = job->a;
	const struct run *run = job->run;
	size_t picture = job->first + item / job->blocks, at = item % job->blocks * a->block;
	size_t n = a->pixels - at < a->block ? a->pixels - at : a->block;
	uint8_t *y = (uint8_t *)ref_at(run, &a->y, picture) + at * a->channels;
	if (run->pixels && a->takes_pixels) {
		from_pixels(a, n, run->pixels[picture] + at * a->channels, y);
		return;
	}
	const float *x = run->input[a->index];
	from_tensor(a, at, n, x + picture * a->pixels * a->channels,
	            (uint8_t *)run->scratch + thread * run->scratch_stride, y);
}

static void run_input_bytes(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct input_bytes_args *a = step->args;
	struct input_bytes_job job = {a, run, first, (a->pixels + a->block - 1) / a->block};
	cnn_parallel_for(run->pool, n * job.blocks, run_block, &job);
}

/* Do the pixels' bytes lie as the value's elements do? */
static bool pixels_fit(const struct pixel_input *p, const struct value *v)
{
	bool last = v->layout == LAYOUT_CHANNELS_LAST;
	if (v->rank != 4 || (last && p->channels_innermost))
		return false;
	return p->channels == 1 || (p->channels == 3 && (last || p->channels_innermost));
}

const struct node *input_quantised_at_once(const struct lowering *l, size_t index)
{
	const struct graph *g = l->g;
	value_id v = g->input[index];
	if (l->options->keep_layers || l->uses[v] != 1 || g->value[v].dtype != CNN_F32)
		return NULL;
	if (index == 0 && l->options->pixels && !pixels_fit(l->options->pixels, &g->value[v]))
		return NULL;
	for (size_t i = 0; i < g->n_node; i++) {
		const struct node *n = &g->node[i];
		if (!n->dead && n->op == OP_QUANTIZE_LINEAR && n->in[0] == v)
			return eval_at_run_time(g, n) ||
			                       graph_out(g, n)->layout != g->value[v].layout
			               ? NULL
			               : n;
	}
	return NULL;
}

static void fill_tables(struct input_bytes_args *a, const struct pixel_input *p)
{
	for (int32_t c = 0; c < p->channels; c++) {
		a->source[c] = p->source[c];
		for (int32_t i = 0; i < 256; i++) {
			float x = (float)i * p->scale[c] + p->shift[c];
			a->k->quantise_u8(1, &x, a->scale, &a->range, &a->table[c][i]);
		}
	}
}

enum cnn_status lower_input_bytes(struct lowering *l, size_t index, const struct node *n,
                                  struct cnn_error *err)
{
	const struct value *v = &l->g->value[l->g->input[index]];
	struct input_bytes_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	struct quantised_range r =
		quantised_range(graph_out(l->g, n)->dtype, quantised_zero_of(l->g, n, 2));
	a->k = l->k;
	a->index = index;
	a->scale = quantised_scale_of(l->g, n, 1);
	a->range = (struct byte_range){r.zero, r.lo, r.hi};
	a->planes = v->layout == LAYOUT_CHANNELS_LAST;
	a->channels = a->planes ? (size_t)v->dim[1] : 1;
	if (index == 0 && l->options->pixels) {
		a->takes_pixels = true;
		a->channels = (size_t)l->options->pixels->channels;
		fill_tables(a, l->options->pixels);
	}
	a->pixels = (size_t)graph_elements(v) / a->channels;
	a->block = a->channels < BLOCK ? BLOCK / a->channels : 1;
	a->block = a->block < MOST_PIXELS ? a->block : MOST_PIXELS;
	lower_scratch(l, a->planes ? a->channels * a->block : 0);
	enum cnn_status status =
		lower_step(l, run_input_bytes, a, "input of bytes", n, n->out[0], 0, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
