/* layers_resize.c - which positions Resize mixes. */
#include "engine/graph/layers_follow.h"

#include <math.h>

#define MAX_SCALE_PARTS 1024

static int64_t common_divisor(int64_t a, int64_t b)
{
	return b ? common_divisor(b, a % b) : a;
}

/* out / in of a scale: the first fraction that is the same number in float32. */
static bool fraction(double scale, int64_t *out, int64_t *in)
{
	for (*in = 1; *in <= MAX_SCALE_PARTS; (*in)++) {
		double parts = round(scale * (double)*in);
		if (parts >= 1 && parts < 1e6 &&
		    fabs(parts - scale * (double)*in) < 1e-6 * (double)*in) {
			*out = (int64_t)parts;
			return true;
		}
	}
	return false;
}

/* The place of axis t in the lists of scales and sizes; -1: it is not resized. */
static int32_t place_of(const struct resize_attr *a, int32_t t, int32_t rank)
{
	if (a->n_axes == 0)
		return t;
	for (int32_t i = 0; i < a->n_axes; i++)
		if (a->axes[i] == t || a->axes[i] + rank == t)
			return i;
	return -1;
}

/* How many positions of the output there are for how many of the input. */
static bool ratio(const struct graph *g, const struct node *n, int32_t t, int64_t *out, int64_t *in)
{
	const struct value *x = graph_in(g, n, 0), *scales = graph_in(g, n, 2);
	const struct resize_attr *a = &n->attr.resize;
	int32_t place = place_of(a, t, x->rank);
	*in = x->dim[t];
	*out = graph_out(g, n)->dim[t];
	if (a->coordinates == RESIZE_ALIGN_CORNERS) {
		*in -= 1;
		*out -= 1;
	} else if (scales && scales->data && scales->dtype == CNN_F32 && place >= 0 &&
	           place < graph_elements(scales)) {
		return fraction(((const float *)scales->data)[place], out, in);
	}
	if (*in < 1 || *out < 1)
		return false;
	int64_t shared = common_divisor(*out, *in);
	*out /= shared;
	*in /= shared;
	return true;
}

static int64_t shift_of(enum resize_coordinates coordinates, int64_t out, int64_t in)
{
	switch (coordinates) {
	case RESIZE_ALIGN_CORNERS:
	case RESIZE_ASYMMETRIC:
		return 0;
	case RESIZE_TF_NEAREST:
		return in;
	default:
		return in - out;
	}
}

static enum reach_rounding rounding_of(const struct resize_attr *a, int64_t out, int64_t in)
{
	switch (a->rounding) {
	case RESIZE_FLOOR:
		return REACH_FLOOR;
	case RESIZE_CEIL:
		return REACH_CEIL;
	case RESIZE_SIMPLE:
		return out >= in ? REACH_FLOOR : REACH_CEIL;
	default:
		return REACH_NEAREST;
	}
}

bool moves_of_resize(const struct graph *g, const struct node *n,
                     struct axis_move move[CNN_MAX_RANK])
{
	const struct resize_attr *a = &n->attr.resize;
	const struct value *x = graph_in(g, n, 0);
	if (a->coordinates == RESIZE_CROP)
		return false;
	for (int32_t t = 0; t < x->rank; t++) {
		int64_t out, in;
		move[t].kind = MOVE_MIX;
		if (x->dim[t] == graph_out(g, n)->dim[t])
			move[t].kind = MOVE_KEEP;
		else if (ratio(g, n, t, &out, &in)) {
			double grow = a->antialias && in > out ? (double)in / (double)out : 1;
			double radius = a->mode == RESIZE_NEAREST  ? 0
			                : a->mode == RESIZE_LINEAR ? 1
			                                           : 2;
			move[t].kind = MOVE_REACH;
			move[t].reach = (struct reach){.kind = REACH_SAMPLE,
			                               .out = out,
			                               .in = in,
			                               .kernel = 1,
			                               .shift = shift_of(a->coordinates, out, in),
			                               .radius = radius * grow,
			                               .rounding = rounding_of(a, out, in)};
		}
	}
	return true;
}
