/* Batch normalisation that could not be folded, and local response normalisation. */
#include "engine/plan/lower.h"

#include <math.h>

struct batch_norm_args {
	const struct kernels *k;
	struct ref x, y;
	size_t pixels, channels;
	const float *scale, *shift; /* [channels] */
	float lo, hi;
	struct tail tail;
};

#define JOB_FLOATS 4096 /* about what one thread takes at a time */

struct batch_norm_job {
	const struct batch_norm_args *a;
	const struct run *run;
	size_t first, pixels, jobs; /* pixels of a job; jobs of a picture */
};

static void norm_pixels(void *ctx, size_t item, size_t thread)
{
	(void)thread;
	const struct batch_norm_job *job = ctx;
	const struct batch_norm_args *a = job->a;
	size_t picture = job->first + item / job->jobs, p = item % job->jobs * job->pixels;
	size_t n = a->pixels - p < job->pixels ? a->pixels - p : job->pixels;
	const float *x = ref_at(job->run, &a->x, picture) + p * a->channels;
	float *y = ref_at(job->run, &a->y, picture) + p * a->channels;
	a->k->affine_f32(n, a->channels, x, a->scale, a->shift, NULL, a->lo, a->hi, y);
	tail_apply(a->k, &a->tail, n * a->channels, y);
}

static void run_batch_norm(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct batch_norm_args *a = step->args;
	size_t pixels = a->channels < JOB_FLOATS ? JOB_FLOATS / a->channels : 1;
	struct batch_norm_job job = {a, run, first, pixels, (a->pixels + pixels - 1) / pixels};
	cnn_parallel_for(run->pool, n * job.jobs, norm_pixels, &job);
}

enum cnn_status lower_batch_norm(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0);
	size_t channels = x->rank > 1 ? (size_t)x->dim[1] : 1;
	const float *p[4];
	for (uint32_t i = 0; i < 4; i++) {
		const struct value *v = graph_in(l->g, n, i + 1);
		if (!v->data)
			return lower_unsupported(n, "has statistics computed from the picture",
			                         err);
		p[i] = v->data;
	}
	struct batch_norm_args *a = lower_alloc(l, 1, sizeof *a);
	float *scale = lower_alloc(l, channels, sizeof(float));
	float *shift = lower_alloc(l, channels, sizeof(float));
	if (!a || !scale || !shift)
		return lower_no_memory(n, err);
	for (size_t c = 0; c < channels; c++) {
		double s = (double)p[0][c] / sqrt((double)p[3][c] + (double)n->attr.norm.epsilon);
		scale[c] = (float)s;
		shift[c] = (float)((double)p[1][c] - (double)p[2][c] * s);
	}
	a->k = l->k;
	a->channels = channels;
	a->pixels = (size_t)graph_elements(x) / channels;
	a->scale = scale;
	a->shift = shift;
	tail_split(&n->activation, &a->lo, &a->hi, &a->tail);
	enum cnn_status status = lower_step(l, run_batch_norm, a, "batch_norm", n, n->out[0],
	                                    2 * channels * sizeof(float), err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}

/* y = x / (bias + alpha / size * sum of x^2 over `size` neighbouring channels)^beta
 * (Krizhevsky et al. 2012, 3.3; ONNX LRN) */
struct lrn_args {
	struct ref x, y;
	int64_t pixels, channels, before, after; /* channels on each side */
	float alpha, beta, bias;                 /* alpha: already divided by size */
};

static void lrn_pixel(const struct lrn_args *a, const float *x, float *y)
{
	for (int64_t c = 0; c < a->channels; c++) {
		int64_t from = c > a->before ? c - a->before : 0;
		int64_t to = c + a->after < a->channels ? c + a->after : a->channels - 1;
		float sum = 0;
		for (int64_t k = from; k <= to; k++)
			sum += x[k] * x[k];
		y[c] = x[c] / powf(a->bias + a->alpha * sum, a->beta);
	}
}

static void run_lrn(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct lrn_args *a = step->args;
	for (size_t i = first; i < first + n; i++)
		for (int64_t p = 0; p < a->pixels; p++)
			lrn_pixel(a, ref_at(run, &a->x, i) + p * a->channels,
			          ref_at(run, &a->y, i) + p * a->channels);
}

enum cnn_status lower_lrn(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0);
	const struct norm_attr *attr = &n->attr.norm;
	struct lrn_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	if (attr->size < 1 || x->rank < 3)
		return lower_unsupported(n, "needs a size of at least 1 and a feature map", err);
	a->channels = x->dim[1];
	a->pixels = graph_elements(x) / a->channels;
	a->before = (attr->size - 1) / 2;
	a->after = attr->size - 1 - a->before;
	a->alpha = attr->alpha / (float)attr->size;
	a->beta = attr->beta;
	a->bias = attr->bias;
	enum cnn_status status = lower_step(l, run_lrn, a, "lrn", n, n->out[0], 0, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
