/* Concatenation of channels, and dropout: layers that only move numbers. */
#include "engine/train/layers.h"
#include "engine/train/random.h"

#include <string.h>

struct work {
	struct network *net;
	const struct layer *l;
	const struct pass_run *run;
	bool add; /* dropout: to the gradient that is there */
};

/* --- concat ----------------------------------------------------------------------------------------- */

static void concat_slice(void *ctx, size_t s, size_t thread)
{
	const struct work *w = ctx;
	const struct concat *j = w->l->detail;
	const struct feature *out = &w->net->feature[w->l->out];
	(void)thread;
	size_t first, end = slice_end(w->net, w->run->n, s, &first), at = 0;
	size_t pixels = (size_t)out->h * (size_t)out->w, channels = (size_t)out->c;
	for (size_t i = 0; i < j->n; i++) {
		const struct feature *in = &w->net->feature[j->in[i]];
		size_t width = (size_t)in->c;
		for (size_t p = first * pixels; p < end * pixels; p++)
			memcpy(out->x + p * channels + at, in->x + p * width,
			       width * sizeof(float));
		at += width;
	}
}

static void concat_forward(struct network *net, struct layer *l, const struct pass_run *run)
{
	struct work w = {net, l, run, false};
	each_slice(net, concat_slice, &w);
}

static void split_slice(void *ctx, size_t s, size_t thread)
{
	const struct work *w = ctx;
	const struct concat *j = w->l->detail;
	const struct feature *out = &w->net->feature[w->l->out];
	(void)thread;
	size_t first, end = slice_end(w->net, w->run->n, s, &first), at = 0;
	size_t pixels = (size_t)out->h * (size_t)out->w, channels = (size_t)out->c;
	for (size_t i = 0; i < j->n; i++) {
		struct feature *in = &w->net->feature[j->in[i]];
		size_t width = (size_t)in->c;
		/* The same map may be joined twice: its later parts add to the first. */
		bool add = in->g_written;
		for (size_t k = 0; k < i; k++)
			add |= j->in[k] == j->in[i];
		for (size_t p = first * pixels; in->g && p < end * pixels; p++) {
			const float *g = out->g + p * channels + at;
			float *to = in->g + p * width;
			for (size_t c = 0; c < width; c++)
				to[c] = add ? to[c] + g[c] : g[c];
		}
		at += width;
	}
}

static void concat_backward(struct network *net, struct layer *l, const struct pass_run *run)
{
	const struct concat *j = l->detail;
	struct work w = {net, l, run, false};
	each_slice(net, split_slice, &w);
	for (size_t i = 0; i < j->n; i++)
		net->feature[j->in[i]].g_written = net->feature[j->in[i]].g != NULL;
}

const struct layer_kind concat_kind = {NULL, concat_forward, concat_backward};

/* --- dropout ---------------------------------------------------------------------------------------- */

/* from -> to, each number kept with probability 1 - rate and then scaled up; the same ones in both
 * directions. */
static void drop(const struct work *w, size_t s, const float *from, float *to, bool add)
{
	const struct dropout *d = w->l->detail;
	size_t floats = w->net->feature[w->l->out].floats;
	size_t first, end = slice_end(w->net, w->run->n, s, &first);
	double rate = w->run->training ? d->rate : 0;
	float scale = (float)(1 / (1 - rate));
	for (size_t p = first; p < end; p++) {
		struct random r = random_seeded(w->run->seed, d->stream, p);
		for (size_t i = p * floats; i < (p + 1) * floats; i++) {
			float kept = rate > 0 && random_unit(&r) < rate ? 0 : from[i] * scale;
			to[i] = add ? to[i] + kept : kept;
		}
	}
}

static void drop_forward(void *ctx, size_t s, size_t thread)
{
	const struct work *w = ctx;
	(void)thread;
	drop(w, s, w->net->feature[w->l->in].x, w->net->feature[w->l->out].x, false);
}

static void drop_backward(void *ctx, size_t s, size_t thread)
{
	const struct work *w = ctx;
	(void)thread;
	drop(w, s, w->net->feature[w->l->out].g, w->net->feature[w->l->in].g, w->add);
}

static void dropout_forward(struct network *net, struct layer *l, const struct pass_run *run)
{
	struct work w = {net, l, run, false};
	each_slice(net, drop_forward, &w);
}

static void dropout_backward(struct network *net, struct layer *l, const struct pass_run *run)
{
	struct feature *in = &net->feature[l->in];
	struct work w = {net, l, run, in->g_written};
	if (!in->g)
		return;
	in->g_written = true;
	each_slice(net, drop_backward, &w);
}

const struct layer_kind dropout_kind = {NULL, dropout_forward, dropout_backward};
