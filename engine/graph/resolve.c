/* resolve.c - axes, ranges, pads and sizes out of constant inputs. */
#include "engine/graph/resolve.h"

#include <string.h>

static int64_t saturate(double x)
{
	if (x != x)
		return 0;
	if (x >= 0x1p63)
		return INT64_MAX;
	if (x < -0x1p63)
		return INT64_MIN;
	return (int64_t)x;
}

int64_t resolve_int(const struct value *v, int64_t i)
{
	switch (v->dtype) {
	case CNN_F32:
		return saturate(((const float *)v->data)[i]);
	case CNN_F64:
		return saturate(((const double *)v->data)[i]);
	case CNN_BOOL:
	case CNN_U8:
		return ((const uint8_t *)v->data)[i];
	case CNN_S8:
		return ((const int8_t *)v->data)[i];
	case CNN_U16:
		return ((const uint16_t *)v->data)[i];
	case CNN_S16:
		return ((const int16_t *)v->data)[i];
	case CNN_U32:
		return ((const uint32_t *)v->data)[i];
	case CNN_S32:
		return ((const int32_t *)v->data)[i];
	case CNN_U64:
	case CNN_S64:
		return ((const int64_t *)v->data)[i];
	default:
		return 0;
	}
}

enum cnn_status resolve_ints(const struct graph *g, const struct node *n, uint32_t input,
                             const char *what, int64_t *out, int32_t max, int32_t *count,
                             struct cnn_error *err)
{
	const struct value *v = graph_in(g, n, input);
	if (!v)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its %s input is missing", n->name,
		                what);
	if (!v->data)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': its %s input is computed from the picture", n->name,
		                what);
	/* Only Slice and Pad's axes may be int32; everyone else may read the data as int64. */
	bool narrow = n->op == OP_SLICE || (n->op == OP_PAD && input == 3);
	if (v->dtype != CNN_S64 && !(v->dtype == CNN_S32 && narrow))
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': its %s input is %s, not int64",
		                n->name, what, cnn_dtype_name(v->dtype));
	int64_t elements = graph_elements(v);
	if (v->rank > 1 || elements > max)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': its %s input is not a list of at most %d numbers",
		                n->name, what, max);
	for (int64_t i = 0; i < elements; i++)
		out[i] = resolve_int(v, i);
	*count = (int32_t)elements;
	return CNN_OK;
}

enum cnn_status resolve_axis(const struct node *n, int64_t axis, int32_t limit, int32_t *out,
                             struct cnn_error *err)
{
	if (axis < -limit || axis >= limit)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': axis %lld is outside a tensor of %d dimensions",
		                n->name, (long long)axis, limit);
	*out = (int32_t)(axis < 0 ? axis + limit : axis);
	return CNN_OK;
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

/* Negative positions count from the end; INT64_MIN stays far outside and is clamped. */
static int64_t from_end(int64_t at, int64_t dim)
{
	return at < 0 ? at + dim : at;
}

static struct slice_range slice_axis(int64_t dim, int64_t start, int64_t end, int64_t step)
{
	struct slice_range r = {.step = step};
	if (step > 0) {
		r.start = clamp(from_end(start, dim), 0, dim);
		end = clamp(from_end(end, dim), 0, dim);
		if (end > r.start)
			r.count = (end - r.start - 1) / step + 1;
	} else {
		r.start = clamp(from_end(start, dim), 0, dim - 1);
		end = clamp(from_end(end, dim), -1, dim - 1);
		/* step is not INT64_MIN: the caller clamps it. */
		if (dim > 0 && end < r.start)
			r.count = (r.start - end - 1) / -step + 1;
	}
	if (r.count == 0)
		r.start = 0;
	return r;
}

