#include "engine/operators/resample.h"

#include "engine/graph/resolve.h"

#include <math.h>

/* An input that is left out, or has no elements, is not given. */
static const struct value *given(const struct graph *g, const struct node *n, uint32_t input)
{
	const struct value *v = graph_in(g, n, input);
	return v && graph_elements(v) > 0 ? v : NULL;
}

static enum cnn_status check_list(const struct node *n, const struct value *v, int64_t count,
                                  const char *what, struct cnn_error *err)
{
	if (v->dtype != CNN_F32 || v->rank != 1 || v->dim[0] != count)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': its %s input is not a list of %lld float32 numbers",
		                n->name, what, (long long)count);
	return CNN_OK;
}

/* The axes that scales, sizes and region are about. */
static enum cnn_status resolve_axes(const struct node *n, int32_t rank, int32_t list[CNN_MAX_RANK],
                                    int32_t *count, struct cnn_error *err)
{
	const struct resize_attr *a = &n->attr.resize;
	bool seen[CNN_MAX_RANK] = {false};
	*count = a->n_axes ? a->n_axes : rank;
	for (int32_t i = 0; i < *count; i++) {
		list[i] = i;
		enum cnn_status s =
			a->n_axes ? resolve_axis(n, a->axes[i], rank, &list[i], err) : CNN_OK;
		if (s)
			return s;
		if (seen[list[i]])
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': axis %d is given twice",
			                n->name, list[i]);
		seen[list[i]] = true;
	}
	return CNN_OK;
}

static enum cnn_status use_scales(const struct node *n, const struct value *scales,
                                  const int32_t *list, int32_t count, struct resize_axis *axis,
                                  struct cnn_error *err)
{
	enum cnn_status s = check_list(n, scales, count, "scales", err);
	if (s)
		return s;
	if (!scales->data)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': its scales input is computed from the picture",
		                n->name);
	for (int32_t i = 0; i < count; i++) {
		struct resize_axis *x = &axis[list[i]];
		x->scale = ((const float *)scales->data)[i];
		x->whole = (float)x->in * x->scale;
		/* Written so that NaN is refused too. */
		if (!(x->scale > 0 && x->whole <= (float)GRAPH_MAX_ELEMENTS))
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': scale %g is out of range",
			                n->name, (double)x->scale);
		x->out = (int64_t)floorf(x->whole);
	}
	return CNN_OK;
}

static enum cnn_status use_sizes(const struct graph *g, const struct node *n, const int32_t *list,
                                 int32_t count, struct resize_axis *axis, struct cnn_error *err)
{
	enum resize_policy policy = n->attr.resize.policy;
	int64_t size[CNN_MAX_RANK];
	int32_t given_sizes;
	float common = 0;
	enum cnn_status s = resolve_ints(g, n, 3, "sizes", size, CNN_MAX_RANK, &given_sizes, err);
	if (s)
		return s;
	if (given_sizes != count)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %d sizes for %d axes", n->name,
		                given_sizes, count);
	for (int32_t i = 0; i < count; i++) {
		struct resize_axis *x = &axis[list[i]];
		if (size[i] < 0 || size[i] > GRAPH_MAX_ELEMENTS || (x->in == 0 && size[i] > 0))
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': size %lld of an axis of %lld is out of range",
			                n->name, (long long)size[i], (long long)x->in);
		x->out = size[i];
		x->whole = (float)size[i];
		x->scale = x->in ? (float)size[i] / (float)x->in : 1;
		bool smaller = x->scale < common;
		if (i == 0 || smaller == (policy == RESIZE_NOT_LARGER))
			common = x->scale;
	}
	for (int32_t i = 0; i < count && policy != RESIZE_STRETCH; i++) {
		struct resize_axis *x = &axis[list[i]];
		x->scale = common;
		x->whole = (float)x->in * common;
		if (!(x->whole <= (float)GRAPH_MAX_ELEMENTS))
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': scale %g is out of range",
			                n->name, (double)common);
		x->out = (int64_t)floorf(x->whole + 0.5f);
	}
	return CNN_OK;
}

static enum cnn_status use_region(const struct graph *g, const struct node *n, const int32_t *list,
                                  int32_t count, struct resize_axis *axis, struct cnn_error *err)
{
	const struct value *region = given(g, n, 1);
	if (!region)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its roi input is missing", n->name);
	enum cnn_status s = check_list(n, region, 2 * (int64_t)count, "roi", err);
	for (int32_t i = 0; i < count && !s && region->data; i++) {
		axis[list[i]].from = ((const float *)region->data)[i];
		axis[list[i]].to = ((const float *)region->data)[count + i];
	}
	return s;
}

enum cnn_status resolve_resize(const struct graph *g, const struct node *n,
                               struct resize_axis axis[CNN_MAX_RANK], struct cnn_error *err)
{
	const struct value *x = graph_in(g, n, 0), *scales = given(g, n, 2),
			   *sizes = given(g, n, 3);
	bool crop = n->attr.resize.coordinates == RESIZE_CROP;
	int32_t list[CNN_MAX_RANK], count = 0;
	enum cnn_status s = resolve_axes(n, x->rank, list, &count, err);
	if (s)
		return s;
	if (!scales == !sizes && count > 0)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': it has %s scales %s sizes", n->name,
		                scales ? "both" : "neither", scales ? "and" : "nor");
	for (int32_t i = 0; i < x->rank; i++)
		axis[i] = (struct resize_axis){.in = x->dim[i],
		                               .out = x->dim[i],
		                               .scale = 1,
		                               .whole = (float)x->dim[i],
		                               .to = 1};
	if (count > 0)
		s = scales ? use_scales(n, scales, list, count, axis, err)
		           : use_sizes(g, n, list, count, axis, err);
	if (!s && crop)
		s = use_region(g, n, list, count, axis, err);
	for (int32_t i = 0; i < x->rank; i++)
		axis[i].same = axis[i].in == axis[i].out && axis[i].scale == 1 &&
		               (!crop || (axis[i].from == 0 && axis[i].to == 1));
	return s;
}

