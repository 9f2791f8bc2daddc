/* layers_field.c - receptive fields along one axis. */
#include "engine/graph/layers_field.h"

#include <math.h>

#define MAX_PHASES 4096
/* Pixels. Past this the exact number means nothing any more. */
#define MAX_PIXELS ((int64_t)1 << 30)

static const struct field_axis whole_axis = {.whole = true, .phases = 1};
static const struct field_span nothing = {1, 0};

struct reach reach_window(int64_t kernel, int64_t stride, int64_t dilation, int64_t before)
{
	return (struct reach){.kind = REACH_WINDOW,
	                      .out = 1,
	                      .in = stride,
	                      .stride = stride,
	                      .before = before,
	                      .kernel = kernel,
	                      .dilation = dilation};
}

struct reach reach_spread(int64_t kernel, int64_t stride, int64_t dilation, int64_t before)
{
	return (struct reach){.kind = REACH_SPREAD,
	                      .out = stride,
	                      .in = 1,
	                      .stride = stride,
	                      .before = before,
	                      .kernel = kernel,
	                      .dilation = dilation};
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t common_divisor(int64_t a, int64_t b)
{
	while (b) {
		int64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a < 0 ? -a : a;
}

/* Positions and pixels far beyond any picture stay there, so that sums of them are safe. */
static int64_t bounded(int64_t a, int64_t b)
{
	int64_t product, limit = MAX_PIXELS * 4;
	if (__builtin_mul_overflow(a, b, &product))
		return (a < 0) == (b < 0) ? limit : -limit;
	return product > limit ? limit : product < -limit ? -limit : product;
}

static bool is_nothing(struct field_span s)
{
	return s.first > s.last;
}

static struct field_span hull(struct field_span a, struct field_span b)
{
	if (is_nothing(a) || is_nothing(b))
		return is_nothing(a) ? b : a;
	return (struct field_span){a.first < b.first ? a.first : b.first,
	                           a.last > b.last ? a.last : b.last};
}

static struct field_span at(const struct field_axis *axis, int64_t position)
{
	int64_t turn = floor_div(position, axis->phases);
	struct field_span s = axis->span[position - turn * axis->phases];
	int64_t moved = bounded(turn, axis->step);
	return is_nothing(s) ? s : (struct field_span){s.first + moved, s.last + moved};
}

/* The nearest inputs that put a kernel's element down at output o. */
static struct field_span spread_reads(const struct reach *r, int64_t o)
{
	struct field_span seen = nothing;
	/* After `stride` tries the remainders repeat. */
	int64_t tries = r->kernel < r->stride ? r->kernel : r->stride;
	for (int64_t k = 0; k < tries && is_nothing(seen); k++) {
		int64_t to = o + r->before - k * r->dilation;
		if (floor_div(to, r->stride) * r->stride == to)
			seen.first = seen.last = floor_div(to, r->stride);
	}
	for (int64_t k = r->kernel - 1; k >= r->kernel - tries; k--) {
		int64_t to = o + r->before - k * r->dilation;
		if (floor_div(to, r->stride) * r->stride != to)
			continue;
		seen.first = floor_div(to, r->stride);
		break;
	}
	return seen;
}

static struct field_span sample_reads(const struct reach *r, int64_t o)
{
	int64_t twice = o * r->in * 2 + r->shift, unit = r->out * 2;
	if (r->radius == 0) {
		int64_t down = floor_div(twice, unit), up = -floor_div(-twice, unit);
		int64_t near = floor_div(twice * 2 + unit - 1, unit * 2);
		int64_t i = r->rounding == REACH_FLOOR  ? down
		            : r->rounding == REACH_CEIL ? up
		                                        : near;
		return (struct field_span){i, i};
	}
	/* At its ends a kernel is 0. */
	double centre = (double)twice / (double)unit;
	return (struct field_span){(int64_t)floor(centre - r->radius + 1e-9) + 1,
	                           (int64_t)ceil(centre + r->radius - 1e-9) - 1};
}

static struct field_span reads(const struct reach *r, int64_t o)
{
	if (r->kind == REACH_SPREAD)
		return spread_reads(r, o);
	if (r->kind == REACH_SAMPLE)
		return sample_reads(r, o);
	int64_t first = bounded(o, r->stride) - r->before;
	return (struct field_span){first, first + bounded(r->kernel - 1, r->dilation)};
}

/* Neighbouring phases may see more than the one at the very end does. */
static struct field_span read_pixels(const struct field_axis *in, struct field_span read)
{
	struct field_span seen = nothing;
	for (int64_t i = 0; i < in->phases && i <= read.last - read.first; i++)
		seen = hull(seen, hull(at(in, read.first + i), at(in, read.last - i)));
	return seen;
}

static bool too_far(struct field_span s)
{
	return !is_nothing(s) && (s.first < -MAX_PIXELS || s.last > MAX_PIXELS);
}

/* Room for an axis; when there should be none for it, *out is whole and the result NULL. */
static struct field_span *take(struct field_room *room, int64_t phases, int64_t step, int64_t work,
                               struct field_axis *out, bool *ok)
{
	*ok = true;
	*out = whole_axis;
	if (phases > MAX_PHASES || work > room->work / phases || step > MAX_PIXELS ||
	    step < -MAX_PIXELS)
		return NULL;
	room->work -= work * phases;
	struct field_span *span = arena_alloc(room->arena, (size_t)phases, sizeof *span);
	*ok = span != NULL;
	return span;
}

static void settle(struct field_axis *out, const struct field_span *span, int64_t phases,
                   int64_t step)
{
	for (int64_t i = 0; i < phases; i++)
		if (too_far(span[i]))
			return;
	*out = (struct field_axis){.phases = (int32_t)phases, .step = step, .span = span};
}

bool field_axis_picture(struct field_room *room, struct field_axis *out)
{
	bool ok;
	struct field_span *span = take(room, 1, 1, 1, out, &ok);
	if (span)
		settle(out, span, 1, 1);
	return ok;
}

bool field_axis_through(struct field_room *room, const struct field_axis *in, const struct reach *r,
                        struct field_axis *out)
{
	bool ok;
	*out = whole_axis;
	if (in->whole || r->kernel > MAX_PIXELS || r->stride > MAX_PIXELS || r->out > MAX_PHASES ||
	    r->in > MAX_PIXELS || r->in < -MAX_PIXELS)
		return true;
	int64_t turns = in->phases / common_divisor(in->phases, r->in);
	int64_t phases = r->out * turns, step = bounded(turns * r->in / in->phases, in->step);
	int64_t work = in->phases + (r->kind == REACH_SPREAD ? r->stride : 1);
	struct field_span *span = take(room, phases, step, work, out, &ok);
	for (int64_t o = 0; span && o < phases; o++)
		span[o] = read_pixels(in, reads(r, o));
	if (span)
		settle(out, span, phases, step);
	return ok;
}

/* The jumps differ: b's positions widen a's where they are furthest off, at either end. */
static bool join_uneven(struct field_room *room, const struct field_axis *a,
                        const struct field_axis *b, int64_t positions, struct field_axis *out)
{
	bool ok;
	struct field_span *span = take(room, a->phases, a->step, b->phases, out, &ok);
	if (!span)
		return ok;
	int64_t turns = (positions - 1) / a->phases;
	for (int32_t p = 0; p < a->phases; p++) {
		struct field_span end = nothing;
		for (int32_t q = 0; q < b->phases; q++)
			end = hull(end, at(b, p + turns * a->phases - q));
		int64_t moved = bounded(turns, a->step);
		end = is_nothing(end) ? end
		                      : (struct field_span){end.first - moved, end.last - moved};
		span[p] = hull(hull(a->span[p], at(b, p)), end);
	}
	settle(out, span, a->phases, a->step);
	return ok;
}

bool field_axis_join(struct field_room *room, const struct field_axis *a,
                     const struct field_axis *b, int64_t positions, struct field_axis *out)
{
	bool ok;
	*out = whole_axis;
	if (a->whole || b->whole)
		return true;
	if (a->span == b->span && a->step == b->step) {
		*out = *a;
		return true;
	}
	if (a->step * b->phases != b->step * a->phases)
		return field_axis_jump(a) >= field_axis_jump(b)
		               ? join_uneven(room, a, b, positions, out)
		               : join_uneven(room, b, a, positions, out);
	int64_t turns = b->phases / common_divisor(a->phases, b->phases);
	int64_t phases = a->phases * turns, step = bounded(turns, a->step);
	struct field_span *span = take(room, phases, step, 1, out, &ok);
	for (int64_t o = 0; span && o < phases; o++)
		span[o] = hull(at(a, o), at(b, o));
	if (span)
		settle(out, span, phases, step);
	return ok;
}

int32_t field_axis_size(const struct field_axis *axis)
{
	int64_t size = 0;
	for (int32_t i = 0; !axis->whole && i < axis->phases; i++) {
		int64_t here = axis->span[i].last - axis->span[i].first + 1;
		size = here > size ? here : size;
	}
	return (int32_t)(size > INT32_MAX ? INT32_MAX : size);
}

double field_axis_start(const struct field_axis *axis)
{
	return axis->whole || is_nothing(axis->span[0])
	               ? 0
	               : (double)(axis->span[0].first + axis->span[0].last) / 2;
}

double field_axis_jump(const struct field_axis *axis)
{
	return axis->whole ? 0 : (double)axis->step / axis->phases;
}
