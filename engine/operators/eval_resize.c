/* eval_resize.c - Resize in all its modes, any number of axes at once. */
#include "engine/operators/eval.h"
#include "engine/operators/resample.h"

#include <math.h>
#include <string.h>

/* An axis at one index of the output. */
struct place {
	const struct resize_axis *axis;
	int64_t stride;
	bool outside;
	int64_t at; /* nearest, or the same: the offset; the window is not used */
	struct resample_window window;
	double weight[4]; /* of a window of so many; more are computed each time */
};

struct sampler {
	const struct resize_attr *attr;
	const struct value *x;
	int32_t rank;
	struct place place[CNN_MAX_RANK];
};

static void move_to(const struct sampler *s, struct place *p, int64_t i)
{
	float position = 0;
	p->outside = false;
	if (p->axis->same) {
		p->at = i * p->stride;
		return;
	}
	p->outside = !resize_position(s->attr, p->axis, i, &position);
	if (p->outside)
		return;
	if (s->attr->mode == RESIZE_NEAREST) {
		p->at = resize_nearest(s->attr, p->axis, position) * p->stride;
		return;
	}
	p->window = resample_window(s->attr, p->axis, position);
	for (int64_t k = 0; k < p->window.count && p->window.count <= 4; k++)
		p->weight[k] = resize_weight(s->attr, p->axis, &p->window, k);
}

static double load(const struct value *x, int64_t at)
{
	if (x->dtype == CNN_F32)
		return (double)((const float *)x->data)[at];
	if (x->dtype == CNN_U64)
		return (double)((const uint64_t *)x->data)[at];
	return (double)resolve_int(x, at);
}

/* The weighted sum over the windows of the axes from `axis` on. */
static double sample(const struct sampler *s, int32_t axis, int64_t at)
{
	if (axis == s->rank)
		return load(s->x, at);
	const struct place *p = &s->place[axis];
	if (p->axis->same)
		return sample(s, axis + 1, at + p->at);
	double sum = 0;
	for (int64_t k = 0; k < p->window.count; k++) {
		double w = p->window.count <= 4 ? p->weight[k]
		                                : resize_weight(s->attr, p->axis, &p->window, k);
		/* A neighbour of no weight may be infinite. */
		if (w != 0)
			sum += w * sample(s, axis + 1,
			                  at + resize_index(p->axis, &p->window, k) * p->stride);
	}
	return sum;
}

/* Integers are cut off towards zero, as a cast does, and saturate. */
static void store(void *out, enum cnn_dtype dtype, int64_t i, double value)
{
	if (dtype == CNN_F32) {
		((float *)out)[i] = (float)value;
		return;
	}
	bool is_signed =
		dtype == CNN_S8 || dtype == CNN_S16 || dtype == CNN_S32 || dtype == CNN_S64;
	int bits = (int)cnn_dtype_size(dtype) * 8;
	double end = ldexp(1, bits - is_signed), lo = is_signed ? -end : 0;
	if (!(value > lo))
		value = value != value ? 0 : lo;
	if (value < end)
		eval_store_int(out, dtype, i,
		               dtype == CNN_U64 ? (int64_t)(uint64_t)value : (int64_t)value);
	else
		eval_store_int(out, dtype, i,
		               is_signed ? (int64_t)(UINT64_MAX >> (65 - bits))
		                         : (int64_t)(UINT64_MAX >> (64 - bits)));
}

static void fill(const struct sampler *s, void *out, int64_t i)
{
	store(out, s->x->dtype, i, (double)s->attr->fill);
}

/* Output element i, at the sampler's places. */
static void put(const struct sampler *s, void *out, int64_t i)
{
	size_t size = cnn_dtype_size(s->x->dtype);
	int64_t at = 0;
	for (int32_t a = 0; a < s->rank; a++) {
		if (s->place[a].outside) {
			fill(s, out, i);
			return;
		}
		at += s->place[a].at;
	}
	if (s->attr->mode == RESIZE_NEAREST)
		memcpy((char *)out + (size_t)i * size, (const char *)s->x->data + (size_t)at * size,
		       size);
	else
		store(out, s->x->dtype, i, sample(s, 0, 0));
}

EVAL_RULE(eval_resize)
{
	const struct value *x = graph_in(g, n, 0), *y = graph_out(g, n);
	struct resize_axis axis[CNN_MAX_RANK];
	struct sampler s = {.attr = &n->attr.resize, .x = x, .rank = x->rank};
	int64_t stride[CNN_MAX_RANK], index[CNN_MAX_RANK] = {0}, count = graph_elements(y);
	enum cnn_status status = resolve_resize(g, n, axis, err);
	if (status || count == 0)
		return status;
	stride_row_major(x->rank, x->dim, stride);
	for (int32_t a = 0; a < x->rank; a++) {
		s.place[a] = (struct place){.axis = &axis[a], .stride = stride[a]};
		move_to(&s, &s.place[a], 0);
	}
	for (int64_t i = 0; i < count; i++) {
		put(&s, out[0], i);
		int32_t a = y->rank - 1;
		for (; a >= 0 && ++index[a] == y->dim[a]; a--) {
			index[a] = 0;
			move_to(&s, &s.place[a], 0);
		}
		if (a >= 0)
			move_to(&s, &s.place[a], index[a]);
	}
	return CNN_OK;
}