bool resize_position(const struct resize_attr *a, const struct resize_axis *axis, int64_t i,
                     float *position)
{
	float x = (float)i, last = (float)(axis->in - 1), half = (x + 0.5f) / axis->scale;
	switch (a->coordinates) {
	case RESIZE_ASYMMETRIC:
		*position = x / axis->scale;
		break;
	case RESIZE_ALIGN_CORNERS:
		*position = axis->whole == 1 ? 0 : x * last / (axis->whole - 1);
		break;
	case RESIZE_PYTORCH_HALF_PIXEL:
		*position = axis->whole > 1 ? half - 0.5f : 0;
		break;
	case RESIZE_HALF_PIXEL_SYMMETRIC:
		*position =
			(float)axis->in / 2 * (1 - (float)axis->out / axis->whole) + half - 0.5f;
		break;
	case RESIZE_TF_NEAREST:
		*position = half;
		break;
	case RESIZE_CROP:
		*position = axis->whole > 1 ? axis->from * last + x * (axis->to - axis->from) *
		                                                          last / (axis->whole - 1)
		                            : (axis->from + axis->to) * last / 2;
		/* So that NaN, of a region that is not a number, is outside. */
		return *position >= 0 && *position <= last;
	default:
		*position = half - 0.5f;
	}
	/* Far outside all positions mean the edge; this keeps integers of them within range. */
	float margin = last + 4;
	*position = *position > -4 ? *position < margin ? *position : margin : -4;
	return true;
}

int64_t resize_nearest(const struct resize_attr *a, const struct resize_axis *axis, float position)
{
	float down = floorf(position), at;
	switch (a->rounding) {
	case RESIZE_FLOOR:
		at = down;
		break;
	case RESIZE_CEIL:
		at = ceilf(position);
		break;
	case RESIZE_SIMPLE:
		at = axis->scale < 1 ? ceilf(position) : down;
		break;
	case RESIZE_PREFER_CEIL:
		at = position - down < 0.5f ? down : down + 1;
		break;
	default:
		at = position - down <= 0.5f ? down : down + 1;
	}
	int64_t i = (int64_t)at;
	return i < 0 ? 0 : i < axis->in ? i : axis->in - 1;
}

static double kernel(const struct resize_attr *a, double x)
{
	x = fabs(x);
	if (a->mode == RESIZE_LINEAR)
		return x < 1 ? 1 - x : 0;
	double c = (double)a->cubic_a;
	if (x <= 1)
		return ((c + 2) * x - (c + 3)) * x * x + 1;
	return x < 2 ? ((c * x - 5 * c) * x + 8 * c) * x - 4 * c : 0;
}

static double raw_weight(const struct resize_attr *a, const struct resize_axis *axis,
                         const struct resample_window *w, int64_t k)
{
	int64_t i = w->first + k;
	if (w->inside_only && (i < 0 || i >= axis->in))
		return 0;
	return kernel(a, ((double)i - w->position) * w->scale);
}

struct resample_window resample_window(const struct resize_attr *a, const struct resize_axis *axis,
                                       float position)
{
	double reach = a->mode == RESIZE_LINEAR ? 1 : 2;
	struct resample_window w = {.position = (double)position,
	                            .scale = 1,
	                            .sum = 1,
	                            .inside_only = a->exclude_outside};
	if (a->antialias && axis->scale < 1) {
		w.scale = (double)axis->scale;
		reach /= w.scale;
	}
	w.first = (int64_t)floor(w.position - reach) + 1;
	w.count = (int64_t)ceil(w.position + reach) - w.first;
	if (!w.inside_only && w.scale == 1)
		return w;
	w.sum = 0;
	for (int64_t k = 0; k < w.count; k++)
		w.sum += raw_weight(a, axis, &w, k);
	/* Where nothing is inside, the edge is all there is. */
	if (w.sum == 0)
		w = (struct resample_window){
			.first = (int64_t)w.position, .count = 1, .position = w.position, .sum = 1};
	return w;
}

double resize_weight(const struct resize_attr *a, const struct resize_axis *axis,
                     const struct resample_window *w, int64_t k)
{
	return raw_weight(a, axis, w, k) / w->sum;
}

bool resize_has_kernel(const struct graph *g, const struct node *n)
{
	const struct resize_attr *a = &n->attr.resize;
	const struct value *region = graph_in(g, n, 1);
	struct resize_axis axis[CNN_MAX_RANK];
	int32_t rank = graph_in(g, n, 0)->rank;
	if (a->coordinates == RESIZE_CROP && (a->mode != RESIZE_NEAREST || !region->data))
		return false;
	if (a->mode == RESIZE_NEAREST)
		return true;
	if (resolve_resize(g, n, axis, NULL) != CNN_OK)
		return false;
	for (int32_t i = 0; i < rank; i++)
		if (!axis[i].same && (i < 2 || i < rank - 2))
			return false;
	return true;
}
