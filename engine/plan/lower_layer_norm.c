/* Layer normalisation over the last axes, each row's with the same scale and bias (Ba et al. 2016). */
#include "engine/plan/lower.h"

struct layer_norm_args {
	const struct kernels *k;
	struct ref x, scale, bias, y;
	bool has_bias;
	size_t rows, row;
	float epsilon;
};

#define JOB_FLOATS 4096 /* about what one thread takes at a time */

struct layer_norm_job {
	const struct layer_norm_args *a;
	const struct run *run;
	size_t first, rows, jobs; /* rows of a job; jobs of a picture */
};

static void run_rows(void *ctx, size_t item, size_t thread)
{
	(void)thread;
	const struct layer_norm_job *job = ctx;
	const struct layer_norm_args *a = job->a;
	size_t picture = job->first + item / job->jobs, row = item % job->jobs * job->rows;
	size_t end = row + job->rows < a->rows ? row + job->rows : a->rows;
	const float *x = ref_at(job->run, &a->x, picture);
	const float *scale = ref_at(job->run, &a->scale, picture);
	const float *bias = a->has_bias ? ref_at(job->run, &a->bias, picture) : NULL;
	float *y = ref_at(job->run, &a->y, picture);
	for (; row < end; row++)
		a->k->layer_norm_f32(a->row, x + row * a->row, scale, bias, a->epsilon,
		                     y + row * a->row);
}

static void run_layer_norm(const struct step *step, const struct run *run, size_t first, size_t n)
{
	const struct layer_norm_args *a = step->args;
	size_t rows = a->row < JOB_FLOATS ? JOB_FLOATS / a->row : 1;
	struct layer_norm_job job = {a, run, first, rows, (a->rows + rows - 1) / rows};
	cnn_parallel_for(run->pool, n * job.jobs, run_rows, &job);
}

enum cnn_status lower_layer_norm(struct lowering *l, const struct node *n, struct cnn_error *err)
{
	const struct value *x = graph_in(l->g, n, 0);
	struct layer_norm_args *a = lower_alloc(l, 1, sizeof *a);
	if (!a)
		return lower_no_memory(n, err);
	int64_t axis = n->attr.norm.axis;
	a->k = l->k;
	a->has_bias = graph_in(l->g, n, 2) != NULL;
	a->epsilon = n->attr.norm.epsilon;
	a->rows = a->row = 1;
	for (int32_t i = 0; i < x->rank; i++)
		*(i < (axis < 0 ? axis + x->rank : axis) ? &a->rows : &a->row) *= (size_t)x->dim[i];
	enum cnn_status status =
		lower_step(l, run_layer_norm, a, "layer_norm", n, n->out[0], 0, err);
	if (!status)
		status = lower_read(l, n->in[0], &a->x, err);
	if (!status)
		status = lower_read(l, n->in[1], &a->scale, err);
	if (!status && a->has_bias)
		status = lower_read(l, n->in[2], &a->bias, err);
	return status ? status : lower_write(l, n->out[0], &a->y, err);
}
