/* Resize: the nearest neighbour is a move; linear and cubic are weighted sums over rows, then over columns, by tables
 * made at load. */
#include "engine/operators/resample.h"
#include "engine/plan/move.h"

#include <string.h>

/* What goes into output i of an axis: entries start[i] .. start[i + 1] - 1. */
struct terms {
	int64_t *start, *index;
	float *weight;
};

/* A feature map in memory is [planes][height][width][inner]: of plain layout, the channels are planes. */
struct resize_args {
	struct ref x, y;
	size_t planes, inner;
	size_t in_h, in_w, out_h, out_w;
	struct terms rows, columns;
};

/* The mix of the input's rows that output row oy is made of: a row itself, or a sum in `mixed`. */
static const float *mix_rows(const struct resize_args *a, const float *x, size_t oy, float *mixed)
{
	size_t width = a->in_w * a->inner;
	int64_t from = a->rows.start[oy], end = a->rows.start[oy + 1];
	const float *row = x + (size_t)a->rows.index[from] * width;
	float w = a->rows.weight[from];
	if (end - from == 1 && w == 1)
		return row;
	for (size_t i = 0; i < width; i++)
		mixed[i] = w * row[i];
	for (int64_t t = from + 1; t < end; t++) {
		row = x + (size_t)a->rows.index[t] * width;
		w = a->rows.weight[t];
		for (size_t i = 0; i < width; i++)
			mixed[i] += w * row[i];
	}
	return mixed;
}

static void mix_columns(const struct resize_args *a, const float *row, float *y)
{
	const struct terms *c = &a->columns;
	for (size_t ox = 0; ox < a->out_w; ox++, y += a->inner) {
		int64_t t = c->start[ox], end = c->start[ox + 1];
		const float *x = row + (size_t)c->index[t] * a->inner;
		for (size_t i = 0; i < a->inner; i++)
			y[i] = c->weight[t] * x[i];
		for (t++; t < end; t++) {
			x = row + (size_t)c->index[t] * a->inner;
			for (size_t i = 0; i < a->inner; i++)
				y[i] += c->weight[t] * x[i];
		}
	}
}

struct resize_job {
	const struct resize_args *a;
	const struct run *run;
	size_t first;
};

static void run_row(void *ctx, size_t item, size_t thread)
{
	const struct resize_job *job = ctx;
	const struct resize_args *a = job->a;
	size_t oy = item % a->out_h, plane = item / a->out_h % a->planes;
	size_t picture = job->first + item / a->out_h / a->planes;
	const float *x = ref_at(job->run, &a->x, picture) + plane * a->in_h * a->in_w * a->inner;
	float *y = ref_at(job->run, &a->y, picture) + (plane * a->out_h + oy) * a->out_w * a->inner;
	float *mixed = (float *)(void *)(job->run->scratch + thread * job->run->scratch_stride);
	mix_columns(a, mix_rows(a, x, oy, mixed), y);
}

static void run_resize(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct resize_args *a = step->args;
	struct resize_job job = {a, run, first};
	cnn_parallel_for(run->pool, n * a->planes * a->out_h, run_row, &job);
}

static struct resample_window window_at(const struct resize_attr *attr,
                                        const struct resize_axis *axis, int64_t i)
{
	float position = 0;
	if (axis->same)
		return (struct resample_window){.first = i, .count = 1, .sum = 1};
	resize_position(attr, axis, i, &position);
	return resample_window(attr, axis, position);
}

static bool make_terms(struct lowering *l, const struct resize_attr *attr,
                       const struct resize_axis *axis, struct terms *out)
{
	int64_t most = 0, at = 0;
	for (int64_t i = 0; i < axis->out; i++)
		most += window_at(attr, axis, i).count;
	out->start = lower_alloc(l, (size_t)axis->out + 1, sizeof *out->start);
	out->index = lower_alloc(l, (size_t)most, sizeof *out->index);
	out->weight = lower_alloc(l, (size_t)most, sizeof *out->weight);
	if (!out->start || !out->index || !out->weight)
		return false;
	for (int64_t i = 0; i < axis->out; i++) {
		struct resample_window w = window_at(attr, axis, i);
		out->start[i] = at;
		for (int64_t k = 0; k < w.count; k++) {
			double weight = axis->same ? 1 : resize_weight(attr, axis, &w, k);
			/* A neighbour of no weight may be infinite. */
			if (weight == 0)
				continue;
			out->index[at] = resize_index(axis, &w, k);
			out->weight[at++] = (float)weight;
		}
	}
	out->start[axis->out] = at;
	return true;
}

static enum cnn_status lower_nearest(struct lowering *l, const struct node *n,
                                     const struct resize_axis *axis, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	int64_t stride[CNN_MAX_RANK];
	struct move move;
	move_strides(x, stride);
	if (!move_new(l, y, stride, &move))
		return lower_no_memory(n, err);
	move.fill = n->attr.resize.fill;
	for (int32_t i = 0; i < y->rank; i++) {
		int64_t *at = move.at[move_dim(y, i)];
		for (int64_t k = 0; k < y->dim[i] && !axis[i].same; k++) {
			float position = 0;
			bool inside = resize_position(&n->attr.resize, &axis[i], k, &position);
			at[k] = inside ? stride[i] *
			                         resize_nearest(&n->attr.resize, &axis[i], position)
			               : MOVE_FILL;
		}
	}
	return move_step(l, n, n->in[0], n->out[0], &move, "resize", err);
}

/* resize_has_kernel() has said which axes may change. */
enum cnn_status lower_resize(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0), *y = graph_out(l->g, n);
	const struct resize_attr *attr = &n->attr.resize;
	struct resize_axis axis[CNN_MAX_RANK];
	const struct resize_axis one = {.in = 1, .out = 1, .scale = 1, .same = true};
	enum cnn_status status = resolve_resize(l->g, n, axis, err);
	if (status)
		return status;
	if (attr->mode == RESIZE_NEAREST || x->rank < 2)
		return lower_nearest(l, n, axis, err);
	struct resize_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	bool last = x->layout == LAYOUT_CHANNELS_LAST;
	const struct resize_axis *width = &axis[x->rank - 1];
	const struct resize_axis *height = last && x->rank == 3 ? &one : &axis[x->rank - 2];
	a->inner = last ? (size_t)x->dim[1] : 1;
	a->in_h = (size_t)height->in;
	a->in_w = (size_t)width->in;
	a->out_h = (size_t)height->out;
	a->out_w = (size_t)width->out;
	a->planes = (size_t)graph_elements(y) / (a->out_h * a->out_w * a->inner);
	if (!make_terms(l, attr, height, &a->rows) || !make_terms(l, attr, width, &a->columns))
		return lower_no_memory(n, err);
	lower_scratch(l, a->in_w * a->inner * sizeof(float));
	status = lower_step(l, run_resize, a, "resize", n, n->out[0], 0, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