enum cnn_status resolve_slice(const struct graph *g, const struct node *n,
                              struct slice_range range[CNN_MAX_RANK], struct cnn_error *err)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t start[CNN_MAX_RANK], end[CNN_MAX_RANK], axes[CNN_MAX_RANK], step[CNN_MAX_RANK];
	int32_t n_start, n_end, n_axes, n_step;
	enum cnn_status s = resolve_ints(g, n, 1, "starts", start, CNN_MAX_RANK, &n_start, err);
	if (!s)
		s = resolve_ints(g, n, 2, "ends", end, CNN_MAX_RANK, &n_end, err);
	if (!s && graph_in(g, n, 3)) {
		s = resolve_ints(g, n, 3, "axes", axes, CNN_MAX_RANK, &n_axes, err);
	} else if (!s) {
		n_axes = n_start;
		for (int32_t i = 0; i < n_axes; i++)
			axes[i] = i;
	}
	if (!s && graph_in(g, n, 4)) {
		s = resolve_ints(g, n, 4, "steps", step, CNN_MAX_RANK, &n_step, err);
	} else if (!s) {
		n_step = n_start;
		for (int32_t i = 0; i < n_step; i++)
			step[i] = 1;
	}
	if (s)
		return s;
	if (n_end != n_start || n_axes != n_start || n_step != n_start)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': %d starts, %d ends, %d axes and %d steps", n->name,
		                n_start, n_end, n_axes, n_step);
	for (int32_t i = 0; i < x->rank; i++)
		range[i] = (struct slice_range){0, 1, x->dim[i]};
	bool seen[CNN_MAX_RANK] = {false};
	for (int32_t i = 0; i < n_axes; i++) {
		int32_t axis = 0;
		s = resolve_axis(n, axes[i], x->rank, &axis, err);
		if (s)
			return s;
		if (step[i] == 0 || seen[axis])
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s", n->name,
			                step[i] ? "an axis is sliced twice" : "a step is 0");
		seen[axis] = true;
		/* No tensor is longer than the limit, so a longer step means the same. */
		range[axis] = slice_axis(x->dim[axis], start[i], end[i],
		                         clamp(step[i], -GRAPH_MAX_ELEMENTS, GRAPH_MAX_ELEMENTS));
	}
	return CNN_OK;
}

enum cnn_status resolve_pads(const struct graph *g, const struct node *n,
                             int64_t before[CNN_MAX_RANK], int64_t after[CNN_MAX_RANK],
                             struct cnn_error *err)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t pads[2 * CNN_MAX_RANK], axes[CNN_MAX_RANK];
	int32_t n_pads, n_axes = x->rank;
	enum cnn_status s = resolve_ints(g, n, 1, "pads", pads, 2 * CNN_MAX_RANK, &n_pads, err);
	if (s)
		return s;
	if (graph_in(g, n, 3)) {
		s = resolve_ints(g, n, 3, "axes", axes, CNN_MAX_RANK, &n_axes, err);
		if (s)
			return s;
	} else {
		for (int32_t i = 0; i < n_axes; i++)
			axes[i] = i;
	}
	if (n_pads != 2 * n_axes)
		return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %d pads for %d axes", n->name,
		                n_pads, n_axes);
	memset(before, 0, CNN_MAX_RANK * sizeof *before);
	memset(after, 0, CNN_MAX_RANK * sizeof *after);
	bool seen[CNN_MAX_RANK] = {false};
	for (int32_t i = 0; i < n_axes; i++) {
		int32_t axis = 0;
		s = resolve_axis(n, axes[i], x->rank, &axis, err);
		if (s)
			return s;
		int64_t b = pads[i], a = pads[i + n_axes];
		if (seen[axis] || b < -GRAPH_MAX_ELEMENTS || b > GRAPH_MAX_ELEMENTS ||
		    a < -GRAPH_MAX_ELEMENTS || a > GRAPH_MAX_ELEMENTS)
			return cnn_fail(err, CNN_BAD_MODEL, "node '%s': %s", n->name,
			                seen[axis] ? "an axis is padded twice"
			                           : "a pad is out of range");
		seen[axis] = true;
		before[axis] = b;
		after[axis] = a;
	}
	return CNN_OK;
}

