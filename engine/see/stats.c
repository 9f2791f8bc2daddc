/* Feature maps in numbers: statistics of each channel, their order, and copies. */
#include "engine/see.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What one pass over some channels collects; sums of a row at a time, so that they stay exact enough. */
#define LANES 16
struct lanes {
	float min[LANES], max[LANES], sum[LANES], absolute[LANES];
	uint32_t zeros[LANES];
	double total[LANES], total_absolute[LANES];
	size_t max_at[LANES];
};

static void begin(struct lanes *l)
{
	*l = (struct lanes){0};
	for (int i = 0; i < LANES; i++) {
		l->min[i] = INFINITY;
		l->max[i] = -INFINITY;
	}
}

static void end_row(struct lanes *l)
{
	for (int i = 0; i < LANES; i++) {
		l->total[i] += (double)l->sum[i];
		l->total_absolute[i] += (double)l->absolute[i];
		l->sum[i] = l->absolute[i] = 0;
	}
}

/* `width` pixels from place `at` on, of LANES channels that lie side by side. */
static void add_row(struct lanes *l, const float *x, size_t step, size_t width, size_t at)
{
	float before[LANES];
	memcpy(before, l->max, sizeof before);
	for (size_t p = 0; p < width; p++) {
		const float *v = x + p * step;
		for (int i = 0; i < LANES; i++) {
			l->min[i] = v[i] < l->min[i] ? v[i] : l->min[i];
			l->max[i] = v[i] > l->max[i] ? v[i] : l->max[i];
			l->sum[i] += v[i];
			l->absolute[i] += fabsf(v[i]);
			l->zeros[i] += v[i] == 0;
		}
	}
	for (int i = 0; i < LANES; i++) {
		if (l->max[i] <= before[i])
			continue;
		size_t p = 0;
		while (x[p * step + (size_t)i] != l->max[i])
			p++;
		l->max_at[i] = at + p;
	}
	end_row(l);
}

static void put(const struct lanes *l, int i, const struct see_maps *maps, struct see_stats *out)
{
	double n = (double)(maps->height * maps->width);
	out->min = l->min[i];
	out->max = l->max[i];
	out->mean = (float)(l->total[i] / n);
	out->strength = (float)(l->total_absolute[i] / n);
	out->sparsity = (float)(l->zeros[i] / n);
	out->max_y = (uint32_t)(l->max_at[i] / maps->width);
	out->max_x = (uint32_t)(l->max_at[i] % maps->width);
}

/* One channel in any layout, with what is not finite left out. */
static void careful(const struct see_maps *maps, const float *x, struct see_stats *out)
{
	size_t n = maps->height * maps->width, finite = 0, zeros = 0;
	double sum = 0, absolute = 0;
	for (size_t i = 0; i < n; i++) {
		float v = x[i * maps->pixel_step];
		if (!isfinite(v))
			continue;
		zeros += v == 0;
		sum += (double)v;
		absolute += fabs((double)v);
		if (finite == 0 || v < out->min)
			out->min = v;
		if (finite == 0 || v > out->max) {
			out->max = v;
			out->max_y = (uint32_t)(i / maps->width);
			out->max_x = (uint32_t)(i % maps->width);
		}
		finite++;
	}
	out->not_finite = n - finite;
	if (finite == 0)
		return;
	out->mean = (float)(sum / (double)finite);
	out->strength = (float)(absolute / (double)finite);
	out->sparsity = (float)((double)zeros / (double)n);
}

/* LANES channels that lie side by side, as a rule without anything that is not finite. */
static void side_by_side(const struct see_maps *maps, size_t channel, struct see_stats *out)
{
	struct lanes l;
	const float *x = maps->data + channel;
	begin(&l);
	for (size_t y = 0; y < maps->height; y++) {
		size_t at = y * maps->width;
		add_row(&l, x + at * maps->pixel_step, maps->pixel_step, maps->width, at);
	}
	for (int i = 0; i < LANES; i++) {
		if (isfinite(l.total_absolute[i]))
			put(&l, i, maps, &out[i]);
		else
			careful(maps, x + i, &out[i]);
	}
}

void see_stats(const struct see_maps *maps, struct see_stats *out)
{
	size_t c = 0, n = maps->height * maps->width;
	for (size_t i = 0; i < maps->channels; i++)
		out[i] = (struct see_stats){.channel = (uint32_t)i};
	if (maps->channel_step == 1 && n > 1)
		for (; c + LANES <= maps->channels; c += LANES)
			side_by_side(maps, c, out + c);
	for (; c < maps->channels; c++)
		careful(maps, maps->data + c * maps->channel_step, &out[c]);
}

static int stronger(const void *a, const void *b)
{
	const struct see_stats *p = a, *q = b;
	if (p->strength != q->strength)
		return p->strength > q->strength ? -1 : 1;
	return p->channel < q->channel ? -1 : p->channel > q->channel;
}

void see_order(struct see_stats *stats, size_t n)
{
	if (n)
		qsort(stats, n, sizeof *stats, stronger);
}

void see_copy(const struct see_maps *maps, const uint32_t *channel, size_t n, float *out)
{
	size_t pixels = maps->height * maps->width;
	for (size_t k = 0; k < n; k++, out += pixels) {
		const float *x = maps->data + channel[k] * maps->channel_step;
		for (size_t i = 0; i < pixels; i++)
			out[i] = x[i * maps->pixel_step];
	}
}