int64_t resolve_pad_source(enum pad_mode mode, int64_t i, int64_t before, int64_t after,
                           int64_t dim)
{
	/* Negative pads are cut off first: what is left begins at lo. */
	int64_t lo = before < 0 ? -before : 0, left = dim - lo + (after < 0 ? after : 0);
	int64_t at = before < 0 ? i : i - before, period;
	if (at >= 0 && at < left)
		return lo + at;
	switch (mode) {
	case PAD_EDGE:
		return at < 0 ? lo : lo + left - 1;
	case PAD_WRAP:
		return lo + (at % left + left) % left;
	case PAD_REFLECT:
		period = left > 1 ? 2 * (left - 1) : 1;
		at = (at % period + period) % period;
		return lo + (at < left ? at : period - at);
	default:
		return -1;
	}
}

enum cnn_status resolve_reduced(const struct graph *g, const struct node *n,
                                bool reduced[CNN_MAX_RANK], struct cnn_error *err)
{
	const struct value *x = graph_in(g, n, 0);
	int64_t axes[CNN_MAX_RANK];
	int32_t n_axes = 0;
	memset(reduced, 0, CNN_MAX_RANK * sizeof *reduced);
	if (graph_in(g, n, 1)) {
		enum cnn_status s = resolve_ints(g, n, 1, "axes", axes, CNN_MAX_RANK, &n_axes, err);
		if (s)
			return s;
	}
	for (int32_t i = 0; n_axes == 0 && !n->attr.axes.no_axes_is_noop && i < x->rank; i++)
		reduced[i] = true;
	for (int32_t i = 0; i < n_axes; i++) {
		int32_t axis = 0;
		enum cnn_status s = resolve_axis(n, axes[i], x->rank, &axis, err);
		if (s)
			return s;
		reduced[axis] = true;
	}
	return CNN_OK;
}

enum cnn_status resolve_split(const struct graph *g, const struct node *n, uint32_t k,
                              int32_t *axis, int64_t *start, int64_t *size, struct cnn_error *err)
{
	const struct value *x = graph_in(g, n, 0);
	enum cnn_status s = resolve_axis(n, n->attr.axes.axis, x->rank, axis, err);
	if (s)
		return s;
	int64_t dim = x->dim[*axis];
	const struct value *sizes = graph_in(g, n, 1);
	if (!sizes) {
		/* Equal parts; the last is smaller when they do not fit (opset 18). */
		if (dim % n->n_out && !n->attr.axes.uneven)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': the %lld of axis %d do not make %u equal parts",
			                n->name, (long long)dim, *axis, n->n_out);
		int64_t part = (dim + n->n_out - 1) / n->n_out;
		*start = part * k < dim ? part * k : dim;
		*size = dim - *start < part ? dim - *start : part;
		return CNN_OK;
	}
	if (!sizes->data)
		return cnn_fail(err, CNN_UNSUPPORTED,
		                "node '%s': its split input is computed from the picture", n->name);
	if (sizes->dtype != CNN_S64 || sizes->rank != 1 || sizes->dim[0] != (int64_t)n->n_out)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': its split input is not a list of %u int64 numbers",
		                n->name, n->n_out);
	int64_t sum = 0;
	for (uint32_t i = 0; i < n->n_out; i++) {
		int64_t part = resolve_int(sizes, i);
		if (part < 0 || part > dim - sum)
			return cnn_fail(err, CNN_BAD_MODEL,
			                "node '%s': its parts do not make up the %lld of axis %d",
			                n->name, (long long)dim, *axis);
		if (i == k) {
			*start = sum;
			*size = part;
		}
		sum += part;
	}
	if (sum != dim)
		return cnn_fail(err, CNN_BAD_MODEL,
		                "node '%s': its parts add up to %lld of the %lld of axis %d",
		                n->name, (long long)sum, (long long)dim, *axis);
	return CNN_OK;
}

bool resolve_broadcast(const struct value *a, const struct value *b, int32_t *rank,
                       int64_t dim[CNN_MAX_RANK])
{
	int32_t r = a->rank > b->rank ? a->rank : b->rank;
	for (int32_t i = 0; i < r; i++) {
		int32_t ia = i - (r - a->rank), ib = i - (r - b->rank);
		int64_t da = ia < 0 ? 1 : a->dim[ia], db = ib < 0 ? 1 : b->dim[ib];
		if (da != db && da != 1 && db != 1)
			return false;
		dim[i] = da == 1 ? db : da;
	}
	*rank = r;
	return true;
}
